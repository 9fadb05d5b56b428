"""Computing coverage and keeping what changed: the state of each duty now, and a snapshot a day for the trend."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from caiso.engine.coverage.load import PersonLoad, RoleLoad
from caiso.engine.coverage.states import Coverage, DutyState, Tally
from caiso.web.base.models import Setting
from caiso.web.base.services import audit, facts
from caiso.web.organisation import queries
from caiso.web.organisation.models import CoverageSnapshot, Duty, DutyCoverage, Role


@transaction.atomic
def compute_coverage(*, now: datetime) -> Coverage:
    """Compute every duty's state from the records of today and keep it; a change of state is recorded with its reason."""
    view = queries.coverage_on(now.date())
    duties = {duty.slug: duty for duty in Duty.objects.select_related("unit")}
    roles = {role.slug: role for role in Role.objects.all()}
    before = {row.duty_id: row for row in DutyCoverage.objects.all()}
    rows, changes = [], []
    for state in view.duties:
        duty = duties[state.duty.id]
        known = before.get(duty.pk)
        row = _row(state, duty=duty, roles=roles, view=view, now=now)
        if known is not None and known.state == row.state:
            row.since = known.since
        else:
            changes.append(
                audit.Entry("coverage", duty, {"state": [known.state if known else None, row.state]}, duty.unit)
            )
        rows.append(row)
    DutyCoverage.objects.bulk_create(
        rows,
        batch_size=200,
        update_conflicts=True,
        unique_fields=["duty"],
        update_fields=["state", "reason", "accountable", "holders", "shortfalls", "records", "since", "computed_at"],
    )
    CoverageSnapshot.objects.update_or_create(on=now.date(), defaults=_totals(view))
    # Whoever keeps a computed view knows by this that it is old.
    version = secrets.token_hex(8)
    Setting.objects.update_or_create(key=queries.VERSION_SETTING, defaults={"value": version})
    # A transaction that fails after this leaves a view under a version that nobody asks for.
    queries.keep_view(version, view)
    if changes:
        audit.record_many(changes, actor=None, now=now)
        facts.touched("duties", now=now)
    return view


def _row(state: DutyState, *, duty: Duty, roles: dict[str, Role], view: Coverage, now: datetime) -> DutyCoverage:
    worst = state.worst
    accountable = next((roles[slug] for slug in state.accountable if slug in roles), None)
    seats = view.snapshot.seats.get(accountable.slug, []) if accountable else []
    return DutyCoverage(
        duty=duty,
        state=state.state,
        reason="; ".join(worst.public_reasons),
        accountable=accountable,
        holders=[seat.person.id for seat in seats],
        shortfalls=[
            {
                "role": one.role,
                "competence": one.competence,
                "needed": one.needed,
                "held": one.held,
                "assumed": one.assumed,
            }
            # What was attested of a person is not for everybody who may see duties.
            for one in state.shortfalls
            if one.person is None
        ],
        records=list(worst.records),
        since=now,
        computed_at=now,
    )


def _totals(view: Coverage) -> dict[str, object]:
    known = view.snapshot.systems
    return {
        "totals": {
            "all": _counts(view.total),
            "ai_security": _counts(view.ai_security),
            "families": {name: _counts(one) for name, one in view.families.items()},
            "stages": {name: _counts(one) for name, one in view.stages.items()},
            "systems": {
                name: {**_counts(one), "title": known[name].title, "unit": known[name].unit}
                for name, one in view.systems.items()
                if known[name].title != queries.LOST_SYSTEM
            },
            "units": {
                name: {**_counts(one), "title": view.snapshot.units[name].title} for name, one in view.units.items()
            },
            "loads": {role: {**_load(load), "beyond": list(load.beyond)} for role, load in view.loads.items()},
            "people": {person: {**_load(load), "roles": load.roles} for person, load in view.people.items()},
        },
        "states": {state.duty.id: state.state for state in view.duties},
    }


def _counts(tally: Tally) -> dict[str, object]:
    return {"counts": dict(tally.counts), "total": tally.total}


def _load(load: RoleLoad | PersonLoad) -> Mapping[str, object]:
    return {"demand": round(load.demand_hours, 2), "capacity": round(load.capacity_hours, 2)}
