"""Lets a statement through when it is one SELECT over ``events``, its own subqueries, and functions that reach nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from caiso.connect.telemetry.query.jobs import UnableToAsk

TABLE: Final = "events"
_MAX_DEPTH: Final = 400
_RECURSIVE: Final = "RECURSIVE_CTE_NODE"
_TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})
_OTHER_TABLE_KINDS: Final = frozenset({"SHOW_REF", "COLUMN_DATA", "BOUND_TABLE_REF", "DELIM_GET", "CTE"})
# What asks for settings, variables, secrets, catalogues, files or other statements. None of it can do harm behind the
# other walls; a hunt has no use for it.
_DENIED: Final = re.compile(
    r"(?:current_setting|getenv|getvariable|nextval|currval|write_log|parse_duckdb_log_message|query|query_table"
    r"|duckdb_.*|pragma_.*|pg_.*|.*secret.*|json_(?:execute|serialize|deserialize).*|sql_auto_complete|read_.*|parquet_.*"
    r"|sniff_.*|glob|.*_scan|.*_attach|current_(?:database|schema|schemas|catalog|user|role|query)|session_user|user"
    r"|in_search_path|txid_current|has_.*_privilege|.*_description|version|set_.*|enable_.*|disable_.*|force_.*|install.*"
    r"|load.*|checkpoint|seq_scan|index_scan|arrow_.*|pandas_.*|python_.*|which_.*|test_.*|summary|sleep.*|add_parquet_key)",
)


def check_statement(serialised: str) -> None:
    """Raise ``UnableToAsk`` unless DuckDB's own reading of the statement (``json_serialize_sql``) is harmless."""
    document = orjson.loads(serialised)
    if document.get("error"):
        message = str(document.get("error_message") or "it cannot be read")
        if "SELECT" in message and "serialized" in message:
            raise UnableToAsk("only SELECT is answered here")
        raise UnableToAsk(f"the statement cannot be read: {message.split('. Use ', 1)[0]}")
    statements = document.get("statements", [])
    if len(statements) != 1:
        raise UnableToAsk(f"one statement is answered at a time, not {len(statements)}")
    _Walk().node(statements[0], frozenset(), 0)


class _Walk:
    """Visits every node of a parsed statement with the names of subqueries that are in scope there."""

    def node(self, node: Any, scope: frozenset[str], depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise UnableToAsk(f"the statement is nested deeper than {_MAX_DEPTH} levels")
        if isinstance(node, list):
            for item in node:
                self.node(item, scope, depth + 1)
            return
        if not isinstance(node, dict):
            return
        scope = self._named(node, scope, depth)
        self._check_table(node, scope)
        self._check_function(node)
        itself = frozenset({str(node["cte_name"]).lower()}) if node.get("type") == _RECURSIVE else frozenset()
        for key, value in node.items():
            if key != "cte_map":
                # What a recursive subquery starts from does not see the subquery itself.
                self.node(value, scope if key == "left" else scope | itself, depth + 1)

    def _named(self, node: Mapping[str, Any], scope: frozenset[str], depth: int) -> frozenset[str]:
        """Names that WITH gives; a body sees only those before it."""
        given = node.get("cte_map")
        for entry in given.get("map", []) if isinstance(given, dict) else []:
            name = str(entry.get("key", "")).lower()
            if name == TABLE:
                raise UnableToAsk(f"{TABLE} is taken; give the subquery another name")
            self.node(entry.get("value"), scope, depth + 1)
            scope = scope | {name}
        return scope

    def _check_table(self, node: Mapping[str, Any], scope: frozenset[str]) -> None:
        kind = node.get("type")
        if not isinstance(kind, str):
            return
        if kind in _OTHER_TABLE_KINDS and "query_location" in node and "class" not in node:
            raise UnableToAsk("only tables and subqueries are answered, not descriptions of them")
        if kind == "BASE_TABLE":
            name = str(node.get("table_name", "")).lower()
            path = (node.get("qualified_name") or {}).get("path", [name])
            plain = not node.get("schema_name") and not node.get("catalog_name") and len(path) == 1
            if not plain or name not in scope | {TABLE}:
                raise UnableToAsk(f"there is no table {str(node.get('table_name', ''))[:80]!r}; there is {TABLE}")
        if kind == "TABLE_FUNCTION":
            name = str((node.get("function") or {}).get("function_name", "")).lower()
            if name not in _TABLE_FUNCTIONS:
                raise UnableToAsk(
                    f"{name[:80]}() is not answered here; of functions that make tables only {', '.join(sorted(_TABLE_FUNCTIONS))} are"
                )

    def _check_function(self, node: Mapping[str, Any]) -> None:
        name = node.get("function_name")
        if not isinstance(name, str):
            return
        if str(node.get("schema") or "") not in ("", "main") or node.get("catalog"):
            raise UnableToAsk(f"{name[:80]}() of another schema is not answered here")
        if _DENIED.fullmatch(name.lower()):
            raise UnableToAsk(f"{name[:80]}() is not answered here")
