"""The state of a control on one scope, from what was declared about it and what its checks say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from caiso.engine.checks import CheckResult, CheckState
from caiso.engine.comply.controls import Control


class Declared(StrEnum):
    """What people said about a control on a scope; proof is the business of checks."""

    UNDECLARED = "undeclared"
    NOT_APPLICABLE = "not_applicable"
    PLANNED = "planned"
    IMPLEMENTED = "implemented"


class ControlState(StrEnum):
    """`implemented` is a bare declaration; the last four are computed."""

    NOT_APPLICABLE = "not_applicable"
    PLANNED = "planned"
    IMPLEMENTED = "implemented"
    EFFECTIVE = "effective"
    FAILING = "failing"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ControlVerdict:
    """A control's state with the sentence and the records that caused it; `results` are all checks, worst first."""

    control: str
    scope: str
    state: ControlState
    reason: str
    results: tuple[CheckResult, ...] = ()
    records: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


_WORST_FIRST = (
    CheckState.FAILING,
    CheckState.STALE,
    CheckState.UNKNOWN,
    CheckState.EFFECTIVE,
    CheckState.NOT_APPLICABLE,
)


def judge_control(
    control: Control,
    results: Iterable[CheckResult],
    *,
    now: datetime,
    scope: str = "",
    declared: Declared = Declared.UNDECLARED,
    reason: str = "",
) -> ControlVerdict:
    """The state of one control; `reason` is what a person wrote when declaring it not applicable or planned."""
    current = _current(control, results, now)
    ordered = tuple(sorted(current.values(), key=lambda result: _WORST_FIRST.index(result.state)))
    missing = tuple(check.id for check in control.checks if check.id not in current)
    if declared is Declared.NOT_APPLICABLE and reason:
        return ControlVerdict(control.id, scope, ControlState.NOT_APPLICABLE, reason, ordered, missing=missing)
    if declared is Declared.PLANNED:
        words = reason or "planned, not yet claimed to work"
        return ControlVerdict(control.id, scope, ControlState.PLANNED, words, ordered, missing=missing)
    if not control.checks:
        return _without_checks(control, declared, scope)
    state, cause = _worst(ordered, missing)
    return ControlVerdict(
        control=control.id,
        scope=scope,
        state=state,
        reason=_reason(control, cause, missing),
        results=ordered,
        records=cause.records if cause else (),
        missing=missing,
    )


def _current(control: Control, results: Iterable[CheckResult], now: datetime) -> Mapping[str, CheckResult]:
    """The newest result of each check that the control still has, as it stands now."""
    wanted = {check.id for check in control.checks}
    newest: dict[str, CheckResult] = {}
    for result in results:
        known = newest.get(result.check)
        if result.check in wanted and (known is None or result.evaluated_at > known.evaluated_at):
            newest[result.check] = result
    return {check: result.at(now) for check, result in newest.items()}


def _worst(ordered: tuple[CheckResult, ...], missing: tuple[str, ...]) -> tuple[ControlState, CheckResult | None]:
    worst = ordered[0] if ordered else None
    if worst is None:
        return ControlState.UNKNOWN, None
    if missing and worst.state not in (CheckState.FAILING, CheckState.STALE):
        return ControlState.UNKNOWN, None
    return ControlState(worst.state.value), worst


def _without_checks(control: Control, declared: Declared, scope: str) -> ControlVerdict:
    if declared is Declared.IMPLEMENTED:
        reason = "declared implemented; no check proves it"
        return ControlVerdict(control.id, scope, ControlState.IMPLEMENTED, reason)
    reason = "not assessed: it has no check and nobody has declared anything"
    return ControlVerdict(control.id, scope, ControlState.UNKNOWN, reason)


def _reason(control: Control, cause: CheckResult | None, missing: tuple[str, ...]) -> str:
    if cause is None:
        return f"not evaluated yet: {', '.join(missing)}"
    title = next(check.title for check in control.checks if check.id == cause.check)
    return f"{title}: {cause.reason}"
