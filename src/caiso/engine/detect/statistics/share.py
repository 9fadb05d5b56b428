"""A share that is out of the ordinary: inputs outside of what the model knows, low confidence, poisoned samples.

The last samples of a key are counted against the usual share: what its peers (those with the same ``peers`` fields), and
it itself before that window, showed. A firing needs a share that is large in itself and that chance (Chernoff's
bound of the binomial tail) does not explain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import msgspec

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.memory import Shares, Usual
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import Chance, FieldName, Fields, Settings, Share
from caiso.engine.detect.statistics.sheet import Sheet
from caiso.engine.detect.statistics.values import number, span_text
from caiso.engine.packs import Between, Length

_MOST_PEERS = 2_000


@dataclass(frozen=True, kw_only=True)
class ShareSettings(Settings):
    """A sample counts when ``value`` is at least ``above`` or at most ``below``; with ``flips``, only where that field changed."""

    value: FieldName
    above: float | None = None
    below: float | None = None
    flips: FieldName | None = None
    peers: Fields = ()
    what: Annotated[str, Length(1, 40)] = "odd samples"
    window: Annotated[int, Between(10, 1_000)] = 60
    least: Annotated[int, Between(3, 1_000)] = 10
    share: Share = 0.3
    usual: Share = 0.02  # no less is expected
    assumed: Share = 0.15  # while too little is known of the peers
    chance: Chance = 1e-6
    timespan: timedelta = timedelta(hours=1)

    naming: ClassVar[tuple[str, ...]] = ("value", "flips", "peers")

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if (self.above is None) == (self.below is None):
            yield "value", "value needs one of above and below"
        if self.least > self.window:
            yield "least", f"least {self.least} is more than window {self.window}"


class ShareState(State):
    """One key's window."""

    window: Shares | None = None
    own: Usual | None = None
    last: str = ""


class Sample(msgspec.Struct):
    """Whether the value is out of the ordinary, the field that may flip, and whose peer the key is."""

    odd: bool
    label: str
    peers: str


class ShareOf(Observer[ShareSettings, ShareState]):
    """The share of odd samples within a window."""

    settings_type = ShareSettings
    state_type = ShareState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._usual: dict[str, Usual] = {}

    def columns(self, stream: Sheet) -> Columns:
        return {**super().columns(stream), "": stream.keys.of(self.settings.peers)}

    def sample(self, columns: Columns, row: int) -> Sample | None:
        settings = self.settings
        value = number(columns[settings.value][row])
        if value is None:
            return None
        odd = value >= settings.above if settings.above is not None else value <= (settings.below or 0.0)
        label = str(columns[settings.flips][row])[:80] if settings.flips else ""
        return Sample(odd, label, str(columns[""][row] or ""))

    def begin(self, seen: Seen) -> ShareState:
        return ShareState(newest=seen.time_us, window=Shares(), own=Usual())

    def observe(self, state: ShareState, seen: Seen) -> Facts | None:
        settings, sample = self.settings, seen.sample
        assert state.window is not None  # noqa: S101 - begin sets it
        assert state.own is not None  # noqa: S101
        hit = sample.odd and (not settings.flips or (bool(state.last) and sample.label != state.last))
        state.last = sample.label
        window = state.window
        usual = self._usual_of(sample.peers)
        usual.add(hit)
        state.own.add(hit)
        window.add(seen.time_us, hit, most=settings.window, since=seen.time_us - self.span_us)
        if not hit:
            return None
        note(state, seen)
        if window.hits < settings.least or window.hits < settings.share * window.count:
            return None
        expected = usual.expected(window, state.own, least=settings.usual, assumed=settings.assumed)
        chance = window.chance(expected.share)
        if chance > settings.chance:
            return None
        return {
            settings.what: f"{window.hits} of {window.count}",
            "usual": expected.text,
            "by chance": f"{chance:.0e}",
            "within": span_text(max(window.times) - min(window.times)),
        }

    def _usual_of(self, peers: str) -> Usual:
        usual = self._usual.get(peers)
        if usual is None:
            if len(self._usual) >= _MOST_PEERS:
                del self._usual[next(iter(self._usual))]
                self.counters.evicted_keys += 1
            usual = self._usual[peers] = Usual()
        return usual

    def shared(self) -> Mapping[str, Usual]:
        return self._usual

    def take_shared(self, plain: Any) -> None:
        self._usual = msgspec.convert(plain, dict[str, Usual])
