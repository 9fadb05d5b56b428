"""The demo's incidents: what was opened when, what people determined, and how each went on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from caiso.web.base.models import Person, Task, User
from caiso.web.base.services.workplace import complete_tasks, update_task
from caiso.web.reports.services.demo import cast
from caiso.web.soc.models import Alert, Incident
from caiso.web.soc.services import incidents

WAY = ("investigating", "contained", "eradicated", "recovered", "review", "closed")
NO_DATA = {"personal_data": False, "nis2_entity": "none", "ai_act_role": "deployer", "ai_system_class": "limited"}
DATA = {
    "personal_data": True,
    "gdpr_role": "controller",
    "risk_to_persons": True,
    "high_risk_to_persons": False,
    "nis2_entity": "none",
    "ai_act_role": "deployer",
    "ai_system_class": "limited",
}


@dataclass(frozen=True)
class Case:
    """One incident: the rules that led to it, and on which days it reached which state."""

    rules: tuple[str, ...]
    opened: int
    title: str
    severity: str
    text: str
    technique: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    aware: bool = False
    # {days ago: the state that it reaches that evening}
    states: Mapping[int, str] = field(default_factory=dict)
    # {days ago: what was written into the timeline}
    notes: Mapping[int, str] = field(default_factory=dict)
    reported: int | None = None
    review: str = ""
    leads: str = cast.LEAD.slug
    # hours after now by which each open task is due
    due_hours: Sequence[int] = ()


CASES = (
    Case(
        ("secret-in-output",),
        23,
        "Copilot repeats an access key from a claim file",
        "medium",
        "A configuration export in claim 48731 held a key of the claimant; the copilot quoted it to a handler.",
        facts=NO_DATA,
        states={23: "contained", 22: "closed"},
        notes={23: "Claimant told, key revoked by them; answer removed from the case file."},
        review="A key stood in an attachment and passed through. Attachments are now masked before the copilot reads them.",
    ),
    Case(
        ("same-payload-many-users",),
        20,
        "One jailbreak text from four customers",
        "low",
        "Four logins sent the same text within half an hour; it had been posted in a forum the night before. Nothing got through.",
        facts=NO_DATA,
        states={20: "contained", 19: "closed"},
        notes={20: "The text is blocked at the gateway; the four logins are watched for a week."},
        review="The assistant refused each time. We learned of the forum from an alert and not from reading it: it is now on the watch list.",
    ),
    Case(
        ("llmjacking",),
        17,
        "The assistant's key is used from three countries",
        "high",
        "At night the key of the customer care assistant was used from Vietnam, Brazil and Russia to translate shop pages.",
        facts=NO_DATA,
        states={17: "contained", 15: "eradicated", 13: "closed"},
        notes={
            17: "Key revoked at 07:40, a new one is in the vault. 41 euros of use that was not ours.",
            15: "The key had stood in a public notebook since May. Notebook removed, its history rewritten.",
        },
        review="A test notebook held a live key. Keys are now issued per app with a spending limit, and repositories are scanned each week.",
    ),
    Case(
        ("runaway-loop",),
        16,
        "Copilot asks for the same claim without end",
        "medium",
        "After a time-out the agent repeated one look-up 34 times in 40 seconds and kept three handlers waiting.",
        facts=NO_DATA,
        states={16: "contained", 14: "closed"},
        notes={16: "Retries are limited to three per call."},
        review="The agent took a time-out for an answer. Retries are bounded and the claim system tells overload by name.",
    ),
    Case(
        ("phishing-link",),
        8,
        "Assistant sends customers to a look-alike portal",
        "high",
        "A help page that an outside agency may edit named a new address of the portal. 31 customers were sent there, four signed in.",
        technique="AML.T0070",
        facts=DATA,
        aware=True,
        states={8: "contained", 7: "recovered", 5: "closed"},
        notes={
            8: "Page taken down at 10:15; the assistant reads only pages that two people released.",
            7: "The four customers were called and have new passwords.",
        },
        reported=7,
        review="Anybody at the agency could change what the assistant reads. Release by two people, and a check of links before a page is indexed.",
        leads=cast.CAISO.slug,
    ),
    Case(
        ("covert-memory-order", "untrusted-memory-write"),
        7,
        "A document plants a lasting order in the copilot's memory",
        "high",
        "A repair estimate told the copilot to send a copy of every letter to an address outside, and to keep quiet about it.",
        facts=NO_DATA,
        states={7: "contained", 5: "recovered", 4: "review"},
        notes={
            7: "Memory of the copilot emptied; writing to it needs a handler's click until further notice.",
            5: "No letter had left: sending was blocked at the mail gateway.",
        },
        due_hours=(-20, 30, 78),
    ),
    Case(
        ("tool-rug-pull", "tool-definition-change"),
        3,
        "Mail tool changed its definition under the same version",
        "medium",
        "The tool read_email answers to another definition than last month, though its version is still 2.1.",
        facts={"personal_data": False},
        states={3: "investigating"},
        notes={2: "Supplier asked for the build log; the tool may read and not send until they answer."},
        due_hours=(6, 54),
    ),
    Case(
        ("lethal-trifecta", "injection-to-action", "injected-instructions"),
        2,
        "Prompt injection by mail sends customer records away",
        "critical",
        "A mail from outside carried hidden orders. The copilot exported 214 customer records and mailed them to an address outside.",
        technique="AML.T0086",
        facts=DATA,
        aware=True,
        states={2: "investigating", 1: "contained"},
        notes={1: "The tool send_email is off for the copilot; egress to claims-audit.example is blocked. 214 records in scope: name, policy number and IBAN. No health data."},
        leads=cast.CAISO.slug,
        due_hours=(9, 20, 22),
    ),
)  # fmt: skip


def play_cases(age: int, at: datetime, *, now: datetime, users: Mapping[str, User]) -> None:
    """Open what was opened on that day, and take the others on."""
    for case in CASES:
        if case.opened == age:
            _open(case, at, users)
        incident = _incident(case) if case.opened >= age else None
        if incident is not None:
            _go_on(incident, case, age, at, now=now, users=users)


def _incident(case: Case) -> Incident | None:
    rows = Incident.objects.filter(title=case.title, unit__is_demo=True).exclude(state=Incident.State.CLOSED)
    return rows.order_by("-pk").first()


def _open(case: Case, at: datetime, users: Mapping[str, User]) -> None:
    found = Alert.objects.filter(rule__slug__in=case.rules, unit__is_demo=True, incident=None)
    alerts = list(found.exclude(state=Alert.State.CLOSED).order_by("-score"))
    if not alerts:
        return
    incident = incidents.open_incident(
        title=case.title,
        severity=case.severity,
        unit=alerts[0].unit,
        asset=alerts[0].asset,
        description=case.text,
        alerts=alerts,
        technique=case.technique,
        lead=Person.objects.filter(user=users[case.leads]).first(),
        actor=users[cast.LEAD.slug],
        now=at,
    )
    first = min(alert.first_event_at for alert in alerts)
    facts = {"detected": first.isoformat(), **({"aware": at.isoformat()} if case.aware else {}), **case.facts}
    for name, value in facts.items():
        incidents.state_fact(incident, name=name, value=value, reason="", actor=users[cast.CAISO.slug], now=at)


def _go_on(incident: Incident, case: Case, age: int, at: datetime, *, now: datetime, users: Mapping[str, User]) -> None:
    lead = users[case.leads]
    if case.reported == age:
        sent = (at + timedelta(minutes=5)).isoformat()
        incidents.state_fact(
            incident,
            name="notified.gdpr-33-authority",
            value=sent,
            reason="",
            actor=lead,
            now=at + timedelta(minutes=6),
        )
    if age in case.notes:
        incidents.add_note(incident, text=case.notes[age], kind="action", actor=lead, now=at + timedelta(minutes=10))
    wanted = case.states.get(age)
    if wanted:
        _advance(incident, case, wanted, actor=lead, at=at + timedelta(minutes=20))
    if case.due_hours and age == 1:
        _date_tasks(incident, case, now=now, actor=lead)


def _advance(incident: Incident, case: Case, wanted: str, *, actor: User, at: datetime) -> None:
    """Through every state up to the wanted one; closing finishes the tasks and needs the review."""
    here = WAY.index(incident.state) if incident.state in WAY else -1
    for step in WAY[here + 1 : WAY.index(wanted) + 1]:
        if step == "closed":
            incidents.update_incident(incident, changes={"review": case.review}, actor=actor, now=at)
            complete_tasks(_tasks(incident), actor=actor, now=at)
        incidents.advance_incident(incident, to=step, actor=actor, now=at)


def _tasks(incident: Incident) -> list[Task]:
    rows = Task.objects.filter(subject_type="Incident", subject_id=str(incident.pk), state=Task.State.OPEN)
    return list(rows.order_by("pk"))


def _date_tasks(incident: Incident, case: Case, *, now: datetime, actor: User) -> None:
    """Some of the first tasks are done, the others have their dates."""
    tasks = _tasks(incident)
    done, left = tasks[: len(tasks) - len(case.due_hours)], tasks[len(tasks) - len(case.due_hours) :]
    complete_tasks(done, actor=actor, now=now - timedelta(hours=18))
    for task, hours in zip(left, case.due_hours, strict=False):
        due = (now + timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        update_task(task, changes={"due_at": due}, actor=actor, now=now - timedelta(hours=17))
