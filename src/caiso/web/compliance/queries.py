"""Reads of compliance; assessments, evidence and states are limited to what the viewer may see."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404
from django.urls import NoReverseMatch

from caiso.engine.comply import Control as ControlPack
from caiso.engine.comply import (
    ControlState,
    FrameworkCoverage,
    ReviewStatus,
    framework_coverage,
    framework_key,
)
from caiso.engine.comply import (
    Framework as FrameworkPack,
)
from caiso.engine.coverage.organisation.records import RequirementLink
from caiso.web.base.access import Viewer, visible
from caiso.web.base.facts import collection
from caiso.web.base.guard import opens
from caiso.web.compliance.library import control_packs, library
from caiso.web.compliance.models import Control, ControlAssessment, ControlLink, Evidence, Framework
from caiso.web.organisation.models import Role

MOST_OVERLAPS = 5_000
WORST_FIRST = (
    ControlState.FAILING,
    ControlState.STALE,
    ControlState.UNKNOWN,
    ControlState.PLANNED,
    ControlState.IMPLEMENTED,
    ControlState.EFFECTIVE,
    ControlState.NOT_APPLICABLE,
)


def assessments(viewer: Viewer) -> QuerySet[ControlAssessment]:
    """Controls on the scopes that the viewer may see, with all that a list shows."""
    owner = Role.objects.filter(slug=OuterRef("control__owner_role")).values("title")[:1]
    rows = ControlAssessment.objects.select_related("control", "unit", "asset").filter(control__is_retired=False)
    return visible(rows.annotate(owner_title=Subquery(owner)), viewer)


def assessment_or_404(viewer: Viewer, pk: int) -> ControlAssessment:
    """One assessment; outside the viewer's units it does not exist."""
    found = assessments(viewer).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def assessments_of(control: Control, viewer: Viewer) -> list[ControlAssessment]:
    """The control on every scope in sight, worst first."""
    rows = list(assessments(viewer).filter(control=control))
    return sorted(rows, key=lambda one: (WORST_FIRST.index(ControlState(one.state)), one.place))


def evidence(viewer: Viewer) -> QuerySet[Evidence]:
    """Evidence of the viewer's units."""
    rows = Evidence.objects.select_related("control", "unit", "asset", "asset__unit", "collected_by", "accepted_by")
    return visible(rows, viewer)


def evidence_or_404(viewer: Viewer, pk: int) -> Evidence:
    """One piece of evidence; outside the viewer's units it does not exist."""
    found = evidence(viewer).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def links_of(control: Control) -> QuerySet[ControlLink]:
    """What the control relates to, in the frameworks' order; content of the product, the same for everybody."""
    rows = control.links.select_related("requirement", "requirement__framework", "control")
    return rows.order_by("requirement__framework__title", "requirement__position")


def control_states(viewer: Viewer) -> dict[str, ControlState]:
    """By control id, the worst state over the scopes in sight; a scope where it does not apply says nothing."""
    found: dict[str, ControlState] = {}
    rows = assessments(viewer).order_by().values_list("control__slug", "state")
    for slug, name in rows:
        state = ControlState(name)
        known = found.get(slug, ControlState.NOT_APPLICABLE)
        found[slug] = min(known, state, key=WORST_FIRST.index)
    return found


def reviewed_packs() -> tuple[ControlPack, ...]:
    """The controls of the packs with the reviews that people made here."""
    known = {
        (link.control.slug, framework_key(link.requirement.framework.slug, link.requirement.framework.version), link.requirement.ref): link
        for link in ControlLink.objects.select_related("control", "requirement__framework")
    }  # fmt: skip
    packs = []
    for pack in control_packs().values():
        links = []
        for link in pack.links:
            row = known.get((pack.id, framework_key(link.framework, link.version), link.requirement))
            if row is not None:
                status = ReviewStatus(row.review_status)
                link = replace(link, status=status, reviewer=row.reviewer or None, reviewed_on=row.reviewed_on)
            links.append(link)
        packs.append(replace(pack, links=tuple(links)))
    return tuple(packs)


def framework_pack(framework: Framework) -> FrameworkPack:
    """The pack behind a stored framework; 404 when it left the installation."""
    found = library().framework(framework_key(framework.slug, framework.version))
    if found is None:
        raise Http404
    return found


@dataclass(frozen=True)
class Covered:
    """A framework with its coverage as the viewer sees it."""

    framework: Framework
    pack: FrameworkPack
    coverage: FrameworkCoverage


def covered_frameworks(viewer: Viewer, frameworks: Iterable[Framework]) -> list[Covered]:
    """Coverage of the frameworks whose packs are loaded, from the states in sight."""
    states, packs = control_states(viewer), reviewed_packs()
    found = []
    for framework in frameworks:
        pack = library().framework(framework_key(framework.slug, framework.version))
        if pack is not None:
            found.append(Covered(framework, pack, framework_coverage(pack, packs, states)))
    return found


@dataclass(frozen=True)
class Cause:
    """A record behind a verdict: its name, and its page where that opens to the viewer."""

    title: str
    url: str


def causes(name: str, refs: list[str], viewer: Viewer, *, now: datetime) -> tuple[list[Cause], int]:
    """The records in the viewer's sight, and how many lie outside of it or are gone."""
    if not name or not refs:
        return [], 0
    known = collection(name)
    rows = known.queryset()
    if known.unit_lookup:
        rows = visible(rows, viewer, lookup=known.unit_lookup)
    rows = rows.annotate(cause_ref=known.expression(known.spec.ref, now=now)).filter(cause_ref__in=refs)
    found = {str(row.cause_ref): Cause(str(row), _page(name, str(row.cause_ref), viewer)) for row in rows}
    shown = [found[ref] for ref in dict.fromkeys(refs) if ref in found]
    return shown, len(set(refs)) - len(shown)


def _page(name: str, ref: str, viewer: Viewer) -> str:
    try:
        url = collection(name).link(ref)
    except NoReverseMatch:
        return ""
    return url if opens(viewer, url) else ""


def overlapping_requirements() -> tuple[RequirementLink, ...]:
    """Requirements of two frameworks that one control of ours serves: one duty written twice."""
    found: dict[tuple[int, int], RequirementLink] = {}
    by_control: dict[int, list[ControlLink]] = {}
    rows = ControlLink.objects.select_related("control", "requirement", "requirement__framework")
    for link in rows.filter(control__is_retired=False).order_by("requirement__framework", "requirement__position"):
        by_control.setdefault(link.control_id, []).append(link)
    for links in by_control.values():
        for one, other in combinations(links, 2):
            left, right = one.requirement, other.requirement
            if left.framework.slug != right.framework.slug and len(found) < MOST_OVERLAPS:
                found[left.pk, right.pk] = RequirementLink(
                    id=f"overlap-{left.pk}-{right.pk}",
                    left=str(left.framework)[:200],
                    left_requirement=left.ref,
                    right=str(right.framework)[:200],
                    right_requirement=right.ref,
                    relation="overlap",
                    note=f"both are served by the control {one.control.title}"[:1000],
                )
    return tuple(found.values())
