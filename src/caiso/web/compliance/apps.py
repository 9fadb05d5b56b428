"""Django's entry for this app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """Settings of the app `compliance`."""

    name = "caiso.web.compliance"
    label = "compliance"

    def ready(self) -> None:
        """Make the app's collections, pages, jobs, search and live topics known."""
        from caiso.web.compliance.facts import register_facts  # noqa: PLC0415 - models load after the apps
        from caiso.web.compliance.frame import join_frame  # noqa: PLC0415
        from caiso.web.compliance.jobs import register_jobs  # noqa: PLC0415
        from caiso.web.compliance.queries import overlapping_requirements  # noqa: PLC0415
        from caiso.web.organisation.queries import register_requirement_links  # noqa: PLC0415

        register_facts()
        join_frame()
        register_jobs()
        register_requirement_links(overlapping_requirements)
