"""Loading the demo: people, systems, a month of telemetry through the detector, and what people did about it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model

from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.records import Encoding, Envelope, Signal, pack_envelope
from caiso.connect.telemetry.wal import WalWriter
from caiso.engine.coverage.apply import apply
from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.loading import default_organisation, find_scenario
from caiso.errors import DomainError
from caiso.web.base.models import AuditVerification, Notification, Person, Task, TokenScope, Unit, User
from caiso.web.base.services import people
from caiso.web.base.services.tokens import create_token
from caiso.web.compliance.models import ControlStateChange
from caiso.web.compliance.services.evaluation import evaluate_controls
from caiso.web.config.environment import environment
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Relation
from caiso.web.organisation.models import Holding
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.services.coverage import compute_coverage
from caiso.web.reports.services.demo import cast, story, traffic
from caiso.web.reports.services.demo.files import with_files
from caiso.web.soc.detector import DetectorRun
from caiso.web.soc.models import Alert, Incident, Source
from caiso.web.soc.services.coverage import compute_technique_coverage

DAYS = 30
Tell = Callable[[str], None]


class UnableToLoad(DomainError):
    """The demo cannot be loaded into this store now."""


@dataclass(frozen=True)
class Login:
    """A demo login that may be shown to whoever starts the product."""

    email: str
    password: str
    role: str


def is_loaded() -> bool:
    """Whether demo data is in the store."""
    return Unit.objects.filter(is_demo=True).exists()


def load_demo(*, now: datetime, tell: Tell = lambda line: None) -> list[Login]:
    """Load the demo; it needs the detector's lease, so it runs before the processes start or while the detector rests."""
    if is_loaded():
        raise UnableToLoad("the demo is loaded already; remove it first")
    root = Unit.objects.filter(parent=None, is_demo=False).first()
    if root is None:
        raise UnableToLoad("the store is not prepared yet; run `caiso up` once")
    day = _days(now)[0]
    marks = _Marks()
    with transaction.atomic():
        tell("people, roles and systems")
        units = _units(root, now=day)
        users, logins = _cast(units, root=root, now=day)
        _organisation(root, now=day)
        _systems(units, now=day)
        source = _source(units[cast.ROOT], now=day)
    tell("a month of telemetry through the detector")
    _live_through(source, users, now=now, tell=tell)
    marks.set()
    return logins


class _Marks:
    """Marks what was made since it was created as demo."""

    def __init__(self) -> None:
        tables: tuple[type[Model], ...] = (Alert, Incident, Asset, Relation, ControlStateChange, Task, Notification)
        self._last = {table: self._newest(table) for table in tables}

    @staticmethod
    def _newest(table: type[Model]) -> int:
        found = table._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        return int(found or 0)

    def set(self) -> None:
        """Everything newer than at the start is demo."""
        for table, last in self._last.items():
            table._default_manager.filter(pk__gt=last).update(is_demo=True)


def _days(now: datetime) -> list[datetime]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=back) for back in range(DAYS, -1, -1)]


def _units(root: Unit, *, now: datetime) -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for slug, name in cast.UNITS:
        parent = units.get(cast.ROOT, root)
        units[slug] = people.create_unit(name=name, parent=parent, slug=slug, is_demo=True, actor=None, now=now)
    return units


def _cast(units: dict[str, Unit], *, root: Unit, now: datetime) -> tuple[dict[str, User], list[Login]]:
    """Everybody, and logins for those who have one; they see the whole organisation, since the demo is all there is."""
    users, logins = {}, []
    for member in cast.CAST:
        user = None
        if member.access is not None:
            password = secrets.token_urlsafe(12)
            user, _ = people.create_user(
                email=member.email, name=member.name, password=password, is_demo=True, actor=None, now=now
            )
            unit = units[member.unit] if member is cast.OWNER else root
            people.grant_role(user, role=member.access, unit=unit, actor=None, now=now)
            users[member.slug] = user
            logins.append(Login(member.email, password, str(member.access.label)))
        slug = member.slug.replace(".", "-")
        people.create_person(
            name=member.name,
            unit=units[member.unit],
            email=member.email,
            slug=slug,
            user=user,
            is_demo=True,
            actor=None,
            now=now,
        )
    return users, logins


def _organisation(root: Unit, *, now: datetime) -> None:
    """Three officers, and a CAISO since some weeks; nothing is replaced where people hold roles already."""
    if Holding.objects.filter(person__is_demo=False).exists():
        return
    held = [member for member in cast.CAST if member.role]
    base = default_organisation()
    officers = tuple(_holding(member, now) for member in held if member.role != "caiso")
    units = tuple(engine.Unit(slug, name, None if slug == cast.ROOT else cast.ROOT) for slug, name in cast.UNITS)
    with_people = replace(base, units=units, people=_engine_people(), holdings=officers)
    scenario = find_scenario(base, "add-caiso")
    taken = apply(with_people, scenario, as_of=(now + timedelta(days=DAYS - cast.CAISO.since_days)).date()).organisation
    own = {member.role: member for member in held}
    holdings = tuple(
        one if one.role not in own else replace(one, person=_slug(own[one.role])) for one in taken.holdings
    )
    named = {one.person for one in holdings}
    kept = tuple(one for one in taken.people if one.id in named or not one.unnamed)
    whole = with_files(replace(taken, people=kept, holdings=holdings), today=(now + timedelta(days=DAYS)).date())
    take_organisation(whole, root=root, actor=None, now=now, demo=True)


def _slug(member: cast.Member) -> str:
    return member.slug.replace(".", "-")


def _engine_people() -> tuple[engine.Person, ...]:
    return tuple(engine.Person(id=_slug(member), name=member.name, unit=member.unit) for member in cast.CAST)


def _holding(member: cast.Member, now: datetime) -> engine.Holding:
    since = (now + timedelta(days=DAYS)).date() - timedelta(days=member.since_days)
    return engine.Holding(person=_slug(member), role=member.role, since_on=since)


def _systems(units: dict[str, Unit], *, now: datetime) -> None:
    for system in cast.SYSTEMS:
        owner = Person.objects.filter(slug=system.owner.replace(".", "-")).first() if system.owner else None
        Asset.objects.create(
            kind=AssetKind.AI_SYSTEM,
            name=system.name,
            identity=f"ai_system:{system.service}",
            state=AssetState.CONFIRMED,
            unit=units[system.unit],
            purpose=system.purpose,
            lifecycle_stage=system.stage,
            environment="production" if system.stage == "operation" else "test",
            criticality=system.criticality,
            exposure=system.exposure,
            data_classes=list(system.data_classes),
            owner=owner,
            owner_role=system.owner_role,
            service_names=[system.service],
            first_seen_at=now,
            last_seen_at=now,
            is_demo=True,
        )


def _source(unit: Unit, *, now: datetime) -> Source:
    token, _ = create_token(name="AI gateway (demo)", scope=TokenScope.INGEST, unit=unit, actor=None, now=now)
    return Source.objects.create(slug=token.prefix, name=token.name, unit=unit, token=token, is_demo=True)


def _live_through(source: Source, users: dict[str, User], *, now: datetime, tell: Tell) -> None:
    """Each day: its telemetry through the detector, what people did, and the figures of the evening."""
    players = story.Players(users)
    clock = _Clock(_days(now)[0])
    run = DetectorRun(clock=clock)
    if not run.begin():
        raise UnableToLoad("the detector is at work; stop the product, then load the demo")
    writer = WalWriter(environment().data / "wal", KeyRing(environment().data / "keys", "wal"), prefix="demo")
    try:
        for day in _days(now):
            _arrive(day, source, writer=writer, run=run, clock=clock, now=now)
            clock.at = min(now, day.replace(hour=18))
            story.play(day, now=now, players=players)
            compute_coverage(now=clock.at)
            _verified(clock.at, now=now)
            if _is_eventful(day, now=now):
                compute_technique_coverage(now=clock.at)
                evaluate_controls(now=clock.at)
            tell(f"{day:%-d %B}")
        run.end()
    finally:
        writer.close()


def _is_eventful(day: datetime, *, now: datetime) -> bool:
    """Days on which something can have changed, and one a week besides."""
    age = (now.date() - day.date()).days
    return age in {attack.days_ago for attack in story.ATTACKS} or age % 7 == 2 or age in {0, 20}


class _Clock:
    """The time that the demo is told."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def _arrive(
    day: datetime, source: Source, *, writer: WalWriter, run: DetectorRun, clock: _Clock, now: datetime
) -> None:
    """Each attack arrives when it happens; the ordinary talk of the day comes in one delivery at its end."""
    attacks = [attack for attack in story.ATTACKS if story.moment(now, attack).date() == day.date()]
    for burst in [attack.make(story.moment(now, attack)) for attack in attacks]:
        clock.at = burst.at + timedelta(seconds=30)
        writer.append([_envelope(burst, source, clock.at)])
        run.drain()
    clock.at = min(now, day.replace(hour=19, minute=30))
    ordinary = sorted(traffic.ordinary_day(day, until=now, seed=7), key=lambda one: one.at)
    writer.append([_envelope(burst, source, clock.at) for burst in ordinary])
    run.drain()


def _envelope(burst: traffic.Burst, source: Source, at: datetime) -> bytes:
    return pack_envelope(
        Envelope(
            source_id=source.slug,
            signal=Signal.TRACES,
            encoding=Encoding.JSON,
            ingest_us=int(at.timestamp() * 1_000_000),
            body=burst.body(),
        )
    )


def _verified(at: datetime, *, now: datetime) -> None:
    """The nightly verification of the audit chain found nothing; only days that are over have one."""
    if at < now:
        AuditVerification.objects.create(verified_at=at, ok=True, records=0)
