"""Where the database has the collections that checks ask about the organisation."""

from django.urls import reverse

from caiso.web.base.facts import Collection, register
from caiso.web.organisation.models import Duty


def register_facts() -> None:
    """Called once by the app at start-up."""
    register(
        Collection(
            "duties",
            queryset=lambda: Duty.objects.all(),
            link=lambda ref: reverse("duty_by_slug", args=[ref]),
            sources={"id": "slug", "unit": "unit__slug", "ai_security": "is_ai_security", "state": "coverage__state"},
        )
    )
