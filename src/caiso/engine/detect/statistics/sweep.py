"""Logit sweep: one client asks for log-probabilities under ever other token biases, to read out the model's last layer.

Carlini et al. 2024 recover the projection of a production model from requests that differ in ``logit_bias`` only. A
service that bans the same few tokens, or chooses among few answers, is usual; ever other tokens are not. Where the sender
tells only that biases were used, those requests are counted themselves, against a higher limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import Fields, Settings
from caiso.engine.detect.statistics.values import hash64, loaded, span_text
from caiso.engine.packs import Between

_TOKENS = 20_000


@dataclass(frozen=True, kw_only=True)
class SweepSettings(Settings):
    """``value`` holds the biases; ``told`` are flags that say that some were used."""

    value: Fields = ("gen_ai.request.logit_bias",)
    told: Fields = ("logit_bias_used",)
    different: Annotated[int, Between(5, 10_000)] = 40
    untold: Annotated[int, Between(5, 10_000)] = 200

    naming: ClassVar[tuple[str, ...]] = ("value", "told")


class SweepState(State):
    """The biases of one client within the timespan: hash -> when first used."""

    biases: dict[int, int] = {}  # noqa: RUF012
    tokens: dict[int, int] = {}  # noqa: RUF012
    untold: list[int] = []  # noqa: RUF012


class Sweep(Observer[SweepSettings, SweepState]):
    """Different tokens that are biased within the timespan."""

    settings_type = SweepSettings
    state_type = SweepState

    def sample(self, columns: Columns, row: int) -> Any:
        for name in self.settings.value:
            value = loaded(columns[name][row])
            if isinstance(value, dict) and value:
                return sorted(map(str, value))[:_TOKENS]
            if value not in (None, "", [], {}):
                return [str(value)[:2000]]
        if any(columns[name][row] in (True, "true") for name in self.settings.told):
            return []
        return None

    def observe(self, state: SweepState, seen: Seen) -> Facts | None:
        settings, since = self.settings, seen.time_us - self.span_us
        if not seen.sample:
            state.untold = [at for at in state.untold if at >= since][-settings.untold :]
            state.untold.append(seen.time_us)
            note(state, seen)
            if len(state.untold) < settings.untold:
                return None
            return {
                "requests with biases": len(state.untold),
                "limit": settings.untold,
                "within": span_text(self.span_us),
            }
        known = _fresh(state.biases, hash64(",".join(seen.sample)), seen.time_us, since)
        for token in seen.sample:
            _fresh(state.tokens, hash64(token), seen.time_us, since)
        if known:
            return None
        note(state, seen)
        if len(state.tokens) < settings.different:
            return None
        return {
            "different biases": len(state.biases),
            "tokens biased": len(state.tokens),
            "limit": settings.different,
            "within": span_text(seen.time_us - min(state.biases.values())),
            "usual": "one or a few for all requests",
        }


def _fresh(memory: dict[int, int], item: int, now: int, since: int) -> bool:
    """Note an item; whether it was there within the timespan. What is older is forgotten."""
    known = item in memory
    memory.setdefault(item, now)
    if len(memory) > _TOKENS or (len(memory) % 64 == 0 and not known):
        for old in [one for one, at in memory.items() if at < since]:
            del memory[old]
        while len(memory) > _TOKENS:
            del memory[next(iter(memory))]
    return known
