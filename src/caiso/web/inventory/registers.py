"""The lists of the inventory: assets, AI systems, scans."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from caiso.web.base.models import User
from caiso.web.base.register import (
    Action,
    Button,
    Choice,
    Column,
    Flag,
    Moment,
    Number,
    Reference,
    Register,
    Text,
    declare,
)
from caiso.web.inventory import queries
from caiso.web.inventory.models import Asset, AssetKind, AssetState, LifecycleStage, Scan
from caiso.web.inventory.services import assets as services
from caiso.web.inventory.services.requests import create_scan

STATE_TONES = {"candidate": "info", "confirmed": "good", "unmanaged": "bad", "retired": "neutral"}
ACTIVITIES = (("active", "Active"), ("test", "Only in tests"), ("inactive", "Inactive"))
LEVEL_TONES = {"critical": "bad", "high": "high", "medium": "warn", "low": "good"}
LEVELS = tuple(choice for choice in reversed(Asset.Level.choices) if choice[0])
SCAN_TONES = {"waiting": "info", "done": "good", "failed": "bad"}


def _update(record: Asset, *, changes: Mapping[str, Any], actor: User, now: datetime) -> object:
    return services.update_asset(record, changes=changes, actor=actor, now=now)


def _condition(asset: Asset) -> str:
    """What is out of the ordinary about an asset, else its environment."""
    words = ["lost"] if asset.is_lost else []
    if asset.activity != "active":
        words.append(dict(ACTIVITIES).get(asset.activity, asset.activity).lower())
    return ", ".join(words) or asset.environment


OWNERSHIP = (
    Column(
        "owner",
        "Owner",
        Reference(queries.people),
        filter=True,
        edit=True,
        sort=False,
        note=queries.answering,
        help="A person answers by name; else the holder of the role does.",
    ),
    Column("owner_role", "Owner role", Choice(queries.roles), filter=True, edit=True, shown=False),
)
JUDGEMENT = (
    Column("criticality", "Criticality", Choice(LEVELS, tones=LEVEL_TONES), filter=True, edit=True),
    Column("exposure", "Exposure", Choice(LEVELS, tones=LEVEL_TONES), filter=True, edit=True, shown=False),
    Column("lifecycle_stage", "Stage", Choice(LifecycleStage.choices), filter=True, edit=True, shown=False),
    Column("environment", "Environment", Text(longest=60), filter=True, edit=True, shown=False),
)
ACTIONS = (
    Action("confirm", "Confirm", services.confirm_assets, "inventory.edit", icon="circle-check"),
    Action("retire", "Retire", services.retire_assets, "inventory.edit", icon="inbox"),
)

ASSETS = declare(
    Register(
        name="assets",
        one="asset",
        many="Assets",
        rows=queries.assets,
        edit_permission="inventory.edit",
        update=_update,
        actions=ACTIONS,
        buttons=(Button("New AI system", "ai_systems_new", "inventory.edit", icon="plus"),),
        url=lambda asset: asset.get_absolute_url(),
        sort="name",
        live="assets",
        icon="list-details",
        lead="Everything that belongs to AI here, with the lines and the traffic that prove it.",
        views=(
            ("AI systems", "kind=ai_system"),
            ("Unmanaged", "state=unmanaged"),
            ("Candidates", "state=candidate"),
            ("Lost", "lost=yes"),
        ),
        empty_title="No AI assets yet",
        empty_text="Scan a repository, or let telemetry arrive: what runs shows up here by itself.",
        empty_url="/scans/new/",
        empty_action="Scan a repository",
        columns=(
            Column("kind", "Kind", Choice(AssetKind.choices), filter=True),
            Column(
                "name",
                "Asset",
                Text(longest=300),
                link=True,
                search=True,
                edit=True,
                required=True,
                note=_condition,
            ),
            Column(
                "state", "State", Choice(AssetState.choices, tones=STATE_TONES), filter=True, edit=True, required=True
            ),
            Column("activity", "Activity", Choice(ACTIVITIES), filter=True, shown=False),
            Column(
                "system", "AI system", Reference(queries.systems_to_write, key="pk"), filter=True, edit=True, sort=False
            ),
            *OWNERSHIP,
            *JUDGEMENT,
            Column(
                "unit", "Unit", Reference(queries.units_to_write), filter=True, edit=True, required=True, sort=False
            ),
            Column("last_seen", "Last seen", Moment(), value="last_seen_at", filter=True),
            Column(
                "lost", "Lost", Flag("Lost", "Found", ("bad", "neutral")), value="is_lost", filter=True, shown=False
            ),
            Column("first_seen", "First seen", Moment(), value="first_seen_at", filter=True, shown=False),
            Column("telemetry", "Last telemetry", Moment(), value="telemetry_last_seen_at", filter=True, shown=False),
            Column("purpose", "Purpose", Text(longest=2000, multiline=True), search=True, edit=True, shown=False),
            Column("identity", "Identity", Text(mono=True), search=True, shown=False),
        ),
    )
)

SYSTEMS = declare(
    Register(
        name="ai_systems",
        one="AI system",
        many="AI systems",
        rows=queries.ai_systems,
        edit_permission="inventory.edit",
        update=_update,
        create=services.create_system,
        actions=ACTIONS,
        url=lambda asset: asset.get_absolute_url(),
        sort="name",
        live="assets",
        icon="layout-dashboard",
        lead="The unit of governance: what is owned, assessed, watched and reported.",
        views=(("Unmanaged", "state=unmanaged"), ("Without a named owner", "owner=-")),
        empty_title="No AI systems yet",
        empty_text="Create one, or let telemetry show the apps that run. Parts found by scans are then assigned to it.",
        empty_url="/ai-systems/new/",
        empty_action="New AI system",
        columns=(
            Column(
                "name",
                "AI system",
                Text(longest=300),
                link=True,
                search=True,
                edit=True,
                required=True,
                note=lambda asset: asset.purpose[:120],
            ),
            Column("state", "State", Choice(AssetState.choices, tones=STATE_TONES), filter=True),
            Column(
                "unit", "Unit", Reference(queries.units_to_write), filter=True, edit=True, required=True, sort=False
            ),
            *OWNERSHIP,
            Column("criticality", "Criticality", Choice(LEVELS, tones=LEVEL_TONES), filter=True, edit=True),
            Column("exposure", "Exposure", Choice(LEVELS, tones=LEVEL_TONES), filter=True, edit=True, shown=False),
            Column("lifecycle_stage", "Stage", Choice(LifecycleStage.choices), filter=True, edit=True),
            Column("environment", "Environment", Text(longest=60), filter=True, edit=True, shown=False),
            Column("parts", "Parts", Number(), value=lambda asset: asset.part_count or 0, lookup="part_count"),
            Column("telemetry", "Last telemetry", Moment(), value="telemetry_last_seen_at", filter=True),
            Column(
                "service_names",
                "Services",
                Text(longest=2000),
                value=lambda asset: ", ".join(asset.service_names),
                edit=True,
                shown=False,
                help="The service.name values of its telemetry, separated by commas.",
            ),
            Column("purpose", "Purpose", Text(longest=2000, multiline=True), search=True, edit=True, shown=False),
            Column("last_seen", "Last seen", Moment(), value="last_seen_at", filter=True, shown=False),
        ),
    )
)


def scan_state(scan: Scan) -> str:
    """waiting, done or failed; a job that died with its worker failed too."""
    if scan.ok is None:
        return "failed" if scan.job is not None and scan.job.state in {"failed", "cancelled"} else "waiting"
    return "done" if scan.ok else "failed"


SCANS = declare(
    Register(
        name="scans",
        one="scan",
        many="Scans",
        rows=queries.scans,
        edit_permission="inventory.edit",
        create=create_scan,
        buttons=(Button("Upload a scan", "scan_upload", "inventory.edit", icon="upload"),),
        url=lambda scan: reverse("scan_record", args=[scan.pk]),
        sort="-started",
        live="assets",
        icon="radar",
        lead="Reads source code, manifests and model files for AI. Nothing that is scanned is executed.",
        empty_title="No scans yet",
        empty_text="Scan a repository by its address, or upload what `caiso scan PATH --json` found on another machine.",
        empty_url="/scans/new/",
        empty_action="New scan",
        columns=(
            Column(
                "target",
                "Place",
                Text(longest=500),
                link=True,
                search=True,
                create=True,
                required=True,
                note=lambda scan: scan.revision[:12],
                help="https://host/repository, or a full path on the server (administrators and CAISOs, below the allowed folders).",
            ),
            Column(
                "state",
                "State",
                Choice((("waiting", "Running"), ("done", "Done"), ("failed", "Failed")), tones=SCAN_TONES),
                value=scan_state,
            ),
            Column("origin", "Origin", Choice(Scan.Origin.choices), filter=True),
            Column(
                "unit", "Unit", Reference(queries.units_to_write), filter=True, create=True, required=True, sort=False
            ),
            Column(
                "system",
                "AI system",
                Reference(queries.systems_to_write, key="pk"),
                filter=True,
                create=True,
                sort=False,
                help="What is found becomes part of it.",
            ),
            Column("found", "Found", Number()),
            Column("added", "New", Number()),
            Column("lost", "Lost", Number()),
            Column("files", "Files", Number(), shown=False),
            Column("started", "Started", Moment(), value="started_at", filter=True),
            Column("finished", "Finished", Moment(), value="finished_at", filter=True, shown=False),
        ),
    )
)

__all__ = ["ACTIVITIES", "ASSETS", "LEVEL_TONES", "SCANS", "SCAN_TONES", "STATE_TONES", "SYSTEMS", "scan_state"]
