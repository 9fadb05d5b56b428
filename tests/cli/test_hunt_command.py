"""`caiso hunt` asks the store from the command line: SQL and kept questions, content only with a purpose, on the record."""

import contextlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from caiso.cli.main import LazyGroup
from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.parts import write_part
from caiso.connect.telemetry.query.filters import read_filter
from caiso.connect.telemetry.table import to_table
from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessGrant, AuditRecord, Unit, User
from caiso.web.base.services.people import bootstrap_administrator
from caiso.web.config.environment import environment
from caiso.web.soc import store
from caiso.web.soc.hunting import Question
from caiso.web.soc.models import EventPart, HuntKind
from caiso.web.soc.services.hunts import save_hunt

pytestmark = pytest.mark.django_db
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run("SELECT 1") gives the JSON of `caiso hunt` on an installation with three events of the last hour."""
    (tmp_path / "caiso.sqlite3").touch()
    monkeypatch.setenv("CAISO_DATA", str(tmp_path))
    monkeypatch.setattr(environment(), "data", tmp_path)
    store.content_store.cache_clear()
    now = datetime.now(UTC)
    bootstrap_administrator("admin@example.org", now=now)
    _add_events(tmp_path, now - timedelta(minutes=30))

    def call(*arguments: str, stdin: str = "") -> Any:
        command = LazyGroup(name="caiso").get_command(None, "hunt")
        printed = io.StringIO()
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with contextlib.redirect_stdout(printed):
            command([*arguments, "--json"], standalone_mode=False)
        return json.loads(printed.getvalue())

    return call


def _add_events(data: Path, at: datetime) -> None:
    us = int(at.timestamp() * 1_000_000)
    made: list[dict[str, Any]] = [
        {
            "event.id": f"e{number}",
            "event.kind": "inference",
            "source.id": "s",
            "service.name": name,
            "time": us + number,
        }
        for number, name in enumerate(("bank-bot", "bank-bot", "shop-bot"))
    ]
    segments = [Segment("content.user", "open sesame", role="user")]
    made[2]["content.ref"] = ContentStore(data).append("s", at.date(), [("e2", segments)])[0]
    (data / "events").mkdir()
    part = write_part(data / "events", 1, to_table(made), hour=f"{at:%Y-%m-%dT%H}", ranges=())
    EventPart.objects.create(
        number=1, last_number=1, path=part.path, hour=part.hour, rows=3, first_us=us, last_us=us + 2, created_at=at
    )


def keep(field: str, value: str, name: str = "Kept") -> None:
    user = User.objects.get()
    unit = Unit.objects.get(parent=None)
    AccessGrant.objects.get_or_create(
        user=user, role="aisoc_lead", unit=unit, defaults={"granted_at": datetime.now(UTC)}
    )
    asked = read_filter({"conditions": [{"field": field, "operator": "contains", "value": value}]})
    question = Question(HuntKind.FILTER, 24, filter=asked)
    save_hunt(question, name=name, unit=unit, viewer=Viewer(user), now=datetime.now(UTC))


def test_sql_is_answered_and_recorded(run: Run) -> None:
    asked = 'SELECT "service.name", count(*) AS n FROM events GROUP BY ALL ORDER BY 1'
    answer = run(asked)
    assert (answer["columns"], answer["rows"]) == (["service.name", "n"], [["bank-bot", 2], ["shop-bot", 1]])
    assert run("-", "--rows", "1", stdin="SELECT 1 FROM events")["cut"] == "the first 1 rows; there are more"
    records = AuditRecord.objects.filter(verb="hunt.run").order_by("pk")
    assert [asked in str(record.changes) for record in records] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "either SQL or --saved"),
        (("SELECT 1", "--saved", "x"), "either SQL or --saved"),
        (("--saved", "x"), "no saved hunt 'x'"),
        (("DROP VIEW events",), "only SELECT"),
        (("SELECT * FROM '/etc/passwd'",), "no table '/etc/passwd'"),
    ],
)
def test_refusals_say_why(run: Run, arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(DomainError, match=why):
        run(*arguments)


def test_kept_question_is_asked_by_its_name(run: Run) -> None:
    keep("service.name", "bank")
    assert len(run("--saved", "Kept")["rows"]) == 2
    assert [(row["name"], row["question"]) for row in run("--list")] == [("Kept", 'service.name contains "bank"')]


def test_search_in_content_needs_a_purpose_and_prints_no_text(run: Run) -> None:
    keep("content.user", "SESAME")
    with pytest.raises(DomainError, match="--purpose"):
        run("--saved", "Kept")
    assert not AuditRecord.objects.filter(verb="content.read").exists()
    found = run("--saved", "Kept", "--purpose", "leak")
    assert (found["found"], found["texts_read"], [one["event.id"] for one in found["events"]]) == (1, 1, ["e2"])
    assert "sesame" not in json.dumps(found)
    assert "leak" in str(AuditRecord.objects.get(verb="content.read").changes)
