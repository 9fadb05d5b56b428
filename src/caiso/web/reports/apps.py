"""Django's entry for this app."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Settings of the app `reports`."""

    name = "caiso.web.reports"
    label = "reports"

    def ready(self) -> None:
        """Put the posture page at the head of the navigation."""
        from caiso.web.reports.frame import join_frame  # noqa: PLC0415 - after the apps
        from caiso.web.reports.jobs import register_jobs  # noqa: PLC0415

        join_frame()
        register_jobs()
