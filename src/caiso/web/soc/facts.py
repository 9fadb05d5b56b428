"""Where the database has the collections that checks ask about security operations."""

from datetime import datetime

from django.db.models import BooleanField, Case, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, Value, When
from django.db.models.expressions import Expression
from django.db.models.functions import Coalesce
from django.urls import reverse

from caiso.web.base.facts import Collection, register
from caiso.web.soc.models import Alert, DetectionRule, Incident, IncidentClock, Source, TechniqueCoverage

TRUE, FALSE = Value(True), Value(False)  # noqa: FBT003 - SQL literals


def _yes(condition: Q) -> Case:
    return Case(When(condition, then=TRUE), default=FALSE, output_field=BooleanField())


def _alert_age(now: datetime) -> Expression:
    """How long the alert waited, or waits, to be acknowledged."""
    return ExpressionWrapper(Coalesce(F("acknowledged_at"), Value(now)) - F("created_at"), output_field=DurationField())


def _silent_share(now: datetime) -> Expression:
    return Case(When(inferences__gt=0, then=F("content_missing") * 1.0 / F("inferences")), default=Value(None))


def register_facts() -> None:
    """Called once by the app at start-up."""
    register(
        Collection(
            "alerts",
            queryset=lambda: Alert.objects.filter(is_canary=False),
            link=lambda ref: reverse("alert_record", args=[ref]),
            sources={
                "ai_system": "asset_id",
                "unit": "unit__slug",
                "age": _alert_age,
                "opened_at": "created_at",
                "asset": "asset_id",
                "rule": "rule__slug",
            },
        )
    )
    register(
        Collection(
            "incidents",
            queryset=lambda: Incident.objects.all(),
            link=lambda ref: reverse("incident_record", args=[ref]),
            sources={"unit": "unit__slug", "has_review": _yes(~Q(review=""))},
        )
    )
    register(
        Collection(
            "incident_clocks",
            queryset=lambda: IncidentClock.objects.all(),
            link=lambda ref: reverse("clock_record", args=[ref]),
            sources={"incident": "incident__reference", "unit": "incident__unit__slug", "met": _yes(Q(state="met"))},
            unit_lookup="incident__unit__path",
        )
    )
    register(
        Collection(
            "detection_rules",
            queryset=lambda: DetectionRule.objects.filter(is_loaded=True),
            link=lambda ref: reverse("rule_record", args=[ref]),
            sources={"id": "slug", "technique": "techniques__0"},
            unit_lookup="",
        )
    )
    register(
        Collection(
            "sources",
            queryset=lambda: Source.objects.all(),
            link=lambda ref: reverse("source_record", args=[ref]),
            sources={
                "unit": "unit__slug",
                "ai_system": Value(""),
                "content_missing_share": _silent_share,
                "ready": Exists(Source.objects.filter(pk=OuterRef("pk"), inferences__gt=F("content_missing"))),
            },
        )
    )
    register(
        Collection(
            "technique_coverage",
            queryset=lambda: TechniqueCoverage.objects.all(),
            link=lambda ref: reverse("coverage_record", args=[ref]),
            sources={"unit": "unit__slug", "ai_system": "asset_id"},
        )
    )
