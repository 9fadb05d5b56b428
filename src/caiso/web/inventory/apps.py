"""Django's entry for this app."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Settings of the app `inventory`."""

    name = "caiso.web.inventory"
    label = "inventory"
