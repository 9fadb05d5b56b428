"""Django's entry for this app."""

from django.apps import AppConfig


class SocConfig(AppConfig):
    """Settings of the app `soc`."""

    name = "caiso.web.soc"
    label = "soc"

    def ready(self) -> None:
        """Make the app's collections, navigation, search and live topics known."""
        from caiso.web.soc.facts import register_facts  # noqa: PLC0415 - models load after the apps
        from caiso.web.soc.frame import join_frame  # noqa: PLC0415
        from caiso.web.soc.jobs import schedule_jobs  # noqa: PLC0415

        register_facts()
        join_frame()
        schedule_jobs()
