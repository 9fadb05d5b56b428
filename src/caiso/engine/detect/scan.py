"""Finds which patterns occur in which texts of one field: Hyperscan, else RE2, else Python's re, with equal answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.hyperscan_build import Databases
from caiso.engine.detect.hyperscan_build import scan as scan_buffer
from caiso.engine.detect.pattern import LOOKAROUND_TEXT_CHARS, Pattern
from caiso.engine.detect.text import SEPARATOR, canonical, valid

try:
    import re2
except ImportError:
    re2 = None

Backend = Literal["hyperscan", "re2", "re"]
Hits = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

_SEPARATOR_BYTES: Final = SEPARATOR.encode()
_CHUNK_TEXTS: Final = 128  # small enough that what was just encoded is still in the processor's cache
_CHUNK_CHARS: Final = 8_000_000
_MATCHES_PER_TEXT: Final = 200  # beyond this many reports, texts are scanned one by one, each pattern reported once
_NONE: Final = np.empty(0, dtype=np.int64)


def no_hits() -> Hits:
    return _NONE, _NONE


@dataclass(slots=True)
class ScanCounters:
    """How often the slow paths were taken."""

    floods: int = 0
    confirmed: int = 0
    rejected: int = 0


@dataclass
class FieldScanner:
    """All patterns of all rules on one field."""

    patterns: Sequence[Pattern]
    backend: Backend
    databases: Databases | None = None
    counters: ScanCounters = field(default_factory=ScanCounters)

    def scan(self, texts: Sequence[str]) -> Hits:
        """Pairs (text number, pattern number), unordered; those of ``doubtful`` patterns may still prove wrong."""
        if not texts:
            return no_hits()
        parts = [self._always(len(texts))]
        if self.backend == "hyperscan":
            parts.append(self._hyperscan(texts))
        parts.append(self._re2(texts))
        parts.append(self._python(texts))
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def engines(self) -> list[tuple[Callable[[Sequence[str]], Hits], list[int]]]:
        """Each engine that looks at a text, with the patterns that it looks for."""
        slow = set(self._left_over)
        found: list[tuple[Callable[[Sequence[str]], Hits], list[int]]] = []
        if self.backend == "hyperscan":
            quick = [n for n, pattern in enumerate(self.patterns) if n not in slow and not pattern.always]
            found.append((self._hyperscan, quick))
        if slow:
            found.append((self._re2 if self._re2_sets else self._python, sorted(slow)))
        return [(scan, patterns) for scan, patterns in found if patterns]

    def _always(self, count: int) -> Hits:
        if not self._always_ids.size:
            return no_hits()
        return np.repeat(np.arange(count), self._always_ids.size), np.tile(self._always_ids, count)

    @cached_property
    def _always_ids(self) -> npt.NDArray[np.int64]:
        return np.array([number for number, pattern in enumerate(self.patterns) if pattern.always], dtype=np.int64)

    # Hyperscan over rows joined by the separator

    def _hyperscan(self, texts: Sequence[str]) -> Hits:
        found: list[Hits] = []
        for start in range(0, len(texts), _CHUNK_TEXTS):
            found += self._chunk(texts[start : start + _CHUNK_TEXTS], start)
        if not found:
            return no_hits()
        return np.concatenate([rows for rows, _ in found]), np.concatenate([ids for _, ids in found])

    def _chunk(self, texts: Sequence[str], start: int) -> list[Hits]:
        """Scans a run of rows, cut in two as long as it is too big for one buffer."""
        joined = SEPARATOR.join(["", *texts, ""])
        if len(joined) > _CHUNK_CHARS and len(texts) > 1:
            middle = len(texts) // 2
            return self._chunk(texts[:middle], start) + self._chunk(texts[middle:], start + middle)
        if joined.isascii() and joined.count(SEPARATOR) == len(texts) + 1:
            hits = self._scan_buffer(joined.encode(), list(map(len, texts)), texts, start)
        else:
            parts = [canonical(text).encode("utf-8", "replace") for text in texts]
            hits = self._scan_buffer(_SEPARATOR_BYTES.join([b"", *parts, b""]), list(map(len, parts)), texts, start)
        return [hits] if hits[0].size else []

    def _scan_buffer(self, buffer: bytes, lengths: list[int], texts: Sequence[str], start: int) -> Hits:
        assert self.databases is not None  # noqa: S101 - the compiler gives a Hyperscan scanner its databases
        ids: list[int] = []
        ends: list[int] = []
        add_id, add_end = ids.append, ends.append
        room = _MATCHES_PER_TEXT * len(lengths) + 10_000

        def on_match(number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
            add_id(number)
            add_end(end)
            return True if len(ids) > room else None

        scan_buffer(self.databases.every, buffer, on_match)
        if not ids:
            return no_hits()
        if len(ids) > room:
            self.counters.floods += 1
            return self._one_by_one(texts, start)
        separators = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(np.array(lengths, dtype=np.int64) + 1, out=separators[1:])
        rows = np.searchsorted(separators, np.array(ends, dtype=np.int64) - 1) - 1
        kept = rows >= 0
        return rows[kept] + start, np.array(ids, dtype=np.int64)[kept]

    def _one_by_one(self, texts: Sequence[str], start: int) -> Hits:
        assert self.databases is not None  # noqa: S101 - as above
        rows: list[int] = []
        ids: list[int] = []
        for row, text in enumerate(texts, start):
            before = len(ids)
            scan_buffer(
                self.databases.once,
                f"{SEPARATOR}{canonical(text)}{SEPARATOR}".encode("utf-8", "replace"),
                lambda number, _start, _end, _flags, _context: ids.append(number),
            )
            rows.extend([row] * (len(ids) - before))
        return np.array(rows, dtype=np.int64), np.array(ids, dtype=np.int64)

    # RE2 for what Hyperscan refused, or for everything where there is no Hyperscan

    @cached_property
    def _re2_sets(self) -> list[tuple[Any, list[int]]]:
        """Sets with their pattern numbers by position; split where one would not fit in memory."""
        if re2 is None or self.backend == "re":
            return []
        return _re2_sets(self.patterns, self._left_over)

    @cached_property
    def _left_over(self) -> list[int]:
        everything = [number for number, pattern in enumerate(self.patterns) if not pattern.always]
        if self.backend != "hyperscan" or self.databases is None:
            return everything
        return [number for number in everything if number in self.databases.refused]

    def _re2(self, texts: Sequence[str]) -> Hits:
        rows: list[int] = []
        ids: list[int] = []
        for compiled, members in self._re2_sets:
            for row, text in enumerate(texts):
                found = compiled.Match(valid(text))
                # The set holds one pattern more, which always matches: no answer at all means that memory ran out.
                if found is None:
                    hit = [number for number in members if self._found(number, valid(text))]
                else:
                    hit = [members[position] for position in found if position < len(members)]
                rows += [row] * len(hit)
                ids += hit
        return np.array(rows, dtype=np.int64), np.array(ids, dtype=np.int64)

    # Python's re, one by one: for tests, and where neither of the others is installed

    def _python(self, texts: Sequence[str]) -> Hits:
        if self._re2_sets or not self._left_over:
            return no_hits()
        rows: list[int] = []
        ids: list[int] = []
        for row, text in enumerate(texts):
            ready = valid(text)
            for number in self._left_over:
                if self._found(number, ready):
                    rows.append(row)
                    ids.append(number)
        return np.array(rows, dtype=np.int64), np.array(ids, dtype=np.int64)

    @cached_property
    def doubtful(self) -> frozenset[int]:
        """Patterns of which a hit only says "perhaps": ``confirm`` decides, for the few that matter."""
        if self.backend == "re":
            return frozenset()
        return frozenset(
            number for number, pattern in enumerate(self.patterns) if pattern.lookaround or pattern.confirm
        )

    def confirm(self, number: int, texts: Sequence[str]) -> bool:
        """Whether a doubtful pattern really occurs in one of these texts."""
        pattern = self.patterns[number]
        if not pattern.lookaround and not pattern.confirm_ascii and all(map(str.isascii, texts)):
            return True  # only in other letters can the scanner have seen too much
        found = any(self._found(number, valid(text)) for text in texts)
        self.counters.confirmed += found
        self.counters.rejected += not found
        return found

    def _found(self, number: int, text: str) -> bool:
        pattern = self.patterns[number]
        if pattern.lookaround:
            text = text[:LOOKAROUND_TEXT_CHARS]
        elif re2 is not None and self.backend != "re":
            return _re2_pattern(pattern.re2).search(text) is not None
        return _python_pattern(pattern.python).search(text) is not None


def _re2_sets(patterns: Sequence[Pattern], numbers: list[int]) -> list[tuple[Any, list[int]]]:
    if not numbers:
        return []
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 128 << 20
    options.never_capture = True
    compiled = re2.Set.SearchSet(options)
    for number in numbers:
        compiled.Add(patterns[number].wide)
    compiled.Add("")
    compiled.Compile()
    if compiled.Match("") is None and len(numbers) > 1:
        middle = len(numbers) // 2
        return _re2_sets(patterns, numbers[:middle]) + _re2_sets(patterns, numbers[middle:])
    return [(compiled, numbers)]


_compiled: dict[str, re.Pattern[str]] = {}


def _python_pattern(expression: str) -> re.Pattern[str]:
    found = _compiled.get(expression)
    if found is None:
        found = _compiled[expression] = re.compile(expression)
    return found


_compiled_re2: dict[str, Any] = {}


def _re2_pattern(expression: str) -> Any:
    """Compiled once: the module's own cache is asked with a lock and its options each time."""
    found = _compiled_re2.get(expression)
    if found is None:
        found = _compiled_re2[expression] = re2.compile(expression)
    return found


def locate(pattern: Pattern, text: str) -> tuple[int, int] | None:
    """Where the first match lies, in characters, found by a linear-time engine where one can."""
    ready = valid(text)
    if pattern.lookaround or re2 is None:
        found = _python_pattern(pattern.python).search(ready[:LOOKAROUND_TEXT_CHARS])
        return found.span() if found else None
    found = _re2_pattern(pattern.re2).search(ready)
    return found.span() if found else None
