"""Turns YAML content into frozen dataclasses, or says `file:line: what, expected one of …`."""

from caiso.engine.packs.compose import Limits, Node, UnableToCompose, compose
from caiso.engine.packs.load import CONTENT, Pack, PackKind, load_folder, read_pack, read_source
from caiso.engine.packs.problems import PackError, PackProblem, quoted
from caiso.engine.packs.read import Reader, line_at, to_plain
from caiso.engine.packs.schema import model_schema, schema_bytes, schema_of
from caiso.engine.packs.shape import (
    AtlasTechnique,
    Between,
    Doc,
    Fault,
    Length,
    Matches,
    Slug,
    Title,
    Words,
    duration_text,
    parse_duration,
)

__all__ = [
    "CONTENT",
    "AtlasTechnique",
    "Between",
    "Doc",
    "Fault",
    "Length",
    "Limits",
    "Matches",
    "Node",
    "Pack",
    "PackError",
    "PackKind",
    "PackProblem",
    "Reader",
    "Slug",
    "Title",
    "UnableToCompose",
    "Words",
    "compose",
    "duration_text",
    "line_at",
    "load_folder",
    "model_schema",
    "parse_duration",
    "quoted",
    "read_pack",
    "read_source",
    "schema_bytes",
    "schema_of",
    "to_plain",
]
