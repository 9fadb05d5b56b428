"""Sorts the attributes of many spans by what their names mean, and says which spans must be read one by one instead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from caiso.connect.telemetry.bulk.arrays import Flags, Ints, codes_of, valid
from caiso.connect.telemetry.decode.spans import Spans
from caiso.connect.telemetry.meaning.dialects import SIGNS
from caiso.connect.telemetry.meaning.gather import CHAT
from caiso.connect.telemetry.meaning.messages import dump
from caiso.connect.telemetry.meaning.names import RENAMES, Meaning, meaning_of
from caiso.connect.telemetry.normalise import LONG_TEXT, LONG_VALUE
from caiso.connect.telemetry.otlp import value_of
from caiso.connect.telemetry.records import Limits, UnableToAccept
from caiso.connect.telemetry.table import COLUMN_TYPES

# Names that the normaliser itself writes; addresses and changes of configuration, which it takes apart.
_SLOW: Final = SIGNS | {"otel.scope.name", "span.events", "source.id", "url.full", "http.url", "config.target"}
_TYPED: Final = (Meaning.INTEGER, Meaning.NUMBER, Meaning.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of many spans: the spans that have it, ascending, and where its values stand."""

    rows: Ints
    places: Ints


@dataclass(slots=True)
class Fields:
    """The attributes of the spans that can be read together, by their names of today.

    ``odd`` has the values that are neither text nor number nor flag, by place.
    """

    spans: Spans
    slow: Flags  # by span
    plain: dict[str, Field] = field(default_factory=dict)
    content: dict[str, Field] = field(default_factory=dict)
    odd: dict[int, object] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    codes: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # by place: number of its key

    def values(self, name: str) -> dict[int, object]:
        """A plain field's texts and lists by span."""
        found = self.plain.get(name)
        places = found.places.tolist() if found else []
        return {**self.texts(name), **{self._owner(place): self.odd[place] for place in places if place in self.odd}}

    def _owner(self, place: int) -> int:
        return int(self.spans.attributes.spans[place])

    def texts(self, name: str) -> dict[int, str]:
        """A plain field's texts by span; other kinds of value are left out."""
        found = self.plain.get(name)
        if found is None:
            return {}
        values = self.spans.attributes.text.take(pa.array(found.places)).to_pylist()
        return {row: value for row, value in zip(found.rows.tolist(), values, strict=True) if value is not None}


def sort_fields(spans: Spans, slow: Flags, limits: Limits) -> Fields:
    """Sort the attributes of all spans; ``slow`` is changed where a span has something that only the careful way can do."""
    attributes = spans.attributes
    fields = Fields(spans, slow)
    if not len(attributes.keys):
        return fields
    fields.codes, fields.keys = codes_of(attributes.keys)
    owners, codes = attributes.spans, fields.codes
    is_text, is_flag, is_whole, is_real = (
        valid(attributes.text), valid(attributes.flag), valid(attributes.whole), valid(attributes.real),
    )  # fmt: skip
    is_odd = valid(attributes.list) | valid(attributes.pairs)
    there = is_text | is_flag | is_whole | is_real | is_odd
    wrong = valid(attributes.raw)
    wrong |= is_real & ~np.isfinite(attributes.real.fill_null(0).to_numpy(zero_copy_only=False))
    meanings = _Meanings(fields.keys)
    wrong |= meanings.slow[codes]
    wrong |= meanings.integer[codes] & there & ~is_whole
    wrong |= meanings.number[codes] & there & ~(is_whole | is_real)
    wrong |= meanings.boolean[codes] & there & ~is_flag
    wrong |= meanings.text_column[codes] & there & ~is_text
    size = pc.binary_length(attributes.text).fill_null(0).to_numpy(zero_copy_only=False)
    wrong |= ~meanings.content[codes] & (size > LONG_TEXT)
    wrong |= meanings.content[codes] & there & ~(is_text | is_odd)
    wrong |= meanings.content[codes] & (size > limits.text_chars)
    slow[owners[wrong]] = True
    slow |= np.bincount(owners, minlength=len(spans)) > limits.attributes
    slow |= np.bincount(owners, weights=size, minlength=len(spans)) > limits.record_bytes // 2
    _refuse_repeats(fields, meanings)
    used = there & ~slow[owners] & ~meanings.dropped[codes]
    _read_odd(fields, np.flatnonzero(used & is_odd), meanings, limits)
    used &= ~slow[owners]
    _split(fields, meanings, used)
    return fields


class _Meanings:
    """By number of the key: what its name means, as flags, and the number of the name that it has today."""

    def __init__(self, keys: list[str]) -> None:
        count = len(keys)
        self.names: list[str] = []  # of today, each once
        self.today = np.zeros(count, dtype=np.int64)
        self.content, self.dropped, self.slow, self.text_column = (np.zeros(count, dtype=np.bool_) for _ in range(4))
        numbers: dict[str, int] = {}
        found: list[Meaning] = []
        for number, key in enumerate(keys):
            meaning = meaning_of(key)
            name = RENAMES[key] if meaning is Meaning.RENAMED else key
            found.append(meaning_of(name) if meaning is Meaning.RENAMED else meaning)
            self.today[number] = numbers.setdefault(name, len(numbers))
            self.content[number] = meaning is Meaning.CONTENT and key in CHAT
            self.dropped[number] = meaning is Meaning.RESERVED and key != "source.id"
            self.text_column[number] = COLUMN_TYPES.get(name) is str
            self.slow[number] = (
                meaning is Meaning.NUMBERED or (meaning is Meaning.CONTENT and key not in CHAT)
                or key in _SLOW or not 0 < len(key) <= 256
            )  # fmt: skip
        self.names = list(numbers)
        self.integer, self.number, self.boolean = (
            np.array([meaning is kind for meaning in found], dtype=np.bool_) for kind in _TYPED
        )


def _refuse_repeats(fields: Fields, meanings: _Meanings) -> None:
    """A span that has a field twice, under one name or two: which one counts only the careful way knows."""
    pairs = fields.spans.attributes.spans * len(meanings.names) + meanings.today[fields.codes]
    ordered = np.sort(pairs)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    fields.slow[twice // len(meanings.names)] = True


def _read_odd(fields: Fields, places: Ints, meanings: _Meanings, limits: Limits) -> None:
    """Decode lists and maps, each by the official classes."""
    attributes = fields.spans.attributes
    for place in places.tolist():
        try:
            value = _odd(attributes, place, limits)
        except (DecodeError, UnableToAccept):
            fields.slow[attributes.spans[place]] = True
            continue
        if not meanings.content[fields.codes[place]] and not _short(value):
            fields.slow[attributes.spans[place]] = True
        fields.odd[place] = value


def _odd(attributes: Any, place: int, limits: Limits) -> object:
    listed = attributes.list[place].as_py()
    if listed is not None:
        return value_of(AnyValue(array_value=ArrayValue.FromString(listed)), limits, 0)
    return value_of(AnyValue(kvlist_value=KeyValueList.FromString(attributes.pairs[place].as_py())), limits, 0)


def _short(value: object) -> bool:
    """Whether a nested value may stand in the event; a longer one is treated as content."""
    numeric = isinstance(value, list) and all(isinstance(item, int | float) for item in value)
    return numeric or len(dump(value)) <= LONG_VALUE


def _split(fields: Fields, meanings: _Meanings, used: Flags) -> None:
    """Gather the places of each name."""
    places = np.flatnonzero(used)
    today = meanings.today[fields.codes[places]]
    order = places[np.argsort(today, kind="stable")]
    counts = np.bincount(today, minlength=len(meanings.names))
    ends = np.cumsum(counts)
    contents = {int(meanings.today[code]) for code in np.flatnonzero(meanings.content)}
    for number, name in enumerate(meanings.names):
        if counts[number]:
            own = order[ends[number] - counts[number] : ends[number]]
            target = fields.content if number in contents else fields.plain
            target[name] = Field(fields.spans.attributes.spans[own], own)
