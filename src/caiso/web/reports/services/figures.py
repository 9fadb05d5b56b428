"""Keeping the figures of the day: counted per unit, so that every viewer's trend is the sum over the own units."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Model, Q, QuerySet

from caiso.web.compliance.models import ControlAssessment
from caiso.web.inventory.facts import has_owner
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.organisation.models import Duty
from caiso.web.reports.models import PostureFigure
from caiso.web.soc.models import Alert, Incident, TechniqueCoverage
from caiso.web.soc.queries import OPEN_ALERTS

KEPT = timedelta(days=400)
Figure = PostureFigure.Figure


@transaction.atomic
def keep_figures(*, now: datetime, units: Collection[int] | None = None) -> int:
    """Count today's figures anew, of all units or of some; how many were kept."""
    rows = [
        PostureFigure(on=now.date(), unit_id=unit, figure=figure, part=part, whole=whole)
        for figure, (counted, condition) in _counted().items()
        for unit, part, whole in _by_unit(counted, condition)
        if units is None or unit in units
    ]
    today = PostureFigure.objects.filter(on=now.date())
    (today if units is None else today.filter(unit__in=units)).delete()
    PostureFigure.objects.bulk_create(rows, batch_size=500)
    PostureFigure.objects.filter(on__lt=(now - KEPT).date()).delete()
    return len(rows)


def _counted() -> "dict[str, tuple[QuerySet[Model], Q]]":
    """Figure -> the rows of its whole, and which of them are its part."""
    systems = Asset.objects.filter(kind=AssetKind.AI_SYSTEM).exclude(state=AssetState.RETIRED)
    return {
        Figure.SYSTEMS: (systems.annotate(answered=has_owner()), Q(answered=True)),
        Figure.DUTIES: (Duty.objects.filter(is_ai_security=True), Q(coverage__state="covered")),
        Figure.CONTROLS: (ControlAssessment.objects.filter(control__is_retired=False), Q(state="effective")),
        Figure.TECHNIQUES: (TechniqueCoverage.objects.all(), Q(covered=True)),
        Figure.ALERTS: (Alert.objects.filter(state__in=OPEN_ALERTS), Q(severity__in=["high", "critical"])),
        Figure.INCIDENTS: (Incident.objects.exclude(state=Incident.State.CLOSED), Q(severity="critical")),
    }


def _by_unit(rows: "QuerySet[Model]", condition: Q) -> list[tuple[int, int, int]]:
    counts = rows.order_by().values("unit").annotate(whole=Count("pk"), part=Count("pk", filter=condition))
    return [(row["unit"], row["part"], row["whole"]) for row in counts]
