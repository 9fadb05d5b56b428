"""What correlations remember of an event: its id and whom it is about, never its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType
from typing import Final, NamedTuple

from caiso.engine.detect.batch import Batch
from caiso.engine.detect.signal import ENTITY_FIELDS, MAX_ENTITY_CHARS, Facts


class Occurrence(NamedTuple):
    """Something that happened: an event that base rules matched, or another correlation's firing."""

    event_ids: tuple[str, ...]
    entity: Mapping[str, str]
    first_time_us: int


KINDS: Final = tuple(ENTITY_FIELDS)

# An event as it is kept: its id, then one value or None for each kind of entity. A plain tuple, because millions are made
# and few are ever looked at; ``opened`` turns it into an Occurrence.
Kept = tuple[str | None, ...]
Held = Kept | Occurrence


def opened(held: Held, time_us: int) -> Occurrence:
    """The occurrence behind what was kept of it."""
    if isinstance(held, Occurrence):
        return held
    entity = {kind: value for kind, value in zip(KINDS, held[1:], strict=True) if value}
    return Occurrence((held[0] or "",), entity, time_us)


class Sightings:
    """The occurrences of one batch, made for the rows that some correlation asks for, once for all of them."""

    def __init__(self, batch: Batch, rows: Sequence[int]) -> None:
        self.of_row: list[Kept] = [()] * len(batch)
        present = batch.fields()
        ids = batch.column("event.id")
        names = [ids[row] for row in rows]
        if set(map(type, names)) != {str}:
            names = ["" if name is None else str(name) for name in names]
        columns: list[Iterable[object]] = [names]
        for fields in ENTITY_FIELDS.values():
            known = [field for field in fields if field in present]
            columns.append(_first_of([batch.column(field) for field in known], rows) if known else repeat(None))
        found: list[Kept] = list(zip(*columns, strict=False))
        if len(rows) == len(batch):
            self.of_row = found
        else:
            for row, kept in zip(rows, found, strict=True):
                self.of_row[row] = kept


def _first_of(columns: Sequence[Sequence[object]], rows: Sequence[int]) -> list[str | None]:
    """For each row the first value that is not empty, as bounded text."""
    first, *others = columns
    found = [first[row] for row in rows]
    if others:
        found = [
            value or next((column[row] for column in others if column[row]), None)
            for value, row in zip(found, rows, strict=True)
        ]
    if set(map(type, found)) == {str} and max(map(len, found)) <= MAX_ENTITY_CHARS:  # type: ignore[arg-type]  # texts
        return found  # type: ignore[return-value]  # just checked
    return [
        value if value is None or (type(value) is str and len(value) <= MAX_ENTITY_CHARS) else _bounded(value)
        for value in found
    ]


def _bounded(value: object) -> str | None:
    return str(value)[:MAX_ENTITY_CHARS] if value else None


class Entry(NamedTuple):
    """One occurrence inside a firing."""

    time_us: int
    occurrence: Occurrence


class Firing(NamedTuple):
    """A correlation that came true when the event at ``row`` of the batch arrived.

    ``by_event`` is False where that event only moved the time on, and is not part of what happened.
    """

    row: int
    key: str
    entries: tuple[Entry, ...]
    group_by: tuple[str, ...]
    by_event: bool = True
    facts: Facts = MappingProxyType({})

    @property
    def time_us(self) -> int:
        return max(entry.time_us for entry in self.entries)

    def event_ids(self) -> tuple[str, ...]:
        """The ids of all events behind it, each once, in order of their times."""
        return tuple(dict.fromkeys(name for entry in self.entries for name in entry.occurrence.event_ids))

    def occurrence(self) -> Occurrence:
        """The firing as something that happened, for the correlations that listen to this one."""
        return Occurrence(
            self.event_ids(),
            merged_entity(entry.occurrence for entry in self.entries),
            min(entry.occurrence.first_time_us for entry in self.entries),
        )


def merged_entity(occurrences: Iterable[Occurrence]) -> dict[str, str]:
    """Who is involved; where occurrences disagree the latest one counts, as it completed the picture."""
    entity: dict[str, str] = {}
    for occurrence in occurrences:
        entity.update(occurrence.entity)
    return entity
