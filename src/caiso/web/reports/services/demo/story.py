"""What people did in the demo's month, day by day; each step acts through the same services as a person would."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from caiso.web.base.models import Unit, User
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.inventory.services.assets import confirm_assets, retire_assets
from caiso.web.reports.services.demo import cast, proofs, structure
from caiso.web.reports.services.demo.casework import CASES, play_cases
from caiso.web.reports.services.demo.talk import GATEWAY, PLATFORM
from caiso.web.soc.models import Alert, DetectionRule, Source
from caiso.web.soc.services import alerts

REFUSED = "refused by the assistant, nothing came of it"
# rule -> verdict and what the analyst wrote; other alerts stay with whoever took them
VERDICTS: Mapping[str, tuple[str, str]] = {
    "prompt-override": ("true", REFUSED),
    "persona-bypass": ("true", REFUSED),
    "system-prompt-probe": ("true", REFUSED),
    "encoded-orders": ("true", "the assistant did not decode it"),
    "hidden-characters": ("true", "invisible order stripped by the gateway; the customer was asked and knows nothing"),
    "injected-instructions": ("true", "the copilot read the order and did not follow it"),
    "bulk-retrieval": ("benign", "the outside auditor reads the whole handbook, announced by Compliance"),
    "credential-hunting": ("false", "a handler looked for the place of the vault, as the answer shows"),
    "payment-without-approval": ("benign", "acceptance test of the pay-out function with one euro"),
    "cascading-failure": ("benign", "planned maintenance of the claim system"),
    "artifact-signature-invalid": ("true", "the file was replaced in transit; fetched again and verified"),
    "content-missing": ("benign", "the platform's contract allows no text; to be renegotiated"),
}
LEARNT = {"training-desk": ("false", "role play of the training desk, announced each month")}


@dataclass(frozen=True)
class Stage:
    """Where the story plays: the organisation itself, the demo's units and its logins."""

    root: Unit
    units: Mapping[str, Unit]
    users: Mapping[str, User]
    founded: bool

    @property
    def unit(self) -> Unit:
        """The demo's own top."""
        return self.units[cast.ROOT]


def play(day: datetime, *, now: datetime, stage: Stage) -> None:
    """What people did on that day; of today nothing has happened yet."""
    age = (now.date() - day.date()).days
    evening = day.replace(hour=17, minute=30, second=0, microsecond=0)
    if age == 0:
        return
    if stage.founded:
        _organise(age, evening, now=now, stage=stage)
    _prove(age, evening, stage=stage)
    play_cases(age, evening, now=now, users=stage.users)
    if evening.weekday() < 5 or age == 1:  # at the weekend only what burns is taken
        _triage(evening, stage.users)
    _tune(age, evening, stage=stage)


def _organise(age: int, at: datetime, *, now: datetime, stage: Stage) -> None:
    if age == 24:
        structure.plan_caiso(at, unit=stage.unit, users=stage.users)
    elif age == cast.CAISO.since_days:
        structure.appoint_caiso(at, root=stage.root, users=stage.users)
    elif age == 13:
        structure.settle_in(at, now=now, root=stage.root, users=stage.users)
    elif age == 6:
        structure.plan_team(at, unit=stage.unit, users=stage.users)
    elif age == 1:
        structure.go_away(at, now=now, users=stage.users)


def _prove(age: int, at: datetime, *, stage: Stage) -> None:
    caiso, owner = stage.users[cast.CAISO.slug], stage.users[cast.OWNER.slug]
    if age == 28:
        _know_the_parts(at, caiso)
    elif age == 26:
        proofs.scan(at, cast.COPILOT, proofs.COPILOT_FILES, units=stage.units, actor=owner)
        proofs.scan(at, cast.ASSISTANT, proofs.ASSISTANT_FILES, units=stage.units, actor=owner)
    elif age == 25:
        _know_the_parts(at, caiso)
    elif age == 11:
        _stop_the_minutes(at, caiso)
        _know_the_parts(at, caiso)
        proofs.review_links(at, actor=caiso)
    elif age == 5:
        without = {path: text for path, text in proofs.COPILOT_FILES.items() if path != ".mcp.json"}
        proofs.scan(at, cast.COPILOT, without | proofs.LATER, units=stage.units, actor=owner)
    proofs.leave_evidence(age, at, unit=stage.unit, users=stage.users)


def _know_the_parts(at: datetime, caiso: User) -> None:
    """The first models and tools are looked at and confirmed; what appears later has to be decided again."""
    waiting = Asset.objects.filter(
        state__in=[AssetState.UNMANAGED, AssetState.CANDIDATE], unit__is_demo=True, system__isnull=False
    ).exclude(system__state=AssetState.RETIRED)
    if found := list(waiting):
        confirm_assets(found, actor=caiso, now=at)


def _stop_the_minutes(at: datetime, caiso: User) -> None:
    """An app that nobody had registered was switched off by whoever had bought it."""
    found = list(Asset.objects.filter(identity="ai_system:minutes-bot", kind=AssetKind.AI_SYSTEM))
    if found:
        retire_assets(found, actor=caiso, now=at)


def _triage(at: datetime, users: Mapping[str, User]) -> None:
    """The analyst takes what is open, closes what is clear, and leaves cases to their incidents."""
    analyst = users[cast.ANALYST.slug]
    waiting = Alert.objects.filter(state=Alert.State.NEW, unit__is_demo=True, incident=None, last_event_at__lte=at)
    for alert in waiting.select_related("rule").order_by("pk"):
        alerts.acknowledge_alert(alert, actor=analyst, now=at)
        found = LEARNT.get(alert.subject_user) or VERDICTS.get(alert.rule.slug)
        if found is not None:
            verdict, reason = found
            alerts.close_alert(alert, verdict=verdict, reason=reason, actor=analyst, now=at + timedelta(minutes=6))


def _tune(age: int, at: datetime, *, stage: Stage) -> None:
    """Rules that cried wolf are silenced for a while, with a reason and an end."""
    engineer = stage.users[cast.ENGINEER.slug]
    for days_ago, slug, entity, reason, ends, sender in (
        (26, "persona-bypass", {"user": "training-desk"}, "role play of the training desk", 40, GATEWAY),
        (20, "content-missing", {"service": "cv-screening"}, "the supplier sends no text until March", 29, PLATFORM),
    ):
        if age == days_ago:
            rule = DetectionRule.objects.filter(slug=slug).first()
            source = Source.objects.filter(name=sender, is_demo=True).select_related("unit").first()
            if rule is not None and source is not None:
                alerts.suppress(
                    rule, entity=entity, reason=reason, expires_at=at + timedelta(days=ends), unit=source.unit,
                    actor=engineer, now=at,
                )  # fmt: skip


def eventful_days() -> frozenset[int]:
    """Days on which something that controls look at can have changed."""
    cases = {day for case in CASES for day in (case.opened, *case.states)}
    return frozenset({26, 25, 24, 20, 17, 13, 11, 5, 3, 2, 1, 0} | cases)
