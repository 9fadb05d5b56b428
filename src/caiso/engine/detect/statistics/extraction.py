"""Model extraction after PRADA (Juuti et al. 2019): the distances between one client's queries are not distributed naturally.

For each class that the model answered, a growing set of queries is kept; a query's distance to the nearest of them is
one sample, and the query joins the set when it is farther away than most. Natural queries give distances that are near a
normal distribution, or their logarithms are; synthetic ones, made from each other by steps, do not. Shapiro and Wilk's W
of the last distances, and of their logarithms, is the measure. The paper's one limit for all models flags whole
populations of natural clients where features have long tails, so that W is compared with that of the other clients of
the model, once there are some. Evaded by natural data, by many accounts and by dummy queries. Inputs that change one
value of an earlier one are no samples here, because people correct what they typed; they are counted by themselves (``steps``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from operator import lt
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import numpy as np

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.closeness import KNOWN_SPREAD
from caiso.engine.detect.statistics.measures import Floats, shapiro_w
from caiso.engine.detect.statistics.memory import Rows, Spread
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Fields, Settings
from caiso.engine.detect.statistics.sheet import Sheet
from caiso.engine.detect.statistics.steps import Steps
from caiso.engine.detect.statistics.values import Vector, reduced, span_text, vector
from caiso.engine.packs import Between

_CLASSES = 40
_PEERS = 200
_OTHERS = 60  # clients of a model whose W is remembered
_LEAST_OTHERS = 4
_HIGHEST = 0.96
_SCALED = 256  # values up to which each has a unit of its own; more are an image, whose values have one
_LOGARITHMS_MORE = 0.025
_CHANGED = 0.5  # of the values must differ
_OUTLYING = 3.0  # distances farther from the mean than so many deviations are left out, as the paper does


@dataclass(frozen=True, kw_only=True)
class ExtractionSettings(Settings):
    """``margin`` is how far below most other clients' W a client must be; alone it is judged by ``normality``.

    ``steps`` are inputs that change one value of an earlier one.
    """

    peers: Fields = ()
    value: FieldName = "input.features"
    label: FieldName = "output.label"
    normality: Annotated[float, Between(0.3, 0.999)] = 0.93
    margin: Annotated[float, Between(0, 0.5)] = 0.05
    queries: Annotated[int, Between(40, 2_000)] = 100
    window: Annotated[int, Between(40, 2_000)] = 200
    every: Annotated[int, Between(1, 200)] = 20
    sustained: Annotated[int, Between(1, 50)] = 3
    steps: Annotated[int, Between(20, 5_000)] = 80
    vectors: Annotated[int, Between(50, 2_000)] = 300
    timespan: timedelta = timedelta(days=1)
    keys: Annotated[int, Between(1, 5_000)] = 500

    naming: ClassVar[tuple[str, ...]] = ("value", "label", "peers")


class Class(msgspec.Struct):
    """The growing set of one class and the distances between its members."""

    vectors: Rows
    mean: float = 0.0
    squares: float = 0.0
    count: int = 0

    def limit(self) -> float:
        """Queries nearer than this to the set do not join it."""
        if self.count < 2:
            return 0.0
        return self.mean - float(np.sqrt(max(self.squares / self.count, 0.0)))

    def grow(self, distance: float) -> None:
        self.count += 1
        gap = distance - self.mean
        self.mean += gap / self.count
        self.squares += gap * (distance - self.mean)


class ExtractionState(State):
    """One client's queries."""

    classes: dict[str, Class] = {}  # noqa: RUF012
    distances: list[float] = []  # noqa: RUF012
    since: int = 0
    queries: int = 0
    low: int = 0
    scale: bytes = b""
    steps: Steps = msgspec.field(default_factory=Steps)

    def restart(self, scale: bytes) -> None:
        """Forget the distances, because their unit changes or they are too old."""
        self.classes, self.distances, self.low, self.scale = {}, [], 0, scale


class Query(NamedTuple):
    """What was asked and answered, and whose peer the client is."""

    label: str
    vector: Vector
    peers: str


Normality = tuple[float, float]  # W of the distances, W of their logarithms


class Extraction(Observer[ExtractionSettings, ExtractionState]):
    """PRADA over the feature vectors of one client, against those of the others."""

    settings_type = ExtractionSettings
    state_type = ExtractionState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._others: dict[str, dict[str, Normality]] = {}  # peers -> client -> its W, the latest last
        self._spreads: dict[str, Spread] = {}

    def columns(self, stream: Sheet) -> Columns:
        read = {self.settings.value: stream.parsed(self.settings.value, vector)}
        return {**super().columns(stream), **read, "": stream.keys.of(self.settings.peers)}

    def sample(self, columns: Columns, row: int) -> Query | None:
        found = columns[self.settings.value][row]
        if not isinstance(found, np.ndarray):
            return None
        label = str(columns[self.settings.label][row] or "")[:80]
        return Query(label, found, str(columns[""][row] or ""))

    def observe(self, state: ExtractionState, seen: Seen) -> Facts | None:
        settings = self.settings
        label, query, peers = seen.sample
        if seen.time_us - state.since > self.span_us:
            state.queries, state.since = 0, seen.time_us
            state.restart(self._scale(peers, query))
            state.steps = Steps()
        if state.steps.take(query):
            note(state, seen)
            if stepped := state.steps.facts(settings.steps):
                return {**stepped, "within": span_text(seen.time_us - state.since)}
        query = self._scaled(state, peers, query)
        state.queries += 1
        distance = self._distance(state, label, query)
        if distance is None or distance <= 0:
            return None
        note(state, seen)
        state.distances.append(distance)
        del state.distances[: -settings.window]
        if state.queries % settings.every or len(state.distances) < settings.queries:
            return None
        found = normality_of(state.distances)
        limits, others = self._limits(peers, seen.key)
        is_low = any(map(lt, found, limits)) if others else all(map(lt, found, limits))
        state.low = state.low + 1 if is_low else 0
        if state.low < settings.sustained:
            self._remember(peers, seen.key, found)
            return None
        return {
            "Shapiro-Wilk W": f"{found[0]:.3f}, of the logarithms {found[1]:.3f}",
            "limits": f"{limits[0]:.3f}, {limits[1]:.3f}",
            "usual for": f"{others} other clients" if others else "any model, assumed",
            "queries": state.queries,
            "within": span_text(seen.time_us - state.since),
            "classes": len(state.classes),
            "distances": len(state.distances),
        }

    def _scaled(self, state: ExtractionState, peers: str, query: Vector) -> Vector:
        """The query in units of how much each value varies among all that is asked; long vectors reduced.

        The units are chosen once for a client, else distances of different times could not be compared.
        """
        spread = self._spreads.get(peers)
        if spread is None or spread.size != query.size:
            spread = self._spreads[peers] = Spread(query.size)
            if len(self._spreads) > _PEERS:
                del self._spreads[next(iter(self._spreads))]
        if query.size <= _SCALED:
            spread.add(query)
            if not state.scale and spread.count >= KNOWN_SPREAD:
                state.restart(self._scale(peers, query))
        if len(state.scale) != 8 * query.size:
            return reduced(query)
        return reduced((query / np.frombuffer(state.scale)).astype(np.float32))

    def _scale(self, peers: str, query: Vector) -> bytes:
        spread = self._spreads.get(peers)
        if spread is None or spread.size != query.size or spread.count < KNOWN_SPREAD or query.size > _SCALED:
            return b""
        return spread.scale().tobytes()

    def _distance(self, state: ExtractionState, label: str, query: Vector) -> float | None:
        """The distance to the nearest query of the same class; None for its first."""
        known = state.classes.get(label)
        if known is None or known.vectors.size != query.size:
            if len(state.classes) >= _CLASSES and label not in state.classes:
                label = next(iter(state.classes))
                known = state.classes[label]
            if known is None or known.vectors.size != query.size:
                most = max(20, self.settings.vectors // max(len(state.classes) + 1, 1))
                known = state.classes[label] = Class(Rows(query.size, most))
                known.vectors.add(query)
                return None
        gaps = known.vectors.all() - query
        lengths = np.linalg.norm(gaps, axis=1)
        place = int(lengths.argmin())
        distance = float(lengths[place])
        if np.count_nonzero(gaps[place]) < _CHANGED * query.size:
            return 0.0  # one detail of a record was corrected: no other input
        if distance > 0 and distance >= known.limit():
            known.vectors.add(query)
            known.grow(distance)
        return distance

    def _limits(self, peers: str, key: str) -> tuple[Normality, int]:
        """What W must not fall below, and from how many others that is known."""
        others = [found for client, found in self._others.get(peers, {}).items() if client != key]
        if len(others) < _LEAST_OTHERS:
            alone = self.settings.normality
            return (alone, min(alone + _LOGARITHMS_MORE, 0.999)), 0
        low = np.quantile(np.array(others), 0.1, axis=0) - self.settings.margin
        return (min(_HIGHEST, float(low[0])), min(_HIGHEST, float(low[1]))), len(others)

    def _remember(self, peers: str, key: str, found: Normality) -> None:
        """What was reported is not remembered, so that a thief cannot make himself usual by going on."""
        others = self._others.setdefault(peers, {})
        others.pop(key, None)
        others[key] = found
        if len(others) > _OTHERS:
            del others[next(iter(others))]
        if len(self._others) > _PEERS:
            del self._others[next(iter(self._others))]

    def shared(self) -> Any:
        return self._others, self._spreads

    def take_shared(self, plain: Any) -> None:
        self._others = msgspec.convert(plain[0], dict[str, dict[str, Normality]])
        self._spreads = msgspec.convert(plain[1], dict[str, Spread])


def normality_of(distances: list[float]) -> Normality:
    """W of the distances, and W of their logarithms."""
    values = np.array(distances)
    return _trimmed(values), _trimmed(np.log(values))


def _trimmed(values: Floats) -> float:
    spread = values.std()
    if spread > 0:
        values = values[np.abs(values - values.mean()) <= _OUTLYING * spread]
    return shapiro_w(values)
