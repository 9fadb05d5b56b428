"""Questions in SQL: answered within bounds, over the asker's events only, whatever the statement tries."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from caiso.connect.telemetry.parts import write_part
from caiso.connect.telemetry.query.guard import check_statement
from caiso.connect.telemetry.query.jobs import Answer, QueryJob, UnableToAsk
from caiso.connect.telemetry.table import Event, to_table
from caiso.connect.telemetry.trial.parent import QUERY, Bounds, UnableToTry, run_trial

T0 = 1_790_000_000_000_000
HOUR = 3_600_000_000
BOUNDS = Bounds(seconds=120, cpu_seconds=120, address_bytes=3 << 30)


def event(number: int, *, service: str | None = "app", source: str = "src", at: int = 0, **more: object) -> Event:
    named = {} if service is None else {"service.name": service}
    return {
        "event.id": f"e{number}",
        "event.kind": "tool",
        "source.id": source,
        "time": T0 + at,
        "content.ref": "secret/place",
        "user.id": f"user-{number}",
        **named,
        **more,
    }


class Store:
    """A folder of events as the detector writes it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "events"
        self.root.mkdir()
        self.paths: list[str] = []

    def add(self, *events: Event) -> None:
        part = write_part(self.root, len(self.paths) + 1, to_table(events), hour="2026-09-21T14", ranges=())
        self.paths.append(part.path)

    def job(self, sql: str, **more: object) -> QueryJob:
        values: dict[str, object] = {
            "sql": sql,
            "parameters": [],
            "events": str(self.root),
            "paths": self.paths,
            "start_us": T0 - HOUR,
            "end_us": T0 + HOUR,
            "feeds": None,
            "seconds": 20.0,
            "memory_mb": 256,
        }
        return msgspec.convert(msgspec.to_builtins(values | more), QueryJob)

    def ask(self, sql: str, **more: object) -> Answer:
        return run_trial(self.job(sql, **more), Answer, tell=lambda *_: None, bounds=BOUNDS, child=QUERY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    made.add(
        event(1, **{"gen_ai.tool.name": "sql", "team": "claims", "retries": 3}),
        event(2, service="other"),
        event(3, source="theirs"),
        event(4, service=None),
        event(5, at=2 * HOUR),
    )
    return made


def test_answer_has_columns_types_and_plain_values(store: Store) -> None:
    answer = store.ask(
        "SELECT happened_at, \"user.id\", attributes['team'] AS team, integers['retries'] AS n, [1, 2] AS list, NULL AS none "
        "FROM events WHERE \"event.id\" = 'e1'"
    )
    assert answer.columns == ["happened_at", "user.id", "team", "n", "list", "none"]
    assert answer.rows == [["2026-09-21T14:13:20", "user-1", "claims", 3, "[1,2]", None]]
    assert (answer.types[:2], answer.cut) == (["TIMESTAMP", "VARCHAR"], "")


def test_values_that_json_cannot_hold_become_text(store: Store) -> None:
    answer = store.ask(
        "SELECT 'nan'::double, 10000000000000000000::hugeint, [now()], 'ab'::blob, {'a': 1}, map{'k': 'v'}, 1 AS a, 2 AS a"
    )
    nan, huge, now, blob, *rest = answer.rows[0]
    assert (nan, huge, blob, rest) == ("nan", "10000000000000000000", "6162", ['{"a":1}', '{"k":"v"}', 1, 2])
    assert isinstance(now, str)


def test_only_feeds_and_period_are_asked_whatever_the_statement_says(store: Store) -> None:
    everything = 'SELECT "event.id" FROM events WHERE true OR "source.id" = \'theirs\' ORDER BY 1'
    assert [row[0] for row in store.ask(everything).rows] == ["e1", "e2", "e3", "e4"]
    own = store.ask(everything, feeds=[("src", "app"), ("src", "")])
    assert [row[0] for row in own.rows] == ["e1", "e4"]
    assert store.ask(everything, feeds=[]).rows == []
    assert store.ask(
        "SELECT count(*) FROM events UNION ALL SELECT count(*) FROM events e JOIN events f ON true",
        feeds=[("src", "other")],
    ).rows == [[1], [1]]


def test_no_events_at_all_is_an_empty_answer(tmp_path: Path) -> None:
    assert Store(tmp_path).ask('SELECT "user.id" FROM events').rows == []


def test_rows_and_size_are_bounded(store: Store) -> None:
    few = store.ask("SELECT * FROM range(1000000)", rows=10)
    assert (len(few.rows), few.cut) == (10, "the first 10 rows; there are more")
    large = store.ask("SELECT repeat('y', 3000) FROM range(100000)", rows=10_000)
    assert 100 < len(large.rows) < 2_000
    assert "larger than 4 MB" in large.cut
    assert store.ask("SELECT repeat('y', 100000)").rows == [["y" * 4000 + "…"]]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
            "longer than 2 seconds",
        ),
        ("SELECT count(*) FROM range(100000000) a, range(100000) b", "longer than 2 seconds"),
        ("SELECT list(range) FROM range(500000000)", "more than 64 MB"),
        ("SELECT repeat('x', 2000000000)", "more than 64 MB"),
        ("SELECT error('boom')", "boom"),
        ("SELECT nope FROM events", 'column "nope" not found'),
        ("SELECT ?", "Values were not provided"),
        ('SELECT "content.ref" FROM events', "not found"),
        ("SELECT " + ", ".join(f"{n} AS c{n}" for n in range(300)), "300 columns"),
        ("SELECT 1" * 5000, "40,000 characters"),
    ],
)
def test_what_takes_too_much_or_is_wrong_ends_with_words_for_people(store: Store, sql: str, why: str) -> None:
    with pytest.raises(UnableToTry, match=why) as refusal:
        store.ask(sql, seconds=2.0, memory_mb=64)
    assert "Traceback" not in str(refusal.value)
    assert "SET " not in str(refusal.value)


ALLOWED = [
    "SELECT 1",
    "VALUES (1), (2)",
    "FROM events SELECT 1 LIMIT 1",
    "SELECT * FROM EVENTS -- a comment",
    "SELECT * FROM events TABLESAMPLE 10%",
    "SELECT * EXCLUDE (happened_at) FROM events",
    "SELECT COLUMNS('.*id') FROM events",
    "SELECT unnest([1, 2])",
    "SELECT * FROM range(3), generate_series(1, 3)",
    "WITH a AS (SELECT 1 x), b AS (SELECT x FROM a) SELECT * FROM b JOIN a USING (x)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
    'SELECT (SELECT count(*) FROM events e WHERE e."user.id" = f."user.id") FROM events f',
    'SELECT count(*) OVER (PARTITION BY "user.id") FROM events QUALIFY row_number() OVER () = 1',
]

REFUSED = [
    "", ";", "--", "SELECT", "sel", "SELECT 1 /* x", "\x00", "SELECT 1; SELECT 2", "SELECT 1; DROP VIEW events",
    "COPY events TO '/tmp/x.csv'", "COPY (SELECT 1) TO '/tmp/x'", "ATTACH '/tmp/x.db' AS x", "INSTALL httpfs", "LOAD httpfs",
    "PRAGMA database_list", "PRAGMA enable_external_access = true", "SET enable_external_access = true",
    "SET memory_limit = '8GB'", "RESET memory_limit", "CREATE VIEW v AS SELECT 1", "CREATE OR REPLACE VIEW events AS SELECT 1",
    "CREATE TABLE t AS SELECT 1", "CREATE MACRO m() AS 1", "DROP VIEW events", "INSERT INTO events VALUES (1)",
    "DELETE FROM events", "UPDATE events SET x = 1", "CALL duckdb_tables()", "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "DESCRIBE events", "FROM (DESCRIBE events)",
    "SELECT * FROM (SHOW TABLES)", "SUMMARIZE events", "SHOW TABLES", "CHECKPOINT", "VACUUM", "PREPARE a AS SELECT 1",
    "EXECUTE a", "BEGIN", "USE memory",
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", 'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/*')", "SELECT * FROM parquet_scan('x')",
    "SELECT * FROM parquet_metadata('x')", "SELECT * FROM sniff_csv('x')", "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM read_json_auto('https://example.com/x')", "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM events e, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))", "WITH t AS (FROM read_text('/etc/passwd')) SELECT * FROM t",
    "SELECT * FROM events WHERE \"user.id\" IN (SELECT content FROM read_blob('/etc/passwd'))",
    "SELECT getenv('HOME')", "SELECT current_setting('home_directory')", "SELECT getvariable('x')", "SELECT nextval('s')",
    "SELECT write_log('x')", "SELECT main.getenv('HOME')", "SELECT system.main.getenv('HOME')", "SELECT GETENV('HOME')",
    "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('events')", "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()", "SELECT * FROM pragma_database_list()", "SELECT * FROM which_secret('x', 's3')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 42'))", "SELECT json_serialize_sql('SELECT 1')",
    "SELECT * FROM information_schema.tables", "SELECT * FROM pg_catalog.pg_class", "SELECT * FROM pg_class",
    "SELECT * FROM sqlite_master", "SELECT * FROM main.events", "SELECT * FROM memory.main.events", "SELECT * FROM pragma_version()",
    "SELECT * FROM caiso_events_in_scope", "SELECT * FROM data", "SELECT * FROM link",
    "WITH a AS (SELECT * FROM sqlite_master), sqlite_master AS (SELECT 1) SELECT * FROM a",
    "WITH sqlite_master AS (SELECT 'RECURSIVE', * FROM sqlite_master) SELECT * FROM sqlite_master",
    "WITH RECURSIVE sqlite_master(n) AS (SELECT 1 FROM sqlite_master UNION ALL SELECT n FROM sqlite_master) FROM sqlite_master",
    "SELECT * FROM (WITH a AS (SELECT 1 x) FROM a), a", "WITH events AS (SELECT 1) SELECT * FROM events",
    "SELECT version()", "SELECT current_database()", "SELECT pg_sleep(3)", "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "SELECT " + "-" * 990 + "1",
]  # fmt: skip


def _read(sql: str) -> str:
    return str(duckdb.connect(":memory:").execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0])


@pytest.mark.parametrize("sql", ALLOWED)
def test_ordinary_questions_pass_the_guard(sql: str) -> None:
    check_statement(_read(sql))


@pytest.mark.parametrize("sql", REFUSED)
def test_everything_else_does_not(sql: str) -> None:
    with pytest.raises(UnableToAsk):
        check_statement(_read(sql))


# The other walls, tried without the guard: what would happen if it let something through.
BEHIND = """
import json, sys
import msgspec
from caiso.connect.telemetry.query.ask import _opened
from caiso.connect.telemetry.query.jobs import QueryJob
job, statements, outside = json.loads(sys.stdin.read())
link, caged = _opened(msgspec.convert(job, QueryJob))
said = {}
for sql in statements:
    try:
        said[sql] = "ANSWERED " + str(link.execute(sql).fetchall())[:200]
    except Exception as error:
        said[sql] = type(error).__name__
reached = {}
def reach(name, deed):
    try:
        deed()
        reached[name] = True
    except OSError:
        reached[name] = False
import os, socket
reach("read", lambda: open(outside).read())
reach("list", lambda: os.listdir(os.path.dirname(outside)))
reach("write", lambda: open(outside + ".new", "w").write("x"))
reach("write below the events", lambda: open(os.path.join(job["events"], "new"), "w").write("x"))
reach("run", lambda: __import__("subprocess").run(["/bin/true"]))
def call():
    with socket.socket() as link:
        link.settimeout(2)
        link.connect(("127.0.0.1", 1))
try:
    call()
    reached["network"] = "connected"
except OSError as error:
    reached["network"] = error.errno
print(json.dumps([said, caged, reached]))
"""
PAST_THE_GUARD = [
    "SELECT * FROM read_csv('{outside}')",
    "SELECT * FROM read_text('{outside}')",
    "SELECT * FROM '{outside}'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('{root}/**/*.parquet')",
    "COPY (SELECT 1) TO '{outside}.csv'",
    "ATTACH '{outside}.db' AS x",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET memory_limit = '8GB'",
    "RESET memory_limit",
    "SET lock_configuration = false",
    "PRAGMA enable_external_access",
    "SELECT * FROM statements",
    "SELECT * FROM job",
    "SELECT getenv('HOME')",
    "EXPORT DATABASE '{outside}.d'",
]


def behind(store: Store, outside: Path) -> tuple[dict[str, str], bool, dict[str, Any]]:
    """What statements do that went past the guard, whether the kernel helps, and what Python itself still reaches."""
    statements = [sql.replace("{outside}", str(outside)).replace("{root}", str(store.root)) for sql in PAST_THE_GUARD]
    done = subprocess.run(
        [sys.executable, "-c", BEHIND],
        input=json.dumps([msgspec.to_builtins(store.job("SELECT 1")), statements, str(outside)]),
        capture_output=True,
        text=True,
        check=True,
    )
    said, caged, reached = json.loads(done.stdout.splitlines()[-1])
    return said, caged, reached


def test_walls_behind_the_guard_hold_by_themselves(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "other" / "secret.csv"
    outside.parent.mkdir()
    outside.write_text("a,b\n1,hidden\n")
    said, caged, reached = behind(store, outside)
    assert {sql: answer for sql, answer in said.items() if answer.startswith("ANSWERED")} == {}
    assert sorted(path.name for path in outside.parent.iterdir()) == ["secret.csv"]
    if caged:  # Linux 5.13 and later
        assert {name: done for name, done in reached.items() if done is True} == {}
        assert reached["network"] != "connected"


def test_question_is_cancelled_within_a_moment(store: Store) -> None:
    class Enough(Exception):
        pass

    told: list[int] = []

    def tell(done: int, total: int, note: str) -> None:
        told.append(done)
        if note:
            raise Enough

    with pytest.raises(Enough):
        run_trial(
            store.job("SELECT count(*) FROM range(100000000) a, range(100000) b", seconds=100.0),
            Answer,
            tell=tell,
            bounds=BOUNDS,
            child=QUERY,
        )
    assert max(told) < 60
