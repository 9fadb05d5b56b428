"""Reads single values of foreign logs, where a dash or an empty text stands for nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from caiso.connect.telemetry.records import UnableToAccept

_NOTHING = (None, "", "-")
_PORT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+)):\d+")
_COMMON_LOG = "%d/%b/%Y:%H:%M:%S %z"


def first(document: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that says something."""
    return next((document[name] for name in names if document.get(name) not in _NOTHING), None)


def text(document: Mapping[str, Any], *names: str) -> str | None:
    """The same, which must be a single value."""
    name = next((name for name in names if document.get(name) not in _NOTHING), None)
    if name is None:
        return None
    value = document[name]
    if isinstance(value, dict | list):
        raise UnableToAccept(f"{name} must be a single value, not {_kind(value)}")
    return str(value)


def part(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field that is an object, empty where it is absent."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnableToAccept(f"{name} must be an object, not {_kind(value)}")
    return value


def whole(document: Mapping[str, Any], *names: str) -> int | None:
    """A field that is a whole number, as number or as text."""
    name = next((name for name in names if document.get(name) not in _NOTHING), None)
    return None if name is None else int(_number(name, document[name]))


def number(document: Mapping[str, Any], *names: str) -> float | None:
    """A field that is a number, as number or as text."""
    name = next((name for name in names if document.get(name) not in _NOTHING), None)
    return None if name is None else _number(name, document[name])


def _number(name: str, value: Any) -> float:
    try:
        found = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not abs(found) < 1e18:  # also refuses what is no number
        raise UnableToAccept(f"{name} must be a number, not {str(value)[:40]!r}")
    return found


def moment(document: Mapping[str, Any], *names: str) -> Any:
    """A time as we read it anywhere else; the form of common log lines (26/Nov/2026:10:00:00 +0000) becomes ISO 8601."""
    name = next((name for name in names if document.get(name) not in _NOTHING), None)
    if name is None:
        raise UnableToAccept(f"has no time, expected one of {', '.join(names)}")
    value = document[name]
    if isinstance(value, str) and value[2:3] == "/":
        try:
            return datetime.strptime(value[:40], _COMMON_LOG).astimezone().isoformat()
        except ValueError as error:
            raise UnableToAccept(f"{name} {value[:40]!r} is no time of an access log") from error
    return value


def address_only(value: str | None) -> str | None:
    """An address without its port: 192.0.2.7:5100 and [2001:db8::1]:443 as Envoy writes them."""
    found = _PORT.fullmatch(value) if value else None
    return (found["six"] or found["four"]) if found else value


def told(**fields: Any) -> dict[str, Any]:
    """The fields that have a value; two underscores stand for a dot."""
    return {name.replace("__", "."): value for name, value in fields.items() if value is not None}


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else type(value).__name__
