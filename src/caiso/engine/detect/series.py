"""Test events by the hundred from a few lines: ``repeat`` and ``every``, and values that vary by a stated rule.

    - {repeat: 300, every: 20, api_key.id: k1, series: {output.score: {normal: [0.4, 0.1]}}}

Everything is drawn from the test's name, so that each run sees the same events. A series whose name stands in braces in
a text of the event (``{topic}``) is put there; every other is a field of its own. ``{n}`` is the number of the copy.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Final, overload

from caiso.engine.packs import Between, Fault, Length, Reader, to_plain
from caiso.engine.packs.compose import Mapping as MappingNode
from caiso.engine.packs.compose import Node

MAX_TEST_EVENTS: Final = 5_000
TEST_BASE_US: Final = 1_790_000_000_000_000  # an arbitrary moment in 2026: tests run on event time
_CONTROL: Final = ("repeat", "every", "at", "series")
_NORMAL: Final = NormalDist()
_VOCABULARY: Final = re.findall(
    r"\w+",
    "account annual answer archive battery border branch bridge budget cable calendar camera candle carbon cargo "
    "castle ceramic channel charter chemistry climate clinic coastal colony compass concert contract copper coral "
    "council cotton courier credit cricket crystal culture current customs dairy danger debate delivery density "
    "deposit desert diagram dialect diamond digital dinner disease district divorce doctrine dolphin domestic "
    "drought economy edition election element embassy emerald emotion energy engine enzyme episode erosion estate "
    "ethics evening evidence exhibit export fabric factory famine fashion federal festival fiction filter finance "
    "fishing flavour flight forest formula fossil fraction freight fuel fungus galaxy garden gasoline gender "
    "genetics geology glacier glass glucose government grammar granite gravity grocery guitar habitat harbour "
    "harvest heritage highway history holiday hormone hospital hotel hunting hydrogen identity immune income index "
    "inflation influence insect insurance interest invoice island jazz jewel journal jury justice keyboard kidney "
    "kingdom kitchen labour ladder lagoon language laser lattice lawyer leather lecture legend lens lever library "
    "licence lighthouse limestone liquid literacy loan logic lottery machine magnet malaria mammal manager marathon "
    "marble margin market marriage measure mechanic medicine melody memory mercury merger meteor method migration "
    "mineral minister mirror missile mobile molecule monarch mortgage mosaic motor mountain museum muscle mushroom "
    "mystery narrative native nectar needle negotiation nerve network nitrogen novel nucleus nursing nutrition oak "
    "obesity ocean octave opera orbit orchard organ orphan oxygen oyster painting palace panel paper parade parcel "
    "parish passport pasture patent patient payment peasant pension pepper percent petrol pharmacy philosophy piano "
    "pigment pilgrim pioneer plague planet plastic platform poetry poison policy pollen polymer population portrait "
    "postal poverty prairie pregnancy prison probability profit protein province psychology publisher pulse pump "
    "purchase puzzle pyramid quarry quartz radiation railway rainfall rebellion recipe referee reform refugee "
    "region religion rent republic reservoir residue retail revenue rhythm river robot rocket royal rubber rural "
    "sailor salary salmon satellite sauce scandal scholar science sculpture senate sensor sequence servant shadow "
    "shelter silence silver skeleton slavery soccer sodium soil solar sonnet species spectrum spice spider square "
    "stadium statue steam steel stock storage strategy stream studio subsidy suburb sugar sulphur surgery survey "
    "swamp symbol symphony syntax tariff tavern tax telescope temple tenant tension terrace textile theatre theory "
    "thunder timber tissue tobacco torque tourism tower trade tradition traffic treasury treaty triangle tribe "
    "tropical tunnel turbine tutor tyre uniform union universe uranium urban vaccine vacuum valley vanilla variable "
    "vector vehicle velocity venture verdict vessel victim village vineyard violin virus visa vitamin volcano "
    "voltage voyage wage warehouse warranty weather wedding welfare wheat widow wildlife window winter wisdom wolf "
    "wool workshop yeast zebra zinc zone ",
)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How a value varies from copy to copy; one of the ways, and what narrows it."""

    normal: Annotated[tuple[float, ...], Length(2, 2)] | None = None
    uniform: Annotated[tuple[float, ...], Length(2, 2)] | None = None
    ramp: Annotated[tuple[float, ...], Length(2, 2)] | None = None  # from the first copy to the last
    choice: Annotated[tuple[str, ...], Length(1, 200)] | None = None
    cycle: Annotated[tuple[str, ...], Length(1, 200)] | None = None
    words: Annotated[int, Between(1, 500)] | None = None
    characters: Annotated[int, Between(1, 5_000)] | None = None
    hex: Annotated[int, Between(4, 128)] | None = None
    weights: Annotated[tuple[float, ...], Length(1, 200)] = ()  # of ``choice``
    noise: Annotated[float, Between(0, 1e6)] = 0.0  # of ``ramp``
    whole: bool = False  # whole numbers
    size: Annotated[int, Between(1, 4_096)] | None = None  # a list of so many numbers
    around: Annotated[float, Between(0, 1e6)] | None = None  # vectors or fingerprints near a few that are drawn once
    origins: Annotated[int, Between(1, 1_000)] = 1  # how many such there are
    grown: Annotated[float, Between(0, 1e6)] | None = None  # vectors made from earlier ones by steps of this size
    drawn: Annotated[tuple[str, ...], Length(0, 500)] = ()  # the words to draw from
    made: Annotated[float, Between(0, 1)] = 0.0  # the share of words that are made up, each time others

    def faults(self) -> Iterable[Fault]:
        """Exactly one way, and only what goes with it."""
        ways = ("normal", "uniform", "ramp", "choice", "cycle", "words", "characters", "hex")
        given = [way for way in ways if getattr(self, way) is not None]
        if len(given) != 1:
            yield Fault((), f"a series needs exactly one of {', '.join(ways)}")
        elif self.size and given[0] not in ("normal", "uniform"):
            yield Fault(("size",), f"size does not go with {given[0]}, expected normal or uniform")
        if self.weights and len(self.weights) != len(self.choice or ()):
            yield Fault(("weights",), f"{len(self.weights)} weights for {len(self.choice or ())} choices")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a test: an event, how often, and what varies."""

    event: Mapping[str, object]
    at: float
    every: float
    copies: int
    series: Mapping[str, Variation]


class TestEvents(Sequence[Mapping[str, object]]):
    """The events of a test, made when they are asked for: a rule set has tens of thousands and seldom needs any."""

    __test__ = False  # not a class of tests

    def __init__(self, lines: Sequence[Line], name: str) -> None:
        self._lines = lines
        self._name = name

    def __len__(self) -> int:
        return sum(line.copies for line in self._lines)

    @overload
    def __getitem__(self, place: int) -> Mapping[str, object]: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Mapping[str, object]]: ...

    def __getitem__(self, place: int | slice) -> Mapping[str, object] | Sequence[Mapping[str, object]]:
        return self.made()[place]

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        return iter(self.made())

    def made(self) -> tuple[Mapping[str, object], ...]:
        """All of them in order of time, completed."""
        found: list[tuple[float, dict[str, object]]] = []
        for number, line in enumerate(self._lines):
            found += _copies(line, f"{self._name}/{number}")
        found.sort(key=lambda item: item[0])
        return tuple(
            {
                "event.id": f"{self._name}/{number}",
                "time": TEST_BASE_US + int(at * 1_000_000),
                "trace_id": self._name,
                **event,
            }
            for number, (at, event) in enumerate(found)
        )


def read_lines(node: Node, defaults: Mapping[str, object]) -> tuple[list[Line], list[tuple[int, str]]]:
    """The lines of one test's ``events``, or what is wrong with them."""
    items = getattr(node, "items", ())
    lines: list[Line] = []
    faults: list[tuple[int, str]] = []
    for item in items if isinstance(items, tuple) else ():
        value = to_plain(item)
        if not isinstance(item, MappingNode) or not isinstance(value, dict):
            return [], [(item.line, "a test event must be a mapping of field to value")]
        event = {**defaults, **value}
        series = _series(item.get("series"), faults)
        copies = event.get("repeat", 1)
        if not isinstance(copies, int) or isinstance(copies, bool) or not 1 <= copies <= MAX_TEST_EVENTS:
            faults.append((item.line, f"repeat {copies}, expected a whole number from 1 to {MAX_TEST_EVENTS}"))
            continue
        plain = {key: part for key, part in event.items() if key not in _CONTROL}
        lines.append(Line(plain, _seconds(event.get("at", 0)), _seconds(event.get("every", 1)), copies, series))
    return lines, faults


def _series(node: Node | None, faults: list[tuple[int, str]]) -> dict[str, Variation]:
    if node is None:
        return {}
    if not isinstance(node, MappingNode):
        faults.append((node.line, "series must be a mapping of field to how it varies"))
        return {}
    found: dict[str, Variation] = {}
    for key, child in node.entries:
        reader = Reader()
        variation = reader.read(Variation, child)
        faults.extend((line, f"series {key.text}: {message}") for line, message in reader.faults)
        if variation is not None:
            found[key.text] = variation
    return found


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _copies(line: Line, name: str) -> list[tuple[float, dict[str, object]]]:
    events = varied(line.event, line.copies, line.series, name)
    return [(line.at + line.every * number, event) for number, event in enumerate(events)]


def varied(
    event: Mapping[str, object], copies: int, series: Mapping[str, Variation], name: str
) -> Iterator[dict[str, object]]:
    """The copies of an event, each with its number and its values; the same for the same name."""
    makers = {field: _maker(how, copies, f"{name}/{field}") for field, how in series.items()}
    inside = {field for field in makers if any(_holds(part, f"{{{field}}}") for part in event.values())}
    for number in range(copies):
        values = {field: make(number) for field, make in makers.items()}
        made = {key: _filled(part, number, values) for key, part in event.items()}
        yield made | {field: value for field, value in values.items() if field not in inside}


def _holds(part: object, mark: str) -> bool:
    if isinstance(part, list | dict):
        return any(_holds(item, mark) for item in (part.values() if isinstance(part, dict) else part))
    return isinstance(part, str) and mark in part


def _filled(part: object, number: int, values: Mapping[str, object]) -> object:
    if isinstance(part, list):
        return [_filled(item, number, values) for item in part]
    if isinstance(part, dict):
        return {_filled(key, number, values): _filled(item, number, values) for key, item in part.items()}
    if not isinstance(part, str):
        return part
    part = part.replace("{n}", str(number))
    for field, value in values.items():
        part = part.replace(f"{{{field}}}", str(value))
    return part


# -- values ---------------------------------------------------------------------------------------------------------


def _maker(how: Variation, copies: int, name: str) -> Callable[[int], object]:
    """A function that gives the value of each copy in turn."""
    rng = random.Random(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))  # noqa: S311 - repeatable
    if how.choice is not None or how.cycle is not None:
        return _chosen(how, rng)
    if how.words is not None:
        return lambda _: " ".join(_word(how, rng) for _ in range(how.words or 0))
    if how.characters is not None:
        marks = string.ascii_letters + string.digits + string.punctuation + " " * 6
        return lambda _: "".join(_one(rng, marks) for _ in range(how.characters or 0))
    if how.hex is not None:
        return _fingerprints(how, rng)
    if how.size is not None:
        return _vectors(how, rng)
    if how.ramp is not None:
        low, high = how.ramp
        step = (high - low) / max(copies - 1, 1)
        return lambda number: _number(how, low + step * number + (_normal(rng) * how.noise if how.noise else 0.0))
    return lambda _: _number(how, _drawn(how, rng))


def _word(how: Variation, rng: random.Random) -> str:
    if how.made and rng.random() < how.made:
        return "".join(_one(rng, "bdfglmnprstvz") + _one(rng, "aeiou") for _ in range(2 + int(rng.random() * 3)))
    return _one(rng, how.drawn or _VOCABULARY)


def _chosen(how: Variation, rng: random.Random) -> Callable[[int], object]:
    if how.cycle is not None:
        values = how.cycle
        return lambda number: _typed(values[number % len(values)])
    choices = how.choice or ()
    weights = how.weights or (1.0,) * len(choices)

    def choose(_: int) -> object:
        left = rng.random() * sum(weights)
        for choice, weight in zip(choices, weights, strict=True):
            left -= weight
            if left < 0:
                return _typed(choice)
        return _typed(choices[-1])

    return choose


def _typed(text: str) -> object:
    """``true``, ``false`` and whole numbers as what they are."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isdigit() and len(text) < 16 else text


def _fingerprints(how: Variation, rng: random.Random) -> Callable[[int], object]:
    width = how.hex or 16
    bases = [rng.getrandbits(4 * width) for _ in range(how.origins)]

    def make(number: int) -> str:
        if how.around is None:
            return f"{rng.getrandbits(4 * width):0{width}x}"
        found = bases[number % len(bases)]
        for _ in range(int(how.around)):
            found ^= 1 << int(rng.random() * 4 * width)
        return f"{found:0{width}x}"

    return make


def _vectors(how: Variation, rng: random.Random) -> Callable[[int], object]:
    size = how.size or 1
    bases = [[_drawn(how, rng) for _ in range(size)] for _ in range(how.origins)]
    made: list[list[float]] = []

    def make(number: int) -> list[float]:
        if how.grown is not None and number >= how.origins:
            # As synthetic queries are made: each from an earlier one, by equal steps in every dimension.
            parent = made[int(rng.random() * len(made))]
            vector = [value + (how.grown if rng.random() < 0.5 else -how.grown) for value in parent]
        elif how.grown is not None:
            vector = bases[number]
        elif how.around is not None:
            vector = [value + _normal(rng) * how.around for value in bases[number % len(bases)]]
        else:
            vector = [_drawn(how, rng) for _ in range(size)]
        vector = [round(value, 6) for value in vector]
        if how.grown is not None:
            made.append(vector)
        return vector

    return make


def _drawn(how: Variation, rng: random.Random) -> float:
    if how.uniform is not None:
        low, high = how.uniform
        return low + (high - low) * rng.random()
    mean, spread = how.normal or (0.0, 1.0)
    return mean + spread * _normal(rng)


def _normal(rng: random.Random) -> float:
    """By inverting the distribution: the generator's own way may change between versions of Python."""
    return _NORMAL.inv_cdf(min(max(rng.random(), 1e-12), 1 - 1e-12))


def _number(how: Variation, value: float) -> float | int:
    return math.floor(value + 0.5) if how.whole else round(value, 6)


def _one(rng: random.Random, items: Sequence[str]) -> str:
    return items[int(rng.random() * len(items))]
