"""Drills play the live configuration, leave the store alone, are kept, and decide coverage."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from caiso.connect.telemetry.trial.jobs import DrillReport, FiredRow, TraceRow
from caiso.engine.drill import load_drills
from caiso.engine.drill.packs import DRILL_FOLDER
from caiso.web.base.models import AuditRecord, Job, Setting, Unit, User
from caiso.web.base.services import jobs
from caiso.web.inventory.models import Asset
from caiso.web.soc import drills, queries
from caiso.web.soc.layers import layer_for
from caiso.web.soc.models import (
    Alert,
    DetectionRule,
    DrillResult,
    DrillRun,
    EventPart,
    Feed,
    Suppression,
    TechniqueCoverage,
)
from caiso.web.soc.models import Signal as SignalRow
from caiso.web.soc.rulebook import STATES_SETTING
from caiso.web.soc.services import drills as services
from caiso.web.soc.services.coverage import compute_technique_coverage
from caiso.web.soc.services.risk import RISK_RULE, RISK_RULE_FIELDS
from caiso.web.soc.services.rules import demote_rule
from tests.engine.drill.test_drill import assert_is_layer
from tests.web.conftest import NOW
from tests.web.soc.conftest import detect

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def row(
    outcome: str, *, pack: str = "own", trace: str = "one", technique: str = "AML.T0086", why: str = ""
) -> TraceRow:
    fired = [FiredRow("lethal-trifecta", "live", alerts=True)] if outcome in ("covered", "noisy") else []
    return TraceRow(
        pack=pack, trace=trace, title=f"Trace {trace}", outcome=outcome, technique=technique, techniques=[technique],
        owasp=[], expects=[], attack=fired, twin=fired if outcome == "noisy" else [], why=why, missing=[], needs={},
        story="s", twin_story="s",
    )  # fmt: skip


def set_rule_state(rule: str, state: str) -> None:
    """As if two people had promoted it."""
    Setting.objects.update_or_create(key=STATES_SETTING, defaults={"value": {rule: state}})


def keep(*rows: TraceRow, at: object = NOW) -> DrillRun:
    """A drill whose results are these."""
    run = services.start_run(list(dict.fromkeys(row.pack for row in rows)), actor=None, now=at)  # type: ignore[arg-type]
    return services.record_report(run, DrillReport(list(rows), 1, "label", []), now=at)  # type: ignore[arg-type]


@pytest.fixture
def system(root: Unit) -> Asset:
    """An AI system whose telemetry feeds the one rule for T0086."""
    from caiso.web.soc.models import Source

    DetectionRule.objects.create(
        slug="lethal-trifecta", title="Trifecta", severity="critical", state="live", kind="correlation", path="x",
        digest="x", techniques=["AML.T0086"], needs=["gen_ai.tool.name"], tests=4, tests_pass=True,
    )  # fmt: skip
    asset = Asset.objects.create(
        kind="ai_system", name="Copilot", identity="ai_system:copilot", unit=root, first_seen_at=NOW, last_seen_at=NOW
    )
    source = Source.objects.create(slug="src1", name="src1", unit=root)
    Feed.objects.create(
        source=source, service="copilot", asset=asset, unit=root, last_event_at=NOW,
        fields_seen={"gen_ai.tool.name": NOW.isoformat()},
    )  # fmt: skip
    return asset


def pair(system: Asset, technique: str = "AML.T0086") -> TechniqueCoverage:
    return TechniqueCoverage.objects.get(asset=system, technique=technique)


def test_without_a_drill_the_rules_own_tests_speak(system: Asset) -> None:
    compute_technique_coverage(now=NOW)
    assert (pair(system).covered, pair(system).outcome) == (True, "tested")


@pytest.mark.parametrize(
    ("outcome", "covered"), [("covered", True), ("missed", False), ("noisy", False), ("blind", False)]
)
def test_failed_drill_takes_coverage_away(system: Asset, outcome: str, covered: bool) -> None:
    keep(row(outcome))
    assert (pair(system).covered, pair(system).outcome) == (covered, outcome)


def test_the_worst_trace_of_a_technique_decides(system: Asset) -> None:
    keep(row("covered"), row("missed", trace="two"))
    assert pair(system).outcome == "missed"


def test_newest_drill_of_a_pack_counts_and_other_packs_stand(system: Asset) -> None:
    keep(row("missed", pack="a"), row("covered", pack="b", technique="AML.T0053"))
    keep(row("covered", pack="a"), at=NOW + DAY)
    standing = drills.standing_by_technique(now=NOW + DAY)
    assert {technique: one.outcome for technique, one in standing.items()} == {
        "AML.T0086": "covered", "AML.T0053": "covered",
    }  # fmt: skip
    assert pair(system).covered


def test_drill_that_failed_to_run_changes_nothing(system: Asset) -> None:
    keep(row("covered"))
    failed = services.start_run(["own"], actor=None, now=NOW + DAY)
    services.fail_drill(failed, "no worker", now=NOW + DAY)
    assert [result.outcome for result in drills.standing_results(now=NOW + DAY)] == ["covered"]


def test_drill_older_than_a_month_proves_nothing(system: Asset) -> None:
    keep(row("missed"))
    compute_technique_coverage(now=NOW + 31 * DAY)
    assert pair(system).drill == ""


def test_technique_whose_fields_do_not_arrive_is_blind_however_well_it_was_drilled(system: Asset) -> None:
    Feed.objects.update(fields_seen={})
    keep(row("covered"))
    assert (pair(system).covered, pair(system).outcome) == (False, "blind")


def test_parent_technique_is_answered_by_rules_for_its_parts(system: Asset) -> None:
    DetectionRule.objects.update(techniques=["AML.T0110.000"])
    keep(row("covered", technique="AML.T0110"))
    assert pair(system, "AML.T0110").outcome == "covered"
    keep(row("covered", technique="AML.T0057"), at=NOW + DAY)
    assert pair(system, "AML.T0057").outcome == "unwatched"


def test_live_configuration_is_played_and_the_store_stays_untouched(root: Unit, data: Path) -> None:
    detect()
    before = (Alert.objects.count(), SignalRow.objects.count(), EventPart.objects.count())
    run, report = services.play_here(
        drills.drill_job(["outputs"], now=NOW), actor="me", tell=lambda *now: None, now=NOW
    )
    assert (run.covered, run.missed, run.noisy) == (len(report.rows), 0, 0)
    assert (Alert.objects.count(), SignalRow.objects.count(), EventPart.objects.count()) == before
    assert not list((data / "events").rglob("*.parquet"))
    assert run.label == queries.rules_label()
    DetectionRule.objects.get_or_create(
        slug=RISK_RULE, defaults=RISK_RULE_FIELDS
    )  # as the first alert about an entity does
    assert run.label == queries.rules_label(), "it changes nothing that a drill plays"


def test_demoted_or_suppressed_rule_is_drilled_as_it_is_deployed(
    root: Unit, data: Path, login: Callable[..., User]
) -> None:
    detect()
    lead = login("aisoc_lead", root)
    rule = DetectionRule.objects.get(slug="secret-in-output")
    demote_rule(rule, to="canary", actor=lead, now=NOW)
    run, _ = services.play_here(drills.drill_job(["outputs"], now=NOW), actor="me", tell=lambda *now: None, now=NOW)
    result = run.results.get(trace="key-in-an-answer")
    assert (result.outcome, "in canary" in result.why) == ("missed", True)
    set_rule_state("secret-in-output", "live")
    Suppression.objects.create(
        rule=rule, unit=root, entity={}, reason="migration", made_by=lead, made_at=NOW, expires_at=NOW + DAY
    )
    run, _ = services.play_here(drills.drill_job(["outputs"], now=NOW), actor="me", tell=lambda *now: None, now=NOW)
    assert "suppressed until 23 Nov 2026: migration" in run.results.get(trace="key-in-an-answer").why


def test_job_plays_keeps_and_is_recorded(root: Unit, data: Path, login: Callable[..., User]) -> None:
    detect()
    engineer = login("detection_engineer", root)
    run = services.request_drill(["outputs"], actor=engineer, now=NOW)
    with pytest.raises(services.UnableToDrill, match="still running"):
        services.request_drill([], actor=engineer, now=NOW)
    job = jobs.claim("w", now=NOW)
    assert job is not None
    assert jobs.run(job, clock=lambda: NOW) == Job.State.DONE
    run.refresh_from_db()
    (outputs,) = (pack.value for pack in load_drills(DRILL_FOLDER)[0] if pack.value.id == "outputs")
    assert (run.covered, run.error) == (len(outputs.traces), "")
    assert AuditRecord.objects.filter(verb="drill.start", actor=engineer).count() == 1


def test_unknown_pack_is_refused_with_the_known_ones(root: Unit) -> None:
    with pytest.raises(services.UnableToDrill, match=r"no drill pack nope; there are: agent-actions, .*firedrill"):
        services.request_drill(["nope"], actor=None, now=NOW)


def test_board_shows_what_failed_and_why_and_keeps_to_the_viewers_units(
    system: Asset, bank: Unit, shop: Unit, client: Client, login: Callable[..., User]
) -> None:
    theirs = Asset.objects.create(
        kind="ai_system", name="Shop bot", identity="ai_system:shop", unit=shop, first_seen_at=NOW, last_seen_at=NOW
    )
    keep(row("missed", why="<b>lethal-trifecta</b> did not see sent"), at=_recent())
    client.force_login(login("analyst", bank))
    body = client.get("/drills/").content.decode()
    assert "&lt;b&gt;lethal-trifecta&lt;/b&gt; did not see sent" in body
    assert theirs.name not in body
    assert "Run drill" not in body
    client.force_login(login("detection_engineer", shop))
    body = client.get("/drills/").content.decode()
    assert theirs.name in body
    assert "Run drill" in body


def _recent() -> object:
    from django.utils import timezone

    return timezone.now() - timedelta(hours=1)


def test_start_needs_the_permission_and_leads_to_the_drill(
    root: Unit, client: Client, login: Callable[..., User]
) -> None:
    client.force_login(login("analyst", root))
    assert client.post("/drills/start/", {"pack": "outputs"}).status_code == 403
    client.force_login(login("detection_engineer", root))
    answer = client.post("/drills/start/", {"pack": "outputs"})
    run = DrillRun.objects.get()
    assert answer.headers["Location"] == f"/drills/{run.pk}/"
    assert "waits" not in client.get(f"/drills/{run.pk}/").content.decode()
    client.post(f"/drills/{run.pk}/cancel/")
    assert client.get(f"/drills/{run.pk}/").content.decode().count("Cancelled") == 1


def test_layer_is_computed_from_results_and_coverage(system: Asset, login: Callable[..., User], root: Unit) -> None:
    from caiso.web.base.access import Viewer

    keep(row("covered"), row("missed", technique="AML.T0057", trace="two"))
    viewer = Viewer(login("auditor", root))
    layer = layer_for(viewer, now=NOW)
    assert_is_layer(layer)
    cells = {cell["techniqueID"]: cell for cell in layer["techniques"]}  # type: ignore[attr-defined]
    assert (cells["AML.T0086"]["score"], cells["AML.T0057"]["score"]) == (100, 0)
    Feed.objects.update(fields_seen={})
    compute_technique_coverage(now=NOW)
    blind = {cell["techniqueID"]: cell for cell in layer_for(viewer, now=NOW)["techniques"]}  # type: ignore[attr-defined]
    assert (blind["AML.T0086"]["score"], "Blind on Copilot" in blind["AML.T0086"]["comment"]) == (0, True)


def test_layer_file_and_api_give_the_same(
    system: Asset, client: Client, login: Callable[..., User], root: Unit
) -> None:
    keep(row("covered"), at=_recent())
    client.force_login(login("auditor", root))
    page = client.get("/drills/layer.json")
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert json.loads(page.content) == client.get("/api/v1/drill-layer").json()
    run = DrillRun.objects.get()
    shown = client.get(f"/api/v1/drills/{run.pk}").json()
    assert (shown["state"], shown["covered"], shown["traces"][0]["outcome"]) == ("done", 1, "covered")
    assert DrillResult.objects.count() == 1


def test_record_of_coverage_says_which_trace_failed(
    system: Asset, client: Client, login: Callable[..., User], root: Unit
) -> None:
    keep(row("noisy", why="x"), at=_recent())
    client.force_login(login("analyst", root))
    body = client.get(f"/technique-coverage/{pair(system).pk}/").content.decode()
    assert "alerts on ordinary work as well" in body
    assert "Trace one" in body
