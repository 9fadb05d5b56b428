"""One regular expression meaning in three dialects: Hyperscan over joined rows, RE2, and Python's re."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]  # the parser module of re has no public name
from re import _parser as sre  # type: ignore[attr-defined]
from typing import Any, Final

from caiso.engine.detect.pattern_tree import (
    CHARACTERS,
    REPEATS,
    Node,
    Sequence_,
    children,
    consumes,
    rarest,
    simplify,
    walk,
)
from caiso.engine.detect.text import SEPARATOR, canonical
from caiso.errors import DomainError

try:
    import re2
except ImportError:
    re2 = None

MAX_PATTERN_CHARS: Final = 4096
MAX_LOOKAROUND_WAYS: Final = 65_536  # in which a look-around pattern may match from one position
LOOKAROUND_TEXT_CHARS: Final = 8_192

_ASCII: Final = frozenset(range(128))
_WORD: Final = frozenset(map(ord, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"))
_DIGIT: Final = frozenset(map(ord, "0123456789"))
_SPACE: Final = frozenset(map(ord, "\t\n\v\f\r "))
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: _DIGIT,
    op.CATEGORY_WORD: _WORD,
    op.CATEGORY_SPACE: _SPACE,
}
_NOT_CATEGORIES: Final = {
    op.CATEGORY_NOT_DIGIT: _DIGIT,
    op.CATEGORY_NOT_WORD: _WORD,
    op.CATEGORY_NOT_SPACE: _SPACE,
}
_WIDE_BOUND: Final = 3  # repeats of groups
_WIDE_CHARACTERS: Final = 12  # repeats of one character class
_WIDE_COUNT: Final = 64
_BEGIN: Final = (op.AT_BEGINNING, op.AT_BEGINNING_STRING)
_END: Final = (op.AT_END, op.AT_END_STRING)
_LAST: Final = int(op.MAXREPEAT)


class UnableToUsePattern(DomainError):
    """The pattern asks for something that not all back ends can do alike."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled-to-dialects pattern; ``scan`` fields are shortened because only *whether* it matches counts there."""

    joined: str  # Hyperscan, over rows joined by the separator
    joined_utf8: bool  # must Hyperscan decode UTF-8, or do bytes do
    wide: str  # RE2's set of all patterns
    re2: str  # RE2 alone: exact, unless there is look-around
    python: str  # full pattern, also used to find where the match lies
    lookaround: bool  # only Python's re can decide; the others over-approximate
    confirm: bool  # a hit of the joined or wide form says "perhaps" and needs an exact look at the one text
    confirm_ascii: bool  # … also where that text is ASCII
    always: bool  # matches every text
    empty: bool  # may match without taking a character, so that its place between joined rows is unclear
    weight: int  # least number of characters that a match takes; a selectivity hint


@dataclass(frozen=True, slots=True)
class _Class:
    """A set of characters: some ASCII, some other ranges, or all the others."""

    ascii: frozenset[int]
    ranges: tuple[tuple[int, int], ...] = ()
    rest: bool = False  # every non-ASCII character except ``ranges``


@dataclass(slots=True)
class _Writer:
    """Writes a parsed pattern in one dialect."""

    joined: bool = False
    python: bool = False
    wide: bool = False  # drop look-around and open up bounded repeats: smaller automata that match a little more
    dotall: bool = False
    multiline: bool = False
    caseless: bool = False
    utf8: bool = False
    widened: bool = False  # matches a little more than it should, at least where text is not ASCII
    stretched: bool = False  # … in ASCII text, too

    def sequence(self, nodes: Iterable[Node], *, edge: bool = False) -> str:
        """``edge``: nothing follows, so that a scanner may report as soon as the least is there."""
        items = list(nodes)
        return "".join(
            self.node(kind, value, edge=edge and number == len(items) - 1) for number, (kind, value) in enumerate(items)
        )

    def node(self, kind: Any, value: Any, *, edge: bool = False) -> str:
        if kind is op.LITERAL:
            return self.literal(value)
        if kind in CHARACTERS:
            members = self.members(kind, value)
            single = self.characters(members)
            return self.one_of_any(members) if members.rest and self.joined and not edge else single
        if kind is op.BRANCH:
            return "(?:" + "|".join(self.sequence(branch, edge=edge) for branch in value[1]) + ")"
        if kind is op.SUBPATTERN:
            return self.group(value, edge=edge)
        if kind in REPEATS:
            return self.repeat(kind, value, edge=edge)
        if kind is op.AT:
            return self.anchor(value)
        if kind in (op.ASSERT, op.ASSERT_NOT):
            return self.assertion(kind, value)
        raise UnableToUsePattern(
            f"{str(kind).lower().replace('_', ' ')} is not supported, expected plain, non-recursive syntax"
        )

    def literal(self, code: int) -> str:
        character = chr(code)
        if code > 127:
            self.utf8 = True
            return character
        if code in _WORD or character == " ":
            return character
        if code < 32 or code == 127:
            return f"\\x{code:02x}"
        return "\\" + character

    def members(self, kind: Any, value: Any) -> _Class:
        if kind is op.ANY:
            return _Class(_ASCII if self.dotall else _ASCII - {10}, rest=True)
        return _negate(_class([(op.LITERAL, value)])) if kind is op.NOT_LITERAL else _class(value)

    def one_of_any(self, members: _Class) -> str:
        """One character of a class with all that is not ASCII, which without decoding is one to four bytes."""
        self.widened = True
        plain = members.ascii - {ord(SEPARATOR)}
        if self.caseless:  # a letter in one case would let in the other
            left_out = {chr(code).swapcase() for code in _ASCII - plain}
            plain = plain - {ord(letter) for letter in left_out if letter.isalpha()}
        other = "[^\\x00-\\x7f]{1,4}"
        return f"(?:{self.characters(_Class(plain))}|{other})" if plain else other

    def characters(self, members: _Class) -> str:
        ascii_set = members.ascii
        if self.joined:
            ascii_set = ascii_set - {ord(SEPARATOR)}
        if members.rest:
            # ``repeat`` knows how many bytes there may be; a byte of a character that is left out may belong to another.
            self.widened = self.widened or (self.joined and bool(members.ranges))
            shown = _ranges(_ASCII - ascii_set) + ([] if self.joined else list(members.ranges))
            if not shown:
                return "(?s:.)"
            return "[^" + "".join(map(_range_text, shown)) + "]"
        if members.ranges:
            self.utf8 = True
        shown = _ranges(ascii_set) + list(members.ranges)
        if not shown:
            raise UnableToUsePattern("a character class is empty, expected at least one character")
        return "[" + "".join(map(_range_text, shown)) + "]"

    def group(self, value: Any, *, edge: bool) -> str:
        _, add, remove, inner = value
        saved = self.dotall, self.multiline, self.caseless
        self.dotall = (self.dotall or bool(add & re.DOTALL)) and not remove & re.DOTALL
        self.multiline = (self.multiline or bool(add & re.MULTILINE)) and not remove & re.MULTILINE
        self.caseless = (self.caseless or bool(add & re.IGNORECASE)) and not remove & re.IGNORECASE
        case = "i" if add & re.IGNORECASE else "-i" if remove & re.IGNORECASE else ""
        text = f"(?{case}:{self.sequence(inner, edge=edge)})"
        self.dotall, self.multiline, self.caseless = saved
        return text

    def repeat(self, kind: Any, value: Any, *, edge: bool) -> str:
        least, most, inner = int(value[0]), int(value[1]), value[2]
        rest = False
        if len(inner) == 1 and inner[0][0] in CHARACTERS:
            members = self.members(*inner[0])
            rest = members.rest
            text = self.characters(members)
        else:
            text = self.sequence(inner)
            if len(inner) != 1 or inner[0][0] is not op.LITERAL:
                text = f"(?:{text})"
        if self.wide:
            least, most = self.opened(least, most, rest=rest, edge=edge, plain=len(inner) == 1)
        lazy = "?" if kind is op.MIN_REPEAT and not self.wide else ""
        return text + _count(least, most) + (lazy if (least, most) != (1, 1) else "")

    def opened(self, least: int, most: int, *, rest: bool, edge: bool, plain: bool) -> tuple[int, int]:
        """The repeat as a scanner needs it: long bounds become open, and a count of characters one of bytes."""
        bounded = (_WIDE_CHARACTERS if plain else _WIDE_BOUND) < most != least and most != _LAST
        if edge and plain and least == most:
            self.widened = self.widened or (rest and self.joined and least > 1) or least > _WIDE_COUNT
            self.stretched = self.stretched or least > _WIDE_COUNT
            return min(least, _WIDE_COUNT), min(least, _WIDE_COUNT)
        if rest and self.joined and (least, most) != (0, _LAST):
            self.widened = True
            self.stretched = self.stretched or most != _LAST or least > _WIDE_COUNT
            return min(least, _WIDE_COUNT), _LAST
        if bounded or least > _WIDE_COUNT:
            self.widened = self.stretched = True
            return min(least, _WIDE_COUNT), _LAST
        return least, most

    def anchor(self, where: Any) -> str:
        if where is op.AT_BOUNDARY:
            return _PYTHON_BOUNDARY if self.python else "\\b"
        if where is op.AT_NON_BOUNDARY:
            return f"(?!{_PYTHON_BOUNDARY})" if self.python else "\\B"
        if where is op.AT_BEGINNING and self.multiline:
            return f"(?:\\x{ord(SEPARATOR):02x}|(?m:^))" if self.joined else "(?m:^)"
        if where is op.AT_END and self.multiline:
            return f"(?:\\x{ord(SEPARATOR):02x}|(?m:$))" if self.joined else "(?m:$)"
        if where in _BEGIN:
            return f"\\x{ord(SEPARATOR):02x}" if self.joined else "\\A"
        end = f"\\x{ord(SEPARATOR):02x}" if self.joined else "\\Z" if self.python else "\\z"
        return f"(?:\\n?{end})" if where is op.AT_END else end

    def assertion(self, kind: Any, value: Any) -> str:
        if self.wide:
            return ""
        direction, inner = value
        mark = ("<" if direction < 0 else "") + ("=" if kind is op.ASSERT else "!")
        return f"(?{mark}{self.sequence(inner)})"


_PYTHON_BOUNDARY: Final = (
    "(?:(?<![0-9A-Z_a-z])(?=[0-9A-Z_a-z])|(?<=[0-9A-Z_a-z])(?![0-9A-Z_a-z]))"  # re's own \b is Unicode
)


def _class(items: Iterable[Node]) -> _Class:
    ascii_set: set[int] = set()
    ranges: list[tuple[int, int]] = []
    negated = rest = False
    for kind, value in items:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            _add_range(ascii_set, ranges, (value, value))
        elif kind is op.RANGE:
            _add_range(ascii_set, ranges, value)
        elif value in _CATEGORIES:
            ascii_set |= _CATEGORIES[value]
        else:
            ascii_set |= _ASCII - _NOT_CATEGORIES[value]
            rest = True
    members = _Class(frozenset(ascii_set), () if rest else tuple(ranges), rest=rest)
    return _negate(members) if negated else members


def _negate(members: _Class) -> _Class:
    if members.rest:
        return _Class(_ASCII - members.ascii)  # the others had no exceptions here
    return _Class(_ASCII - members.ascii, members.ranges, rest=True)


def _add_range(ascii_set: set[int], ranges: list[tuple[int, int]], span: tuple[int, int]) -> None:
    low, high = span
    ascii_set.update(range(low, min(high, 127) + 1))
    if high > 127:
        ranges.append((max(low, 128), high))


def _ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for code in sorted(codes):
        if spans and spans[-1][1] == code - 1:
            spans[-1] = (spans[-1][0], code)
        else:
            spans.append((code, code))
    return spans


def _range_text(span: tuple[int, int]) -> str:
    low, high = (_class_character(code) for code in span)
    return low if span[0] == span[1] else f"{low}-{high}"


def _class_character(code: int) -> str:
    if code > 127 or code in _WORD:
        return chr(code)
    return f"\\x{code:02x}"


def _count(least: int, most: int) -> str:
    if (least, most) == (1, 1):
        return ""
    short = {(0, 1): "?", (0, _LAST): "*", (1, _LAST): "+"}.get((least, most))
    if short is not None:
        return short
    return f"{{{least}}}" if least == most else f"{{{least},{'' if most == _LAST else most}}}"


def _odd_anchors(nodes: Iterable[Node], *, before: bool, after: bool) -> bool:
    """True when an anchor stands where characters may be consumed outside it: joined rows could then be mixed up."""
    items = list(nodes)
    for index, (kind, value) in enumerate(items):
        consumed_before = before or any(map(consumes, items[:index]))
        consumed_after = after or any(map(consumes, items[index + 1 :]))
        if kind is op.AT and ((value in _BEGIN and consumed_before) or (value in _END and consumed_after)):
            return True
        repeated = kind in REPEATS and value[1] != 1
        for inner in children(kind, value):
            if _odd_anchors(inner, before=consumed_before or repeated, after=consumed_after or repeated):
                return True
    return False


def _lookaround_cost(nodes: Iterable[Node]) -> int:
    """Upper bound on the ways that a backtracking matcher may try at one position."""
    cost = 1
    for kind, value in nodes:
        inner = [_lookaround_cost(child) for child in children(kind, value)]
        if kind is op.BRANCH:
            ways = sum(way for way in inner if way > 1) or 1  # plain words fail at once
        elif kind in REPEATS:
            span = LOOKAROUND_TEXT_CHARS if value[1] == _LAST else int(value[1]) - int(value[0]) + 1
            ways = span if inner[0] == 1 else inner[0] ** min(int(value[1]), 8) * span
        else:
            ways = max(inner, default=1)
        cost = min(cost * ways, 1 << 40)
    return cost


def _without_lookaround(nodes: Iterable[Node]) -> Iterable[Node]:
    return (node for node in nodes if node[0] not in (op.ASSERT, op.ASSERT_NOT))


def _always(nodes: Sequence_, short: Sequence_, *, least: int) -> bool:
    return not short or (least == 0 and all(kind is not op.AT for kind, _ in walk(nodes)))


def _parse(expression: str, flags: int) -> Any:
    if len(expression) > MAX_PATTERN_CHARS:
        raise UnableToUsePattern(f"pattern has {len(expression)} characters, expected at most {MAX_PATTERN_CHARS}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return sre.parse(canonical(expression), flags)
    except (re.error, Warning, OverflowError, RecursionError) as problem:
        raise UnableToUsePattern(f"{problem}, expected a regular expression") from None


def compile_pattern(expression: str, *, caseless: bool = False, flags: int = 0) -> Pattern:
    """Write an expression in all dialects.

    Meaning: search anywhere; ASCII ``\\d \\w \\s \\b``; ``$`` also before a final line feed; simple case folding.
    Raises UnableToUsePattern for back references, atomic groups, possessive repeats and costly look-around.
    """
    tree = _parse(expression, flags)
    caseless = caseless or bool(tree.state.flags & re.IGNORECASE)
    style = {
        "dotall": bool(tree.state.flags & re.DOTALL),
        "multiline": bool(tree.state.flags & re.MULTILINE),
        "caseless": caseless,
    }
    nodes: Sequence_ = list(tree)
    lookaround = any(kind in (op.ASSERT, op.ASSERT_NOT) for kind, _ in walk(nodes))
    if lookaround and _lookaround_cost(nodes) > MAX_LOOKAROUND_WAYS:
        raise UnableToUsePattern("look-around with several open repeats, expected bounded ones such as {0,40}")
    if lookaround and sre.SubPattern(tree.state, list(_without_lookaround(nodes))).getwidth()[0] == 0:
        raise UnableToUsePattern("look-around around nothing, expected at least one character that must be there")
    case = "(?i)" if caseless else ""
    full = _Writer(python=True, **style).sequence(nodes)
    short = nodes if lookaround else simplify(nodes, left=True, right=True)
    sought = rarest(short)
    if not lookaround and sought is not short:
        sought = simplify(sought, left=True, right=True)
    joined = _Writer(joined=True, wide=True, **style)
    joined_text = joined.sequence(sought, edge=True)
    wide = _Writer(wide=True, **style)
    wide_text = wide.sequence(sought, edge=True)
    re2_text = wide_text if lookaround else _Writer(**style).sequence(short)
    _refuse_what_re2_refuses(case + re2_text)
    partial = sought is not short
    odd = _odd_anchors(nodes, before=False, after=False)
    return Pattern(
        joined=case + joined_text,
        joined_utf8=joined.utf8,
        wide=case + wide_text,
        re2=case + re2_text,
        python=case + full,
        lookaround=lookaround,
        confirm=joined.widened or wide.widened or odd or partial,
        confirm_ascii=joined.stretched or wide.stretched or odd or partial,
        always=not lookaround and _always(nodes, short, least=int(tree.getwidth()[0])),
        empty=int(tree.getwidth()[0]) == 0,
        weight=min(int(tree.getwidth()[0]), 255),
    )


def _refuse_what_re2_refuses(expression: str) -> None:
    """RE2 is the bound on what may run: without it, a pattern could take exponential time on hostile text."""
    if re2 is None:
        return
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 16 << 20
    try:
        re2.compile(expression, options)
    except re2.error as problem:
        reason = problem.args[0].decode() if problem.args and isinstance(problem.args[0], bytes) else str(problem)
        raise UnableToUsePattern(f"{reason}, expected a pattern that RE2 takes") from None


def escape(text: str) -> str:
    """The expression that matches exactly this text."""
    return re.escape(text)
