"""Django's entry for this app."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Settings of the app `inventory`."""

    name = "caiso.web.inventory"
    label = "inventory"

    def ready(self) -> None:
        """Make the app's collections known to checks."""
        from caiso.web.inventory.facts import register_facts  # noqa: PLC0415 - models load after the apps

        register_facts()
