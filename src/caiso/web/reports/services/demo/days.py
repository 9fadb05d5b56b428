"""The ordinary talk of the demo's AI: what people ask every day, and what other systems report."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from caiso.web.reports.services.demo.talk import (
    CARE,
    CLAIMS,
    MAIL_WRITER,
    MINUTES,
    PLATFORM,
    REGISTRY,
    Burst,
    Talk,
    export,
)

HANDLERS = ("j.berg", "m.castillo", "s.okafor", "l.moreau", "d.yilmaz", "p.lindqvist")
CUSTOMERS = tuple(f"cust-{number}" for number in range(1041, 1089))
CLAIM_ASKS = (
    (
        "Summarise claim {n} and list what is missing.",
        "Water damage of 14 October; the plumber's invoice and two photos are missing.",
    ),
    ("Which policy covers claim {n}?", "Household Plus, section 4.2, with a deductible of 150 euros."),
    (
        "Draft a letter that asks for the repair estimate of claim {n}.",
        "Dear Ms Winter, thank you for your report. Please send us the repair estimate.",
    ),
    ("Has anything changed on claim {n} since Monday?", "The assessor visited on Tuesday and confirmed the damage."),
)
CLAIM_PAGES = (
    "Household Plus covers water damage from pipes, with a deductible of 150 euros.",
    "An assessor visits when the damage is estimated above 2,500 euros.",
)
CARE_ASKS = (
    (
        "How do I add my partner to my car policy?",
        "Open the policy in the app, choose Drivers, then Add. It is valid from the next day.",
    ),
    (
        "My card was charged twice this month.",
        "I am sorry about that. The second payment is a reservation and lapses within three days.",
    ),
    ("Is a rental car included after an accident?", "With Mobility Plus it is, for up to 14 days."),
    (
        "I moved last week, what do I have to do?",
        "Please enter the new address under Profile; your premium is computed again.",
    ),
)
CARE_PAGES = ("Mobility Plus includes a rental car for up to 14 days.", "Drivers are added in the app under Drivers.")
HABITS = ("Prefers short letters with the deductible first.", "Works on household claims in the mornings.")


def ordinary_day(day: datetime, *, until: datetime, seed: int) -> Iterator[Burst]:
    """Conversations between 7 and 19 o'clock, fewer at the weekend, and the exports of the evening."""
    chance = random.Random(f"{seed}/{day.date().isoformat()}")  # noqa: S311 - made-up traffic, not a secret
    weekend = day.weekday() >= 5
    for number in range(5 if weekend else 13):
        for make in (_claims, _care):
            at = day.replace(hour=7, minute=0) + timedelta(minutes=chance.randint(0, 720))
            if at < until:
                yield make(f"{seed}/{day.date()}/{make.__name__}/{number}", at, chance)
    for export_of in (_registry, _screening):
        burst = None if weekend else export_of(day, chance)
        if burst is not None and burst.at < until:
            yield burst


def _claims(key: str, at: datetime, chance: random.Random) -> Burst:
    """A claims handler at work: a question, a look-up, an answer."""
    number = chance.randint(48_100, 49_900)
    asked, answer = chance.choice(CLAIM_ASKS)
    talk = Talk(key, CLAIMS, chance.choice(HANDLERS), at)
    if chance.random() < 0.4:
        talk.search(f"policy terms for claim {number}", chance.choice(CLAIM_PAGES))
    slow = chance.random() < 0.03
    talk.tool(
        "get_claim",
        {"claim": str(number)},
        "" if slow else f"claim {number}: water damage, status open",
        error="timeout" if slow else "",
    )
    talk.chat(asked.format(n=number), answer, tokens=chance.randint(400, 1800))
    if chance.random() < 0.05:
        talk.remember(chance.choice(HABITS))
    return talk.burst()


def _care(key: str, at: datetime, chance: random.Random) -> Burst:
    """A customer asks, the assistant looks it up and answers."""
    asked, answer = chance.choice(CARE_ASKS)
    talk = Talk(key, CARE, chance.choice(CUSTOMERS), at)
    if chance.random() < 0.5:
        talk.search(asked, chance.choice(CARE_PAGES))
    if chance.random() < 0.2:
        talk.tool("lookup_policy", {"customer": talk.user}, "Mobility Plus since 2023")
    return talk.chat(asked, answer, tokens=chance.randint(200, 900)).burst()


def _registry(day: datetime, chance: random.Random) -> Burst:
    """The model registry tells which artefacts moved, and which settings changed."""
    at = day.replace(hour=18, minute=5)
    lines: list[dict[str, object]] = [
        {
            "event.kind": "registry",
            "time": at.isoformat(),
            "service.name": CLAIMS.service,
            "action": chance.choice(("register", "download", "load")),
            "artifact.uri": f"registry://claims-triage/{chance.randint(20, 28)}",
            "artifact.format": "safetensors",
            "artifact.signature": "valid",
            "artifact.globals": ["collections.OrderedDict"],
            "process.child": "none",
            "registry.stage": "staging",
            "writer": "ci-models",
        },
        {
            "event.kind": "config",
            "time": at.isoformat(),
            "service.name": CLAIMS.service,
            "action": "change",
            "config.target": "claims-copilot/temperature",
            "config.old": "0.2",
            "config.new": chance.choice(("0.2", "0.3")),
            "writer": "ci-models",
        },
    ]
    return export(REGISTRY, at, lines)


def _screening(day: datetime, chance: random.Random) -> Burst:
    """The HR platform tells that its model was called, never with what; now and then it sends what nobody can read."""
    at = day.replace(hour=17, minute=0)
    lines: list[dict[str, object] | str] = [
        {
            "event.kind": "inference",
            "time": (day.replace(hour=9) + timedelta(minutes=31 * number)).isoformat(),
            "service.name": "cv-screening",
            "gen_ai.provider.name": "mistral",
            "gen_ai.request.model": "mistral-small-2603",
            "gen_ai.usage.input_tokens": chance.randint(900, 2400),
            "user.id": chance.choice(("recruiter-1", "recruiter-2")),
        }
        for number in range(9)
    ]
    if chance.random() < 0.25:
        lines.append('{"event.kind": "inference", "service.name": "cv-screening", "time": "yesterday"}')
    return export(PLATFORM, at, lines)


def screening_day(at: datetime) -> Burst:
    """A campaign of applications: many calls within an hour, all without their text."""
    lines = [
        {
            "event.kind": "inference",
            "time": (at + timedelta(minutes=2 * number)).isoformat(),
            "service.name": "cv-screening",
            "gen_ai.provider.name": "mistral",
            "gen_ai.request.model": "mistral-small-2603",
            "user.id": "recruiter-1",
        }
        for number in range(26)
    ]
    return export(PLATFORM, at + timedelta(minutes=60), lines)


def shadow_mail(at: datetime) -> Burst:
    """An app that nobody registered calls a model."""
    talk = Talk(f"shadow/{at}", MAIL_WRITER, "t.baker", at)
    return talk.chat(
        "Write a friendly reminder about the renewal.", "Dear customer, your policy renews on 1 December."
    ).burst()


def shadow_minutes(at: datetime) -> Burst:
    """Another one, which writes down meetings."""
    talk = Talk(f"minutes/{at}", MINUTES, "k.olsen", at)
    return talk.chat("Turn this recording into minutes.", "Minutes of the pricing meeting: three decisions.").burst()
