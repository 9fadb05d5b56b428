"""Telemetry readiness of a source over the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Schema

from caiso.web.base.endpoint import ApiRequest, RowId, reads
from caiso.web.soc import queries
from caiso.web.soc.readiness import FIELD_MEMORY, Readiness, source_readiness

router = Router(tags=["security operations"])


class RuleOut(Schema):
    """A live rule and the fields of it that did not arrive."""

    rule: str
    techniques: list[str]
    missing: list[str]


class GainOut(Schema):
    """Fields to switch on, the rules that they would feed, and the techniques that nothing sees until then."""

    fields: list[str]
    rules: list[str]
    techniques: list[str]
    switch_on: list[str]


class RequirementOut(Schema):
    """One telemetry requirement."""

    component: str
    requirement: str
    met: bool
    arriving: list[str]
    missing: list[str]
    waiting_rules: int


class ReadinessOut(Schema):
    """How much of what the live rules need a source sends; each figure with its denominator."""

    days: int
    rules_fed: int
    rules_live: int
    techniques_seen: int
    techniques: int
    requirements_met: int
    requirements: int
    rules: list[RuleOut]
    gains: list[GainOut]
    standings: list[RequirementOut]

    @classmethod
    def of(cls, found: Readiness) -> "ReadinessOut":
        return cls(
            days=FIELD_MEMORY.days,
            rules_fed=found.fed,
            rules_live=len(found.rules),
            techniques_seen=len(found.seen),
            techniques=len(found.techniques),
            requirements_met=found.met,
            requirements=found.requirements,
            rules=[
                RuleOut(rule=one.rule.slug, techniques=one.rule.techniques, missing=list(one.missing))
                for one in found.rules
            ],
            gains=[
                GainOut(
                    fields=list(gain.fields),
                    rules=[rule.slug for rule in gain.rules],
                    techniques=list(gain.techniques),
                    switch_on=list(gain.steps),
                )
                for gain in found.gains
            ],
            standings=[
                RequirementOut(
                    component=part.component.id,
                    requirement=one.requirement.id,
                    met=bool(one.arriving),
                    arriving=list(one.arriving),
                    missing=list(one.missing),
                    waiting_rules=one.waiting,
                )
                for part in found.parts
                for one in part.standings
            ],
        )


@reads(router, "/sources/{pk}/readiness", permission="soc.view", response=ReadinessOut)
def source_readiness_of(request: ApiRequest, pk: RowId) -> Any:
    """Which live rules a source's fields feed, and what would feed the others."""
    source = get_object_or_404(queries.sources(request.viewer), pk=pk)
    return ReadinessOut.of(source_readiness(source, now=timezone.now()))
