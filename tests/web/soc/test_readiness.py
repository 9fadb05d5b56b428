"""Readiness: which live rules a source's fields feed, what switching on one more would unlock, and where that is told."""

import contextlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from caiso.cli.main import LazyGroup
from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.requirements import DERIVED, shipped_requirements, with_derived
from caiso.engine.detect.rule_tests import needed_fields
from caiso.engine.detect.schema import FIELDS
from caiso.web.base.models import Unit, User
from caiso.web.soc.models import DetectionRule, Feed, Source
from caiso.web.soc.readiness import FIELD_MEMORY, readiness, source_readiness
from caiso.web.soc.services.coverage import compute_technique_coverage
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


def rule(slug: str, needs: str, *techniques: str, state: str = "live") -> DetectionRule:
    return DetectionRule.objects.create(
        slug=slug, title=slug, severity="high", state=state, kind="single", techniques=list(techniques),
        needs=needs.split(), path="x", digest="0",
    )  # fmt: skip


@pytest.fixture
def source(root: Unit) -> Source:
    """A source that sends who and which tool, and stopped to send arguments; three live rules."""
    rule("who", "user.id", "T1")
    rule("arguments", "gen_ai.tool.name gen_ai.tool.call.arguments", "T2", "T3")
    rule("results", "gen_ai.tool.name gen_ai.tool.call.result", "T1")
    rule("both", "gen_ai.tool.call.arguments gen_ai.tool.call.result", "T4")
    DetectionRule.objects.create(
        slug="entity-risk", title="Risk", severity="high", state="live", kind="risk", path="x", digest="0"
    )
    rule("shadow", "dataset.id", "T5", state="shadow")
    made = Source.objects.create(slug="src1", name="Gateway", unit=root)
    fresh, stale = NOW.isoformat(), (NOW - FIELD_MEMORY - timedelta(days=1)).isoformat()
    fields = {"user.id": fresh, "gen_ai.tool.name": fresh, "gen_ai.tool.call.arguments": stale}
    Feed.objects.create(source=made, service="app", unit=root, fields_seen=fields, last_event_at=NOW)
    return made


def test_score_counts_live_rules_whose_fields_arrived_lately(source: Source) -> None:
    found = source_readiness(source, now=NOW)
    assert (found.fed, len(found.rules), found.percent) == (1, 4, 25)
    assert {one.rule.slug: one.missing for one in found.rules if one.missing} == {
        "arguments": ("gen_ai.tool.call.arguments",),
        "results": ("gen_ai.tool.call.result",),
        "both": ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
    }
    assert (found.seen, found.techniques) == (["T1"], ["T1", "T2", "T3", "T4"])


def test_gains_are_sorted_by_techniques_that_nothing_sees_yet(source: Source) -> None:
    gains = source_readiness(source, now=NOW).gains
    assert [(gain.fields, gain.techniques, [one.slug for one in gain.rules]) for gain in gains] == [
        (
            ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
            ("T2", "T3", "T4"),
            ["arguments", "both", "results"],
        ),
        (("gen_ai.tool.call.arguments",), ("T2", "T3"), ["arguments"]),
        (("gen_ai.tool.call.result",), (), ["results"]),
    ]
    assert all(gain.steps for gain in gains)


def test_fields_that_show_nothing_beyond_fewer_of_them_are_no_gain_of_their_own(source: Source) -> None:
    rule("more", "gen_ai.tool.call.arguments dataset.id", "T3")
    gains = source_readiness(source, now=NOW).gains
    assert ("dataset.id", "gen_ai.tool.call.arguments") not in [gain.fields for gain in gains]
    assert ("gen_ai.tool.call.arguments",) in [gain.fields for gain in gains]


def test_requirements_say_what_arrives_and_how_many_rules_wait(source: Source) -> None:
    found = source_readiness(source, now=NOW)
    standings = {one.requirement.id: one for part in found.parts for one in part.standings}
    arguments = standings["mcp.request.args"]
    assert (arguments.arriving, arguments.missing, arguments.waiting) == ((), ("gen_ai.tool.call.arguments",), 2)
    assert standings["own.identity_user"].arriving == ("user.id",)
    assert 0 < found.met < found.requirements == len(standings)


def test_nothing_live_has_no_score(root: Unit) -> None:
    assert readiness([], frozenset({"user.id"})).percent is None


def test_field_that_the_normaliser_makes_needs_no_attack_to_arrive() -> None:
    made = with_derived(frozenset({"content.user", "gen_ai.tool.name"}))
    assert {"content.revealed", "aisoc.tool.impact"} <= made
    assert not {"content.copied_untrusted", "aisoc.egress.host"} & made
    assert set(DERIVED) <= set(FIELDS)
    assert all(way <= set(FIELDS) for ways in DERIVED.values() for way in ways)


def test_shipped_requirements_name_every_field_that_shipped_rules_need() -> None:
    rules, _ = load_rules(shipped_rules())
    needed = {name for one in rules if one.emits for name in needed_fields(rules, one)}
    named = {
        name
        for pack in shipped_requirements()
        for component in pack.components
        for one in component.requirements
        for name in one.fields
    }
    assert not needed - named - set(DERIVED)


def test_list_page_and_record_page_show_the_score(
    client: Client, source: Source, root: Unit, login: Callable[..., User]
) -> None:
    compute_technique_coverage(now=NOW)
    source.refresh_from_db()
    assert (source.rules_fed, source.rules_live) == (1, 4)
    Feed.objects.update(fields_seen={"user.id": "9999", "gen_ai.tool.name": "9999"})  # whatever the day of the test is
    client.force_login(login("analyst", root))
    listed = client.get(reverse("sources_list")).content.decode()
    assert "25 %" in listed
    shown = client.get(f"{reverse('source_record', args=[source.pk])}?tab=readiness").content.decode()
    assert "1 of 4 live rules" in shown
    assert shown.index("gen_ai.tool.call.arguments") < shown.index("mcp.request.args")
    assert "none new" in shown


def test_api_and_command_tell_the_same(
    client: Client, source: Source, login: Callable[..., User], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Feed.objects.update(fields_seen={"user.id": "9999", "gen_ai.tool.name": "9999"})
    client.force_login(login("analyst", source.unit))
    answer = client.get(f"/api/v1/sources/{source.pk}/readiness").json()
    assert (answer["rules_fed"], answer["rules_live"], answer["techniques"]) == (1, 4, 4)
    (tmp_path / "caiso.sqlite3").touch()
    monkeypatch.setenv("CAISO_DATA", str(tmp_path))
    command, printed = LazyGroup(name="caiso").get_command(None, "sources"), io.StringIO()
    with contextlib.redirect_stdout(printed):
        command(["--json"], standalone_mode=False)
    (row,) = json.loads(printed.getvalue())
    assert (row["rules_fed"], row["rules_live"]) == (1, 4)
    assert row["gains"] == answer["gains"]
    assert row["blind_rules"] == {one["rule"]: one["missing"] for one in answer["rules"] if one["missing"]}


def test_a_source_of_another_unit_is_not_told(
    client: Client, source: Source, shop: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("analyst", shop))
    assert client.get(f"/api/v1/sources/{source.pk}/readiness").status_code == 404
