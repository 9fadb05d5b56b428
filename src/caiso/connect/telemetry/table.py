"""The columns of events: one Arrow schema for parts on disk, batches in memory and what rules are matched against.

Fields that people filter by, and all numbers and flags of the event schema, have a column each. Every other attribute
stands in a map - texts in ``attributes``, whole numbers in ``integers`` - or, where it is neither, as JSON in ``others``.
What a resource says of all its events stands once, as JSON, in ``resource``; an event's own attribute goes before it.
No column ever holds content. A table gives back exactly the events that it was made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from caiso.engine.detect.batch import Columns
from caiso.engine.detect.schema import FIELDS, SESSION_ALIAS, FieldType
from caiso.errors import DomainError

Event = dict[str, object]
Ints = npt.NDArray[np.int64]

TEXT_COLUMNS: Final = (
    "event.id", "event.kind", "event.name", "source.id", "schema.version", "trace_id", "span_id", "parent_span_id",
    "service.name", "deployment.environment.name", "time.marked", "aisoc.session", "gen_ai.conversation.id", "user.id",
    "api_key.id", "client.address", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
    "gen_ai.response.model", "gen_ai.response.id", "gen_ai.agent.id", "gen_ai.agent.name", "gen_ai.tool.name",
    "gen_ai.tool.call.id", "gen_ai.data_source.id", "mcp.method.name", "mcp.session.id", "aisoc.tool.impact",
    "aisoc.egress.host", "error.type", "guardrail.verdict", "model.id", "action", "artifact.uri", "dataset.id",
    "process.executable.path", "content.redacted", "content.ref",
)  # fmt: skip
INT_COLUMNS: Final = (
    "time", "observed_time", "ingest_time",
    *(name for name, kind in FIELDS.items() if kind is FieldType.INT),
)  # fmt: skip
FLOAT_COLUMNS: Final = tuple(name for name, kind in FIELDS.items() if kind is FieldType.FLOAT)
BOOL_COLUMNS: Final = tuple(name for name, kind in FIELDS.items() if kind is FieldType.BOOL)
ATTRIBUTES: Final = "attributes"
INTEGERS: Final = "integers"
OTHERS: Final = "others"
RESOURCE: Final = "resource"

_FIXED: Final = (
    *((name, str, pa.string()) for name in TEXT_COLUMNS),
    *((name, int, pa.int64()) for name in INT_COLUMNS),
    *((name, float, pa.float64()) for name in FLOAT_COLUMNS),
    *((name, bool, pa.bool_()) for name in BOOL_COLUMNS),
)
COLUMN_TYPES: Final = {name: kind for name, kind, _ in _FIXED}
TEXT_MAP: Final = pa.map_(pa.string(), pa.string())
INTEGER_MAP: Final = pa.map_(pa.string(), pa.int64())
SCHEMA: Final = pa.schema(
    [
        *((name, arrow) for name, _, arrow in _FIXED),
        (ATTRIBUTES, TEXT_MAP),
        (INTEGERS, INTEGER_MAP),
        (OTHERS, pa.string()),
        (RESOURCE, pa.string()),
    ]
)
_INT64: Final = 2**63


class UnableToStoreEvents(DomainError):
    """Some event of a batch holds a value that neither a column nor JSON can."""


def to_table(events: Sequence[Event]) -> pa.Table:
    """Return events as columns; a value of a wrong type for its column stands with the other attributes.

    Raises ``UnableToStoreEvents`` where a value fits nowhere; ``unstorable`` names the events.
    """
    try:
        return _table(events)
    except (OverflowError, TypeError, ValueError) as error:  # also those of Arrow and of the JSON writer
        raise UnableToStoreEvents(f"{type(error).__name__}: {error}") from error


def unstorable(events: Sequence[Event]) -> dict[int, str]:
    """Return the places of the events that no table can hold, each with the reason."""
    found: dict[int, str] = {}
    for index, event in enumerate(events):
        try:
            _table([event])
        except (OverflowError, TypeError, ValueError) as error:
            found[index] = f"{type(error).__name__}: {error}"
    return found


def _table(events: Sequence[Event]) -> pa.Table:
    count = len(events)
    columns: dict[str, tuple[type, list[object]]] = {name: (kind, [None] * count) for name, kind, _ in _FIXED}
    texts: list[list[tuple[str, str]]] = []
    integers: list[list[tuple[str, int]]] = []
    others: list[str | None] = []
    for index, event in enumerate(events):
        own: list[tuple[str, str]] = []
        numbers: list[tuple[str, int]] = []
        rest: Event = {}
        for name, value in event.items():
            column = columns.get(name)
            if column is not None and value.__class__ is column[0]:
                column[1][index] = value
            elif value.__class__ is str:
                own.append((name, value))
            elif value.__class__ is int and -_INT64 <= value < _INT64:
                numbers.append((name, value))
            else:
                rest[name] = value
        texts.append(own)
        integers.append(numbers)
        others.append(orjson.dumps(rest).decode() if rest else None)
    arrays = [pa.array(columns[name][1], arrow) for name, _, arrow in _FIXED]
    arrays += [
        pa.array(texts, TEXT_MAP), pa.array(integers, INTEGER_MAP), pa.array(others, pa.string()),
        pa.nulls(count, pa.string()),
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def of_today(table: pa.Table) -> pa.Table:
    """A table that an older version wrote, with the columns that came since, empty."""
    if table.schema.names == SCHEMA.names:
        return table
    columns = [
        table.column(field.name) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def to_events(table: pa.Table) -> list[Event]:
    """Return the events of a table, as they were before ``to_table``."""
    events: list[Event] = [{**orjson.loads(shared)} if shared else {} for shared in table.column(RESOURCE).to_pylist()]
    for name in (ATTRIBUTES, INTEGERS):
        for event, pairs in zip(events, table.column(name).to_pylist(), strict=True):
            event.update(pairs or ())
    for event, written in zip(events, table.column(OTHERS).to_pylist(), strict=True):
        if written:
            event.update(orjson.loads(written))
    for name in COLUMN_TYPES:
        if name in table.column_names and table.column(name).null_count < len(events):
            for event, value in zip(events, table.column(name).to_pylist(), strict=True):
                if value is not None:
                    event[name] = value
    return events


def to_event(row: Mapping[str, Any]) -> Event:
    """Return one event of a row as a query gives it."""
    event: Event = dict(orjson.loads(row[RESOURCE])) if row.get(RESOURCE) else {}
    for name in (ATTRIBUTES, INTEGERS):
        pairs = row.get(name) or {}
        event.update(pairs.items() if isinstance(pairs, dict) else pairs)
    if row.get(OTHERS):
        event.update(orjson.loads(row[OTHERS]))
    event.update({name: row[name] for name in COLUMN_TYPES if row.get(name) is not None})
    return event


class EventBatch(Columns):
    """Events as a table, with the texts that rules see beside it: what the engine matches.

    ``texts`` has for each content field the text of each event, None where there is none; a field of the table that
    stands there as well is taken from there.
    """

    def __init__(self, table: pa.Table, texts: Mapping[str, Sequence[str | None]]) -> None:
        self.table = table.combine_chunks()
        self.texts = texts
        self._parsed: dict[str, Event] = {}
        super().__init__(table.num_rows, self._sources_of(texts))

    @classmethod
    def of_events(cls, events: Sequence[Event], texts: Mapping[str, Sequence[str | None]]) -> EventBatch:
        """A batch of events that came one by one."""
        return cls(to_table(events), texts)

    def adding(self, fields: Mapping[str, Sequence[Any]]) -> EventBatch:
        """The same events with more fields, or others in place of those; what was made of the rest stays made."""
        more = copy(self)
        more.texts = {**self.texts, **fields}
        more._sources = {**self._sources, **{name: partial(_given, values) for name, values in fields.items()}}
        more.made = {name: column for name, column in self.made.items() if name not in fields}
        more._encoded = {name: found for name, found in self._encoded.items() if name not in fields}
        return more

    def encoded(self, name: str) -> tuple[Ints, Sequence[object]]:
        if (
            COLUMN_TYPES.get(name) is not str
            or name == SESSION_ALIAS
            or name in self._loose_names
            or name in self.texts
        ):
            return super().encoded(name)
        found = self.table.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        return found.indices.to_numpy().astype(np.int64), found.dictionary.to_pylist()

    def _sources_of(self, texts: Mapping[str, Sequence[str | None]]) -> dict[str, Callable[[], Sequence[object]]]:
        """None of these refers to the batch itself: megabytes of text would wait for the collector of cycles."""
        sources: dict[str, Callable[[], Sequence[object]]] = {}
        table = self.table
        loose: set[str] = set()
        for written in (OTHERS, RESOURCE):
            for text in pc.unique(table.column(written)).to_pylist():
                if text:
                    self._parsed[text] = orjson.loads(text)
                    loose.update(self._parsed[text])
        for column in (ATTRIBUTES, INTEGERS):
            loose.update(pc.unique(_flat(table.column(column))[1]).to_pylist())
        for name in COLUMN_TYPES:
            if table.column(name).null_count < table.num_rows:
                sources[name] = table.column(name).to_pylist
        self._loose_names = loose
        sources.update({name: partial(_loose, table, self._parsed, name) for name in loose})
        sources.update({name: partial(_given, values) for name, values in texts.items()})
        return sources

    def fields_by_group(self, groups: Ints, count: int) -> list[set[str]]:
        """For each group of rows the fields that some event of it has; ``groups`` numbers the rows."""
        found: list[set[str]] = [set() for _ in range(count)]
        for name, rows in self._rows_by_field():
            for group in np.flatnonzero(np.bincount(groups[rows], minlength=count)).tolist():
                found[group].add(name)
        for written in (OTHERS, RESOURCE):
            for row, text in enumerate(self.table.column(written).to_pylist()):
                if text is not None:
                    found[groups[row]].update(self._parsed[text])
        return found

    def _rows_by_field(self) -> Iterator[tuple[str, Ints]]:
        """Each field that stands alone or in a map, with the rows that have it."""
        for name in COLUMN_TYPES:
            column = self.table.column(name)
            if column.null_count < len(self):
                yield name, np.flatnonzero(pc.is_valid(column).to_numpy())
        for mapped in (ATTRIBUTES, INTEGERS):
            rows, keys, _ = _flat(self.table.column(mapped))
            encoded = keys.dictionary_encode()
            codes = encoded.indices.to_numpy()
            for code, name in enumerate(encoded.dictionary.to_pylist()):
                yield name, rows[codes == code]
        for name, values in self.texts.items():
            yield name, np.flatnonzero([value is not None for value in values])

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events())

    def events(self) -> list[Event]:
        """The events one by one, with their texts."""
        events = to_events(self.table)
        for name, values in self.texts.items():
            for event, text in zip(events, values, strict=True):
                if text is not None:
                    event[name] = text
        return events


def _given(values: Sequence[object]) -> Sequence[object]:
    return values


def _loose(table: pa.Table, parsed: Mapping[str, Event], name: str) -> Sequence[object]:
    """A field from all the places where it may stand."""
    found: list[object] = [None] * table.num_rows
    for written, place in ((RESOURCE, 0), (OTHERS, 1)):
        if place:
            _from_maps(table, name, found)
        column = table.column(written)
        if column.null_count == len(column):
            continue
        for row, text in enumerate(column.to_pylist()):
            if text is not None and (value := parsed[text].get(name)) is not None:
                found[row] = value
    if name in COLUMN_TYPES:
        for row, value in enumerate(table.column(name).to_pylist()):
            if value is not None:
                found[row] = value
    return found


def _from_maps(table: pa.Table, name: str, found: list[object]) -> None:
    for column in (ATTRIBUTES, INTEGERS):
        rows, keys, values = _flat(table.column(column))
        here = pc.equal(keys, name)
        if pc.any(here).as_py():
            chosen = here.to_numpy(zero_copy_only=False)
            for row, value in zip(rows[chosen].tolist(), values.filter(here).to_pylist(), strict=True):
                found[row] = value


def _flat(column: pa.ChunkedArray) -> tuple[Ints, pa.Array, pa.Array]:
    """A map column as rows, keys and values of equal length."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    offsets = array.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    rows = np.repeat(np.arange(len(array), dtype=np.int64), np.diff(offsets))
    return rows, array.keys[first:last], array.items[first:last]
