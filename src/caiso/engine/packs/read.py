"""Reads a node tree into a frozen dataclass by its type annotations and collects every mistake."""

import contextlib
import dataclasses
import difflib
import enum
import math
import re
import types
import typing
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal, Protocol, TypeVar, Union, get_args, get_origin, runtime_checkable

from caiso.engine.packs.compose import Listing, Mapping, Node, Scalar
from caiso.engine.packs.problems import quoted
from caiso.engine.packs.shape import Between, Fault, Length, Matches, parse_duration

T = TypeVar("T")
MAX_PROBLEMS = 200
_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?\d{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][-+]?\d{1,3})?")


@runtime_checkable
class FromText(Protocol):
    """A type written as one word or phrase in YAML; `parse` raises ValueError with what was expected."""

    @classmethod
    def parse(cls, text: str) -> Any: ...

    @classmethod
    def text_schema(cls) -> dict[str, object]: ...


@runtime_checkable
class SelfChecking(Protocol):
    """A dataclass that can say what is wrong between its own fields."""

    def faults(self) -> Iterable[Fault]: ...


class _Invalid(Exception):
    """Unwinds to the nearest container; the problem is already noted."""


@dataclasses.dataclass(frozen=True, slots=True)
class PackField:
    """One field of a pack dataclass as YAML sees it."""

    name: str
    key: str
    hint: Any
    required: bool


@cache
def fields_of(model: type) -> tuple[PackField, ...]:
    """The YAML keys of a dataclass; a trailing underscore is dropped, so that `from_` is written `from`."""
    hints = typing.get_type_hints(model, include_extras=True)
    return tuple(
        PackField(
            name=field.name,
            key=field.name.rstrip("_"),
            hint=hints[field.name],
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(model)
        if field.init
    )


class Reader:
    """Holds the mistakes of one file as (line, message)."""

    def __init__(self) -> None:
        self.faults: list[tuple[int, str]] = []

    def read(self, model: type[T], node: Node) -> T | None:
        """The dataclass, or None when anything in it is wrong (see `faults`)."""
        try:
            value = self._dataclass(model, node, "")
        except _Invalid:
            return None
        return typing.cast("T", value) if not self.faults else None

    def _fail(self, line: int, message: str) -> _Invalid:
        if len(self.faults) < MAX_PROBLEMS:
            self.faults.append((line, message))
        return _Invalid()

    def _dataclass(self, model: type, node: Node, label: str) -> object:
        if not isinstance(node, Mapping):
            raise self._fail(node.line, f"{label or 'the file'} must be a mapping with keys, found {_kind(node)}")
        before = len(self.faults)
        arguments = self._arguments(fields_of(model), node, label)
        if len(self.faults) > before:
            raise _Invalid
        built: object = model(**arguments)
        if isinstance(built, SelfChecking):
            for fault in built.faults():
                self._fail(line_at(node, fault.at), fault.message)
        return built

    def _arguments(self, fields: tuple[PackField, ...], node: Mapping, label: str) -> dict[str, object]:
        known = [field.key for field in fields]
        for key, _ in node.entries:
            if key.text not in known:
                self._fail(key.line, _unknown_key(key.text, known))
        arguments: dict[str, object] = {}
        for field in fields:
            child = node.get(field.key)
            if child is None:
                if field.required:
                    self._fail(node.line, f"key {quoted(field.key)} is missing{f' in {label}' if label else ''}")
                continue
            with contextlib.suppress(_Invalid):
                arguments[field.name] = self._value(field.hint, child, field.key)
        return arguments

    def _value(self, hint: Any, node: Node, label: str) -> object:
        origin = get_origin(hint)
        if origin is Annotated:
            inner, *limits = get_args(hint)
            value = self._value(inner, node, label)
            self._check_limits(value, limits, node, label)
            return value
        if origin in (Union, types.UnionType):
            return self._union(get_args(hint), node, label)
        if origin is tuple:
            return self._tuple(get_args(hint)[0], node, label)
        if origin is dict:
            return self._dict(get_args(hint)[1], node, label)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type) and not issubclass(hint, FromText):
            return self._dataclass(hint, node, label)
        return self._scalar(hint, node, label)

    def _union(self, choices: tuple[Any, ...], node: Node, label: str) -> object:
        if isinstance(node, Scalar) and node.plain and node.text in _NULLS and type(None) in choices:
            return None
        concrete = [choice for choice in choices if choice is not type(None)]
        if len(concrete) == 1:
            return self._value(concrete[0], node, label)
        containers = [choice for choice in concrete if get_origin(choice) in (tuple, dict)]
        if isinstance(node, Listing) and containers:
            return self._value(containers[0], node, label)
        if isinstance(node, Mapping):
            models = [choice for choice in concrete if dataclasses.is_dataclass(choice)]
            if models:
                return self._value(models[0], node, label)
        scalars = [choice for choice in concrete if choice in (bool, int, float, str)]
        if not isinstance(node, Scalar) or not scalars:
            raise self._fail(node.line, f"{label} cannot be {_kind(node)}")
        return self._loose(node, scalars, label)

    def _loose(self, node: Scalar, allowed: list[Any], label: str) -> object:
        value = plain_value(node)
        if type(value) in allowed:
            return value
        if type(value) is int and float in allowed:
            return float(value)
        if str in allowed:
            return node.text
        names = ", ".join(kind.__name__ for kind in allowed)
        raise self._fail(node.line, f"{label} {quoted(node.text)} is not one of these kinds: {names}")

    def _tuple(self, item: Any, node: Node, label: str) -> tuple[object, ...]:
        if not isinstance(node, Listing):
            raise self._fail(node.line, f"{label} must be a list, found {_kind(node)}")
        values: list[object] = []
        failed = False
        for index, child in enumerate(node.items, start=1):
            try:
                values.append(self._value(item, child, f"{label}[{index}]"))
            except _Invalid:
                failed = True
        if failed:
            raise _Invalid
        return tuple(values)

    def _dict(self, item: Any, node: Node, label: str) -> dict[str, object]:
        if not isinstance(node, Mapping):
            raise self._fail(node.line, f"{label} must be a mapping, found {_kind(node)}")
        values: dict[str, object] = {}
        failed = False
        for key, child in node.entries:
            try:
                values[key.text] = self._value(item, child, f"{label}.{key.text}")
            except _Invalid:
                failed = True
        if failed:
            raise _Invalid
        return values

    def _scalar(self, hint: Any, node: Node, label: str) -> object:
        if hint is object:
            return to_plain(node)
        if not isinstance(node, Scalar):
            raise self._fail(node.line, f"{label} must be one value, found {_kind(node)}")
        if get_origin(hint) is Literal:
            return self._choice({str(choice): choice for choice in get_args(hint)}, node, label)
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return self._choice({str(member.value): member for member in hint}, node, label)
        if isinstance(hint, type) and issubclass(hint, FromText):
            try:
                return hint.parse(node.text)
            except ValueError as error:
                raise self._fail(node.line, f"{label} {quoted(node.text)} cannot be read, expected {error}") from error
        if hint not in _SCALARS:
            raise TypeError(f"a pack dataclass may not use {hint!r}")
        expected, convert = _SCALARS[hint]
        try:
            return convert(node)
        except ValueError as error:
            raise self._fail(node.line, f"{label} {quoted(node.text)} is not {expected}") from error

    def _choice(self, choices: dict[str, Any], node: Scalar, label: str) -> object:
        if node.text not in choices:
            near = _nearest(node.text, list(choices))
            message = f"{label} {quoted(node.text)} is wrong, expected one of {', '.join(choices)}{near}"
            raise self._fail(node.line, message)
        return choices[node.text]

    def _check_limits(self, value: Any, limits: Iterable[object], node: Node, label: str) -> None:
        for limit in limits:
            if value is None:
                return
            if isinstance(limit, Matches) and not re.fullmatch(limit.pattern, value):
                raise self._fail(node.line, f"{label} {quoted(value)} is wrong, expected {limit.expected}")
            if isinstance(limit, Between):
                self._check_range(value, limit, node, label)
            if isinstance(limit, Length):
                self._check_length(value, limit, node, label)

    def _check_range(self, value: float, limit: Between, node: Node, label: str) -> None:
        if limit.low is not None and value < limit.low:
            raise self._fail(node.line, f"{label} {value} is too small, expected at least {limit.low:g}")
        if limit.high is not None and value > limit.high:
            raise self._fail(node.line, f"{label} {value} is too large, expected at most {limit.high:g}")

    def _check_length(self, value: typing.Sized, limit: Length, node: Node, label: str) -> None:
        unit = "characters" if isinstance(value, str) else "entries"
        if len(value) < limit.least:
            raise self._fail(node.line, f"{label} has {len(value)} {unit}, expected at least {limit.least}")
        if limit.most is not None and len(value) > limit.most:
            raise self._fail(node.line, f"{label} has {len(value)} {unit}, expected at most {limit.most}")


def plain_value(node: Scalar) -> object:
    """The value of a scalar by YAML 1.2 rules: `yes` stays a word, `true` is a boolean, quoted text stays text."""
    text = node.text
    if not node.plain:
        return text
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def to_plain(node: Node) -> object:
    """The tree as dicts, lists and scalars, without lines."""
    if isinstance(node, Scalar):
        return plain_value(node)
    if isinstance(node, Listing):
        return [to_plain(item) for item in node.items]
    return {key.text: to_plain(value) for key, value in node.entries}


def line_at(node: Node, where: Iterable[str | int]) -> int:
    """The line of the deepest part of `where` that exists under `node`."""
    line = node.line
    for step in where:
        child: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            child = node.get(step.rstrip("_"))
        elif isinstance(node, Listing) and isinstance(step, int) and 0 <= step < len(node.items):
            child = node.items[step]
        if child is None:
            return line
        node, line = child, child.line
    return line


def _kind(node: Node) -> str:
    if isinstance(node, Scalar):
        return "nothing" if node.plain and node.text in _NULLS else f"the value {quoted(node.text)}"
    return "a list" if isinstance(node, Listing) else "a mapping"


def _nearest(word: str, known: list[str]) -> str:
    found = difflib.get_close_matches(word[:100], known, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _unknown_key(key: str, known: list[str]) -> str:
    return f"unknown key {quoted(key)}, expected one of {', '.join(known)}{_nearest(key, known)}"


def _text(node: Scalar) -> str:
    if node.plain and node.text in _NULLS:
        raise ValueError(node.text)
    return node.text


def _bool(node: Scalar) -> bool:
    if not node.plain or node.text not in _TRUE | _FALSE:
        raise ValueError(node.text)
    return node.text in _TRUE


def _int(node: Scalar) -> int:
    if not node.plain or not _INT.fullmatch(node.text):
        raise ValueError(node.text)
    return int(node.text)


def _float(node: Scalar) -> float:
    if not node.plain or not _FLOAT.fullmatch(node.text):
        raise ValueError(node.text)
    value = float(node.text)
    if not math.isfinite(value):
        raise ValueError(node.text)
    return value


def _datetime(node: Scalar) -> datetime:
    value = datetime.fromisoformat(node.text)
    if value.tzinfo is None:
        raise ValueError(node.text)
    return value.astimezone(UTC)


def _date(node: Scalar) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", node.text):
        raise ValueError(node.text)
    return date.fromisoformat(node.text)


_SCALARS: dict[Any, tuple[str, Callable[[Scalar], object]]] = {
    str: ("a text", _text),
    bool: ("true or false", _bool),
    int: ("a whole number", _int),
    float: ("a number", _float),
    date: ("a date such as 2026-11-22", _date),
    datetime: ("a time with zone such as 2026-11-22T10:00:00Z", _datetime),
    timedelta: ("a duration such as 30m, 24h or 7d", lambda node: parse_duration(node.text)),
}
