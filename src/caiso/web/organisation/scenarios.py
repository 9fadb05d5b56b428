"""Scenarios computed: the stored changes in the engine's language, and the difference that they would make."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from caiso.engine.coverage.apply import apply
from caiso.engine.coverage.organisation import Scenario as Plan
from caiso.engine.coverage.organisation import parse_scenario
from caiso.engine.coverage.scenario import Difference
from caiso.engine.coverage.states import coverage
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.models import Setting
from caiso.web.organisation import queries
from caiso.web.organisation.models import Scenario

EMPTY_TEXT = "No description yet."


@dataclass(frozen=True)
class Trial:
    """What a scenario would do, or why it cannot be applied."""

    difference: Difference | None
    refusal: str = ""


def plan_of(row: Scenario) -> Plan:
    """The stored scenario as the engine knows it."""
    return plan_of_changes(row, row.changes)


def plan_of_changes(row: Scenario, changes: Sequence[Any]) -> Plan:
    """The scenario with other changes; PackError where one is malformed."""
    body = {
        "id": f"scenario-{row.pk}",
        "title": row.name,
        "description": row.description or EMPTY_TEXT,
        "changes": list(changes),
    }
    return parse_scenario(orjson.dumps({"scenario": body}), path=Path(f"scenario-{row.pk}"))


def try_plan(plan: Plan, *, as_of: date) -> Difference:
    """The difference to what is recorded; the side before is computed once and shared by all scenarios."""
    before = queries.current_view(as_of)
    applied = apply(before.snapshot.organisation, plan, as_of=as_of)
    last = max([as_of, *(change.on for change in plan.changes if change.on)])
    return Difference(plan, before, coverage(applied.organisation, as_of=last), applied)


def trial(row: Scenario, *, on: date) -> Trial:
    """What the scenario would do as of a day, kept in this process until it or the organisation changes."""
    version = Setting.objects.filter(key=queries.VERSION_SETTING).values_list("value", flat=True).first()
    return _kept(row.pk, orjson.dumps([row.name, row.description, row.changes]), str(version), on)


@lru_cache(maxsize=24)
def _kept(pk: int, body: bytes, version: str, on: date) -> Trial:
    name, description, changes = orjson.loads(body)
    try:
        return Trial(try_plan(plan_of(Scenario(pk=pk, name=name, description=description, changes=changes)), as_of=on))
    except PackError as refusal:
        return Trial(None, "; ".join(problem.message for problem in refusal.problems))
    except DomainError as refusal:
        return Trial(None, str(refusal))
