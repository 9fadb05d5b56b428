"""Removing the demo with all that it made; what belongs to the organisation itself stays."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from caiso.connect.telemetry.content import ContentStore
from caiso.engine.comply import ReviewStatus
from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.errors import DomainError
from caiso.web.base.models import (
    ApiToken,
    AuditRecord,
    AuditVerification,
    Notification,
    Person,
    Setting,
    Task,
    Unit,
    User,
)
from caiso.web.base.queries import setting
from caiso.web.base.services import audit
from caiso.web.compliance.models import ControlAssessment, ControlLink, ControlStateChange, Evidence
from caiso.web.compliance.services.evaluation import evaluate_controls
from caiso.web.config.environment import environment
from caiso.web.inventory.models import Asset, Relation, Scan
from caiso.web.organisation.models import CoverageSnapshot, Holding, Scenario
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.services.records import forget_records
from caiso.web.reports.models import PostureFigure
from caiso.web.reports.services.demo.files import PREFIX
from caiso.web.soc.models import Alert, Feed, Incident, Reject, RiskEntity, SavedHunt, Signal, Source, Suppression
from caiso.web.soc.services.coverage import compute_technique_coverage

DEMO_SETTING = "demo"


class UnableToRemove(DomainError):
    """Something of the organisation's own depends on the demo."""


def is_loaded() -> bool:
    """Whether demo data is in the store."""
    return Unit.objects.filter(is_demo=True).exists()


def is_whole() -> bool:
    """Whether the demo was loaded to its end."""
    return is_loaded() and bool(setting(DEMO_SETTING))


@transaction.atomic
def remove_demo(*, actor: User | None, now: datetime) -> dict[str, int]:
    """Delete the demo; {what: how many}. Events stay unreadable in their files until their retention: their keys go now."""
    if not is_loaded():
        raise UnableToRemove("no demo is loaded")
    removed = forget_demo(actor=actor, now=now)
    compute_technique_coverage(now=now)
    evaluate_controls(now=now)
    return removed


@transaction.atomic
def forget_demo(*, actor: User | None, now: datetime) -> dict[str, int]:
    """Delete all rows of the demo and undo what its people changed of what ships; {what: how many}."""
    units = Unit.objects.filter(is_demo=True)
    inside = Q(unit__in=units)
    sources = Source.objects.filter(is_demo=True)
    slugs = list(sources.values_list("slug", flat=True))
    removed = {
        "incidents": _delete(Incident.objects.filter(inside | Q(is_demo=True))),
        "alerts": _delete(Alert.objects.filter(inside | Q(is_demo=True))),
    }
    Signal.objects.filter(inside).delete()
    for rows in (
        Suppression.objects.filter(inside), Reject.objects.filter(inside), Feed.objects.filter(Q(source__in=sources) | inside),
        sources, ControlStateChange.objects.filter(is_demo=True), ControlAssessment.objects.filter(inside),
        Evidence.objects.filter(inside | Q(is_demo=True)), Relation.objects.filter(is_demo=True), Scan.objects.filter(inside),
        Task.objects.filter(inside | Q(is_demo=True)), Notification.objects.filter(Q(is_demo=True) | Q(user__is_demo=True)),
        CoverageSnapshot.objects.filter(on__lt=now.date()), PostureFigure.objects.filter(inside),
        Scenario.objects.filter(inside), RiskEntity.objects.filter(inside), SavedHunt.objects.filter(inside), ApiToken.objects.filter(inside | Q(is_demo=True)),
    ):  # fmt: skip
        rows.delete()
    removed["assets"] = _delete(Asset.objects.filter(inside | Q(is_demo=True)))
    root = Unit.objects.get(parent=None, is_demo=False)
    forget_records(PREFIX, units=frozenset(units.values_list("slug", flat=True)))
    AuditVerification.objects.filter(ok=True, records=0).delete()  # the invented nights; a real one has records to read
    _undo_what_ships(User.objects.filter(is_demo=True))
    if not Holding.objects.filter(person__is_demo=False).exists():
        take_organisation(default_organisation(), root=root, actor=actor, now=now)
        PostureFigure.objects.filter(unit=root).delete()
    removed["people"] = _delete(Person.objects.filter(is_demo=True))
    removed["logins"] = _delete(User.objects.filter(is_demo=True))
    for unit in units.order_by("-path"):
        unit.delete()
    audit.record(
        actor=actor,
        verb="demo.remove",
        subject=root,
        changes={name: [count, 0] for name, count in removed.items()},
        now=now,
    )
    Setting.objects.filter(pk=DEMO_SETTING).delete()
    transaction.on_commit(lambda: _forget_content(slugs))
    return removed


def _undo_what_ships(users: Iterable[User]) -> None:
    """What the demo's people said about shipped controls and links goes with them."""
    said, by = [user.name for user in users], [user.pk for user in users]
    ControlLink.objects.filter(reviewer__in=said).update(
        review_status=ReviewStatus.UNREVIEWED, reviewer="", reviewed_on=None, review_note=""
    )
    declared = AuditRecord.objects.filter(verb="control.declare", actor_id__in=by).values_list("subject_id", flat=True)
    ControlAssessment.objects.filter(pk__in=[int(key) for key in declared]).update(
        implementation=ControlAssessment.Implementation.UNDECLARED, implementation_reason=""
    )


def _delete(rows: "QuerySet[Any]") -> int:
    count = int(rows.count())
    rows.delete()
    return count


def _forget_content(slugs: list[str]) -> None:
    store = ContentStore(environment().data)
    for source, day in store.days():
        if source in slugs:
            store.drop(source, day)
