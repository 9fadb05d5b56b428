"""What a trial is handed and what it gives back, as plain data: pages hold it without loading what the trial itself needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec


class RuleText(msgspec.Struct, frozen=True):
    """A rule that lies in no file; ``path`` names it in messages."""

    path: str
    text: str


class RuleSources(msgspec.Struct, frozen=True):
    """Where rules come from; a rule of a text is in shadow until a state says otherwise."""

    folders: list[str]
    texts: list[RuleText] = []
    states: dict[str, str] = {}
    cache: str = ""


def label_of_rows(rows: Iterable[tuple[str, str, str]]) -> str:
    """Names rules by (id, digest, state): equal labels mean that a trial would go the same way."""
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update("\x1f".join(row).encode() + b"\x1e")
    return digest.hexdigest()[:16]


class RuleCard(msgspec.Struct, frozen=True):
    """What there is to say of a loaded rule; ``path`` is the file, or the name of a rule that lies in none."""

    id: str
    title: str
    description: str
    severity: str
    state: str
    kind: str
    content_only: bool
    techniques: list[str]
    owasp: list[str]
    needs: list[str]
    heard: list[str]
    falsepositives: list[str]
    response: str
    path: str
    digest: str
    emits: bool


class RulesReport(msgspec.Struct, frozen=True):
    """The rules that can run, in the order in which they were read, and what is wrong with the others."""

    cards: list[RuleCard]
    problems: list[str]


# -- the rules' own tests


class TestsJob(msgspec.Struct, frozen=True, tag="tests"):
    """All tests that stand beside the rules."""

    rules: RuleSources


class TestsReport(msgspec.Struct, frozen=True):
    """Whether each test of each rule passes."""

    passed: dict[str, list[bool]]


# -- drills


class Silence(msgspec.Struct, frozen=True):
    """A suppression: signals of the rule about this entity raise no alert."""

    rule: str
    entity: dict[str, str]
    why: str


class FileTrace(msgspec.Struct, frozen=True):
    """An attack and its twin as OTLP files, JSON or protobuf, by absolute path."""

    name: str
    attack: str
    twin: str
    technique: str = ""
    expects: list[str] = []


class DrillJob(msgspec.Struct, frozen=True, tag="drill"):
    """What to play: packs of the folders by id (none: all of them), atomics of agent-firedrill, against which rules."""

    rules: RuleSources
    folders: list[str] = []
    packs: list[str] = []
    atomics: str = ""
    silences: list[Silence] = []
    files: list[FileTrace] = []


class FiredRow(msgspec.Struct, frozen=True):
    """A rule that fired; ``alerts`` says whether an analyst would have seen it."""

    rule: str
    state: str
    alerts: bool
    silenced: str = ""


class TraceRow(msgspec.Struct, frozen=True):
    """How one trace went, as plain data; ``needs`` are the fields of each rule that saw the attack."""

    pack: str
    trace: str
    title: str
    outcome: str
    technique: str
    techniques: list[str]
    owasp: list[str]
    expects: list[str]
    attack: list[FiredRow]
    twin: list[FiredRow]
    why: str
    missing: list[str]
    needs: dict[str, list[str]]
    story: str
    twin_story: str

    @property
    def seen_by(self) -> list[str]:
        return [fired.rule for fired in self.attack if fired.alerts]


class DrillReport(msgspec.Struct, frozen=True):
    """A whole drill; ``label`` names the set of rules, ``problems`` what could not be read."""

    rows: list[TraceRow]
    rules: int
    label: str
    problems: list[str]


# -- checks of a text


class Finding(msgspec.Struct, frozen=True, order=True):
    """A mistake or a hint, with its line in the text."""

    line: int
    message: str


class SimilarRule(msgspec.Struct, frozen=True):
    """A rule that runs here, how much it shares (0 to 1), and what."""

    rule: str
    title: str
    share: float
    techniques: list[str]
    words: list[str]

    @property
    def percent(self) -> int:
        return round(100 * self.share)


class CheckJob(msgspec.Struct, frozen=True, tag="check"):
    """``rules`` are those that run here, without an older text of the same rule; ``text`` is what is checked."""

    rules: RuleSources
    path: str
    text: str
    samples: str = ""


class CheckedRule(msgspec.Struct, frozen=True):
    """What a rule of the text is, once read."""

    id: str
    title: str
    kind: str
    severity: str
    techniques: list[str]
    owasp: list[str]
    needs: list[str]
    emits: bool


class OwnTest(msgspec.Struct, frozen=True):
    """One of the rule's own tests."""

    rule: str
    name: str
    fires: bool
    fired: bool

    @property
    def passed(self) -> bool:
        return self.fires == self.fired


class Hit(msgspec.Struct, frozen=True):
    """A rule that fired at a sample, with where its patterns lie: field, start, end."""

    rule: str
    spans: list[tuple[str, int, int]]


class Sample(msgspec.Struct, frozen=True):
    """One pasted event as the rules saw it, or why it could not be taken."""

    place: int
    fields: list[tuple[str, str]] = []
    hits: list[Hit] = []
    refused: str = ""


class CheckReport(msgspec.Struct, frozen=True):
    """Everything that a check says; ``cost_us`` is processor time per event, measured here and now."""

    problems: list[Finding]
    hints: list[Finding] = []
    rules: list[CheckedRule] = []
    tests: list[OwnTest] = []
    samples: list[Sample] = []
    similar: list[SimilarRule] = []
    cost_us: float | None = None
    cost_events: int = 0

    @property
    def rule_ids(self) -> list[str]:
        """The rules of the text that alert."""
        return [rule.id for rule in self.rules if rule.emits]

    @property
    def tests_pass(self) -> bool:
        """A firing and a silent test, and every test keeps its promise."""
        return {test.fires for test in self.tests} == {True, False} and all(test.passed for test in self.tests)


# -- rules over stored events


class PartFile(msgspec.Struct, frozen=True):
    """One file of events, by its path below the events folder."""

    path: str
    rows: int


class ScanJob(msgspec.Struct, frozen=True, tag="scan"):
    """Which rules over which events.

    ``feeds`` are the (source id, service) pairs that whoever asks may see, None for all of them; ``content_feeds``
    those whose text may be decrypted for him. Times are microseconds, the end is not included.
    """

    rules: RuleSources
    wanted: list[str]
    data: str
    parts: list[PartFile]
    start_us: int
    end_us: int
    feeds: list[tuple[str, str]] | None
    content_feeds: list[tuple[str, str]] | None
    keep: int = 200
    quiet_us: int = 4 * 3_600_000_000


class Found(msgspec.Struct, frozen=True):
    """One signal that would have been raised; spans are field, start, end."""

    rule: str
    time_us: int
    event_ids: list[str]
    spans: list[tuple[str, int, int]]
    entity: dict[str, str]


class ScanReport(msgspec.Struct, frozen=True):
    """What the rules would have made of the period."""

    events: int
    with_content: int
    content_gone: int
    signals: int
    alerts: int
    alerts_by_day: dict[str, int]
    cpu_us: float | None  # of detection, per event
    found: list[Found]
    by_rule: dict[str, int]
