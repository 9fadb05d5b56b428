"""What happened in the demo's month, day by day; each step acts through the same services as a person would."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from caiso.web.base.models import User
from caiso.web.inventory.models import Asset, AssetState
from caiso.web.inventory.services.assets import confirm_assets
from caiso.web.reports.services.demo import cast, traffic
from caiso.web.reports.services.demo.traffic import Burst
from caiso.web.soc.models import Alert, Incident
from caiso.web.soc.services import alerts, incidents


@dataclass(frozen=True)
class Attack:
    """Something that arrives `days_ago`, at an hour."""

    days_ago: int
    hour: float
    make: Callable[[datetime], Burst]


ATTACKS = (
    Attack(26, 10.2, traffic.override_attempt),
    Attack(24, 15.7, traffic.prompt_probe),
    Attack(19, 9.5, traffic.override_attempt),
    Attack(15, 11.0, traffic.leaked_key),
    Attack(11, 16.3, traffic.prompt_probe),
    Attack(9, 14.1, traffic.override_attempt),
    Attack(3, 10.4, traffic.shadow_app),
    Attack(2, 9.8, traffic.exfiltration),
    Attack(1, 13.2, traffic.refusals_then_success),
    Attack(0, 2.0, traffic.injected_mail),
)


def moment(now: datetime, attack: Attack) -> datetime:
    """When the attack arrives; one of today lies so many hours back."""
    if attack.days_ago == 0:
        return now - timedelta(hours=attack.hour)
    day = (now - timedelta(days=attack.days_ago)).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(hours=attack.hour)


class Players:
    """The demo's logins by member."""

    def __init__(self, users: dict[str, User]) -> None:
        self.lead = users[cast.LEAD.slug]
        self.analyst = users[cast.ANALYST.slug]
        self.caiso = users[cast.CAISO.slug]


def play(day: datetime, *, now: datetime, players: Players) -> None:
    """What people did on that day."""
    age = (now.date() - day.date()).days
    evening = day.replace(hour=17, minute=30, second=0, microsecond=0)
    if age == 0:
        return
    if age == 28:
        _know_the_parts(evening, players)
    elif age == 15:
        _handle_leak(evening, players)
    elif age == 14:
        _close_leak(evening, players)
    elif age == 2:
        _open_exfiltration(evening, players)
    elif age == 1:
        _contain_exfiltration(evening, players)
    _triage(evening, players)


def _know_the_parts(at: datetime, players: Players) -> None:
    """The first week's models and tools are looked at and confirmed; what appears later has to be decided again."""
    parts = Asset.objects.filter(state=AssetState.UNMANAGED, system__is_demo=True)
    confirm_assets(list(parts), actor=players.caiso, now=at)


def _triage(at: datetime, players: Players) -> None:
    """The analyst takes what is open and closes what failed."""
    waiting = Alert.objects.filter(state=Alert.State.NEW, source__is_demo=True, incident=None, last_event_at__lte=at)
    for alert in waiting.order_by("pk"):
        alerts.acknowledge_alert(alert, actor=players.analyst, now=at)
        if alert.rule.slug in {"prompt-override", "system-prompt-probe"}:
            reason = "refused by the assistant, nothing came of it"
            alerts.close_alert(
                alert, verdict="true", reason=reason, actor=players.analyst, now=at + timedelta(minutes=6)
            )


def _newest(*rules: str) -> list[Alert]:
    rows = Alert.objects.filter(rule__slug__in=rules, source__is_demo=True, incident=None).exclude(
        state=Alert.State.CLOSED
    )
    return list(rows.order_by("-score"))


def _handle_leak(at: datetime, players: Players) -> None:
    found = _newest("secret-in-output")
    if not found:
        return
    incident = incidents.open_incident(
        title="Copilot repeats an access key from a claim file",
        severity="medium",
        unit=found[0].unit,
        asset=found[0].asset,
        description="A configuration export in claim 48731 held a key of the claimant; the copilot quoted it to a handler.",
        alerts=found,
        actor=players.lead,
        now=at,
    )
    for name, value in (("personal_data", False), ("detected", (at - timedelta(hours=6)).isoformat())):
        incidents.state_fact(incident, name=name, value=value, reason="", actor=players.lead, now=at)
    for step in ("triage", "investigating", "contained"):
        incidents.advance_incident(incident, to=step, actor=players.lead, now=at + timedelta(minutes=40))
    incidents.add_note(
        incident,
        text="Claimant told, key revoked by them; answer removed from the case file.",
        kind="action",
        actor=players.lead,
        now=at + timedelta(minutes=50),
    )


def _close_leak(at: datetime, players: Players) -> None:
    incident = (
        Incident.objects.filter(title__startswith="Copilot repeats", is_demo=False, state="contained")
        .order_by("-pk")
        .first()
    )
    if incident is None:
        return
    for step in ("eradicated", "recovered", "review"):
        incidents.advance_incident(incident, to=step, actor=players.lead, now=at)
    review = (
        "A key stood in an attachment and passed through. Attachments are now masked before the copilot reads them."
    )
    incidents.update_incident(incident, changes={"review": review}, actor=players.lead, now=at)
    incidents.advance_incident(incident, to="closed", actor=players.lead, now=at)


def _open_exfiltration(at: datetime, players: Players) -> None:
    found = _newest("lethal-trifecta", "injection-to-action", "injected-instructions")
    if not found:
        return
    incident = incidents.open_incident(
        title="Prompt injection by mail sends customer records away",
        severity="critical",
        unit=found[0].unit,
        asset=found[0].asset,
        description="A mail from outside carried hidden orders. The copilot exported 214 customer records and mailed them to an address outside.",
        alerts=found,
        technique="AML.T0086",
        actor=players.lead,
        now=at,
    )
    incidents.advance_incident(incident, to="investigating", actor=players.lead, now=at + timedelta(minutes=15))
    determinations = (
        ("detected", (at - timedelta(hours=7)).isoformat()),
        ("aware", at.isoformat()),
        ("personal_data", True),
        ("gdpr_role", "controller"),
        ("risk_to_persons", True),
        ("nis2_entity", "none"),
        ("ai_act_role", "deployer"),
        ("ai_system_class", "limited"),
    )
    for name, value in determinations:
        incidents.state_fact(
            incident, name=name, value=value, reason="", actor=players.caiso, now=at + timedelta(minutes=30)
        )


def _contain_exfiltration(at: datetime, players: Players) -> None:
    incident = (
        Incident.objects.filter(title__startswith="Prompt injection by mail", state="investigating")
        .order_by("-pk")
        .first()
    )
    if incident is None:
        return
    incidents.add_note(
        incident,
        text="The tool send_email is off for the copilot; egress to claims-audit.example is blocked.",
        kind="action",
        actor=players.lead,
        now=at - timedelta(hours=6),
    )
    incidents.add_note(
        incident,
        text="214 records in scope: name, policy number and IBAN. No health data.",
        actor=players.analyst,
        now=at - timedelta(hours=3),
    )
    incidents.advance_incident(incident, to="contained", reason="tool off, address blocked", actor=players.lead, now=at)
