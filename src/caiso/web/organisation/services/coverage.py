"""Computing coverage and keeping what changed: the state of each duty now, and a snapshot a day for the trend."""

from datetime import datetime

from django.db import transaction

from caiso.engine.coverage.states import Coverage, DutyState
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
        row = _row(state, duty=duty, roles=roles, now=now)
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
    if changes:
        audit.record_many(changes, actor=None, now=now)
        facts.touched("duties", now=now)
    return view


def _row(state: DutyState, *, duty: Duty, roles: dict[str, Role], now: datetime) -> DutyCoverage:
    worst = state.worst
    accountable = next((roles[slug] for slug in state.accountable if slug in roles), None)
    return DutyCoverage(
        duty=duty,
        state=state.state,
        reason="; ".join(worst.reasons),
        accountable=accountable,
        holders=[person.slug for person in queries.holders_of(accountable.slug, on=now.date())] if accountable else [],
        shortfalls=[
            {
                "role": one.role,
                "competence": one.competence,
                "needed": one.needed,
                "held": one.held,
                "assumed": one.assumed,
            }
            for one in state.shortfalls
        ],
        records=list(worst.records),
        since=now,
        computed_at=now,
    )


def _totals(view: Coverage) -> dict[str, object]:
    return {
        "totals": {
            "all": {"counts": dict(view.total.counts), "total": view.total.total},
            "ai_security": {"counts": dict(view.ai_security.counts), "total": view.ai_security.total},
            "families": {name: {"counts": dict(one.counts), "total": one.total} for name, one in view.families.items()},
        },
        "states": {state.duty.id: state.state for state in view.duties},
    }
