"""Django's entry for this app."""

from django.apps import AppConfig


class BaseConfig(AppConfig):
    """Settings of the app `base`."""

    name = "caiso.web.base"
    label = "base"
