"""A slow, separate reading of Sigma: walks pySigma's condition tree for one event, with Python's re and nothing of ours."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sigma.conditions import ConditionAND, ConditionNOT, ConditionOR, ConditionValueExpression
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

Event = Mapping[str, Any]

CONTENT = (
    "content.documents", "content.history", "content.memory", "content.output", "content.system", "content.tool_calls",
    "content.untrusted", "content.user", "gen_ai.retrieval.query.text", "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result", "gen_ai.tool.definitions",
)  # fmt: skip
TRAPS = {"\u212a": "K", "\u017f": "s", "\u0130": "I", "\u0131": "i", "\x1e": "\x1f"}
ASCII_CLASSES = {
    r"\w": "[0-9A-Za-z_]",
    r"\W": "[^0-9A-Za-z_]",
    r"\d": "[0-9]",
    r"\s": "[ \t\n\r\f\v]",
    r"\S": "[^ \t\n\r\f\v]",
    r"\b": "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))",
}


def holds(rule: SigmaRule, event: Event) -> bool:
    """Whether any of the rule's conditions is true for the event."""
    return any(_true(condition.parsed, event) for condition in rule.detection.parsed_condition)


def _true(node: Any, event: Event) -> bool:
    if isinstance(node, ConditionAND):
        return all(_true(part, event) for part in node.args)
    if isinstance(node, ConditionOR):
        return any(_true(part, event) for part in node.args)
    if isinstance(node, ConditionNOT):
        return not _true(node.args[0], event)
    if isinstance(node, ConditionValueExpression):
        return any(_keyword(text, node.value) for name in CONTENT for text in _texts(event.get(name)))
    return _field(event, node.field, node.value)


def _keyword(text: str, value: Any) -> bool:
    inner = str(value.number) if isinstance(value, SigmaNumber) else value.s
    parts = [inner] if isinstance(inner, str) else list(inner)
    body = "".join(_part(part) for part in parts)
    return re.search(body, text, re.IGNORECASE | re.DOTALL) is not None


def _field(event: Event, name: str, value: Any) -> bool:
    found = None if event.get(name) == [] else event.get(name)
    if isinstance(value, SigmaExpansion):
        return any(_field(event, name, inner) for inner in value.values)
    if isinstance(value, SigmaNull):
        return found is None
    if isinstance(value, SigmaExists):
        return (found is not None) == value.exists
    if isinstance(value, SigmaFieldReference):
        return any(_refers(text, other, value) for text in _texts(found) for other in _texts(event.get(value.field)))
    items = found if isinstance(found, list) else [found]
    return any(_item(item, value) for item in items if item is not None)


def _item(item: Any, value: Any) -> bool:
    if isinstance(value, SigmaBool):
        return _texts(item)[0].lower() == ("true" if value.boolean else "false")
    if isinstance(value, SigmaCompareExpression):
        part = value.number if isinstance(value.number, SigmaTimestampPart) else None
        number = _part_of_time(item, part) if part else _number(item)
        return number is not None and _compare(number, value.op.name, part.number if part else value.number.number)
    if isinstance(value, SigmaTimestampPart):
        return bool(_part_of_time(item, value) == value.number)
    if isinstance(value, SigmaNumber):
        return _number(item) == value.number
    return _text_item(_texts(item)[0], value)


def _part_of_time(item: Any, part: Any) -> int:
    moment = datetime.fromtimestamp(item / 1_000_000, UTC)
    unit = part.timestamp_part.name.lower()
    return int(moment.isocalendar()[1] if unit == "week" else getattr(moment, unit))


def _text_item(text: str, value: Any) -> bool:
    if isinstance(value, SigmaCIDRExpression):
        try:
            return ipaddress.ip_address(text) in ipaddress.ip_network(value.cidr)
        except ValueError:
            return False
    if isinstance(value, SigmaRegularExpression):
        expression = _trapped(str(value.regexp))
        for short, plain in ASCII_CLASSES.items():
            expression = expression.replace(short, plain)
        flags = 0
        for flag in value.flags:
            flags |= getattr(re, flag.name)
        return re.search(expression, text, flags) is not None
    if isinstance(value, SigmaString):
        case = 0 if isinstance(value, SigmaCasedString) else re.IGNORECASE
        return re.fullmatch("".join(_part(part) for part in value.s), text, case | re.DOTALL) is not None
    raise AssertionError(f"the reference does not know {type(value).__name__}")


def _refers(text: str, other: str, value: Any) -> bool:
    start, end = (".*" if value.ends_with else ""), (".*" if value.starts_with else "")
    return re.fullmatch(start + re.escape(other) + end, text, re.IGNORECASE | re.DOTALL) is not None


def _part(part: Any) -> str:
    if part is SpecialChars.WILDCARD_MULTI:
        return ".*"
    return "." if part is SpecialChars.WILDCARD_SINGLE else re.escape(_trapped(part))


def _trapped(text: str) -> str:
    return "".join(TRAPS.get(character, character) for character in text).encode("utf-8", "replace").decode()


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [_trapped(str(value))]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return float(value) if re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", str(value)) else None


def _compare(left: float, relation: str, right: float) -> bool:
    return {
        "LT": left < right, "LTE": left <= right, "GT": left > right, "GTE": left >= right, "NEQ": left != right,
    }[relation]  # fmt: skip
