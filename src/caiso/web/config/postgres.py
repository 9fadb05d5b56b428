"""PostgreSQL holds no null character, SQLite does, and telemetry may bring one in any text: it is stored as U+FFFD.

Refused, one such event would stop the detector for good; here no place that writes can forget it.
"""

import re
from typing import Any

from psycopg import adapters
from psycopg.types.json import Jsonb, JsonbDumper
from psycopg.types.string import StrDumperUnknown

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# "\u0000" as JSON writes it; an even number of backslashes before it are backslashes themselves.
_WRITTEN = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class TextDumper(StrDumperUnknown):
    """Text as the server takes it."""

    def dump(self, obj: str) -> Any:
        """The text without null characters."""
        return super().dump(obj.replace("\x00", REPLACEMENT) if "\x00" in obj else obj)


class JsonDumper(JsonbDumper):
    """JSON as the server takes it."""

    def dump(self, obj: Any) -> bytes | None:
        """The document without null characters."""
        written = super().dump(obj)
        data = None if written is None else bytes(written)
        return _WRITTEN.sub(rb"\1\\ufffd", data) if data and b"\\u0000" in data else data


def replace_nulls() -> None:
    """From now on, on every connection of this process."""
    adapters.register_dumper(str, TextDumper)
    adapters.register_dumper(Jsonb, JsonDumper)
