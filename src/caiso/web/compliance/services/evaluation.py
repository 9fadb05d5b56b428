"""Asking the checks and keeping what they say: every change of a control's state stays with the records that caused it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from caiso.engine.checks import Aggregate, Check, CheckResult, Scope, evaluate, run_check
from caiso.engine.comply import Control as ControlPack
from caiso.engine.comply import ControlVerdict, Declared, judge_control
from caiso.web.base.facts import OrmSource
from caiso.web.base.models import Unit
from caiso.web.base.services import facts
from caiso.web.compliance.library import control_packs
from caiso.web.compliance.models import CheckOutcome, Control, ControlAssessment, ControlStateChange
from caiso.web.inventory.models import Asset, AssetKind, AssetState

WHOLE = ""


def evaluate_touched(*, now: datetime) -> int:
    """Evaluate the controls whose checks read a collection that changed; the number of assessments written."""
    touches = facts.pending_touches()
    if not touches:
        return 0
    written = evaluate_controls(now=now, collections={touch.collection for touch in touches})
    facts.forget_touches(touches)
    return written


@transaction.atomic
def evaluate_controls(*, now: datetime, collections: Iterable[str] | None = None) -> int:
    """Evaluate all controls, or those whose checks read one of the collections; the number of assessments written."""
    wanted = None if collections is None else set(collections)
    rows = {control.slug: control for control in Control.objects.filter(is_retired=False)}
    root = Unit.objects.filter(parent=None).first()
    if root is None:
        return 0
    scopes = _Scopes(root)
    written = 0
    for pack in control_packs().values():
        reads = {check.collection for check in pack.checks}
        if pack.id in rows and (wanted is None or reads & wanted):
            written += _evaluate(rows[pack.id], pack, scopes=scopes, now=now)
    return written


@transaction.atomic
def evaluate_control(control: Control, *, now: datetime) -> int:
    """Evaluate one control on every scope; the number of assessments written."""
    root = Unit.objects.filter(parent=None).first()
    pack = control_packs().get(control.slug)
    if root is None or pack is None:
        return 0
    return _evaluate(control, pack, scopes=_Scopes(root), now=now)


class _Scopes:
    """The units and AI systems that a control may be judged on, read once per evaluation."""

    def __init__(self, root: Unit) -> None:
        self.root = root
        self.units = {unit.slug: unit for unit in Unit.objects.all()}
        alive = Asset.objects.filter(kind=AssetKind.AI_SYSTEM).exclude(state=AssetState.RETIRED)
        self.systems = {str(asset.pk): asset for asset in alive.select_related("unit")}

    def keys(self, scope: Scope) -> list[str]:
        if scope is Scope.AI_SYSTEM:
            return list(self.systems)
        return list(self.units) if scope is Scope.UNIT else [WHOLE]

    def place(self, scope: Scope, key: str) -> tuple[Unit, Asset | None]:
        if scope is Scope.AI_SYSTEM and key in self.systems:
            return self.systems[key].unit, self.systems[key]
        return self.units.get(key, self.root), None


def _evaluate(row: Control, pack: ControlPack, *, scopes: _Scopes, now: datetime) -> int:
    scope = next((check.scope for check in pack.checks if check.scope is not Scope.ORGANISATION), Scope.ORGANISATION)
    answers = {check.id: _ask(check, scopes.keys(check.scope), now=now) for check in pack.checks}
    known = {one.scope_key: one for one in row.assessments.select_related("unit")}
    keys = scopes.keys(scope)
    for key in keys:
        unit, asset = scopes.place(scope, key)
        assessment = known.get(key) or ControlAssessment(control=row, scope_key=key)
        assessment.unit, assessment.asset = unit, asset
        results = [answer.get(key) or answer[WHOLE] for answer in answers.values() if key in answer or WHOLE in answer]
        verdict = judge_control(
            pack,
            results,
            now=now,
            scope=key,
            declared=Declared(assessment.implementation),
            reason=assessment.implementation_reason,
        )
        _keep(assessment, verdict, checks={check.id: check for check in pack.checks}, now=now)
    row.assessments.exclude(scope_key__in=keys).delete()
    return len(keys)


def _ask(check: Check, keys: list[str], *, now: datetime) -> dict[str, CheckResult]:
    """The verdict for every scope that exists; a scope without records is judged by what `empty` says."""
    found = run_check(check, OrmSource(), now=now)
    return {key: found.get(key) or evaluate(check, Aggregate(0, 0), now=now, scope=key) for key in keys}


def _keep(
    assessment: ControlAssessment, verdict: ControlVerdict, *, checks: Mapping[str, Check], now: datetime
) -> None:
    is_new = assessment.pk is None
    before = "" if is_new else assessment.state
    changed = is_new or before != verdict.state.value
    assessment.state, assessment.reason, assessment.evaluated_at = verdict.state.value, verdict.reason, now
    assessment.valid_until = min((result.valid_until for result in verdict.results), default=None)
    if changed:
        assessment.since = now
    assessment.save()
    if changed:
        cause = next((result for result in verdict.results if result.records == verdict.records), None)
        ControlStateChange.objects.create(
            assessment=assessment,
            before=before or "unknown",
            after=verdict.state.value,
            reason=verdict.reason,
            collection=checks[cause.check].collection if cause else "",
            records=list(verdict.records),
            at=now,
        )
    CheckOutcome.objects.bulk_create(
        [
            CheckOutcome(
                assessment=assessment,
                check_id=result.check,
                title=checks[result.check].title,
                state=result.state.value,
                reason=result.reason,
                value=result.value,
                numerator=result.numerator,
                denominator=result.denominator,
                collection=checks[result.check].collection,
                records=list(result.records),
                evaluated_at=result.evaluated_at,
                valid_until=result.valid_until,
            )
            for result in verdict.results
        ],
        update_conflicts=True,
        unique_fields=["assessment", "check_id"],
        update_fields=[
            "title", "state", "reason", "value", "numerator", "denominator", "collection", "records",
            "evaluated_at", "valid_until",
        ],
    )  # fmt: skip
