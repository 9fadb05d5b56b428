"""Django's entry for this app."""

from django.apps import AppConfig


class OrganisationConfig(AppConfig):
    """Settings of the app `organisation`."""

    name = "caiso.web.organisation"
    label = "organisation"
