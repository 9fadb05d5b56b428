"""What the demo organisation has on file: attested skills, needs of teams, tools, policies, and records of authority."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.records import (
    AuthorityRecord,
    Process,
    ScorecardEvidence,
    TeamNeed,
    Tool,
)
from caiso.web.reports.services.demo import cast

# By this the records are known again when the demo goes.
PREFIX = "demo-"
SEEN_BY = cast.HR.name
OFFICER = cast.CAISO.person


def with_files(organisation: Organisation, *, today: date) -> Organisation:
    """The organisation with the demo's records; levels are those that the roles assume, so that no state hangs on them."""
    added: dict[str, Any] = {
        collection: (*getattr(organisation, collection), *records) for collection, records in _records(today).items()
    }
    people = tuple(_attested(person, today) for person in organisation.people)
    return replace(organisation, people=people, **added)


def _attested(person: engine.Person, today: date) -> engine.Person:
    levels = cast.ATTESTED.get(person.id)
    if levels is None:
        return person
    seen = today - timedelta(days=60)
    return replace(person, skills=tuple(engine.Skill(name, level, SEEN_BY, seen) for name, level in levels.items()))


def _records(today: date) -> dict[str, Any]:
    def ago(days: int) -> date:
        return today - timedelta(days=days)

    return {
        "delegates": (engine.Delegate(OFFICER, cast.LEAD.person, "caiso", duties=("ai-incident-management",)),),
        "needs": (
            TeamNeed("ai-security", 3, cast.ROOT, people=5),
            TeamNeed("security-operations", 3, cast.ROOT, people=4),
        ),
        "tools": (
            Tool(
                f"{PREFIX}gateway",
                "AI gateway",
                "security",
                ("prompt-filtering", "ai-telemetry"),
                60_000,
                "caiso",
                "The only one of three that kept its promise under load.",
                ago(200),
            ),
            Tool(f"{PREFIX}scanner", "Model file scanner", "security", ("model-scanning",), 12_000, "ciso"),
            Tool(
                f"{PREFIX}register",
                "AI register",
                "governance",
                ("ai-inventory", "ai-risk-register", "model-documentation"),
                25_000,
                "caio",
                "Came with the AI programme.",
                ago(380),
            ),
            Tool(
                f"{PREFIX}workbench",
                "Audit workbench",
                "governance",
                ("evidence-collection", "ai-risk-register"),
                40_000,
                "ciso",
                "In use for all audits.",
                ago(900),
            ),
            Tool(
                f"{PREFIX}attacks",
                "Attack tests in the pipeline",
                "security",
                ("adversarial-testing", "ai-telemetry"),
                12_000,
                "ai-engineering",
                "Chosen by the developers, who run it before each release.",
                ago(150),
            ),
        ),
        "processes": (
            Process(
                f"{PREFIX}ai-risk-policy",
                "AI risk policy",
                "policy",
                "EU AI Act 9",
                owner="caio",
                outcome="Assess once, before first use.",
            ),
            Process(
                f"{PREFIX}security-risk-policy",
                "Security risk policy",
                "policy",
                "EU AI Act 9",
                owner="ciso",
                outcome="Assess every year and after every change.",
            ),
        ),
        "authority_records": (
            AuthorityRecord(f"{PREFIX}appointment", "appointment", "caiso", ago(20), "Letter of appointment", level=4),
            AuthorityRecord(
                f"{PREFIX}board", "board-attendance", "caiso", ago(16), "Minutes, item 4", with_roles=("board",)
            ),
            AuthorityRecord(
                f"{PREFIX}contact", "contact", "caiso", ago(14), "Weekly meeting", with_roles=("ciso", "caio")
            ),
            AuthorityRecord(
                f"{PREFIX}right", "decision-right", "caiso", ago(19), "Charter, section 3", subject="stop an AI system"
            ),
        ),
        "scorecard_evidence": (
            ScorecardEvidence(
                f"{PREFIX}operations",
                OFFICER,
                "qualification-operations",
                4,
                ago(60),
                SEEN_BY,
                "Led the SOC of a bank for six years.",
            ),
            ScorecardEvidence(
                f"{PREFIX}board-work",
                OFFICER,
                "qualification-board",
                2,
                ago(60),
                SEEN_BY,
                "Has reported to a board twice.",
            ),
            ScorecardEvidence(
                f"{PREFIX}threats",
                OFFICER,
                "skill-ai-threats",
                4,
                ago(60),
                SEEN_BY,
                "Led the exercise on model theft and wrote its report.",
            ),
            ScorecardEvidence(
                f"{PREFIX}presence",
                OFFICER,
                "skill-executive-presence",
                3,
                ago(16),
                SEEN_BY,
                "Two sessions of the risk committee, as their minutes say.",
            ),
            ScorecardEvidence(
                f"{PREFIX}translation",
                OFFICER,
                "attribute-translation",
                4,
                ago(16),
                SEEN_BY,
                "Explained to the board in ten minutes what a prompt injection is.",
            ),
        ),
    }
