"""Technique coverage: which attacks on which AI system a tested live rule would see, given what really arrives and was drilled."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from caiso.web.base.services import facts
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.soc.drills import Standing, standing_by_technique
from caiso.web.soc.models import DetectionRule, DrillResult, Feed, TechniqueCoverage
from caiso.web.soc.readiness import still_arriving
from caiso.web.soc.services.readiness import compute_readiness


@dataclass(frozen=True)
class Verdict:
    """One technique against one AI system; `rules` would see it, `missing` is the least that another rule lacks."""

    has_tested_live_rule: bool
    fields_arriving: bool
    rules: tuple[str, ...]
    missing: tuple[str, ...]
    drill: str = ""  # the worst outcome of its traces; empty: never drilled

    @property
    def covered(self) -> bool:
        """Never against the evidence of a drill, and without a drill by the rules' own tests."""
        return bool(self.rules) and self.drill in ("", DrillResult.Outcome.COVERED)


def judge(rules: Iterable[DetectionRule], arriving: frozenset[str], *, drill: str = "") -> Verdict:
    """One rule must be live, tested and fed; two rules that each have half do not cover anything."""
    tested, seeing, fed, gaps = False, [], False, []
    for rule in rules:
        missing = tuple(sorted(set(rule.needs) - arriving))
        trusted = rule.state == DetectionRule.State.LIVE and rule.tests > 0 and rule.tests_pass
        tested, fed = tested or trusted, fed or not missing
        if trusted and not missing:
            seeing.append(rule.slug)
        elif missing:
            gaps.append(missing)
    return Verdict(tested, fed, tuple(seeing), min(gaps, key=len, default=()) if not seeing else (), drill)


@transaction.atomic
def compute_technique_coverage(*, now: datetime) -> int:
    """Write the verdict for each technique of the loaded rules and each AI system that is not retired; rows written."""
    by_technique: dict[str, list[DetectionRule]] = defaultdict(list)
    for rule in DetectionRule.objects.filter(is_loaded=True):
        for technique in rule.techniques:
            by_technique[technique].append(rule)
    drilled = standing_by_technique(now=now)
    for technique in drilled:
        # A drill may speak of a technique that no rule claims; a rule for one of its sub-techniques answers for it.
        if technique not in by_technique:
            parts = (name for name in list(by_technique) if name.startswith(f"{technique}."))
            by_technique[technique] = [rule for name in parts for rule in by_technique[name]]
    systems = list(Asset.objects.filter(kind=AssetKind.AI_SYSTEM).exclude(state=AssetState.RETIRED))
    arriving = _arriving([system.pk for system in systems], now=now)
    rows = [
        _row(technique, system, rules, arriving=arriving[system.pk], drill=drilled.get(technique), now=now)
        for system in systems
        for technique, rules in sorted(by_technique.items())
    ]
    TechniqueCoverage.objects.exclude(asset__in=systems, technique__in=by_technique).delete()
    TechniqueCoverage.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["technique", "asset"],
        update_fields=[
            "unit",
            "has_tested_live_rule",
            "fields_arriving",
            "covered",
            "rules",
            "missing_fields",
            "drill",
            "drilled_at",
            "computed_at",
        ],
    )
    compute_readiness(now=now)
    facts.touched("technique_coverage", now=now)
    return len(rows)


def _arriving(systems: list[int], *, now: datetime) -> Mapping[int, frozenset[str]]:
    fields: dict[int, set[str]] = defaultdict(set)
    for asset_id, seen in Feed.objects.filter(asset__in=systems).values_list("asset_id", "fields_seen"):
        if asset_id is not None:
            fields[asset_id].update(still_arriving(seen, now=now))
    return defaultdict(frozenset, {asset_id: frozenset(names) for asset_id, names in fields.items()})


def _row(
    technique: str,
    system: Asset,
    rules: list[DetectionRule],
    *,
    arriving: frozenset[str],
    drill: Standing | None,
    now: datetime,
) -> TechniqueCoverage:
    verdict = judge(rules, arriving, drill=drill.outcome if drill else "")
    return TechniqueCoverage(
        technique=technique,
        asset=system,
        unit_id=system.unit_id,
        has_tested_live_rule=verdict.has_tested_live_rule,
        fields_arriving=verdict.fields_arriving,
        covered=verdict.covered,
        rules=list(verdict.rules),
        missing_fields=list(verdict.missing),
        drill=verdict.drill,
        drilled_at=drill.at if drill else None,
        computed_at=now,
    )
