"""Django's entry for this app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """Settings of the app `compliance`."""

    name = "caiso.web.compliance"
    label = "compliance"
