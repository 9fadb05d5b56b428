"""Django's entry for this app."""

from django.apps import AppConfig


class BaseConfig(AppConfig):
    """Settings of the app `base`."""

    name = "caiso.web.base"
    label = "base"

    def ready(self) -> None:
        """Make the app's collections known to checks, and its pages to the frame."""
        from caiso.web.base.collections import register_collections  # noqa: PLC0415 - models load after the apps
        from caiso.web.base.frame import register_frame  # noqa: PLC0415 - models load after the apps

        register_collections()
        register_frame()
