"""Draws overlaps as circles or ellipses for two to four sets, and as an UpSet table for more."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from caiso.errors import DomainError

RADIUS = 120.0
MARGIN = 24.0
_STEPS = 96


class UnableToDraw(DomainError):
    """Too few or too many sets for this figure."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An ellipse (a circle when rx = ry), turned by `angle` degrees around its centre; in pixels."""

    name: str
    size: int
    cx: float
    cy: float
    rx: float
    ry: float
    angle: float = 0.0

    def distance(self, x: float, y: float) -> float:
        """Below 0 inside, 0 on the edge, above 0 outside; in units of the radius."""
        turn = math.radians(-self.angle)
        dx, dy = x - self.cx, y - self.cy
        along, across = dx * math.cos(turn) - dy * math.sin(turn), dx * math.sin(turn) + dy * math.cos(turn)
        return math.hypot(along / self.rx, across / self.ry) - 1


@dataclass(frozen=True, slots=True)
class Field:
    """What exactly these sets share, with where its number is written; `items` are in order."""

    names: tuple[str, ...]
    items: tuple[str, ...]
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Euler:
    """`proportional` says whether areas follow the counts; every field that has items has a place."""

    shapes: tuple[Shape, ...]
    fields: tuple[Field, ...]
    width: float
    height: float
    proportional: bool


@dataclass(frozen=True, slots=True)
class Upset:
    """Sets by size, and the exact intersections that have items, largest first."""

    sets: tuple[tuple[str, int], ...]
    columns: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def exact_regions(sets: Mapping[str, Collection[str]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Items by exactly the sets that hold them, names in the order given."""
    holders: dict[str, list[str]] = defaultdict(list)
    for name, items in sets.items():
        for item in set(items):
            holders[item].append(name)
    regions: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for item in sorted(holders):
        regions[tuple(holders[item])].append(item)
    return {names: tuple(items) for names, items in regions.items()}


def euler(sets: Mapping[str, Collection[str]]) -> Euler:
    """Two or three sets as circles with areas by count where geometry allows, else and for four a Venn figure."""
    if not 2 <= len(sets) <= 4:
        raise UnableToDraw(f"an Euler figure takes 2 to 4 sets, not {len(sets)}; use upset")
    regions = exact_regions(sets)
    attempts = [(_ellipses(sets), False)] if len(sets) == 4 else [(_circles(sets), True), (_venn(sets), False)]
    for shapes, proportional in attempts:
        places = _places(shapes)
        if all(names in places for names in regions) and not (proportional and _misleads(places, regions)):
            return _figure(shapes, regions, places, proportional=proportional)
    raise UnableToDraw("a field of the figure has no room")


def upset(sets: Mapping[str, Collection[str]]) -> Upset:
    """Any number of sets."""
    if not sets:
        raise UnableToDraw("an UpSet figure needs a set")
    sizes = sorted(((name, len(set(items))) for name, items in sets.items()), key=lambda entry: (-entry[1], entry[0]))
    columns = sorted(exact_regions(sets).items(), key=lambda entry: (-len(entry[1]), len(entry[0]), entry[0]))
    return Upset(tuple(sizes), tuple(columns))


def _misleads(
    places: Mapping[tuple[str, ...], tuple[float, float]], regions: Mapping[tuple[str, ...], tuple[str, ...]]
) -> bool:
    """An overlap that is drawn but empty would be read as something shared."""
    return any(len(names) > 1 and names not in regions for names in places)


def _circles(sets: Mapping[str, Collection[str]]) -> list[Shape]:
    largest = max((len(set(items)) for items in sets.values()), default=0) or 1
    names = list(sets)
    radii = {name: RADIUS * math.sqrt(max(len(set(sets[name])), 0.3) / largest) for name in names}

    def apart(one: str, other: str) -> float:
        shared = len(set(sets[one]) & set(sets[other])) * math.pi * RADIUS**2 / largest
        return _distance(radii[one], radii[other], shared)

    centres = {names[0]: (0.0, 0.0), names[1]: (apart(names[0], names[1]), 0.0)}
    if len(names) == 3:
        base = centres[names[1]][0] or 1e-9
        first, second = apart(names[0], names[2]), apart(names[1], names[2])
        x = (first**2 - second**2 + base**2) / (2 * base)
        centres[names[2]] = (x, math.sqrt(max(first**2 - x**2, 0.0)))
    return [Shape(name, len(set(sets[name])), *centres[name], radii[name], radii[name]) for name in names]


def _distance(one: float, other: float, area: float) -> float:
    """The distance of two circles whose lens has the area; a sliver apart when they share nothing."""
    if area <= 0:
        return one + other + MARGIN / 2
    low, high = abs(one - other), one + other
    for _ in range(60):
        middle = (low + high) / 2
        if _lens(one, other, middle) > area:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _lens(one: float, other: float, apart: float) -> float:
    if apart >= one + other:
        return 0.0
    if apart <= abs(one - other):
        return math.pi * min(one, other) ** 2
    first = math.acos(max(-1, min(1, (apart**2 + one**2 - other**2) / (2 * apart * one))))
    second = math.acos(max(-1, min(1, (apart**2 + other**2 - one**2) / (2 * apart * other))))
    return one**2 * (first - math.sin(2 * first) / 2) + other**2 * (second - math.sin(2 * second) / 2)


def _venn(sets: Mapping[str, Collection[str]]) -> list[Shape]:
    count = len(sets)
    spread = RADIUS * 0.62
    shapes = []
    for place, (name, items) in enumerate(sets.items()):
        turn = math.pi + 2 * math.pi * place / count if count == 2 else -math.pi * 5 / 6 + 2 * math.pi * place / 3
        shapes.append(Shape(name, len(set(items)), spread * math.cos(turn), spread * math.sin(turn), RADIUS, RADIUS))
    return shapes


# Four ellipses that form all fifteen fields: centre x, centre y, radii and angle in units of RADIUS.
_FOUR = (
    (-0.72, 0.18, 1.44, 0.84, 45.0),
    (-0.24, -0.24, 1.44, 0.84, 45.0),
    (0.24, -0.24, 1.44, 0.84, -45.0),
    (0.72, 0.18, 1.44, 0.84, -45.0),
)


def _ellipses(sets: Mapping[str, Collection[str]]) -> list[Shape]:
    return [
        Shape(name, len(set(items)), x * RADIUS, y * RADIUS, rx * RADIUS, ry * RADIUS, angle)
        for (name, items), (x, y, rx, ry, angle) in zip(sets.items(), _FOUR, strict=True)
    ]


def _places(shapes: list[Shape]) -> dict[tuple[str, ...], tuple[float, float]]:
    """For every field that is drawn, the sampled point farthest from all edges."""
    reach = [max(shape.rx, shape.ry) for shape in shapes]
    left = min(shape.cx - far for shape, far in zip(shapes, reach, strict=True))
    right = max(shape.cx + far for shape, far in zip(shapes, reach, strict=True))
    top = min(shape.cy - far for shape, far in zip(shapes, reach, strict=True))
    bottom = max(shape.cy + far for shape, far in zip(shapes, reach, strict=True))
    best: dict[tuple[str, ...], tuple[float, float, float]] = {}
    for i in range(_STEPS + 1):
        for j in range(_STEPS + 1):
            x, y = left + (right - left) * i / _STEPS, top + (bottom - top) * j / _STEPS
            distances = [shape.distance(x, y) for shape in shapes]
            names = tuple(shape.name for shape, far in zip(shapes, distances, strict=True) if far < 0)
            clear = min(abs(far) for far in distances)
            if names and (names not in best or clear > best[names][0]):
                best[names] = (clear, x, y)
    return {names: (x, y) for names, (_, x, y) in best.items()}


def _figure(
    shapes: list[Shape],
    regions: Mapping[tuple[str, ...], tuple[str, ...]],
    places: Mapping[tuple[str, ...], tuple[float, float]],
    *,
    proportional: bool,
) -> Euler:
    reach = [max(shape.rx, shape.ry) for shape in shapes]
    left = min(shape.cx - far for shape, far in zip(shapes, reach, strict=True)) - MARGIN
    top = min(shape.cy - far for shape, far in zip(shapes, reach, strict=True)) - MARGIN
    right = max(shape.cx + far for shape, far in zip(shapes, reach, strict=True)) + MARGIN
    bottom = max(shape.cy + far for shape, far in zip(shapes, reach, strict=True)) + MARGIN
    moved = tuple(
        Shape(shape.name, shape.size, shape.cx - left, shape.cy - top, shape.rx, shape.ry, shape.angle)
        for shape in shapes
    )
    fields = tuple(
        Field(names, regions.get(names, ()), x - left, y - top)
        for names, (x, y) in sorted(places.items(), key=lambda entry: (len(entry[0]), entry[0]))
    )
    return Euler(moved, fields, right - left, bottom - top, proportional)
