"""LLM distillation: many accounts, or one, harvest answers with one template over ever other subjects.

Prompts that begin or end with the same words form a campaign. It is reported when it is large, its prompts are all
different, each account sends many, and two of three hold: most prompts ask for the reasoning behind the answer, their
subjects hardly repeat, several accounts take part. A business that puts thousands of texts through one prompt has one
account and one subject; an app with a template of its own has many users who ask little. Fewer prompts are enough where
nearly all ask for reasoning, get answers as long as an essay, and come with many keys. Beginnings and ends that came
once are only noted, and of a large campaign one prompt in eight is looked at closely: nearly all prompts cost little.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Annotated, ClassVar, Final

import msgspec

from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.stream import Heard
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.observer import FORGOTTEN_US, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Fields, RuleName, Settings, Share
from caiso.engine.detect.statistics.sheet import Pair, Sheet
from caiso.engine.detect.statistics.values import hash64, span_text, words
from caiso.engine.packs import Between

_FRAME: Final = 5  # words at the beginning or end by which prompts of one template are known
_CAMPAIGNS: Final = 300
_MEMBERS: Final = 100
_SEEN: Final = 2_000  # different words that a campaign remembers
_LATEST: Final = 60  # prompts over which the novelty of subjects is measured
_LONG_WORD: Final = 5
_FRAME_CHARS: Final = 80  # at either end
_SUBJECT_CHARS: Final = 400  # where subjects are looked for; prompts may be very long
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_ONCE: Final = 1_000  # frames that came once
_SUBJECTS: Final = 25
_SERIOUS: Final = 5  # prompts from which on a campaign is looked at closely
_LARGE: Final = 250  # prompts from which on only one in ``_SOME`` is
_SOME: Final = 8
_NEARLY_ALL: Final = 0.9


@dataclass(frozen=True, kw_only=True)
class DistillationSettings(Settings):
    """``prompts`` of one template within the timespan; ``accounts`` using it, ``reasoning`` and ``novelty`` as shares.

    ``asks`` is the rule, among ``rules``, whose match says that a prompt asks for reasoning.
    """

    asks: RuleName
    value: Fields = ("content.user",)
    member: Fields = ("api_key.id", "user.id")
    prompts: Annotated[int, Between(20, 100_000)] = 120
    different: Share = 0.9
    reasoning: Share = 0.6
    novelty: Share = 0.3
    accounts: Annotated[int, Between(2, 100)] = 3
    each: Annotated[int, Between(1, 10_000)] = 15  # prompts of an account, on average
    length: FieldName = "gen_ai.usage.output_tokens"
    long: Annotated[int, Between(10, 1_000_000)] = 1_000  # tokens of an answer, on average
    few: Annotated[int, Between(10, 100_000)] = 60  # prompts that are enough where all signs are plain
    many: Annotated[int, Between(2, 100)] = 5  # keys with so few
    timespan: timedelta = timedelta(hours=6)
    keys: Annotated[int, Between(1, 2_000)] = 50

    naming: ClassVar[tuple[str, ...]] = ("value", "member", "length")

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if self.asks not in self.rules:
            yield "asks", f"asks {self.asks}, expected one of the rules"


class Campaign(msgspec.Struct):
    """Prompts of one template."""

    begun: int
    count: int = 0
    reasoning: int = 0
    members: dict[str, int] = {}
    keyed: int = 0  # prompts that came with a key, of the first field of ``member``
    tokens: float = 0.0  # of all answers
    looked_at: int = 0
    bodies: set[int] = set()
    seen: dict[int, int] = {}  # word -> in how many prompts
    novelty: list[float] = []
    reported: bool = False


class DistillationState(State):
    """The campaigns against one model or service, the one used longest ago first; ``once``: frames that came once, when."""

    once: dict[int, int] = {}  # noqa: RUF012
    campaigns: dict[int, Campaign] = {}  # noqa: RUF012


class Prompt(msgspec.Struct):
    """What is looked at of a prompt; only hashes of it are kept."""

    frames: tuple[int, int]
    text: str
    reasoning: bool
    member: str
    keyed: bool
    tokens: float
    body: int = 0

    def hashed(self) -> int:
        """A hash of the whole prompt."""
        self.body = hash64(self.text)
        return self.body

    def subjects(self) -> list[int]:
        """Hashes of its first long words."""
        found = dict.fromkeys(words(self.text[:_SUBJECT_CHARS])[_FRAME:])
        long = [word for word in found if len(word) >= _LONG_WORD][:_SUBJECTS]
        return [zlib.crc32(word.encode("utf-8", "replace")) for word in long]


class Distillation(Observer[DistillationSettings, DistillationState]):
    """Template, breadth and elicitation of reasoning across accounts."""

    settings_type = DistillationSettings
    state_type = DistillationState

    def follow(self, stream: Sheet, heard: Heard, pairs: Sequence[Pair], keys: Sequence[str | None]) -> list[Firing]:
        """A prompt unlike those before it is only noted by its frames; nearly all are."""
        settings, states, slack = self.settings, self.states, self.slack_us
        texts = heard.of(_first_of([stream.batch.column(name) for name in settings.value]))
        members = [stream.batch.column(name) for name in settings.member]
        lengths = stream.amounts(settings.length)
        asking = frozenset(stream.rows_of(settings.asks))
        firings: list[Firing] = []
        for row, pair, key, text, frames in zip(heard.rows, pairs, keys, texts, frames_of(texts), strict=True):
            state = None if key is None or frames is None else states.get(key)
            if state is not None and frames is not None and -slack <= (gap := pair[0] - state.newest) <= FORGOTTEN_US:
                head, tail = frames
                campaigns, once = state.campaigns, state.once
                if head not in once and tail not in once and head not in campaigns and tail not in campaigns:
                    states.move_to_end(key)  # type: ignore[arg-type]  # has a state
                    if gap > 0:
                        state.newest = pair[0]
                    once[head] = once[tail] = pair[0]
                    if len(once) > _ONCE:
                        self._forget(once)
                    continue
            prompt = None
            if frames is not None:
                member = next((str(value)[:120] for column in members if (value := column[row])), "")
                keyed = bool(members and members[0][row])
                prompt = Prompt(frames, str(text), row in asking, member, keyed, lengths[row] or 0.0)
            self.look(key, row, pair, prompt, firings)
        return firings

    def observe(self, state: DistillationState, seen: Seen) -> Facts | None:
        found: Facts | None = None
        for frame in seen.sample.frames:
            campaign = state.campaigns.pop(frame, None)
            if campaign is None:
                begun = state.once.pop(frame, None)
                if begun is None:
                    state.once[frame] = seen.time_us
                    if len(state.once) > _ONCE:
                        self._forget(state.once)
                    continue
                campaign = Campaign(begun, count=1)
            if seen.time_us - campaign.begun > self.span_us:
                campaign = Campaign(seen.time_us)
            state.campaigns[frame] = campaign
            if len(state.campaigns) > _CAMPAIGNS:
                self._make_room(state)
            self._join(campaign, seen.sample)
            found = found or self._judge(state, campaign, seen)
        return found

    @staticmethod
    def _forget(once: dict[int, int]) -> None:
        """Of what came once the oldest quarter goes."""
        for frame in list(islice(once, _ONCE // 4)):
            del once[frame]

    @staticmethod
    def _make_room(state: DistillationState) -> None:
        """The campaigns of few prompts go first, the oldest of them; the large ones are what is looked for."""
        small = [frame for frame, campaign in state.campaigns.items() if campaign.count < _SERIOUS]
        for frame in (small or list(state.campaigns))[: _CAMPAIGNS // 4]:
            del state.campaigns[frame]

    @staticmethod
    def _join(campaign: Campaign, prompt: Prompt) -> None:
        campaign.count += 1
        campaign.reasoning += prompt.reasoning
        campaign.keyed += prompt.keyed
        campaign.tokens += prompt.tokens
        if prompt.member in campaign.members or len(campaign.members) < _MEMBERS:
            campaign.members[prompt.member] = campaign.members.get(prompt.member, 0) + 1
        # Of a large campaign some prompts are looked at closely, of one that was reported none any more.
        if campaign.count < _SERIOUS or campaign.reported or (campaign.count > _LARGE and campaign.count % _SOME):
            return
        campaign.looked_at += 1
        if len(campaign.bodies) < _SEEN:
            campaign.bodies.add(prompt.body or prompt.hashed())
        # Words that most prompts share belong to the template and say nothing of the subject.
        hashes = prompt.subjects()
        subjects = [word for word in hashes if campaign.seen.get(word, 0) <= campaign.count / 2]
        if subjects:
            campaign.novelty.append(sum(word not in campaign.seen for word in subjects) / len(subjects))
            del campaign.novelty[:-_LATEST]
        for word in hashes:
            campaign.seen[word] = campaign.seen.get(word, 0) + 1
        while len(campaign.seen) > _SEEN:
            del campaign.seen[next(iter(campaign.seen))]

    def _judge(self, state: DistillationState, campaign: Campaign, seen: Seen) -> Facts | None:
        settings = self.settings
        if campaign.reported or campaign.count < settings.few:
            return None
        enough = campaign.count >= max(settings.prompts, settings.each * len(campaign.members))
        if not enough and not self._is_plain(campaign):
            return None
        different = len(campaign.bodies) / min(campaign.looked_at, _SEEN)
        if different < settings.different:
            return None
        note(state, seen)
        accounts = sum(count >= settings.each for count in campaign.members.values())
        reasoning = campaign.reasoning / campaign.count
        novelty = sum(campaign.novelty) / len(campaign.novelty) if campaign.novelty else 0.0
        signs = [reasoning >= settings.reasoning, novelty >= settings.novelty, accounts >= settings.accounts]
        if enough and sum(signs) < 2:
            return None
        campaign.reported = True
        return {
            "prompts of one template": campaign.count,
            "all different": f"{different:.0%}",
            "ask for reasoning": f"{reasoning:.0%}",
            "new words in each": f"{novelty:.0%}",
            "accounts": accounts,
            "within": span_text(seen.time_us - campaign.begun),
        }

    def _is_plain(self, campaign: Campaign) -> bool:
        """Whether nearly all of few prompts ask for reasoning, are answered at length, and come with many keys."""
        settings, count = self.settings, campaign.count
        if campaign.reasoning < _NEARLY_ALL * count or campaign.keyed < _NEARLY_ALL * count:
            return False
        if campaign.tokens < settings.long * count:
            return False
        return sum(one >= settings.each // 2 for one in campaign.members.values()) >= settings.many


def _first_of(columns: Sequence[Sequence[object]]) -> Sequence[object]:
    """For each row the first value that is a text."""
    if len(columns) == 1:
        return columns[0]
    return [
        next((value for value in row if isinstance(value, str) and value), None) for row in zip(*columns, strict=True)
    ]


def frames_of(texts: Sequence[object]) -> Iterator[tuple[int, int] | None]:
    """Hashes of the first words and the last of each text, digits made equal; None for one too short to have both."""
    heads = _ends([text[:_FRAME_CHARS] if isinstance(text, str) else "" for text in texts])
    tails = _ends([text[-_FRAME_CHARS:] if isinstance(text, str) else "" for text in texts])
    crc, most = zlib.crc32, _FRAME
    for head, tail in zip(heads, tails, strict=True):
        if len(head) < _FRAME_CHARS // 2:
            yield None
            continue
        first, last = head.split(None, most), tail.rsplit(None, most)
        if len(first) < most or len(last) < most:
            yield None
            continue
        # The rest beyond the words is cut off; heads and tails are hashed from different beginnings.
        begin = head[: -len(first[most])] if len(first) > most else head
        end = tail[len(last[0]) :] if len(last) > most else tail
        yield crc(begin.strip()), crc(end.strip(), 1)


def _ends(parts: Sequence[str]) -> list[bytes]:
    """Small letters, every digit a 0; made of all texts in one go."""
    joined = "\0".join(parts)
    if joined.count("\0") != len(parts) - 1:
        joined = "\0".join(part.replace("\0", " ") for part in parts)
    return joined.lower().encode("utf-8", "replace").translate(_DIGITS).split(b"\0")
