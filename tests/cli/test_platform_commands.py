"""The commands over the platform's services: their JSON alone on standard output, refusals by name, deeds in the audit trail."""

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from caiso.cli.main import LazyGroup
from caiso.errors import DomainError
from caiso.web.base.models import ApiToken, AuditRecord, TokenScope, Unit, User
from caiso.web.base.services.people import bootstrap_administrator
from caiso.web.base.services.sealing import seal_pending
from caiso.web.base.services.tokens import authenticate_token
from caiso.web.compliance.library import library
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.inventory.models import Asset
from caiso.web.soc.models import Alert, DetectionRule, Incident, IncidentClock

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


class Run:
    """Runs a command in this process on the tests' database: gives its JSON, keeps its exit code, lets refusals through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.code: object = None

    def __call__(self, name: str, *arguments: str, stdin: str = "") -> Any:
        command = LazyGroup(name="caiso").get_command(None, name)
        printed = io.StringIO()
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with contextlib.redirect_stdout(printed):
            self.code = command([*arguments, "--json"], standalone_mode=False)
        return json.loads(printed.getvalue())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A runner over an installation with its first administrator."""
    (tmp_path / "caiso.sqlite3").touch()
    monkeypatch.setenv("CAISO_DATA", str(tmp_path))
    bootstrap_administrator("admin@example.org", now=NOW)
    return Run(monkeypatch)


def test_a_token_is_shown_once_and_works(run: Run) -> None:
    made = run("token", "create", "my-app", "--scope", "ingest")
    now = datetime.now(UTC)
    found = authenticate_token(made["token"], scopes=[TokenScope.INGEST], now=now)
    assert found is not None
    assert found.name == "my-app"
    (listed,) = run("token")
    assert listed["prefix"] == made["prefix"]
    assert listed["state"] == "live"
    assert made["token"] not in json.dumps(listed)
    assert now + timedelta(days=364) < datetime.fromisoformat(made["expires_at"]) < now + timedelta(days=366)


def test_a_revoked_token_works_no_more(run: Run) -> None:
    made = run("token", "create", "my-app", "--scope", "ingest")
    run("token", "revoke", made["prefix"])
    assert authenticate_token(made["token"], scopes=[TokenScope.INGEST], now=datetime.now(UTC)) is None
    assert run("token")[0]["state"] == "revoked"
    with pytest.raises(DomainError, match="revoked already"):
        run("token", "revoke", made["prefix"])


def test_a_reading_token_needs_a_login_to_act_as(run: Run) -> None:
    with pytest.raises(DomainError, match="name it"):
        run("token", "create", "report", "--scope", "read")
    made = run("token", "create", "report", "--scope", "read", "--user", "admin@example.org")
    assert ApiToken.objects.get(prefix=made["prefix"]).user == User.objects.get(email="admin@example.org")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("token", "create", "x", "--scope", "ingest", "--unit", "nowhere"),
            'no unit "nowhere"; there are: organisation',
        ),
        (("token", "create", "x", "--scope", "read", "--user", "no@example.org"), "no login no@example.org"),
        (("token", "revoke", "000000000000"), "no token 000000000000"),
        (("alerts", "--state", "open"), "there are: new, acknowledged"),
        (("incidents", "--state", "gone"), "there are: new, triage"),
        (("assets", "--kind", "robot"), "there are: ai_system"),
        (("user", "create", "x@example.org", "--role", "king"), "there are: caiso, ciso"),
    ],
)
def test_a_refusal_says_what_there_is(run: Run, arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(DomainError, match=reason):
        run(*arguments)


def test_a_login_made_here_can_sign_in_and_holds_its_role(run: Run) -> None:
    made = run("user", "create", "ada@example.org", "--role", "analyst", "--name", "Ada")
    user = User.objects.get(email="ada@example.org")
    assert user.check_password(made["password"])
    ada = next(row for row in run("user") if row["email"] == "ada@example.org")
    assert ada["roles"] == ["analyst in organisation"]


def test_a_given_password_is_not_printed(run: Run) -> None:
    made = run(
        "user", "create", "ada@example.org", "--role", "auditor", "--password-stdin", stdin="correct horse battery\n"
    )
    assert "password" not in made
    assert User.objects.get(email="ada@example.org").check_password("correct horse battery")


def test_a_weak_password_leaves_no_login_behind(run: Run) -> None:
    with pytest.raises(DomainError):
        run("user", "create", "ada@example.org", "--role", "auditor", "--password-stdin", stdin="short\n")
    assert not User.objects.filter(email="ada@example.org").exists()


def test_what_the_command_line_does_is_in_the_audit_trail(run: Run) -> None:
    run("token", "create", "my-app", "--scope", "ingest")
    newest = run("audit", "--limit", "1")[0]
    assert newest["verb"] == "token.create"
    assert [row["verb"] for row in run("audit", "--subject", "User")] == ["user.create"]


def test_a_broken_trail_is_a_failure_that_names_the_record(run: Run, settings: Any, tmp_path: Path) -> None:
    settings.DATA = tmp_path  # keys and anchors of this test alone
    AuditRecord.objects.all().delete()
    run("token", "create", "my-app", "--scope", "ingest")
    seal_pending(owner="test", now=datetime.now(UTC))
    assert run("verify-audit")["ok"] is True
    assert run.code in (None, 0)
    AuditRecord.objects.update(verb="token.nothing")
    found = run("verify-audit")
    assert (found["ok"], found["record"]) == (False, AuditRecord.objects.get().pk)
    assert run.code == 1


@pytest.fixture
def alert() -> Alert:
    """One alert that belongs to an incident with a running clock."""
    bootstrap_administrator("admin@example.org", now=NOW)
    unit = Unit.objects.get(parent=None)
    rule = DetectionRule.objects.create(
        slug="untrusted-to-egress",
        title="Untrusted content drives egress",
        severity="high",
        state="live",
        kind="single",
        path="x.yaml",
        digest="0" * 64,
    )
    asset = Asset.objects.create(
        kind="ai_system",
        name="Claims desk",
        identity="ai_system:claims",
        unit=unit,
        first_seen_at=NOW,
        last_seen_at=NOW,
    )
    incident = Incident.objects.create(
        reference="INC-1", title="Data left", severity="high", unit=unit, asset=asset, opened_at=NOW
    )
    for number, (state, hours) in enumerate([("running", 72), ("running", 24), ("met", 1)]):
        IncidentClock.objects.create(
            incident=incident,
            rule=f"rule-{number}",
            title="Notify",
            source="law",
            state=state,
            started_at=NOW,
            deadline_at=NOW + timedelta(hours=hours),
            computed_at=NOW,
        )
    return Alert.objects.create(
        group_key="k",
        rule=rule,
        title="Data left through a mail tool",
        severity="high",
        score=80,
        technique="AML.T0051",
        techniques=["AML.T0051"],
        unit=unit,
        asset=asset,
        incident=incident,
        conversation_id="c-1",
        trace_id="t" * 32,
        subject_user="u-1",
        signal_count=2,
        first_event_at=NOW,
        last_event_at=NOW,
        created_at=NOW,
    )


def test_alerts_tell_rule_technique_asset_and_who(alert: Alert, run: Run) -> None:
    (row,) = run("alerts")
    assert row["rule"] == "untrusted-to-egress"
    assert row["technique"] == "AML.T0051"
    assert row["asset"] == "Claims desk"
    assert (row["conversation_id"], row["trace_id"], row["user_id"]) == ("c-1", "t" * 32, "u-1")
    assert row["last_event_at"] == NOW.isoformat()
    assert row["incident"] == "INC-1"
    assert run("alerts", "--state", "closed") == []


def test_incidents_tell_the_nearest_deadline_that_still_runs(alert: Alert, run: Run) -> None:
    (row,) = run("incidents")
    assert row["alerts"] == [alert.pk]
    assert row["next_deadline_at"] == (NOW + timedelta(hours=24)).isoformat()
    assert len(row["clocks"]) == 3


def test_assets_tell_kind_identity_and_status(alert: Alert, run: Run) -> None:
    (row,) = run("assets", "--kind", "ai_system")
    assert (row["name"], row["identity"], row["status"]) == ("Claims desk", "ai_system:claims", "active")
    assert run("assets", "--state", "retired") == []


def test_controls_tell_state_reason_and_checks(run: Run) -> None:
    take_library(library(), now=NOW)
    assert run("controls", "check")["assessments"] > 0
    rows = {row["control"]: row for row in run("controls")}
    assert rows["backup-recent"]["state"] == "failing"  # nobody made a back-up of this store
    assert rows["backup-recent"]["assessments"][0]["checks"][0]["collection"] == "backups"
    assert {row["state"] for row in run("controls", "--state", "failing")} == {"failing"}


def test_a_directory_without_an_installation_is_refused(run: Run, tmp_path: Path) -> None:
    run.monkeypatch.delenv("CAISO_DATABASE_URL", raising=False)
    with pytest.raises(DomainError, match="holds no installation yet; start one with: caiso up"):
        run("alerts", "--data", str(tmp_path / "elsewhere"))
