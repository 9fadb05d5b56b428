"""A question put together from conditions: as SQL with bound values, and as the draft of a Sigma rule that finds the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import yaml

from caiso.connect.telemetry.query.jobs import HIDDEN, UnableToAsk, Value, quoted
from caiso.engine.detect.schema import FIELDS, FieldType, is_content

MOST_CONDITIONS: Final = 20
_LONGEST: Final = 2_000
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,119}")
_SHOWN: Final = (
    "happened_at", "event.kind", "service.name", "user.id", "gen_ai.request.model", "gen_ai.tool.name",
    "aisoc.session", "event.id",
)  # fmt: skip

# Operators by key: what a person reads, whether a value is asked for, and whether it compares numbers.
OPERATORS: Final = {
    "is": "is",
    "is_not": "is not",
    "one_of": "is one of",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts": "starts with",
    "ends": "ends with",
    "regex": "matches the pattern",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "exists": "is there",
    "missing": "is missing",
}
VALUELESS: Final = frozenset({"exists", "missing"})
_COMPARES: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_NEGATIONS: Final = {"is_not": "is", "not_contains": "contains"}
_MODIFIERS: Final = {"contains": "contains", "starts": "startswith", "ends": "endswith", "regex": "re"}
_NUMBERS: Final = (FieldType.INT, FieldType.FLOAT, FieldType.TIME)


class FilterCondition(msgspec.Struct, frozen=True):
    """One line of the builder."""

    field: str
    operator: str
    value: str = ""


class Filter(msgspec.Struct, frozen=True):
    """Conditions of which all hold, or any."""

    conditions: list[FilterCondition]
    any_of: bool = False

    @property
    def reads_content(self) -> bool:
        """Whether it looks into what people or models wrote."""
        return any(is_content(one.field) for one in self.conditions)


def check_filter(wanted: Filter) -> None:
    """Raise ``UnableToAsk`` with the number of the condition that cannot be asked."""
    if not wanted.conditions:
        raise UnableToAsk("give at least one condition")
    if len(wanted.conditions) > MOST_CONDITIONS:
        raise UnableToAsk(f"there are {len(wanted.conditions)} conditions, at most {MOST_CONDITIONS} are asked")
    for number, condition in enumerate(wanted.conditions, start=1):
        if complaint := _complaint(condition):
            raise UnableToAsk(f"condition {number}: {complaint}")


def _complaint(condition: FilterCondition) -> str:
    name, value = condition.field, condition.value
    if not _FIELD.fullmatch(name):
        return f"{name[:80]!r} is not the name of a field"
    if name in HIDDEN:
        return f"{name} cannot be asked for"
    if condition.operator not in OPERATORS:
        return f"there is no operator {condition.operator[:40]!r}"
    if condition.operator in VALUELESS:
        return ""
    if not value.strip() or (condition.operator == "one_of" and not _listed(value)):
        return f"{name} {OPERATORS[condition.operator]} what?"
    if len(value) > _LONGEST:
        return f"the value has {len(value):,} characters, at most {_LONGEST:,} are compared"
    return _unlike_its_type(condition)


def _unlike_its_type(condition: FilterCondition) -> str:
    name, value, kind = condition.field, condition.value, FIELDS.get(condition.field)
    if condition.operator in _COMPARES or (kind in _NUMBERS and condition.operator in ("is", "is_not", "one_of")):
        for one in _listed(value) if condition.operator == "one_of" else [value]:
            if _number(one) is None:
                return f"{name} is compared with a number, not with {one[:40]!r}"
    if kind in (FieldType.TEXT, FieldType.KEYWORD) and condition.operator in _COMPARES:
        return f"{name} is text: it is neither more nor less"
    if kind is FieldType.BOOL and condition.operator in ("is", "is_not") and value.strip().lower() not in _TRUTH:
        return f"{name} is true or false"
    if condition.operator == "regex":
        from caiso.engine.detect.pattern import UnableToUsePattern, compile_pattern  # noqa: PLC0415 - loads the engine

        try:
            compile_pattern(value)
        except UnableToUsePattern as refusal:
            return str(refusal)
    return ""


_TRUTH: Final = {"true": True, "false": False, "yes": True, "no": False}


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            found = kind(text.strip())
        except ValueError:
            continue
        return found if abs(found) < 2**63 else None
    return None


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


# -- as SQL -------------------------------------------------------------------------------------------------------


def filter_sql(wanted: Filter) -> tuple[str, list[Value]]:
    """The statement and its values, newest events first. Content has no column: such conditions raise ``UnableToAsk``."""
    check_filter(wanted)
    if wanted.reads_content:
        raise UnableToAsk("what people wrote is in no column; it is searched by decrypting it")
    shown = dict.fromkeys(_SHOWN)
    values: list[Value] = []
    columns = [quoted(name) for name in shown]
    for name in dict.fromkeys(condition.field for condition in wanted.conditions):
        if name not in shown:
            columns.append(f"{_column(name, values)} AS {quoted(name)}")
    tests = [_test(condition, values) for condition in wanted.conditions]
    where = (" OR " if wanted.any_of else " AND ").join(tests)
    return f'SELECT {", ".join(columns)} FROM events WHERE {where} ORDER BY "time" DESC', values  # noqa: S608 - bound values


def _column(name: str, values: list[Value]) -> str:
    from caiso.connect.telemetry.table import COLUMN_TYPES  # noqa: PLC0415 - loads Arrow

    if name in COLUMN_TYPES:
        return quoted(name)
    values += [name, name, f'$."{name}"', f'$."{name}"']
    return (
        "coalesce(attributes[?], CAST(integers[?] AS VARCHAR), "
        "json_extract_string(others, ?), json_extract_string(resource, ?))"
    )


def _test(condition: FilterCondition, values: list[Value]) -> str:
    operator = _NEGATIONS.get(condition.operator, condition.operator)
    if operator == "missing":
        return f"({_column(condition.field, values)} IS NULL)"
    column = _column(condition.field, values)
    test = "(" + _holds(condition, operator, column, values) + ")"
    return f"(NOT coalesce({test}, false))" if condition.operator in _NEGATIONS else test


def _holds(condition: FilterCondition, operator: str, column: str, values: list[Value]) -> str:
    kind = FIELDS.get(condition.field)
    if operator == "exists":
        return f"{column} IS NOT NULL"
    if operator in _COMPARES:
        values.append(_number(condition.value))
        return f"TRY_CAST({column} AS DOUBLE) {_COMPARES[operator]} ?"
    if operator in ("is", "one_of"):
        wanted = _listed(condition.value) if operator == "one_of" else [condition.value]
        if kind in _NUMBERS:
            values += [_number(one) for one in wanted]
            return f"{column} IN ({', '.join('?' * len(wanted))})"
        values += [one.strip().lower() for one in wanted]
        return f"lower(CAST({column} AS VARCHAR)) IN ({', '.join('?' * len(wanted))})"
    text = f"CAST({column} AS VARCHAR)"
    if operator == "regex":
        values.append(condition.value)
        return f"regexp_matches({text}, ?)"
    values.append(condition.value.lower())
    function = {"contains": "contains", "starts": "starts_with", "ends": "ends_with"}[operator]
    return f"{function}(lower({text}), ?)"


# -- as a rule ----------------------------------------------------------------------------------------------------


def filter_rule(wanted: Filter, *, slug: str, title: str) -> str:
    """A Sigma rule that fires at the events that the filter finds: a draft, whose level and tests a person has to settle."""
    check_filter(wanted)
    searches: dict[str, Any] = {}
    terms = []
    for number, condition in enumerate(wanted.conditions, start=1):
        name = f"c{number}"
        searches[name] = _search(condition)
        terms.append(f"not {name}" if condition.operator in _NEGATIONS else name)
    searches["condition"] = (" or " if wanted.any_of else " and ").join(terms)
    # Fields that the schema does not know have to be listed, whatever is asked of them.
    asked = (one for one in wanted.conditions if one.operator != "missing" or one.field not in FIELDS)
    fields = list(dict.fromkeys(one.field for one in asked))
    rule = {
        "title": title[:200] or "Found by a hunt",
        "name": slug,
        "status": "experimental",
        "level": "medium",
        "description": "Made from a hunt. Say what the attacker does, and why this shows it.",
        "falsepositives": ["Not known yet"],
        "logsource": {"product": "ai"},
        "detection": searches,
        "caiso": {"entity": ["agent", "user"], "needs": fields, "dedup": ["aisoc.session"]},
        "tests": _tests(wanted),
    }
    return str(yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=110))


def _search(condition: FilterCondition) -> dict[str, Any]:
    name, operator = condition.field, _NEGATIONS.get(condition.operator, condition.operator)
    if operator in VALUELESS:
        return {f"{name}|exists": operator == "exists"}
    if operator in _COMPARES:
        return {f"{name}|{operator}": _number(condition.value)}
    if operator == "one_of":
        return {name: [_literal(name, one) for one in _listed(condition.value)]}
    if operator == "is":
        return {name: _literal(name, condition.value.strip())}
    value = condition.value if operator == "regex" else _escaped(condition.value)
    return {f"{name}|{_MODIFIERS[operator]}": value}


def _literal(name: str, value: str) -> Any:
    kind = FIELDS.get(name)
    if kind in _NUMBERS:
        return _number(value)
    if kind is FieldType.BOOL:
        return _TRUTH.get(value.lower(), value)
    return _escaped(value)


def _escaped(value: str) -> str:
    """Text that Sigma takes for itself: its wildcards and its escape character are escaped."""
    return re.sub(r"([\\*?])", r"\\\1", value)


def _tests(wanted: Filter) -> list[dict[str, Any]]:
    """An event that fires and one that does not; what a pattern finds is for a person to write down."""
    silent = {"name": "another event", "fires": False, "events": [{"event.kind": "health"}]}
    if any(condition.operator == "regex" for condition in wanted.conditions):
        return [silent]
    firing: dict[str, Any] = {"event.kind": "inference"}
    for condition in wanted.conditions:
        if condition.operator not in ("missing", *_NEGATIONS):
            firing[condition.field] = _example(condition)
    return [{"name": "what the hunt looked for", "fires": True, "events": [firing]}, silent]


def _example(condition: FilterCondition) -> Any:
    number = _number(condition.value)
    if condition.operator in _COMPARES and number is not None:
        return number + {"gt": 1, "lt": -1}.get(condition.operator, 0)
    kind = FIELDS.get(condition.field)
    value = _listed(condition.value)[0] if condition.operator == "one_of" else condition.value.strip()
    if condition.operator == "exists":
        value = "1"
    if kind in _NUMBERS:
        return _number(value) or 0
    return _TRUTH.get(value.lower(), True) if kind is FieldType.BOOL else value


# -- between form, database and here --------------------------------------------------------------------------------


def read_filter(document: object) -> Filter:
    """A filter from what a database or a caller holds; ``UnableToAsk`` when it is none."""
    try:
        return msgspec.convert(document, Filter)
    except msgspec.ValidationError as error:
        raise UnableToAsk(f"this is no filter: {error}") from None


def words(wanted: Filter) -> str:
    """The filter as one line."""
    between = " or " if wanted.any_of else " and "
    return between.join(
        f"{one.field} {OPERATORS.get(one.operator, one.operator)}"
        + ("" if one.operator in VALUELESS else f" {json.dumps(one.value, ensure_ascii=False)}")
        for one in wanted.conditions
    )


def known_fields(seen: Sequence[str] = ()) -> list[str]:
    """Names for the builder's list: those of the schema, and those that arrive."""
    wanted: Callable[[str], bool] = lambda name: name not in HIDDEN and bool(_FIELD.fullmatch(name))  # noqa: E731
    return sorted({name for name in (*FIELDS, *seen) if wanted(name)})
