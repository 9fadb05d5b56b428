"""Where the database has the collections that checks ask about evidence."""

from django.urls import reverse

from caiso.web.base.facts import Collection, register
from caiso.web.compliance.models import Evidence


def register_facts() -> None:
    """Called once by the app at start-up."""
    register(
        Collection(
            "evidence",
            queryset=lambda: Evidence.objects.all(),
            link=lambda ref: reverse("evidence_record", args=[ref]),
            sources={
                "control": "control__slug",
                "unit": "unit__slug",
                "ai_system": "asset_id",
                "accepted": "is_accepted",
            },
        )
    )
