"""An index over the words of a table's rows, so that a search for a part of a word need not read every row.

The database keeps it with each write, in the same transaction: SQLite by triggers into a full-text table of trigrams,
PostgreSQL by an index of trigrams. A search gives keys only; the viewer's scope is applied to them like to any rows.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connection, transaction
from django.db.migrations.operations.base import Operation
from django.db.models import BooleanField, Func, Model, Q, TextField, Value
from django.db.models.expressions import RawSQL

from caiso.web.base.unindexed import tested_in

SHORTEST = 2  # nearly every row holds any one character: for that each row is looked at
# Up to so many rows their keys are listed. SQLite looks at the others by the unit, in no order of the table, which takes
# five times as long as the list; PostgreSQL reads the table once to try each row.
RARE = {"sqlite": 40_000, "postgresql": 2_000}
MOST_RELATED = 500
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextIndex:
    """The index of one table over text columns that are never null. A model names its own as `text_index`.

    The SQL below is made of names that are our own constants; what a person wrote is always a bound value.
    """

    table: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the index is called in the database."""
        return f"{self.table}_words"

    @property
    def terms(self) -> str:
        """SQLite's list of the trigrams that the index holds."""
        return f"{self.name}_terms"

    # -- searching ----------------------------------------------------------------------------------------------

    def is_rare(self, text: str) -> bool:
        """Whether so few rows hold the text that their keys are better listed than looked up for each row."""
        keys, values = self.keys(text)
        most = RARE[connection.vendor]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({keys} LIMIT {most + 1}) AS found", values)  # noqa: S608 - see the class
            return bool(cursor.fetchone()[0] <= most)

    def keys(self, text: str) -> tuple[str, list[str]]:
        """SQL and its values for the keys of the rows that hold the text, of two characters or more, whatever its case."""
        if connection.vendor != "sqlite":
            sql = f"SELECT id FROM \"{self.table}\" WHERE {self._text()} ILIKE %s ESCAPE '!'"  # noqa: S608 - see the class
            return sql, [f"%{_escaped(text)}%"]
        sql = f'SELECT rowid FROM "{self.name}" WHERE "{self.name}" MATCH'  # noqa: S608 - see the class
        if len(text) > 2:
            return f"{sql} %s", ['"' + text.replace('"', '""') + '"']
        # Two characters begin a number of trigrams, since no text ends without two signs more: any of those.
        quoted = """'"' || replace(term, '"', '""') || '"'"""
        begun = f"SELECT group_concat({quoted}, ' OR ') FROM \"{self.terms}\" WHERE term >= %s AND term < %s"  # noqa: S608 - see the class
        folded = text.lower()
        return f"{sql} (SELECT coalesce(({begun}), '\"\"'))", [folded, f"{folded}\U0010ffff"]

    # -- making -------------------------------------------------------------------------------------------------

    def is_there(self) -> bool:
        """Whether the database has all of it."""
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE %s", [f"{self.name}%"])
                return {self.name, self.terms, *self._triggers()} <= {name for (name,) in cursor.fetchall()}
            cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = %s", [self.name])
            return cursor.fetchone() is not None

    def create(self) -> None:
        """Make it anew and fill it from the rows that are there."""
        self.drop()
        for statement in self._sqlite() if connection.vendor == "sqlite" else self._postgresql():
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def drop(self) -> None:
        """Remove what there is of it."""
        with connection.cursor() as cursor:
            if connection.vendor != "sqlite":
                cursor.execute(f'DROP INDEX IF EXISTS "{self.name}"')
                return
            for trigger in self._triggers():
                cursor.execute(f'DROP TRIGGER IF EXISTS "{trigger}"')
            for table in (self.terms, self.name):
                cursor.execute(f'DROP TABLE IF EXISTS "{table}"')

    def _text(self, row: str = "") -> str:
        """The columns of a row as one text; between two stands a sign that no search can hold."""
        between = "char(31)" if connection.vendor == "sqlite" else "chr(31)"
        return "(" + f" || {between} || ".join(f'{row}"{column}"' for column in self.columns) + ")"

    def _padded(self, row: str = "") -> str:
        return f"{self._text(row)} || char(31) || char(31)"

    def _triggers(self) -> dict[str, str]:
        """Trigger names with what they do; the index keeps no text of its own, so it is told what to forget."""
        words = f'"{self.name}"'
        add = f"INSERT INTO {words}(rowid, text) VALUES (new.id, {self._padded('new.')});"  # noqa: S608 - see the class
        forget = f"INSERT INTO {words}({words}, rowid, text) VALUES ('delete', old.id, {self._padded('old.')});"  # noqa: S608 - see the class
        changed = ", ".join(f'"{column}"' for column in ("id", *self.columns))
        return {
            f"{self.name}_insert": f'AFTER INSERT ON "{self.table}" BEGIN {add} END',
            f"{self.name}_delete": f'AFTER DELETE ON "{self.table}" BEGIN {forget} END',
            f"{self.name}_update": f'AFTER UPDATE OF {changed} ON "{self.table}" BEGIN {forget} {add} END',
        }

    def _sqlite(self) -> list[str]:
        return [
            f"CREATE VIRTUAL TABLE \"{self.name}\" USING fts5(text, content='', tokenize='trigram')",
            f'CREATE VIRTUAL TABLE "{self.terms}" USING fts5vocab("{self.name}", row)',
            f'INSERT INTO "{self.name}"(rowid, text) SELECT id, {self._padded()} FROM "{self.table}"',  # noqa: S608 - see the class
            *(f'CREATE TRIGGER "{name}" {deed}' for name, deed in self._triggers().items()),
        ]

    def _postgresql(self) -> list[str]:
        if not _has_trigrams():
            log.warning("searches of %s read every row until somebody may run: CREATE EXTENSION pg_trgm", self.table)
            return []
        return [f'CREATE INDEX "{self.name}" ON "{self.table}" USING gin ({self._text()} gin_trgm_ops)']


class AddTextIndex(Operation):
    """The migration that makes a text index and fills it; the models' state knows nothing of it."""

    reversible = True
    reduces_to_sql = False

    def __init__(self, table: str, columns: Iterable[str]) -> None:
        self.table, self.columns = table, tuple(columns)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing changes in the models."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make and fill it."""
        TextIndex(self.table, self.columns).create()

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Remove it."""
        TextIndex(self.table, self.columns).drop()

    def describe(self) -> str:
        """What `migrate` prints."""
        return f"Index the words of {self.table}"


def text_index_of(model: type[Model]) -> TextIndex | None:
    """The text index of a model, if it has one."""
    return getattr(model, "text_index", None)


def complete_text_indexes() -> list[str]:
    """Make those that are missing: SQLite drops triggers with a table that a migration wrote anew; returns their tables."""
    indexes = filter(None, map(text_index_of, apps.get_models()))
    missing = [index for index in indexes if not index.is_there()]
    for index in missing:
        with transaction.atomic():
            index.create()
    return [index.table for index in missing]


class Search(NamedTuple):
    """Rows that hold all that was searched for, and how the database best finds them."""

    condition: Q
    is_common: bool = False  # nearly every row may hold it: in the order of a list, row after row is best tried
    reads_rows: bool = (
        False  # and each is read for it, so that counting them, too, best goes through the table in its order
    )


def anywhere(model: type[Model], paths: Iterable[str], word: str) -> Q:
    """Rows of the model that hold the word in one of the paths; the model's text index answers for its own columns."""
    return _anywhere(model, paths, word).condition


def everywhere(model: type[Model], paths: Sequence[str], words: Iterable[str]) -> Search:
    """Rows that hold every word in one of the paths."""
    ways = [_anywhere(model, paths, word) for word in words]
    is_common = bool(ways) and all(way.is_common for way in ways)
    reads_rows = is_common and any(way.reads_rows for way in ways)
    return Search(reduce(and_, (way.condition for way in ways), Q()), is_common, reads_rows)


def _anywhere(model: type[Model], paths: Iterable[str], word: str) -> Search:
    word = word.replace("\x00", "")  # no text holds the sign, and SQLite takes it for the end
    index = text_index_of(model)
    if index is None:
        return Search(reduce(or_, (_holding(path, word) for path in paths), Q(pk__in=[])))
    others = [_related(model, path, word) for path in paths if path not in index.columns]
    ways = [way for way in others if way is not None]
    if len(word) < SHORTEST:
        columns = (_holding(column, word) for column in index.columns)
        return Search(reduce(or_, (*columns, *map(_tested, ways))), is_common=True, reads_rows=True)
    own = ("pk", RawSQL(*index.keys(word)))  # noqa: S611 - see TextIndex
    if not index.is_rare(word):
        # PostgreSQL would read the table for the list of keys, and then again to try them.
        held = (
            _tested(own)
            if connection.vendor == "sqlite"
            else Q(_Like(_Joined(*index.columns), Value(f"%{_escaped(word)}%")))
        )
        return Search(reduce(or_, map(_tested, ways), held), is_common=True)
    ways.insert(0, own)
    # One list of keys from all ways; alternatives in one condition would be tried on every row instead.
    first, *more = (model._default_manager.order_by().filter(**{f"{key}__in": keys}).values("pk") for key, keys in ways)
    return Search(Q(pk__in=first.union(*more)))


def _holding(path: str, word: str) -> Q:
    return Q(**{f"{path}__icontains": word})


def _related(model: type[Model], path: str, word: str) -> tuple[str, Any] | None:
    """A foreign key of the model, and the keys of the related rows that hold the word; None when there are none."""
    relation, _, rest = path.partition("__")
    related = model._meta.get_field(relation).related_model
    if not rest or related is None or isinstance(related, str):
        raise ValueError(
            f"{model.__name__}: the search by {path} is neither in the text index nor behind a foreign key"
        )
    # The related rows first: they are few, and a join would look at each row's own before it could say no.
    rows = related._default_manager.filter(_holding(rest, word)).order_by().values_list("pk", flat=True)
    found = list(rows[: MOST_RELATED + 1])
    return (relation, found if len(found) <= MOST_RELATED else rows) if found else None


def _tested(way: tuple[str, Any]) -> Q:
    """The same rows, told by looking at each: where most rows are found, their keys by an index are the longer way."""
    key, keys = way
    return tested_in(key, keys)


class _Joined(Func):
    """Columns as the one text that PostgreSQL's index is made of."""

    arg_joiner = " || chr(31) || "
    template = "(%(expressions)s)"
    output_field = TextField()


class _Like(Func):
    """Whether a text is like a pattern, whatever its case; PostgreSQL's own words, as its index knows them."""

    arg_joiner = " ILIKE "
    template = "(%(expressions)s ESCAPE '!')"
    output_field = BooleanField()


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _has_trigrams() -> bool:
    """Whether the database can index trigrams; makes the extension where it may."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone():
            return True
        cursor.execute(
            "SELECT bool_or(trusted) AND has_database_privilege(current_database(), 'CREATE')"
            " OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            " FROM pg_available_extension_versions WHERE name = 'pg_trgm' HAVING count(*) > 0"
        )
        row = cursor.fetchone()
        if row is None or not row[0]:
            return False
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        return True
