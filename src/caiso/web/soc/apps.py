"""Django's entry for this app."""

from django.apps import AppConfig


class SocConfig(AppConfig):
    """Settings of the app `soc`."""

    name = "caiso.web.soc"
    label = "soc"

    def ready(self) -> None:
        """Make the app's collections known to checks."""
        from caiso.web.soc.facts import register_facts  # noqa: PLC0415 - models load after the apps

        register_facts()
