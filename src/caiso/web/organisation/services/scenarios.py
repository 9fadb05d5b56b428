"""Drafting scenarios, and making one real with a recorded decision, or discarding it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction

from caiso.engine.coverage.export import difference_data
from caiso.engine.coverage.organisation import Scenario as Plan
from caiso.engine.coverage.organisation.loading import find_scenario
from caiso.engine.coverage.scenario import adopt as adopt_plan
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.models import Unit, User
from caiso.web.base.services import audit, facts
from caiso.web.organisation import queries
from caiso.web.organisation.models import Duty, Scenario
from caiso.web.organisation.scenarios import plan_of, plan_of_changes, try_plan
from caiso.web.organisation.services.carried import storable
from caiso.web.organisation.services.catalogue import take_organisation

MOST_DRAFTS = 200


class UnableToChangeScenario(DomainError):
    """The scenario is decided, somebody else changed it meanwhile, or the change does not fit the organisation."""


@transaction.atomic
def start_scenario(
    *,
    name: str,
    description: str = "",
    template: str = "",
    plan: Plan | None = None,
    unit: Unit,
    actor: User,
    now: datetime,
) -> Scenario:
    """A draft: empty, with the changes of a template that ships or was imported, or with those of a file."""
    if not name.strip():
        raise UnableToChangeScenario("a scenario needs a name")
    if Scenario.objects.filter(state=Scenario.State.DRAFT).count() >= MOST_DRAFTS:
        raise UnableToChangeScenario(f"there are {MOST_DRAFTS} drafts already; discard some first")
    if template:
        plan = find_scenario(queries.organisation(with_systems=False), template)
    row = Scenario.objects.create(
        name=name.strip()[:200],
        description=description or (plan.description if plan else ""),
        unit=unit,
        owner=actor,
        changes=[storable(change) for change in plan.changes] if plan else [],
        created_at=now,
        updated_at=now,
    )
    made: dict[str, list[Any]] = {"name": [None, row.name], "changes": [None, len(row.changes)]}
    audit.record(actor=actor, verb="scenario.start", subject=row, changes=made, now=now)
    return row


@transaction.atomic
def put_change(
    scenario: Scenario,
    change: Mapping[str, Any],
    *,
    place: int | None = None,
    stamp: str,
    actor: User,
    now: datetime,
) -> None:
    """Add a change at the end, or replace the one at a place (from 0); refused when the whole would not apply."""
    row = _open(scenario, stamp)
    changes = list(row.changes)
    before = None
    if place is None:
        changes.append(dict(change))
    elif 0 <= place < len(changes):
        before, changes[place] = changes[place], dict(change)
    else:
        raise UnableToChangeScenario(f"there is no change number {place + 1}")
    try:
        plan = plan_of_changes(row, changes)
    except PackError as refusal:
        raise UnableToChangeScenario("; ".join(problem.message for problem in refusal.problems)) from refusal
    try_plan(plan, as_of=now.date())
    _keep(row, [storable(one) for one in plan.changes], before=before, after=storable(change), actor=actor, now=now)


@transaction.atomic
def drop_change(scenario: Scenario, *, place: int, stamp: str, actor: User, now: datetime) -> None:
    """Take a change out; later ones that built on it are then shown as not applying."""
    row = _open(scenario, stamp)
    if not 0 <= place < len(row.changes):
        raise UnableToChangeScenario(f"there is no change number {place + 1}")
    changes = list(row.changes)
    before = changes.pop(place)
    _keep(row, changes, before=before, after=None, actor=actor, now=now)


@transaction.atomic
def discard_scenario(scenario: Scenario, *, reason: str, actor: User, now: datetime) -> None:
    """Put a draft away; it stays to be read."""
    row = _open(scenario)
    if not reason.strip():
        raise UnableToChangeScenario("say why it is discarded")
    row.state, row.reason, row.decided_at, row.recorded_by = Scenario.State.DISCARDED, reason, now, actor
    row.updated_at = now
    row.save()
    changes: dict[str, list[Any]] = {"state": ["draft", "discarded"], "reason": [None, reason]}
    audit.record(actor=actor, verb="scenario.discard", subject=row, changes=changes, now=now)


@transaction.atomic
def adopt_scenario(
    scenario: Scenario,
    *,
    decided_by: str,
    decided_on: date,
    reason: str,
    stamp: str,
    root: Unit,
    actor: User,
    now: datetime,
) -> None:
    """Make the scenario real from the day of the decision on: dated rows, the decision, and what it came to."""
    row = _open(scenario, stamp)
    if decided_on > now.date():
        raise UnableToChangeScenario("a decision is recorded once it was taken: its day lies in the future")
    if not row.changes:
        raise UnableToChangeScenario("there is nothing to adopt: the scenario changes nothing")
    adoption = adopt_plan(queries.organisation(), plan_of(row), as_of=decided_on, decided_by=decided_by, reason=reason)
    kept = {duty.id for duty in adoption.organisation.duties}
    for duty in Duty.objects.exclude(slug__in=kept):
        audit.record(actor=actor, verb="duty.remove", subject=duty, changes={"title": [duty.title, None]}, now=now)
        duty.delete()
    take_organisation(adoption.organisation, root=root, actor=actor, now=now)
    row.state = Scenario.State.ADOPTED
    row.decided_by, row.decided_on, row.reason = decided_by.strip()[:200], decided_on, reason
    row.decided_at = row.updated_at = now
    row.recorded_by = actor
    row.outcome = difference_data(adoption.difference)
    row.pending = list(adoption.pending)
    row.save()
    decision: dict[str, list[Any]] = {
        "state": ["draft", "adopted"],
        "decided_by": [None, row.decided_by],
        "decided_on": [None, decided_on],
        "reason": [None, reason],
        "changes": [None, row.changes],
    }
    audit.record(actor=actor, verb="scenario.adopt", subject=row, changes=decision, now=now)
    facts.touched("duties", now=now)
    facts.touched("ai_systems", now=now)


def _open(scenario: Scenario, stamp: str | None = None) -> Scenario:
    """The scenario as it is now, locked; only a draft that nobody changed since the form was shown may be changed."""
    row = Scenario.objects.select_for_update().get(pk=scenario.pk)
    if row.state != Scenario.State.DRAFT:
        raise UnableToChangeScenario(f"the scenario is {row.get_state_display().lower()} already")
    if stamp is not None and stamp != row.stamp:
        raise UnableToChangeScenario("somebody changed this scenario meanwhile: look at it again")
    return row


def _keep(row: Scenario, changes: list[Any], *, before: Any, after: Any, actor: User, now: datetime) -> None:
    row.changes, row.updated_at = changes, now
    row.save(update_fields=["changes", "updated_at"])
    audit.record(actor=actor, verb="scenario.change", subject=row, changes={"change": [before, after]}, now=now)
