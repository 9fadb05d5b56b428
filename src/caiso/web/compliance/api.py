"""The API's endpoints for controls, frameworks and evidence."""

from datetime import datetime
from typing import Annotated, Literal

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from caiso.engine.comply import RequirementState
from caiso.web.base.access import visible
from caiso.web.base.endpoint import ApiRequest, Line, Page, Paging, RowId, page_of, reads, require_match, writes
from caiso.web.base.models import Unit
from caiso.web.base.problems import Refused
from caiso.web.compliance import queries
from caiso.web.compliance.models import Control, ControlAssessment, Evidence, Framework
from caiso.web.compliance.queries import Covered
from caiso.web.compliance.services.evidence import accept_evidence, collect_evidence
from caiso.web.compliance.services.judgement import declare

router = Router(tags=["compliance"])
SLUG = r"^[-a-zA-Z0-9_]+$"
State = Literal["effective", "failing", "stale", "unknown", "not_applicable", "planned", "implemented"]


class OutcomeOut(Schema):
    """What one check says."""

    check: str
    title: str
    state: str
    reason: str
    numerator: int | None
    denominator: int | None
    collection: str
    records: list[str]


class ControlOut(Schema):
    """A control on one scope."""

    id: int
    control: str
    title: str
    statement: str
    family: str
    owner_role: str
    scope: str = Field(description="Empty for the whole organisation, else the unit's or AI system's id.")
    state: str
    reason: str
    declared: str
    declared_reason: str
    since: datetime | None
    evaluated_at: datetime | None
    checks: list[OutcomeOut]


class ControlFilter(Schema):
    """Which controls."""

    state: State | None = None
    control: str | None = Field(None, max_length=80, pattern=SLUG)


class DeclarationIn(Schema):
    """What is declared of a control."""

    declared: Literal["undeclared", "planned", "implemented", "not_applicable"]
    reason: str = Field("", max_length=500)


def show_control(row: ControlAssessment) -> ControlOut:
    """An assessment as the API shows it."""
    return ControlOut(
        id=row.pk,
        control=row.control.slug,
        title=row.control.title,
        statement=row.control.statement,
        family=row.control.family,
        owner_role=row.control.owner_role,
        scope=row.scope_key,
        state=row.state,
        reason=row.reason,
        declared=row.implementation,
        declared_reason=row.implementation_reason,
        since=row.since,
        evaluated_at=row.evaluated_at,
        checks=[
            OutcomeOut(
                check=one.check_id,
                title=one.title,
                state=one.state,
                reason=one.reason,
                numerator=one.numerator,
                denominator=one.denominator,
                collection=one.collection,
                records=[str(ref) for ref in one.records],
            )
            for one in row.outcomes.all()
        ],
    )


@reads(router, "/controls", permission="view", response=Page[ControlOut])
def list_controls(
    request: ApiRequest, asked: Annotated[ControlFilter, Query()], paging: Annotated[Paging, Query()]
) -> Page[ControlOut]:
    """Controls on the scopes in sight."""
    rows = queries.assessments(request.viewer).prefetch_related("outcomes").order_by("control__slug", "scope_key")
    if asked.state:
        rows = rows.filter(state=asked.state)
    if asked.control:
        rows = rows.filter(control__slug=asked.control)
    return page_of(rows, show_control, paging)


@reads(router, "/controls/{number}", permission="view", response=ControlOut)
def read_control(request: ApiRequest, number: RowId) -> ControlOut:
    """One control on one scope."""
    return show_control(queries.assessment_or_404(request.viewer, number))


@writes(router, "PATCH", "/controls/{number}", permission="compliance.edit", response=ControlOut)
def declare_control(request: ApiRequest, number: RowId, body: DeclarationIn) -> ControlOut:
    """Say that a control is planned, implemented or does not apply."""
    row = get_object_or_404(visible(queries.assessments(request.viewer), request.viewer, "compliance.edit"), pk=number)
    require_match(request, show_control(row))
    declare(row, implementation=body.declared, reason=body.reason, actor=request.user, now=timezone.now())
    return show_control(queries.assessment_or_404(request.viewer, number))


class RequirementOut(Schema):
    """A requirement with what is claimed (reviewed links) and indicated (all links)."""

    ref: str
    claim: RequirementState
    indication: RequirementState
    controls: list[str]


class FrameworkOut(Schema):
    """A framework in one version and how much of it is proven, of how many requirements that apply."""

    id: int
    framework: str
    version: str
    title: str
    status: str
    requirements: int
    applicable: int
    claimed: int
    indicated: int
    unassessed: int


class FrameworkDetail(FrameworkOut):
    """A framework with each assessable requirement."""

    items: list[RequirementOut]


def _framework(one: Covered) -> dict[str, object]:
    claim, indication = one.coverage.tally(), one.coverage.tally(claims_only=False)
    return {
        "id": one.framework.pk,
        "framework": one.framework.slug,
        "version": one.framework.version,
        "title": one.framework.title,
        "status": one.framework.status,
        "requirements": claim.total,
        "applicable": indication.applicable,
        "claimed": claim.satisfied,
        "indicated": indication.satisfied,
        "unassessed": indication.unassessed,
    }


@reads(router, "/frameworks", permission="view", response=Page[FrameworkOut])
def list_frameworks(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[FrameworkOut]:
    """Frameworks with what the controls in sight prove about them."""
    rows = Framework.objects.order_by("slug", "version")
    known = {one.framework.pk: one for one in queries.covered_frameworks(request.viewer, rows)}
    loaded = rows.filter(pk__in=known)
    return page_of(loaded, lambda row: FrameworkOut.model_validate(_framework(known[row.pk])), paging)


@reads(router, "/frameworks/{number}", permission="view", response=FrameworkDetail)
def read_framework(request: ApiRequest, number: RowId) -> FrameworkDetail:
    """One framework, requirement by requirement."""
    framework = get_object_or_404(Framework, pk=number)
    queries.framework_pack(framework)
    (one,) = queries.covered_frameworks(request.viewer, [framework])
    items = [
        RequirementOut(
            ref=leaf.requirement,
            claim=leaf.claim,
            indication=leaf.indication,
            controls=[given.control for given in leaf.contributions],
        )
        for leaf in one.coverage.requirements
    ]
    return FrameworkDetail.model_validate({**_framework(one), "items": items})


class EvidenceOut(Schema):
    """What somebody left as proof."""

    id: int
    control: str
    unit: str
    title: str
    kind: str
    url: str
    statement: str
    sha256: str
    collected_at: datetime
    valid_until: datetime | None
    is_accepted: bool


class EvidenceIn(Schema):
    """New evidence."""

    control: str = Field(max_length=80, pattern=SLUG)
    unit: str = Field(max_length=80, pattern=SLUG)
    title: Line
    kind: Literal["document", "record", "screenshot", "test", "attestation"]
    url: str = Field("", max_length=200)
    statement: str = Field("", max_length=5000)
    valid_until: datetime | None = None


def show_evidence(row: Evidence) -> EvidenceOut:
    """Evidence as the API shows it."""
    return EvidenceOut(
        id=row.pk,
        control=row.control.slug,
        unit=row.unit.slug,
        title=row.title,
        kind=row.kind,
        url=row.url,
        statement=row.statement,
        sha256=row.digest,
        collected_at=row.collected_at,
        valid_until=row.valid_until,
        is_accepted=row.is_accepted,
    )


@reads(router, "/evidence", permission="view", response=Page[EvidenceOut])
def list_evidence(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[EvidenceOut]:
    """Evidence of the units in sight, newest first."""
    return page_of(queries.evidence(request.viewer), show_evidence, paging)


@reads(router, "/evidence/{number}", permission="view", response=EvidenceOut)
def read_evidence(request: ApiRequest, number: RowId) -> EvidenceOut:
    """One piece of evidence."""
    return show_evidence(queries.evidence_or_404(request.viewer, number))


@writes(router, "POST", "/evidence", permission="compliance.edit", response=EvidenceOut, status=201)
def leave_evidence(request: ApiRequest, body: EvidenceIn) -> EvidenceOut:
    """Leave evidence for a control; somebody else accepts it."""
    control = get_object_or_404(Control, slug=body.control, is_retired=False)
    units = visible(Unit.objects.all(), request.viewer, "compliance.edit", lookup="path")
    until = body.valid_until
    if until is not None and until.tzinfo is None:
        raise Refused(422, "valid_until needs a time zone, such as 2027-01-31T00:00:00Z.")
    values = body.model_dump() | {"control": control, "unit": get_object_or_404(units, slug=body.unit)}
    return show_evidence(collect_evidence(values=values, actor=request.user, now=timezone.now()))


@writes(router, "POST", "/evidence/{number}/accept", permission="compliance.edit", response=EvidenceOut)
def accept(request: ApiRequest, number: RowId) -> EvidenceOut:
    """Accept what somebody else collected."""
    rows = visible(queries.evidence(request.viewer), request.viewer, "compliance.edit")
    row = get_object_or_404(rows, pk=number)
    accept_evidence(row, actor=request.user, now=timezone.now())
    return show_evidence(row)
