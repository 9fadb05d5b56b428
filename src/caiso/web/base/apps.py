"""Django's entry for this app."""

from django.apps import AppConfig


class BaseConfig(AppConfig):
    """Settings of the app `base`."""

    name = "caiso.web.base"
    label = "base"

    def ready(self) -> None:
        """Make the app's collections known to checks, its pages to the frame, its work to the worker."""
        from caiso.web.base import administration, jobs  # noqa: PLC0415 - models load after the apps
        from caiso.web.base.collections import register_collections  # noqa: PLC0415 - models load after the apps
        from caiso.web.base.frame import register_frame  # noqa: PLC0415 - models load after the apps

        register_collections()
        register_frame()
        administration.join_frame()
        jobs.schedule_jobs()
