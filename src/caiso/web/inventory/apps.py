"""Django's entry for this app."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Settings of the app `inventory`."""

    name = "caiso.web.inventory"
    label = "inventory"

    def ready(self) -> None:
        """Make the app's collections, pages, jobs, search and live topics known; tell the organisation of AI systems."""
        from caiso.web.inventory.facts import register_facts  # noqa: PLC0415 - models load after the apps
        from caiso.web.inventory.frame import join_frame  # noqa: PLC0415
        from caiso.web.inventory.jobs import register_jobs  # noqa: PLC0415
        from caiso.web.inventory.queries import engine_systems  # noqa: PLC0415
        from caiso.web.organisation.queries import register_systems  # noqa: PLC0415

        register_facts()
        join_frame()
        register_jobs()
        register_systems(engine_systems)
