"""Django's entry for this app."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Settings of the app `reports`."""

    name = "caiso.web.reports"
    label = "reports"
