"""First seen: a tool, host, model or country that this agent, user or key never used while it was being learned.

What was used within ``learn`` of the key's first event, and in at least ``samples`` events, is usual; a value that comes
later is reported once and then belongs to what is usual. A value that enough other keys use already is no news, nor is one
of a key that uses something else every few events: who always comes from another address says nothing by the next one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.stream import Heard
from caiso.engine.detect.schema import is_content
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.observer import FORGOTTEN_US, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import Fields, Settings, microseconds
from caiso.engine.detect.statistics.sheet import Pair, Sheet
from caiso.engine.detect.statistics.values import span_text
from caiso.engine.packs import Between, Length

_COMMON = 20_000  # values whose keys are counted
_KEYS_OF_VALUE = 50


@dataclass(frozen=True, kw_only=True)
class FirstSeenSettings(Settings):
    """``common``: a value that so many other keys use is no news (0: it always is).

    ``rare``: only of keys that used each of their values so often on average; one that meets something new all the time has no habits.
    """

    value: Fields
    what: Annotated[str, Length(1, 40)] = "value"
    learn: timedelta = timedelta(days=1)
    samples: Annotated[int, Between(5, 10_000)] = 20
    common: Annotated[int, Between(0, 50)] = 3
    memory: Annotated[int, Between(5, 5_000)] = 300
    rare: Annotated[int, Between(0, 100)] = 15
    steady: Annotated[int, Between(0, 1_000)] = 0  # so many events in a row without news end the learning early
    timespan: timedelta = timedelta(hours=1)

    naming: ClassVar[tuple[str, ...]] = ("value",)
    lasting: ClassVar[tuple[str, ...]] = ("timespan", "quiet", "learn")


class FirstSeenState(State):
    """What one key uses; value -> when it was last used, the one that was used longest ago first."""

    begun: int = 0
    count: int = 0
    unchanged: int = 0
    known: dict[str, int] = {}  # noqa: RUF012


class FirstSeen(Observer[FirstSeenSettings, FirstSeenState]):
    """News about a key after it was learned."""

    settings_type = FirstSeenSettings
    state_type = FirstSeenState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._users: OrderedDict[str, list[str]] = OrderedDict()

    def follow(self, stream: Sheet, heard: Heard, pairs: Sequence[Pair], keys: Sequence[str | None]) -> list[Firing]:
        """What a key used before is only counted."""
        if any(map(stream.is_absent, self.settings.value)):
            return self.pass_over(keys)
        firings: list[Firing] = []
        states, slack = self.states, self.slack_us
        values = heard.of(stream.once(("values", self.settings.value), lambda: _values(stream, self.settings.value)))
        for row, pair, key, value in zip(heard.rows, pairs, keys, values, strict=True):
            state = None if key is None or value is None else states.get(key)
            if state is not None and value in state.known and -slack <= (gap := pair[0] - state.newest) <= FORGOTTEN_US:
                states.move_to_end(key)  # type: ignore[arg-type]  # has a state
                if gap > 0:
                    state.newest = pair[0]
                state.count += 1
                state.unchanged += 1
                del state.known[value]  # the one that was used longest ago stands first
                state.known[value] = pair[0]
            else:
                self.look(key, row, pair, value, firings)
        return firings

    def begin(self, seen: Seen) -> FirstSeenState:
        return FirstSeenState(newest=seen.time_us, begun=seen.time_us)

    def observe(self, state: FirstSeenState, seen: Seen) -> Facts | None:
        settings, value = self.settings, seen.sample
        state.count += 1
        is_new = state.known.pop(value, None) is None
        state.known[value] = seen.time_us
        if len(state.known) > settings.memory:
            del state.known[next(iter(state.known))]
        learned = self._is_learned(state, seen.time_us)
        state.unchanged = 0 if is_new else state.unchanged + 1
        others = self._used_by(value, seen.key) if is_new else 0
        if not is_new or not learned or (settings.common and others >= settings.common):
            return None
        note(state, seen)
        shown = "" if any(map(is_content, settings.value)) else value[:120]
        return {
            f"new {settings.what}": shown or "(content)",
            "known before": f"{len(state.known) - 1}",
            "learned from": f"{state.count - 1:,} events in {span_text(seen.time_us - state.begun)}",
            "others who use it": others,
        }

    def _is_learned(self, state: FirstSeenState, now: int) -> bool:
        settings = self.settings
        if state.count <= max(settings.samples, settings.rare * (len(state.known) - 1)):
            return False
        if now - state.begun >= microseconds(settings.learn):
            return True
        return bool(settings.steady) and state.unchanged >= settings.steady

    def _used_by(self, value: str, key: str) -> int:
        """How many other keys use a value already; notes that this one does now."""
        users = self._users.get(value)
        if users is None:
            if len(self._users) >= _COMMON:
                self._users.popitem(last=False)
            users = self._users[value] = []
        self._users.move_to_end(value)
        others = len([one for one in users if one != key])
        if key not in users and len(users) < _KEYS_OF_VALUE:
            users.append(key)
        return others

    def shared(self) -> Any:
        return list(self._users.items())

    def take_shared(self, plain: Any) -> None:
        self._users = OrderedDict((value, list(users)) for value, users in plain)


def _values(stream: Sheet, names: tuple[str, ...]) -> Sequence[str | None]:
    """The value of each row, of several fields their values together; None where one is missing."""
    parts = [stream.keys.parts(name) for name in names]
    if len(parts) == 1:
        return parts[0]
    return [None if None in row else " · ".join(part for part in row if part) for row in zip(*parts, strict=True)]
