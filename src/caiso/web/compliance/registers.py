"""The lists of compliance: controls on their scopes, and evidence."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from caiso.engine.comply import Family
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Unit, User
from caiso.web.base.presentation import counted
from caiso.web.base.register import (
    Action,
    Choice,
    Column,
    Flag,
    Moment,
    Reference,
    Register,
    Tags,
    Text,
    declare,
)
from caiso.web.compliance import queries
from caiso.web.compliance.models import Control, ControlAssessment
from caiso.web.compliance.models.assessment import STATES
from caiso.web.compliance.services import evidence as evidence_services
from caiso.web.compliance.services.evaluation import evaluate_control
from caiso.web.inventory.models import Asset, AssetKind

STATE_TONES = {
    "effective": "good",
    "failing": "bad",
    "stale": "warn",
    "unknown": "unknown",
    "not_applicable": "neutral",
    "planned": "info",
    "implemented": "info",
}
FAMILIES = tuple((family.value, family.value.replace("_", " ").capitalize()) for family in Family)
KINDS = (
    ("document", "Document"),
    ("record", "Record of an event"),
    ("screenshot", "Screenshot"),
    ("test", "Test result"),
    ("attestation", "Attestation"),
)


def _check(records: Sequence[ControlAssessment], *, actor: User, now: datetime) -> str:
    controls = {record.control_id: record.control for record in records}
    for control in controls.values():
        evaluate_control(control, now=now)
    return f"Checked {counted(len(controls), 'control', 'controls')}"


CONTROLS = declare(
    Register(
        name="controls",
        one="control",
        many="Controls",
        rows=queries.assessments,
        edit_permission="compliance.edit",
        actions=(Action("check", "Check now", _check, "compliance.edit", icon="refresh"),),
        url=lambda row: row.get_absolute_url(),
        sort="family,title",
        live="controls",
        icon="shield-check",
        lead="What protects AI here, and what live records say about it.",
        views=(("Failing", "state=failing"), ("Stale", "state=stale"), ("Unknown", "state=unknown")),
        empty_title="No controls are assessed yet",
        empty_text="The worker judges every control within a minute of its start.",
        columns=(
            Column("state", "State", Choice(STATES, tones=STATE_TONES), filter=True),
            Column(
                "title",
                "Control",
                value="control.title",
                link=True,
                search=True,
                note=lambda row: row.reason[:140],
            ),
            Column("place", "Scope", value=lambda row: row.place),
            Column("family", "Family", Choice(FAMILIES), value="control.family", filter=True),
            Column(
                "owner",
                "Owner role",
                value=lambda row: row.owner_title or row.control.owner_role,
                lookup="owner_title",
                search=True,
            ),
            Column("techniques", "Techniques", Tags(most=1), value=lambda row: row.control.techniques),
            Column("since", "Since", Moment(), filter=True),
            Column("evaluated", "Checked", Moment(), value="evaluated_at", shown=False),
            Column(
                "declared",
                "Declared",
                Choice(ControlAssessment.Implementation.choices),
                value="implementation",
                filter=True,
                shown=False,
            ),
            Column("control", "Id", Text(mono=True), value="control.slug", search=True, shown=False),
        ),
    )
)


def _controls(viewer: Viewer) -> "QuerySet[Control]":
    return Control.objects.filter(is_retired=False)


def _units(viewer: Viewer) -> "QuerySet[Unit]":
    return visible(Unit.objects.all(), viewer, "compliance.edit", lookup="path")


def _systems(viewer: Viewer) -> "QuerySet[Asset]":
    return visible(Asset.objects.filter(kind=AssetKind.AI_SYSTEM).select_related("unit"), viewer, "compliance.edit")


EVIDENCE = declare(
    Register(
        name="evidence",
        one="evidence",
        many="Evidence",
        rows=queries.evidence,
        edit_permission="compliance.edit",
        update=evidence_services.change_evidence,
        create=evidence_services.collect_evidence,
        actions=(Action("accept", "Accept", evidence_services.accept_many, "compliance.edit", icon="circle-check"),),
        url=lambda row: row.get_absolute_url(),
        sort="-collected",
        icon="file-text",
        lead="What people left as proof. It counts once somebody else than the collector has accepted it.",
        views=(("Waits for acceptance", "accepted=no"),),
        empty_title="No evidence yet",
        empty_text="Most controls prove themselves from live records. Leave evidence where only a person can know.",
        columns=(
            Column(
                "title",
                "Evidence",
                Text(longest=200),
                link=True,
                search=True,
                edit=True,
                required=True,
                note=lambda row: row.control.title,
            ),
            Column(
                "control",
                "Control",
                Reference(_controls, name="title"),
                filter=True,
                create=True,
                required=True,
                shown=False,
                sort=False,
            ),
            Column("unit", "Unit", Reference(_units), filter=True, create=True, required=True, sort=False),
            Column("asset", "AI system", Reference(_systems, key="pk"), create=True, shown=False, sort=False),
            Column("kind", "Kind", Choice(KINDS), filter=True, edit=True, required=True),
            Column("url", "Link", Text(longest=200), edit=True, shown=False, help="https://…, or write a statement"),
            Column("statement", "Statement", Text(longest=5000, multiline=True), edit=True, shown=False),
            Column("collected_by", "Collected by", value=lambda row: row.collected_by, lookup="collected_by__name"),
            Column("collected", "Collected", Moment(), value="collected_at", filter=True),
            Column("valid_until", "Valid until", Moment(due=True), edit=True, filter=True),
            Column(
                "accepted", "Accepted", Flag("Accepted", "Waits", ("good", "warn")), value="is_accepted", filter=True
            ),
        ),
    )
)
