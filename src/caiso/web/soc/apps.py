"""Django's entry for this app."""

from django.apps import AppConfig


class SocConfig(AppConfig):
    """Settings of the app `soc`."""

    name = "caiso.web.soc"
    label = "soc"
