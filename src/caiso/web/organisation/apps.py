"""Django's entry for this app."""

from django.apps import AppConfig


class OrganisationConfig(AppConfig):
    """Settings of the app `organisation`."""

    name = "caiso.web.organisation"
    label = "organisation"

    def ready(self) -> None:
        """Make the app's collections known to checks."""
        from caiso.web.organisation.facts import register_facts  # noqa: PLC0415 - models load after the apps

        register_facts()
