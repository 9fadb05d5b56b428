"""Fills a prepared data directory with much of everything, straight into the tables and as real event files."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.volume import fill_volume

if TYPE_CHECKING:
    from django.db.models import Model

    from caiso.web.base.models import Person, Unit, User
    from caiso.web.inventory.models import Asset
    from caiso.web.soc.models import Alert, DetectionRule, Incident, Signal, Source

T = TypeVar("T")
BATCH = 2_000
TURNS = 20  # events of a conversation
SEVERITIES = ("low", "medium", "medium", "high", "critical")
STATES = ("new", "acknowledged", "escalated", *["closed"] * 7)
PART_KINDS = ("agent", "tool", "tool", "hosted_model", "mcp_server", "vector_store", "dataset")


@dataclass(frozen=True)
class Sizes:
    """How many rows of what."""

    alerts: int
    assets: int
    systems: int
    incidents: int
    parts: int
    events_per_part: int
    audit: int
    tasks: int


@dataclass(frozen=True)
class Filled:
    """The pages to ask and the files to take, with the session that asks, and what is in the store."""

    pages: list[Asked]
    exports: list[Asked]
    counts: dict[str, int]


@dataclass(frozen=True)
class Asked:
    """A page by its name, its address, and the cookie of whoever asks."""

    name: str
    path: str
    cookie: str


@dataclass
class World:
    """What the rows refer to."""

    now: datetime
    chance: random.Random
    root: Unit
    units: list[Unit]
    people: list[Person]
    rules: list[DetectionRule]
    sources: list[Source]

    def ago(self, days: float) -> datetime:
        """A moment within the last so many days."""
        return self.now - timedelta(days=self.chance.uniform(0, days))


def fill(data: Path, sizes: Sizes) -> Filled:
    """Write the rows and event files; seconds for the quick sizes, a few minutes for the full ones."""
    from caiso.cli.platform import boot

    boot(data)
    world = _world()
    systems, assets = _assets(world, sizes)
    incidents = _incidents(world, systems, sizes.incidents)
    alerts = _alerts(world, systems, incidents, sizes)
    signals = _signals(world, alerts)
    _coverage(world, systems)
    _events(data, world, sizes)
    _trail(world, alerts, sizes.audit)
    _tasks(world, sizes.tasks)
    fill_volume(world, alerts, signals, _officer(), _write)
    from django.db import connection

    from caiso.web.compliance.services.evaluation import evaluate_controls

    evaluate_controls(now=world.now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    officer, analyst = _cookie(_officer()), _cookie(_analyst(world))
    pages = [Asked(name, path, officer) for name, path in _paths(alerts, systems, assets, incidents).items()]
    pages += [Asked(f"{name}, of one unit", path, analyst) for name, path in _paths_of_a_unit().items()]
    exports = [
        Asked("alerts as CSV", "/alerts/export.csv", officer),
        Asked("assets as Excel", "/assets/export.xlsx", officer),
    ]
    return Filled(pages, exports, _counts())


def _write(rows: Iterable[Model]) -> list[Any]:
    """Insert in batches; returns the rows with their keys."""
    source, made = iter(rows), []
    while batch := list(islice(source, BATCH)):
        made += type(batch[0])._default_manager.bulk_create(batch)
    return made


def _world() -> World:
    from caiso.engine.detect.loader import load_rules
    from caiso.web.base.models import Person, Unit
    from caiso.web.soc.models import DetectionRule, Source
    from caiso.web.soc.rulebook import rule_folders

    now, chance = datetime.now(UTC), random.Random(11)
    root = Unit.objects.get(parent=None)
    units = [root]
    for number in range(40):
        above = units[number // 4]
        unit = Unit.objects.create(slug=f"unit-{number}", name=f"Unit {number}", parent=above, path=f"?{number}")
        unit.path = f"{above.path}{unit.pk}/"
        unit.save()
        units.append(unit)
    people = _write(
        Person(slug=f"person-{n}", name=f"Person {n}", email=f"p{n}@acme.example", unit=chance.choice(units))
        for n in range(500)
    )
    found, _ = load_rules(*rule_folders())
    rules = _write(
        DetectionRule(
            slug=rule.id, title=rule.title, severity=rule.severity.value, state="live", kind="single",
            techniques=list(rule.techniques), path=rule.path.name, digest=rule.digest, tests=3, tests_pass=True,
            tested_at=now,
        )
        for rule in found if rule.emits
    )  # fmt: skip
    sources = _write(
        Source(
            slug=f"source-{n}", name=f"Source {n}", unit=chance.choice(units), events=1000, inferences=900,
            first_event_at=now - timedelta(days=30), last_event_at=now,
        )
        for n in range(100)
    )  # fmt: skip
    return World(now, chance, root, units, people, rules, sources)


def _assets(world: World, sizes: Sizes) -> tuple[list[Asset], list[Asset]]:
    from caiso.web.inventory.models import Asset, Observation, Relation

    chance = world.chance
    states = ("confirmed", "confirmed", "unmanaged", "candidate")

    def asset(kind: str, number: int, system: Asset | None) -> Asset:
        name = f"{kind.replace('_', ' ')} {number}"
        return Asset(
            kind=kind, name=name, identity=f"{kind}:{name}", state=chance.choice(states), system=system,
            unit=system.unit if system else chance.choice(world.units), criticality=chance.choice(("high", "low", "")),
            owner=chance.choice(world.people) if chance.random() < 0.6 else None, first_seen_at=world.ago(90),
            last_seen_at=world.ago(20), lifecycle_stage="operation" if system is None else "",
            service_names=[name] if system is None else [],
        )  # fmt: skip

    systems: list[Asset] = _write(asset("ai_system", n, None) for n in range(sizes.systems))
    parts: list[Asset] = _write(
        asset(chance.choice(PART_KINDS), n, chance.choice(systems)) for n in range(sizes.assets - sizes.systems)
    )
    _write(
        Observation(
            asset=part, source="scan", place="repository", path=f"app/{number}/agent.py", line=number % 400, rule="sdk",
            observed_at=world.now,
        )
        for part in parts for number in range(3)
    )  # fmt: skip
    _write(
        Relation(source=part.system, target=part, type="uses", first_seen_at=world.now, last_seen_at=world.now)
        for part in parts
    )
    return systems, systems + parts


def _incidents(world: World, systems: list[Asset], count: int) -> list[Incident]:
    from caiso.web.soc.models import Incident, IncidentClock, IncidentEntry

    chance = world.chance

    def incident(number: int) -> Incident:
        system, opened = chance.choice(systems), world.ago(300)
        is_open = chance.random() < 0.2
        return Incident(
            reference=f"INC-{101 + number}", title=f"Incident {number}", severity=chance.choice(SEVERITIES),
            state=chance.choice(("new", "triage", "investigating", "contained")) if is_open else "closed",
            unit=system.unit, asset=system, lead=chance.choice(world.people), opened_at=opened, technique="AML.T0051",
            closed_at=None if is_open else opened + timedelta(days=2), review="" if is_open else "What we learned.",
        )  # fmt: skip

    made: list[Incident] = _write(incident(number) for number in range(count))
    _write(
        IncidentEntry(incident=one, kind="note", text=f"Line {n} of the timeline", at=one.opened_at, author_label="x")
        for one in made for n in range(12)
    )  # fmt: skip
    _write(
        IncidentClock(
            incident=one, rule=f"rule-{n}", title=f"Duty {n}", source="a law", computed_at=world.now, reason="why",
            state="running" if one.closed_at is None and n == 0 else "not_applicable",
            deadline_at=world.now + timedelta(hours=chance.uniform(1, 90)) if n == 0 else None,
        )
        for one in made for n in range(10)
    )  # fmt: skip
    return made


def _alerts(world: World, systems: list[Asset], incidents: list[Incident], sizes: Sizes) -> list[Alert]:
    from caiso.web.soc.models import Alert

    chance, conversations = world.chance, sizes.parts * sizes.events_per_part // TURNS

    def alert(number: int) -> Alert:
        system, rule, state = chance.choice(systems), chance.choice(world.rules), chance.choice(STATES)
        created = world.ago(60)
        return Alert(
            group_key=f"group-{number}", rule=rule, title=rule.title, severity=chance.choice(SEVERITIES),
            score=chance.randrange(101), score_reasons=["severity"], state=state, unit=system.unit, asset=system,
            verdict=chance.choice(("true", "benign", "false")) if state == "closed" else "",
            technique=rule.techniques[0] if rule.techniques else "", techniques=rule.techniques,
            source=chance.choice(world.sources), incident=chance.choice(incidents) if state == "escalated" else None,
            assignee=None if state == "new" else chance.choice(world.people), conversation_id=f"c{chance.randrange(conversations)}",
            trace_id=f"{number:032x}", subject_user=f"user-{number % 3000}", agent=f"agent-{number % 200}",
            service=system.name, signal_count=1, first_event_at=created, last_event_at=created, created_at=created,
            acknowledged_at=None if state == "new" else created + timedelta(minutes=9),
            closed_at=created + timedelta(hours=1) if state == "closed" else None,
        )  # fmt: skip

    return _write(alert(number) for number in range(sizes.alerts))


def _signals(world: World, alerts: list[Alert]) -> list[Signal]:
    from caiso.web.soc.models import Signal

    return _write(
        Signal(
            uid=f"{number:032x}", alert=alert, rule_id=alert.rule_id, unit_id=alert.unit_id, state="live",
            at=alert.last_event_at, first_at=alert.first_event_at, event_ids=[f"event-{number}"], part=1,
            matches=[["content.user", 0, 5]],
        )
        for number, alert in enumerate(alerts)
    )  # fmt: skip


def _coverage(world: World, systems: list[Asset]) -> None:
    from caiso.web.soc.models import TechniqueCoverage

    techniques = sorted({name for rule in world.rules for name in rule.techniques})
    _write(
        TechniqueCoverage(
            technique=name, asset=system, unit=system.unit, has_tested_live_rule=True, computed_at=world.now,
            fields_arriving=world.chance.random() < 0.7, covered=world.chance.random() < 0.6,
        )
        for system in systems for name in techniques
    )  # fmt: skip


def _events(data: Path, world: World, sizes: Sizes) -> None:
    from caiso.connect.telemetry import parts
    from caiso.connect.telemetry.table import to_table
    from caiso.web.soc.models import Feed
    from caiso.web.soc.services.searching import index_parts
    from caiso.web.soc.services.storage import keep_part

    root = data / "events"
    root.mkdir(exist_ok=True)
    number = 0
    for part in range(sizes.parts):
        begin = world.now - timedelta(hours=sizes.parts - part)
        events = list(_hour(begin, number, sizes.events_per_part))
        number += len(events)
        hour = parts.hour_of(int(begin.timestamp() * 1_000_000))
        info = parts.write_part(root, part + 1, to_table(events), hour=hour, ranges=[])
        keep_part(info, fence=1, now=begin)
    index_parts(now=world.now)  # as the worker does within ten minutes
    _write(
        Feed(source=source, service=f"service-{n}", unit=source.unit, events=100, last_event_at=world.now)
        for source in world.sources for n in range(5)
    )  # fmt: skip


def _hour(begin: datetime, first: int, count: int) -> Iterator[dict[str, object]]:
    at = int(begin.timestamp() * 1_000_000)
    for index in range(count):
        number, time_us = first + index, at + index * 3_600_000_000 // count
        yield {
            "event.id": f"event-{number}", "time": time_us, "observed_time": time_us, "ingest_time": time_us,
            "event.kind": "tool" if number % 3 else "inference", "source.id": f"source-{number % 100}",
            "schema.version": "1", "trace_id": f"{number // 8:032x}", "span_id": f"{number:016x}", "event.name": "chat",
            "service.name": f"service-{number % 5}", "time.marked": "", "gen_ai.conversation.id": f"c{number // TURNS}",
            "aisoc.session": f"c{number // TURNS}", "gen_ai.tool.name": "search", "gen_ai.request.model": "model-1",
            "user.id": f"user-{number % 3000}", "app.release": "2026.11",
        }  # fmt: skip


def _trail(world: World, alerts: list[Alert], count: int) -> None:
    """Audit records as triage leaves them; numbered beyond the chain, which no page verifies."""
    from caiso.web.base.models import AuditRecord

    chance = world.chance
    _write(
        AuditRecord(
            at=world.ago(60), actor_label=f"person {number % 300}", verb=chance.choice(("acknowledge", "close", "export")),
            subject_type="Alert", subject_id=str(alert.pk), subject_label=alert.title, unit_id=alert.unit_id,
            changes={"state": ["new", "acknowledged"]}, changes_digest="0" * 64, sequence=1_000_000 + number,
        )
        for number, alert in ((number, chance.choice(alerts)) for number in range(count))
    )  # fmt: skip


def _tasks(world: World, count: int) -> None:
    from caiso.web.base.models import Person, Task

    chance, officer = world.chance, _officer()
    mine = Person.objects.filter(user=officer).first() or Person.objects.create(
        slug="officer", name="Officer", unit=world.root, user=officer
    )
    _write(
        Task(
            title=f"Task {number}", unit=chance.choice(world.units), created_at=world.ago(60),
            assignee=mine if number % 10 == 0 else chance.choice(world.people), due_at=world.ago(30),
            state=chance.choice(("open", "done")),
        )
        for number in range(count)
    )  # fmt: skip


def _paths(alerts: list[Alert], systems: list[Asset], assets: list[Asset], incidents: list[Incident]) -> dict[str, str]:
    from caiso.web.compliance.models import Control, Framework
    from caiso.web.organisation.models import Duty, Role
    from caiso.web.soc.models import DetectionRule, DrillRun, HuntRun, RiskEntity, Source, TechniqueCoverage

    fresh = max((alert for alert in alerts if alert.state == "new"), key=lambda alert: alert.created_at)
    busy = next(one for one in incidents if one.closed_at is None)
    return {
        "posture": "/",
        "alerts": "/alerts/",
        "alerts, open": "/alerts/?state=new&state=acknowledged&state=escalated",
        "alerts, middle page": f"/alerts/?page={len(alerts) // 100}",
        "alerts, last page": f"/alerts/?page={len(alerts) // 50}",
        "alerts, search for a user": "/alerts/?q=user-77",
        "alerts, search for what all have": "/alerts/?q=user",
        "alerts, search for two letters": "/alerts/?q=ag",
        "alerts, search for nothing there": "/alerts/?q=nowhere",
        "alerts, search for two words": "/alerts/?q=tool+12",
        "alerts, search for one letter": "/alerts/?q=a",
        "alerts by title": "/alerts/?sort=-title",
        "alerts by signals, middle page": f"/alerts/?sort=-signals&page={len(alerts) // 100}",
        "alerts of a verdict": "/alerts/?verdict=false",
        "alerts of a verdict, search": "/alerts/?verdict=false&q=user",
        "alert": f"/alerts/{fresh.pk}/",
        "alert, similar": f"/alerts/{fresh.pk}/?tab=similar",
        "incidents": "/incidents/",
        "incident": f"/incidents/{busy.pk}/",
        "assets": "/assets/",
        "assets, search": "/assets/?q=mcp",
        "AI systems": "/ai-systems/",
        "AI system": f"/assets/{systems[0].pk}/",
        "asset": f"/assets/{assets[-1].pk}/",
        "asset, relate": f"/assets/{assets[-1].pk}/relate/",
        "entity risk": "/entities/",
        "entity": f"/entities/{RiskEntity.objects.all()[0].pk}/",
        "risk settings": "/risk/settings/",
        "risk settings, what they would have cost": "/risk/settings/?outlook=1",
        "scans": "/scans/",
        "controls": "/controls/",
        "control": f"/controls/{Control.objects.get(slug='prompt-injection-triaged').pk}/",
        "evidence": "/evidence/",
        "frameworks": "/frameworks/",
        "framework": f"/frameworks/{Framework.objects.order_by('pk')[0].pk}/",
        "events": "/events/",
        "events, search for a user in all": "/events/?q=user-77&period=0",
        "events of nobody": "/events/?user=nobody&period=0",
        "events, search in a day": "/events/?q=nowhere&period=24",
        "events, search in a week": "/events/?q=nowhere&period=168",
        "conversation, by id alone": f"/events/conversation/?id={fresh.conversation_id}",
        "rules": "/rules/",
        "rule": f"/rules/{DetectionRule.objects.order_by('pk')[0].pk}/",
        "sources": "/sources/",
        "source": f"/sources/{Source.objects.order_by('pk')[0].pk}/",
        "technique coverage": "/technique-coverage/",
        "coverage of a technique": f"/technique-coverage/{TechniqueCoverage.objects.all()[0].pk}/",
        "drills": "/drills/",
        "drill": f"/drills/{DrillRun.objects.all()[0].pk}/",
        "hunt": "/hunt/",
        "hunt, answer": f"/hunt/runs/{HuntRun.objects.all()[0].pk}/",
        "saved hunts": "/saved-hunts/",
        "workbench": "/workbench/",
        "coverage": "/organisation/",
        "chart": "/organisation/chart/",
        "duties": "/duties/",
        "duty": f"/duties/{Duty.objects.order_by('pk')[0].pk}/",
        "roles": "/roles/",
        "role": f"/roles/{Role.objects.order_by('pk')[0].pk}/",
        "people": "/people/",
        "my tasks": "/tasks/",
        "notifications": "/notifications/",
        "jobs": "/jobs/",
        "operations": "/operations/",
        "audit trail": "/audit/",
        "audit trail by person, middle page": "/audit/?sort=actor_label&page=1000",
        "audit trail, search": "/audit/?q=person+77",
        "global search": "/search/?q=agent",
        "global search for a user": "/search/?q=user-77",
        "palette": "/search/palette/?q=us",
        "API: alerts": "/api/v1/alerts?limit=200",
        "API: alerts, last": f"/api/v1/alerts?limit=200&offset={len(alerts) - 200}",
        "API: alerts, search": "/api/v1/alerts?q=user-77",
        "API: assets": "/api/v1/assets?limit=200",
        "API: incidents": "/api/v1/incidents?limit=200",
        "API: audit": "/api/v1/audit?limit=200",
    }


def _paths_of_a_unit() -> dict[str, str]:
    return {
        "posture": "/",
        "alerts": "/alerts/",
        "alerts, search": "/alerts/?q=user",
        "alerts by title": "/alerts/?sort=-title",
        "assets": "/assets/",
        "drills": "/drills/",
        "entity risk": "/entities/",
        "events": "/events/",
        "events, search in a week": "/events/?q=nowhere&period=168",
        "global search": "/search/?q=agent",
    }


def _officer() -> User:
    """The first administrator, who is also the CAISO of the root unit."""
    from caiso.web.base.models import User

    return User.objects.order_by("pk")[0]


def _analyst(world: World) -> User:
    """A login that sees one unit of the second level and those below it."""
    from caiso.web.base.models import AccessGrant, User

    user = User.objects.create_user("analyst@acme.example", None, name="Analyst")
    AccessGrant.objects.create(user=user, role="analyst", unit=world.units[1], granted_at=world.now)
    return user


def _cookie(user: User) -> str:
    """A session of the login."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def _counts() -> dict[str, int]:
    from django.db.models import Sum

    from caiso.web.base.models import AuditRecord
    from caiso.web.inventory.models import Asset
    from caiso.web.soc.models import Alert, EventPart, Incident

    events = EventPart.objects.aggregate(rows=Sum("rows"))["rows"]
    return {
        "alerts": Alert.objects.count(),
        "assets": Asset.objects.count(),
        "incidents": Incident.objects.count(),
        "events": events,
        "parts": EventPart.objects.count(),
        "audit records": AuditRecord.objects.count(),
    }
