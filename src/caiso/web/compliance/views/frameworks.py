"""Frameworks: what controls prove about their requirements, counted honestly, each step shown."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from caiso.engine.comply import (
    Contribution,
    FrameworkCoverage,
    Requirement,
    RequirementCoverage,
    RequirementState,
    Tally,
)
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Fact, Page, Tab, record_context
from caiso.web.compliance import queries
from caiso.web.compliance.library import library
from caiso.web.compliance.models import Control, Framework
from caiso.web.compliance.registers import STATE_TONES

REQUIREMENT_TONES = {
    RequirementState.SATISFIED: "good",
    RequirementState.PARTIAL: "warn",
    RequirementState.FAILING: "bad",
    RequirementState.NOT_APPLICABLE: "neutral",
    RequirementState.UNASSESSED: "unknown",
}
STATUS_TONES = {"final": "good", "draft": "warn", "superseded": "neutral", "repealed": "neutral"}


@page("view")
@require_GET
def frameworks(request: PageRequest) -> HttpResponse:
    """Every framework with how much of it is proven, indicated, failing and not assessed."""
    found = queries.covered_frameworks(request.viewer, Framework.objects.all())
    rows = [
        {
            "framework": one.framework,
            "tone": STATUS_TONES.get(one.framework.status, "neutral"),
            "claim": tally_shown(one.coverage.tally()),
            "indication": tally_shown(one.coverage.tally(claims_only=False)),
        }
        for one in found
    ]
    problems = [str(problem) for problem in library().problems] if request.viewer.may("admin") else []
    context = {"rows": rows, "problems": problems, "crumbs": [{"label": "Frameworks"}]}
    return render(request, "compliance/frameworks.html", context)


@page("view")
@require_GET
def framework_record(request: PageRequest, pk: int) -> HttpResponse:
    """The tree of a framework; every requirement opens to the controls that speak for it."""
    framework = get_object_or_404(Framework, pk=pk)
    queries.framework_pack(framework)
    (covered,) = queries.covered_frameworks(request.viewer, [framework])
    controls = {control.slug: control for control in Control.objects.all()}
    shown = Page(
        record=framework,
        title=str(framework),
        crumbs=(("Frameworks", reverse("frameworks")),),
        lead=covered.pack.note or "",
        badges=(Badge(framework.status.capitalize(), STATUS_TONES.get(framework.status, "neutral")),),
        facts=_facts(framework, covered.pack.count_by_level()),
        tabs=(Tab("tree", "Requirements", "compliance/framework_tree.html", count=len(covered.coverage.requirements)),),
        live="controls",
        extra={
            "claim": tally_shown(covered.coverage.tally()),
            "indication": tally_shown(covered.coverage.tally(claims_only=False)),
            "branches": [_branch(node, covered.coverage, controls) for node in covered.pack.requirements],
        },
    )
    context = record_context(request, request.viewer, shown)
    return render(request, "compliance/framework_record.html", context)


def tally_shown(tally: Tally) -> dict[str, Any]:
    """Counts by state with the denominator: what applies."""
    counts = {state.value: tally.states.get(state, 0) for state in RequirementState}
    assessed = tally.applicable - tally.unassessed
    return {
        **counts,
        "applicable": tally.applicable,
        "total": tally.total,
        "assessed": assessed,
        "of": f"of {tally.applicable}",
    }


def _facts(framework: Framework, levels: dict[str, int]) -> list[Fact]:
    return [
        Fact("Publisher", framework.publisher),
        Fact("Version", framework.version),
        *(Fact(f"Nodes: {level}", count) for level, count in levels.items()),
        Fact("Text verified", framework.verified_on),
        Fact("Licence", framework.licence),
        Fact("Source", framework.source),
    ]


def _branch(node: Requirement, coverage: FrameworkCoverage, controls: dict[str, Control]) -> dict[str, Any]:
    """A node with its state or, above the leaves, with the counts below it."""
    branch: dict[str, Any] = {"node": node, "children": [_branch(one, coverage, controls) for one in node.requirements]}
    leaf = coverage.of(node.id)
    if leaf is None:
        branch["claim"] = tally_shown(coverage.tally(node))
        branch["indication"] = tally_shown(coverage.tally(node, claims_only=False))
    else:
        branch |= _leaf(leaf, controls)
    return branch


def _leaf(leaf: RequirementCoverage, controls: dict[str, Control]) -> dict[str, Any]:
    return {
        "leaf": leaf,
        "claim_state": _words(leaf.claim),
        "claim_tone": REQUIREMENT_TONES[leaf.claim],
        "indication_state": _words(leaf.indication),
        "indication_tone": REQUIREMENT_TONES[leaf.indication],
        "contributions": [_contribution(one, controls) for one in leaf.contributions],
    }


def _contribution(one: Contribution, controls: dict[str, Control]) -> dict[str, Any]:
    return {
        "row": one,
        "control": controls.get(one.control),
        "tone": STATE_TONES[one.state.value],
        "state": one.state.value.replace("_", " "),
        "through": one.path[:-1],
        "last": one.path[-1],
    }


def _words(state: RequirementState) -> str:
    return state.value.replace("_", " ")
