"""A parsed regular expression as a tree of nodes: what stands in it, what it takes, which part of it is rarest."""

from __future__ import annotations

from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]  # the parser module of re has no public name
from typing import Any, Final

REPEATS: Final = (op.MAX_REPEAT, op.MIN_REPEAT)
CHARACTERS: Final = (op.IN, op.ANY, op.NOT_LITERAL)

Node = tuple[Any, Any]
Sequence_ = list[Node]

_GAP: Final = 8  # characters that a repeat must be able to skip to count as a gap
_STRONG: Final = 4  # letters in a row; where every part of a chain has as many, a scanner copes with the chain
_USEFUL: Final = 3  # letters in a row below which a part says too little to stand for the chain
_FEW: Final = 3  # members of a character class that is as good as a letter


def simplify(nodes: Iterable[Node], *, left: bool, right: bool) -> Sequence_:
    """Cut repeats at the open edges to their least count: whether there is a match does not change."""
    result: Sequence_ = list(nodes)
    while left and result:
        cut = _cut(result[0], left=True, right=right and len(result) == 1)
        result[0:1] = cut
        if cut:
            break
    while right and result:
        cut = _cut(result[-1], left=left and len(result) == 1, right=True)
        result[-1:] = cut
        if cut:
            break
    return result


def _cut(node: Node, *, left: bool, right: bool) -> Sequence_:
    kind, value = node
    if kind in REPEATS:
        least, _, inner = value
        if least == 0:
            return []
        return [(op.MAX_REPEAT, (least, least, inner))]
    if kind is op.SUBPATTERN:
        group, add, remove, inner = value
        cut = simplify(inner, left=left, right=right)
        return [(op.SUBPATTERN, (group, add, remove, cut))] if cut else []
    if kind is op.BRANCH:
        branches = [simplify(branch, left=left, right=right) for branch in value[1]]
        return [(op.BRANCH, (None, branches))]
    return [node]


def walk(nodes: Iterable[Node]) -> Iterable[Node]:
    """Every node, each before what it holds."""
    for kind, value in nodes:
        yield kind, value
        for inner in children(kind, value):
            yield from walk(inner)


def children(kind: Any, value: Any) -> list[Iterable[Node]]:
    """The sequences that a node holds."""
    if kind is op.BRANCH:
        return list(value[1])
    if kind is op.SUBPATTERN:
        return [value[3]]
    if kind in REPEATS:
        return [value[2]]
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return [value[1]]
    return []


def consumes(node: Node) -> bool:
    """Whether a match of the node may take a character; anchors and look-around take none."""
    kind, value = node
    if kind is op.AT or kind in (op.ASSERT, op.ASSERT_NOT):
        return False
    if kind is op.SUBPATTERN:
        return any(map(consumes, value[3]))
    if kind is op.BRANCH:
        return any(consumes(inner) for branch in value[1] for inner in branch)
    if kind in REPEATS:
        return bool(value[1]) and any(map(consumes, value[2]))
    return True


def rarest(nodes: Sequence_) -> Sequence_:
    """What any match must hold somewhere, where that is rarer than a chain of small words with gaps between them.

    Any match of ``(if|when) … (he|she) … replies`` holds ``replies``. A scanner that looks for all patterns at once
    must follow each chain from its first link on, at every "if" of every text; the one rare link costs it next to
    nothing, and the few texts that hold it are looked at again with the whole pattern. Without such a chain the
    nodes come back as they are.
    """
    inward = _inward(nodes)
    if len(inward) == 1 and _has_gap(inward[0]):
        inside = _inside(inward[0])
        return nodes if inside is inward[0] else [inside]
    if not any(_is_gap(node) or _has_gap(node) for node in nodes):
        return nodes
    links = _links(nodes)
    if min((strength(link) for _, link in links), default=_STRONG) >= _STRONG:
        return nodes
    best = max(reversed(_stretches(links)), key=lambda stretch: (strength(stretch), len(stretch)), default=[])
    return best if strength(best) >= _USEFUL else nodes


def _links(nodes: Sequence_) -> list[tuple[Sequence_, Sequence_]]:
    """The parts of a chain that take characters, each with the gap that ties it to the one before, if it is one gap.

    A group with chains of its own is a part by itself.
    """
    links: list[tuple[Sequence_, Sequence_]] = [([], [])]
    for node in nodes:
        if _is_gap(node):
            links.append(([node], []))
        elif _has_gap(node):
            links += [([], [_inside(node)]), ([], [])]
        else:
            links[-1][1].append(node)
    found: list[tuple[Sequence_, Sequence_]] = []
    tied = False
    for gap, link in links:
        full = any(map(consumes, link))
        if full:
            found.append((gap if tied else [], link))
        tied = full
    return found


def _stretches(links: Iterable[tuple[Sequence_, Sequence_]]) -> list[Sequence_]:
    """Neighbours that are all strong, with the gaps between them; each weaker link by itself."""
    stretches: list[Sequence_] = []
    before = False
    for gap, link in links:
        strong = strength(link) >= _STRONG
        if gap and strong and before:
            stretches[-1] += [*gap, *link]
        else:
            stretches.append([*link])
        before = strong
    return stretches


def _inside(node: Node) -> Node:
    """The group with each of its ways cut down to what is rarest; the same object where there is nothing to cut."""
    kind, value = node
    if kind is op.SUBPATTERN:
        *head, inner = value
        way = list(inner)
        found = rarest(way)
        return node if found is way else (kind, (*head, found))
    ways = [list(branch) for branch in value[1]]
    kept = [rarest(way) for way in ways]
    same = all(one is other for one, other in zip(kept, ways, strict=True))
    return node if same else (kind, (None, kept))


def _inward(nodes: Sequence_) -> Sequence_:
    """Anchors on both sides of a lone group moved into each of its ways, which means the same."""
    groups = [number for number, (kind, _) in enumerate(nodes) if kind is not op.AT]
    if len(groups) != 1 or len(nodes) == 1:
        return nodes
    before, (kind, value), after = nodes[: groups[0]], nodes[groups[0]], nodes[groups[0] + 1 :]
    if kind is op.BRANCH:
        return [(kind, (None, [[*before, *branch, *after] for branch in value[1]]))]
    if kind is op.SUBPATTERN and not value[1] and not value[2]:
        return [(kind, (*value[:3], _inward([*before, *value[3], *after])))]
    return nodes


def _is_gap(node: Node) -> bool:
    """A repeat that skips over nearly any characters."""
    kind, value = node
    if kind not in REPEATS:
        return False
    if len(value[2]) == 1 and value[2][0][0] in CHARACTERS:
        inner, members = value[2][0]
        return int(value[1]) >= _GAP and (inner is not op.IN or members[0][0] is op.NEGATE)
    return any(_is_gap(inner) or _has_gap(inner) for inner in value[2])


def _has_gap(node: Node) -> bool:
    kind, value = node
    if kind is op.SUBPATTERN:
        return any(_is_gap(inner) or _has_gap(inner) for inner in value[3])
    return kind is op.BRANCH and any(_is_gap(inner) or _has_gap(inner) for branch in value[1] for inner in branch)


def strength(nodes: Iterable[Node]) -> int:
    """Letters in a row that any match is sure to hold, by the weakest of its ways."""
    best = current = 0
    for node in nodes:
        kind, value = node
        if kind is op.AT:
            continue
        if _is_letter(node):
            current += 1
            continue
        best = max(best, current)
        sure = _strength_of(kind, value)
        current = current + sure if _is_plain(node) else 0
        best = max(best, sure)
    return max(best, current)


def _strength_of(kind: Any, value: Any) -> int:
    if kind is op.SUBPATTERN:
        return strength(value[3])
    if kind is op.BRANCH:
        return min(map(strength, value[1]), default=0)
    return 0


def _is_letter(node: Node) -> bool:
    kind, value = node
    return kind is op.LITERAL or (
        kind is op.IN and len(value) <= _FEW and all(inner is op.LITERAL for inner, _ in value)
    )


def _is_plain(node: Node) -> bool:
    """Nothing but letters, whichever way is taken."""
    kind, value = node
    if kind is op.SUBPATTERN:
        return all(map(_is_plain, value[3]))
    if kind is op.BRANCH:
        return all(_is_plain(inner) for branch in value[1] for inner in branch)
    return kind is op.AT or _is_letter(node)
