"""Django's entry for this app."""

from django.apps import AppConfig


class OrganisationConfig(AppConfig):
    """Settings of the app `organisation`."""

    name = "caiso.web.organisation"
    label = "organisation"

    def ready(self) -> None:
        """Make the app's collections, pages, jobs, search and live topics known."""
        from caiso.web.organisation.facts import register_facts  # noqa: PLC0415 - models load after the apps
        from caiso.web.organisation.frame import join_frame  # noqa: PLC0415
        from caiso.web.organisation.jobs import register_jobs  # noqa: PLC0415

        register_facts()
        join_frame()
        register_jobs()
