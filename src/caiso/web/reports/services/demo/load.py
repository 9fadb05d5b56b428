"""Loading the demo: people, systems, a month of telemetry through the detector, and what people did about it."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model

from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.records import Envelope, pack_envelope
from caiso.connect.telemetry.wal import WalWriter
from caiso.errors import DomainError
from caiso.web.base.models import AuditVerification, Notification, Person, Task, TokenScope, Unit, User
from caiso.web.base.services import people
from caiso.web.base.services.settings import change_setting
from caiso.web.base.services.tokens import create_token
from caiso.web.compliance.models import ControlStateChange, Evidence
from caiso.web.compliance.services.evaluation import evaluate_controls
from caiso.web.config.environment import environment
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Relation, Scan
from caiso.web.organisation.services.coverage import compute_coverage
from caiso.web.reports.models import PostureFigure
from caiso.web.reports.services.demo import attacks, cast, days, story, structure, talk
from caiso.web.reports.services.demo.remove import DEMO_SETTING, forget_demo, is_loaded, is_whole
from caiso.web.reports.services.figures import keep_figures
from caiso.web.soc.detector import DetectorRun, utc_now
from caiso.web.soc.models import Alert, Incident, Source
from caiso.web.soc.services.coverage import compute_technique_coverage

DAYS = 30
SENDERS = ((talk.GATEWAY, cast.ROOT), (talk.REGISTRY, cast.CLAIMS), (talk.PLATFORM, cast.PEOPLE))
Tell = Callable[[str], None]


class UnableToLoad(DomainError):
    """The demo cannot be loaded into this store now."""


@dataclass(frozen=True)
class Login:
    """A demo login that may be shown to whoever starts the product."""

    email: str
    password: str
    role: str


def load_demo(*, now: datetime, tell: Tell = lambda line: None) -> list[Login]:
    """Load the demo; it needs the detector's lease, so it runs before the processes start or while the detector rests.

    A load that was broken off is taken away and begun again.
    """
    if is_whole():
        raise UnableToLoad("the demo is loaded already; remove it first")
    if is_loaded():
        tell("removing what an earlier try left")
        forget_demo(actor=None, now=now)
    root = Unit.objects.filter(parent=None, is_demo=False).first()
    if root is None:
        raise UnableToLoad("the store is not prepared yet; run `caiso up` once")
    day = _days(now)[0]
    marks = _Marks()
    with transaction.atomic():
        tell("people, roles and systems")
        units = _units(root, now=day)
        users, logins = _cast(units, root=root, now=day)
        founded = structure.found_organisation(root, now=now)
        _systems(units, now=day)
        senders = {name: _source(name, units[unit], now=day) for name, unit in SENDERS}
    stage = story.Stage(root, units, users, founded)
    _live_through(stage, senders, now=now, tell=tell)
    marks.set()
    change_setting(DEMO_SETTING, {"whole": True}, actor=None, now=now)
    return logins


class _Marks:
    """Marks what was made since it was created as demo."""

    def __init__(self) -> None:
        tables: tuple[type[Model], ...] = (
            Alert, Incident, Asset, Relation, ControlStateChange, Task, Notification, Scan, Evidence,
        )  # fmt: skip
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


def _cast(units: Mapping[str, Unit], *, root: Unit, now: datetime) -> tuple[dict[str, User], list[Login]]:
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
        people.create_person(
            name=member.name,
            unit=units[member.unit],
            email=member.email,
            slug=member.person,
            user=user,
            is_demo=True,
            actor=None,
            now=now,
        )
    return users, logins


def _systems(units: Mapping[str, Unit], *, now: datetime) -> None:
    for system in cast.SYSTEMS:
        owner = Person.objects.filter(slug=system.owner.replace(".", "-")).first() if system.owner else None
        Asset.objects.create(
            kind=AssetKind.AI_SYSTEM,
            name=system.name,
            identity=system.identity,
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


def _source(name: str, unit: Unit, *, now: datetime) -> Source:
    token, _ = create_token(name=name, scope=TokenScope.INGEST, unit=unit, actor=None, now=now)
    return Source.objects.create(slug=token.prefix, name=token.name, unit=unit, token=token, is_demo=True)


def _live_through(stage: story.Stage, senders: Mapping[str, Source], *, now: datetime, tell: Tell) -> None:
    """Each day: its telemetry through the detector, what people did, and the figures of the evening."""
    clock = _Clock(_days(now)[0])
    tell("detection rules")
    run = DetectorRun(clock=clock, lease_clock=utc_now)
    if not run.begin():
        raise UnableToLoad("the detector is at work; stop the product, then load the demo")
    writer = WalWriter(environment().data / "wal", KeyRing(environment().data / "keys", "wal"), prefix="demo")
    # What the organisation itself knows of its past is not overwritten by an invented one.
    counted = None if not PostureFigure.objects.exists() else [unit.pk for unit in stage.units.values()]
    try:
        for number, day in enumerate(_days(now), 1):
            tell(f"day {number} of {DAYS + 1}")
            _arrive(day, senders, writer=writer, run=run, clock=clock, now=now)
            clock.at = min(now, day.replace(hour=18))
            story.play(day, now=now, stage=stage)
            compute_coverage(now=clock.at)
            _verified(clock.at, now=now)
            if _is_eventful(day, now=now):
                compute_technique_coverage(now=clock.at)
                evaluate_controls(now=clock.at)
            keep_figures(now=clock.at, units=counted)
        run.end()
    finally:
        run.close()
        writer.close()


def _is_eventful(day: datetime, *, now: datetime) -> bool:
    """Days on which something can have changed, and one a week besides."""
    age = (now.date() - day.date()).days
    return age in story.eventful_days() or age % 7 == 2


class _Clock:
    """The time that the demo is told."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def _arrive(
    day: datetime,
    senders: Mapping[str, Source],
    *,
    writer: WalWriter,
    run: DetectorRun,
    clock: _Clock,
    now: datetime,
) -> None:
    """Each attack arrives when it happens; the ordinary talk of the day comes in one delivery at its end."""
    due = [attack for attack in attacks.ATTACKS if attacks.moment(now, attack).date() == day.date()]
    for attack in sorted(due, key=lambda one: attacks.moment(now, one)):
        burst = attack.make(attacks.moment(now, attack))
        clock.at = burst.at + timedelta(seconds=30)
        writer.append([_envelope(burst, senders, clock.at)])
        run.drain()
    clock.at = min(now, day.replace(hour=19, minute=30))
    ordinary = sorted(days.ordinary_day(day, until=now, seed=7), key=lambda one: one.at)
    writer.append([_envelope(burst, senders, clock.at) for burst in ordinary])
    run.drain()


def _envelope(burst: talk.Burst, senders: Mapping[str, Source], at: datetime) -> bytes:
    return pack_envelope(
        Envelope(
            source_id=senders[burst.sender].slug,
            signal=burst.signal,
            encoding=burst.encoding,
            ingest_us=int(at.timestamp() * 1_000_000),
            body=burst.body,
        )
    )


def _verified(at: datetime, *, now: datetime) -> None:
    """The nightly verification of the audit chain found nothing; only days that are over have one."""
    if at < now:
        AuditVerification.objects.create(verified_at=at, ok=True, records=0)
