"""The lists of the organisation: duties and roles."""

from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from caiso.engine.coverage.organisation.model import FAMILIES
from caiso.web.base.access import Viewer
from caiso.web.base.register import Button, Choice, Column, Day, Flag, Moment, Number, Register, Tags, Text, declare
from caiso.web.organisation import queries
from caiso.web.organisation.models import Assignment, Duty, Role, Scenario, Tool

STATE_TONES = {
    "covered": "good",
    "unqualified": "warn",
    "unstaffed": "high",
    "contested": "high",
    "unowned": "bad",
}
SCENARIO_TONES = {"draft": "info", "adopted": "good", "discarded": "neutral"}
FAMILY_NAMES = {
    "ai": "AI",
    "technology": "Technology",
    "security": "Security",
    "strategic": "Strategic",
    "operational": "Operational",
    "technical": "Technical",
    "grc": "Governance, risk, compliance",
    "collaboration": "Collaboration",
    "other": "Other",
}
FAMILY_CHOICES = tuple((family, FAMILY_NAMES[family]) for family in FAMILIES)


def _today() -> date:
    return timezone.now().date()


def _reason(duty: Duty) -> str:
    return str(duty.coverage.reason)[:140] if hasattr(duty, "coverage") else "not computed yet"


def _state(duty: Duty) -> str:
    return str(duty.coverage.state) if hasattr(duty, "coverage") else ""


def _accountable(duty: Duty) -> Role | None:
    return duty.coverage.accountable if hasattr(duty, "coverage") else None


def _holders(duty: Duty) -> list[str]:
    return [row.person.name for row in queries.holders_now(_accountable(duty), on=_today())]


def shortfall_words(shortfalls: list[dict[str, Any]]) -> list[str]:
    """ "security-engineering 1 of 3" for each competence that is missing."""
    return [f"{one['competence']} {one['held']} of {one['needed']}" for one in shortfalls]


def _shortfalls(duty: Duty) -> list[str]:
    return shortfall_words(duty.coverage.shortfalls) if hasattr(duty, "coverage") else []


DUTIES = declare(
    Register(
        name="duties",
        one="duty",
        many="Duties",
        rows=queries.visible_duties,
        url=lambda duty: duty.get_absolute_url(),
        sort="family,title",
        live="coverage",
        icon="checklist",
        lead="What somebody must own, and whether somebody fit and free answers for it.",
        views=(
            ("Not covered", "state=unqualified&state=unstaffed&state=contested&state=unowned"),
            ("AI security", "ai_security=yes"),
            (
                "AI security, not covered",
                "ai_security=yes&state=unqualified&state=unstaffed&state=contested&state=unowned",
            ),
        ),
        buttons=(Button("Add a duty", "duty_new", "organisation.edit", icon="plus"),),
        empty_title="No duties yet",
        empty_text="Start from the default catalogue, or import your own organisation file.",
        empty_url="/organisation/",
        empty_action="Start",
        columns=(
            Column(
                "state",
                "State",
                Choice(queries.STATES, tones=STATE_TONES),
                value=_state,
                lookup="coverage__state",
                filter=True,
            ),
            Column("title", "Duty", link=True, search=True, note=_reason),
            Column("family", "Family", Choice(FAMILY_CHOICES), filter=True),
            Column(
                "accountable",
                "Accountable",
                value=_accountable,
                lookup="coverage__accountable__title",
                search=True,
            ),
            Column("holders", "Holder", Tags(most=2), value=_holders),
            Column("shortfalls", "Missing", Tags(most=1), value=_shortfalls),
            Column("effort", "Hours a week", Number(decimals=1), value="effort_hours", shown=False),
            Column("priority", "Priority", Number(), filter=True, shown=False),
            Column("ai_security", "AI security", Flag(), value="is_ai_security", filter=True, shown=False),
            Column("stages", "Lifecycle", Tags(), filter=True, sort=False, shown=False),
            Column("unit", "Unit", value="unit.name", search=True, shown=False),
            Column(
                "since",
                "In this state",
                Moment(),
                value=lambda duty: duty.coverage.since if hasattr(duty, "coverage") else None,
                lookup="coverage__since",
                filter=True,
            ),
            Column("id", "Id", Text(mono=True), value="slug", search=True, shown=False),
        ),
    )
)


def _roles(viewer: Viewer) -> "QuerySet[Role]":
    in_force = Q(assignments__until_on=None) | Q(assignments__until_on__gte=_today())
    accountable = Q(assignments__kind=Assignment.Kind.ACCOUNTABLE) & in_force
    rows = queries.visible_roles(viewer)
    return rows.annotate(accountable_for=Count("assignments__duty", filter=accountable, distinct=True))


def _holder_names(role: Role) -> list[str]:
    return [
        f"{row.person.name} (acting)" if row.is_acting else row.person.name
        for row in queries.holders_now(role, on=_today())
    ]


ROLES = declare(
    Register(
        name="roles",
        one="role",
        many="Roles",
        rows=_roles,
        url=lambda role: reverse("role_record", args=[role.pk]),
        sort="title",
        live="coverage",
        icon="id-badge-2",
        lead="Positions of the organisation, who holds them, and what they answer for.",
        buttons=(Button("Add a role", "role_new", "organisation.edit", icon="plus"),),
        empty_title="No roles yet",
        empty_text="Start from the default catalogue, or import your own organisation file.",
        empty_url="/organisation/",
        empty_action="Start",
        columns=(
            Column("title", "Role", link=True, search=True, note=lambda role: role.description[:140]),
            Column("holders", "Holders", Tags(most=3), value=_holder_names),
            Column("accountable", "Accountable for", Number(), value="accountable_for", sort=True),
            Column("capacity", "Hours a week", Number(decimals=1), value="capacity_hours"),
            Column(
                "confirmed",
                "Competences",
                Flag("Confirmed", "Assumed", ("good", "warn")),
                value="is_confirmed",
                filter=True,
            ),
            Column("template", "Template", Flag(), value="is_template", filter=True, shown=False),
            Column("unit", "Unit", value="unit.name", search=True, shown=False),
            Column("id", "Id", Text(mono=True), value="slug", search=True, shown=False),
        ),
    )
)


SCENARIOS = declare(
    Register(
        name="scenarios",
        one="scenario",
        many="Scenarios",
        rows=queries.visible_scenarios,
        url=lambda scenario: scenario.get_absolute_url(),
        sort="-updated",
        icon="git-branch",
        lead="Copies of the organisation to change, compare, and adopt with a recorded decision, or discard.",
        views=(("Drafts", "state=draft"), ("Decided", "state=adopted&state=discarded")),
        buttons=(
            Button("Compare", "scenario_compare", "view", icon="columns"),
            Button("New scenario", "scenario_new", "organisation.edit", icon="plus"),
        ),
        empty_title="No scenario yet",
        empty_text="Start from “add a CAISO” and see what it closes, loads and costs before anybody decides.",
        empty_url="/scenarios/start/?template=add-caiso",
        empty_action="Add a CAISO",
        columns=(
            Column("state", "State", Choice(Scenario.State.choices, tones=SCENARIO_TONES), filter=True),
            Column("name", "Scenario", link=True, search=True, note=lambda row: row.description[:140]),
            Column("steps", "Changes", Number(), value=lambda row: len(row.changes), lookup=None),
            Column("owner", "Owner", value="owner", lookup="owner__name", search=True),
            Column("decided", "Decided by", value="decided_by", search=True),
            Column("unit", "Unit", value="unit.name", search=True, shown=False),
            Column("updated", "Changed", Moment(), value="updated_at", filter=True),
        ),
    )
)


TOOLS = declare(
    Register(
        name="tools",
        one="tool",
        many="Tools",
        rows=queries.visible_tools,
        url=lambda tool: tool.get_absolute_url(),
        sort="title",
        icon="adjustments",
        lead="Security and governance tools: what they can do, what they cost, and how they were chosen.",
        buttons=(Button("Add a tool", "tool_new", "organisation.edit", icon="plus"),),
        empty_title="No tool yet",
        empty_text="Add the tools you have; capabilities that none covers and that several cover then show.",
        empty_url="/tools/add/",
        empty_action="Add a tool",
        columns=(
            Column("title", "Tool", link=True, search=True, note=lambda tool: tool.decision[:140]),
            Column("domain", "Domain", Choice(Tool.Domain.choices), filter=True),
            Column("capabilities", "Can do", Tags(most=3), filter=True, sort=False),
            Column("annual_cost", "Cost a year", Number(decimals=0), filter=True),
            Column("owner", "Owner role", value="owner", lookup="owner__title", search=True),
            Column("decided", "Chosen", Day(), value="decided_on", filter=True),
            Column("unit", "Unit", value="unit.name", search=True, shown=False),
            Column("id", "Id", Text(mono=True), value="slug", search=True, shown=False),
        ),
    )
)
