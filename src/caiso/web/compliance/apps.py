"""Django's entry for this app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """Settings of the app `compliance`."""

    name = "caiso.web.compliance"
    label = "compliance"

    def ready(self) -> None:
        """Make the app's collections known to checks."""
        from caiso.web.compliance.facts import register_facts  # noqa: PLC0415 - models load after the apps

        register_facts()
