"""Places roles as a tree of solid lines, compact enough to read at 150 roles, and routes the dotted ones."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from caiso.engine.coverage.organisation.model import LineKind
from caiso.engine.coverage.snapshot import Snapshot

BOX_WIDTH, BOX_HEIGHT = 176.0, 66.0
GAP_X, GAP_Y, STACK_GAP, INDENT = 16.0, 44.0, 10.0, 20.0
# A dotted line that goes round others keeps this far from boxes, and so many lanes between columns are tried.
LANE, MOST_LANES = 8.0, 24
# Letters that fit into one line of a box at the sizes in which titles and names are written.
TITLE_LETTERS, NAME_LETTERS = 25, 28
MOST_STACKED = 8
# From this depth on a subtree is written as an indented list; the first of these that fits the width is taken.
OUTLINE_DEPTHS = (99, 3, 2, 1)
WIDEST = 2400.0


@dataclass(frozen=True, slots=True)
class Box:
    """A role; `x`, `y` are the upper left corner in pixels."""

    role: str
    title: str
    holders: tuple[str, ...]
    x: float
    y: float
    depth: int
    width: float = BOX_WIDTH
    height: float = BOX_HEIGHT

    @property
    def lines(self) -> tuple[tuple[str, float], ...]:
        """The title in one or two lines, each with the height at which its foot stands."""
        wrapped = wrap(self.title, TITLE_LETTERS)
        first = self.y + (26.0 if len(wrapped) == 1 else 19.0)
        return tuple((line, first + 15.0 * place) for place, line in enumerate(wrapped))

    @property
    def name_line(self) -> tuple[str, float]:
        """Who holds it, in the last line."""
        return shorten(", ".join(self.holders) or "vacant", NAME_LETTERS), self.lines[-1][1] + 18.0


@dataclass(frozen=True, slots=True)
class Link:
    """A line from a role to its superior as a polyline in pixels."""

    from_: str
    to: str
    kind: LineKind
    covers: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Boxes do not overlap and lie within width and height."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    width: float
    height: float


def shorten(text: str, most: int) -> str:
    """The text in at most so many letters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def wrap(text: str, most: int) -> tuple[str, ...]:
    """The text in one or two lines, broken between words."""
    first, rest = "", text.split()
    while rest and len(first) + len(rest[0]) + bool(first) <= most:
        first = f"{first} {rest.pop(0)}".strip()
    if not first:
        return (shorten(text, most),)
    return (first, shorten(" ".join(rest), most)) if rest else (first,)


def layout_chart(snapshot: Snapshot, *, widest: float = WIDEST) -> Chart:
    """Lay out all roles as wide as `widest` pixels allow; what does not fit side by side is listed downwards."""
    for outline in OUTLINE_DEPTHS:
        tree = _planted(snapshot, outline)
        if tree.width <= widest:
            break
    boxes = tuple(tree.boxes[role] for role in snapshot.roles if role in tree.boxes)
    height = max((box.y + box.height for box in boxes), default=0.0)
    return Chart(boxes, tuple(tree.links()), tree.width, height)


def _planted(snapshot: Snapshot, outline: int) -> "_Tree":
    tree = _Tree(snapshot, outline)
    left = 0.0
    for root in tree.roots:
        left = tree.place(root, left, 0.0, depth=0) + GAP_X
    for role in snapshot.roles:
        # Only a circle of lines leaves somebody out; a reader must still see them.
        if role not in tree.boxes and role not in tree.singles:
            left = tree.place(role, left, 0.0, depth=0) + GAP_X
    if tree.singles:
        tree.stack(tree.singles, left, 0.0, depth=0)
    return tree


class _Tree:
    """Children under parents; children without children of their own are stacked in columns to save width."""

    def __init__(self, snapshot: Snapshot, outline: int) -> None:
        self.snapshot = snapshot
        self.outline = outline
        self.boxes: dict[str, Box] = {}
        self.stacked: set[str] = set()
        self.children: dict[str, list[str]] = defaultdict(list)
        superiors: dict[str, str] = {}
        for line in snapshot.lines:
            if line.kind == "solid":
                superiors.setdefault(line.from_, line.to)
        for role, superior in superiors.items():
            self.children[superior].append(role)
        self.advised = {role for line in snapshot.lines if line.kind == "dotted" for role in (line.from_, line.to)}
        tops = [role for role in snapshot.roles if role not in superiors]
        self.roots = [role for role in tops if self.children.get(role)]
        self.singles = [role for role in tops if not self.children.get(role)]

    @property
    def width(self) -> float:
        """From the left edge of the chart to the right edge of its last box."""
        return max((box.x + box.width for box in self.boxes.values()), default=0.0)

    def is_plain(self, role: str) -> bool:
        """Whether no dotted line leads from or to the role."""
        return role not in self.advised

    def place(self, role: str, left: float, top: float, *, depth: int) -> float:
        """Place a subtree with its left edge at `left`; returns its right edge."""
        if role in self.boxes:
            return left
        self.boxes[role] = self._box(role, left, top, depth)
        if depth >= self.outline:
            return self._list(role, left, top, depth)
        below = top + BOX_HEIGHT + GAP_Y
        children = self.children.get(role, [])
        # Who has dotted lines stands on top, where these reach without passing others.
        leaves = sorted((child for child in children if not self.children.get(child)), key=self.is_plain)
        branches = [child for child in children if self.children.get(child)]
        right = left
        for child in branches:
            edge = self.place(child, right, below, depth=depth + 1)
            right = edge + GAP_X
        if leaves:
            right = self.stack(leaves, right, below, depth=depth + 1) + GAP_X
        right = max(left + BOX_WIDTH, right - GAP_X)
        middle = (left + right - BOX_WIDTH) / 2
        self.boxes[role] = self._box(role, middle, top, depth)
        return right

    def _list(self, role: str, left: float, top: float, depth: int) -> float:
        """Everybody below a role, one under the other, indented by level."""
        right, y = left + BOX_WIDTH, top
        waiting = [(child, 1) for child in reversed(self.children.get(role, []))]
        while waiting:
            here, level = waiting.pop()
            if here in self.boxes:
                continue
            y += BOX_HEIGHT + STACK_GAP
            x = left + level * INDENT
            self.boxes[here] = self._box(here, x, y, depth + level)
            self.stacked.add(here)
            right = max(right, x + BOX_WIDTH)
            waiting += [(child, level + 1) for child in reversed(self.children.get(here, []))]
        return right

    def stack(self, leaves: Sequence[str], left: float, top: float, *, depth: int) -> float:
        """Place roles that have nobody below them; returns their right edge."""
        # One below the other: side by side they would make the chart wider than a page.
        rows = 1 if len(leaves) == 1 else MOST_STACKED
        x = left
        for start in range(0, len(leaves), rows):
            indent = INDENT if rows > 1 else 0.0
            for place, leaf in enumerate(leaves[start : start + rows]):
                self.boxes[leaf] = self._box(leaf, x + indent, top + place * (BOX_HEIGHT + STACK_GAP), depth)
                if rows > 1:
                    self.stacked.add(leaf)
            x += BOX_WIDTH + indent + GAP_X
        return x - GAP_X

    def _box(self, role: str, x: float, y: float, depth: int) -> Box:
        holders = tuple(seat.person.name for seat in self.snapshot.seats.get(role, ()))
        return Box(role, self.snapshot.roles[role].title, holders, x, y, depth)

    def links(self) -> list[Link]:
        found, boxes = [], tuple(self.boxes.values())
        for line in self.snapshot.lines:
            lower, upper = self.boxes.get(line.from_), self.boxes.get(line.to)
            if lower and upper:
                solid = line.kind == "solid"
                points = self._solid(lower, upper) if solid else _dotted(lower, upper, boxes)
                found.append(Link(line.from_, line.to, line.kind, line.covers, points))
        return found

    def _solid(self, lower: Box, upper: Box) -> tuple[tuple[float, float], ...]:
        if lower.role in self.stacked and upper.depth >= self.outline:
            side, middle = lower.x - INDENT / 2, lower.y + lower.height / 2
            return ((side, upper.y + upper.height), (side, middle), (lower.x, middle))
        start = (upper.x + upper.width / 2, upper.y + upper.height)
        bus = start[1] + GAP_Y / 2
        if lower.role in self.stacked:
            side, middle = lower.x - INDENT / 2, lower.y + lower.height / 2
            return (start, (start[0], bus), (side, bus), (side, middle), (lower.x, middle))
        end = (lower.x + lower.width / 2, lower.y)
        return (start, (start[0], bus), (end[0], bus), end)


Point = tuple[float, float]
Way = tuple[Point, ...]


def _dotted(lower: Box, upper: Box, boxes: Sequence[Box]) -> Way:
    """Straight between the sides that face each other, or around what stands between: a line that passes behind a box
    would seem to end there."""
    others = [box for box in boxes if box.role not in (lower.role, upper.role)]
    straight = _straight(lower, upper)
    if not _meets(straight, others):
        return straight
    return next((way for way in _ways_round(lower, upper, boxes) if not _meets(way, boxes)), straight)


def _straight(lower: Box, upper: Box) -> Way:
    if abs(lower.y - upper.y) < BOX_HEIGHT:
        facing = lower.x < upper.x
        return (
            (lower.x + (lower.width if facing else 0), lower.y + lower.height / 2),
            (upper.x + (0 if facing else upper.width), upper.y + upper.height / 2),
        )
    down = lower.y > upper.y
    return (
        (lower.x + lower.width * 0.75, lower.y if down else lower.y + lower.height),
        (upper.x + upper.width * 0.75, upper.y + upper.height if down else upper.y),
    )


def _ways_round(lower: Box, upper: Box, boxes: Sequence[Box]) -> Iterator[Way]:
    """Out of the side or the top of the lower box, up a lane between columns (the nearest first), and in below or beside
    the upper one."""
    middle = (lower.x + upper.x) / 2
    edges = {box.x - LANE for box in boxes} | {box.x + box.width + LANE for box in boxes}
    for lane in sorted(edges, key=lambda x: abs(x - middle))[:MOST_LANES]:
        right = lane > lower.x + lower.width / 2
        beside = (lower.x + (lower.width if right else 0.0), lower.y + lower.height * 0.3)
        top = (lower.x + lower.width * 0.85, lower.y)
        ins = (upper.x + upper.width * 0.85, upper.y + upper.height)
        enters = (upper.x + (upper.width if lane > upper.x else 0.0), upper.y + upper.height * 0.7)
        for leave in ((beside, (lane, beside[1])), (top, (top[0], lower.y - LANE), (lane, lower.y - LANE))):
            yield (*leave, (lane, enters[1]), enters)
            yield (*leave, (lane, ins[1] + LANE), (ins[0], ins[1] + LANE), ins)


def _meets(way: Way, boxes: Sequence[Box]) -> bool:
    return any(_crosses(start, end, box) for start, end in pairwise(way) for box in boxes)


def _crosses(start: Point, end: Point, box: Box) -> bool:
    """Whether a straight line passes through the inside of a box (Liang and Barsky)."""
    enter, leave = 0.0, 1.0
    dx, dy = end[0] - start[0], end[1] - start[1]
    for step, room in (
        (-dx, start[0] - box.x),
        (dx, box.x + box.width - start[0]),
        (-dy, start[1] - box.y),
        (dy, box.y + box.height - start[1]),
    ):
        if step == 0:
            if room <= 0:
                return False
        elif step < 0:
            enter = max(enter, room / step)
        else:
            leave = min(leave, room / step)
    return enter < leave
