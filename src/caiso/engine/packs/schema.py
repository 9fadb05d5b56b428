"""Writes the JSON Schema (2020-12) of a pack's dataclass, so that editors know what the loader knows."""

import dataclasses
import enum
import types
import typing
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson

from caiso.engine.packs.load import PackKind
from caiso.engine.packs.read import FromText, fields_of
from caiso.engine.packs.shape import DURATION_PATTERN, Between, Doc, Length, Matches

Schema = dict[str, Any]
_PLAIN: dict[Any, Schema] = {
    # YAML authors write `version: 1.0` and mean the text; the loader takes it so, and so must the schema.
    str: {"type": ["string", "number", "boolean"]},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"type": "string", "pattern": DURATION_PATTERN},
    object: {},
}


def schema_of(kind: PackKind[Any]) -> Schema:
    """The schema of one kind, with every nested dataclass under `$defs`."""
    definitions: dict[str, Schema] = {}
    body = _model(kind.model, definitions)
    schema: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"caiso {kind.name} pack",
        **body,
    }
    if definitions:
        schema["$defs"] = dict(sorted(definitions.items()))
    return schema


def schema_bytes(kind: PackKind[Any]) -> bytes:
    """The schema as it stands in `content/schemas/<kind>.json`."""
    return orjson.dumps(schema_of(kind), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def model_schema(model: type) -> Schema:
    """The schema of a dataclass that is not a pack, such as the facts file of `caiso clocks`."""
    definitions: dict[str, Schema] = {}
    body = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_model(model, definitions)}
    return {**body, "$defs": dict(sorted(definitions.items()))} if definitions else body


def _model(model: type, definitions: dict[str, Schema]) -> Schema:
    fields = fields_of(model)
    schema: Schema = {"type": "object", "additionalProperties": False}
    if model.__doc__:
        schema["description"] = " ".join(model.__doc__.split())
    schema["properties"] = {field.key: _schema(field.hint, definitions) for field in fields}
    schema["required"] = [field.key for field in fields if field.required]
    return schema


def _schema(hint: Any, definitions: dict[str, Schema]) -> Schema:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *limits = get_args(hint)
        return _narrow(dict(_schema(inner, definitions)), limits)
    if origin in (Union, types.UnionType):
        return _union(get_args(hint), definitions)
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(hint)[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(hint)[1], definitions)}
    if origin is Literal:
        return {"enum": list(get_args(hint))}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    if isinstance(hint, type) and issubclass(hint, FromText):
        return dict(hint.text_schema())
    if dataclasses.is_dataclass(hint):
        model = typing.cast("type", hint)
        if model.__name__ not in definitions:
            definitions[model.__name__] = {}
            definitions[model.__name__] = _model(model, definitions)
        return {"$ref": f"#/$defs/{model.__name__}"}
    return dict(_PLAIN[hint])


def _union(choices: tuple[Any, ...], definitions: dict[str, Schema]) -> Schema:
    options = [_schema(choice, definitions) for choice in choices if choice is not type(None)]
    if type(None) in choices:
        options.append({"type": "null"})
    return options[0] if len(options) == 1 else {"anyOf": options}


def _narrow(schema: Schema, limits: list[object]) -> Schema:
    is_list = schema.get("type") == "array"
    for limit in limits:
        if isinstance(limit, Doc):
            schema["description"] = limit.text
        elif isinstance(limit, Matches):
            # Constrains texts only: an unquoted number such as `version: 1.0` is read as text and matched by the loader.
            schema["pattern"] = f"^(?:{limit.pattern})$"
        elif isinstance(limit, Between):
            schema.update({"minimum": limit.low} if limit.low is not None else {})
            schema.update({"maximum": limit.high} if limit.high is not None else {})
        elif isinstance(limit, Length):
            schema["minItems" if is_list else "minLength"] = limit.least
            if limit.most is not None:
                schema["maxItems" if is_list else "maxLength"] = limit.most
    return schema
