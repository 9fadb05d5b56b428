"""Lists of alerts and what is computed from many of them: in order, complete, from an index, within the viewer's units."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from caiso.engine.detect.risk import Addition, RiskSettings, crossings, tactics_of
from caiso.web.base.access import Viewer
from caiso.web.base.models import AuditRecord, Unit, User
from caiso.web.base.queries import audit_in_sight
from caiso.web.base.register import Listing
from caiso.web.inventory.models import Asset
from caiso.web.soc import foresight, queries
from caiso.web.soc.models import (
    Alert,
    DetectionRule,
    Incident,
    RiskAddition,
    RiskEntity,
    Signal,
    TechniqueCoverage,
)
from caiso.web.soc.registers import ALERTS
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(db: None) -> DetectionRule:
    return DetectionRule.objects.create(
        slug="prompt-leak", title="Prompt leak", severity="high", state="live", kind="single", path="x", digest="x"
    )


def make_alerts(rule: DetectionRule, unit: Unit, count: int, **fields: Any) -> list[Alert]:
    return Alert.objects.bulk_create(
        Alert(
            **{
                "group_key": f"g-{unit.pk}-{number}", "rule": rule, "title": f"Alert {number % 3}", "severity": "high",
                "unit": unit, "first_event_at": NOW, "last_event_at": NOW, "created_at": NOW, "subject_user": "amara",
                "technique": f"AML.T00{number % 4}", "signal_count": number % 2, "score": number % 5, **fields,
            }
        )
        for number in range(count)
    )  # fmt: skip


def shown(user: User, query: str) -> list[str]:
    return [row.key for row in Listing(ALERTS, Viewer(user), QueryDict(query)).shown]


def plan(rows: Any) -> str:
    sql, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        return "\n".join(str(row[3]) for row in cursor.fetchall())


@pytest.mark.parametrize("sort", ["title", "technique", "signals"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_list_is_read_in_the_order_of_an_index(
    rule: DetectionRule, root: Unit, login: Callable[..., User], sort: str, sign: str
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the plan of SQLite")
    make_alerts(rule, root, 300)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    listing = Listing(ALERTS, Viewer(login("caiso", root)), QueryDict(f"sort={sign}{sort}"))
    found = plan(listing.rows.values_list("pk", flat=True)[:50])
    assert f"USING COVERING INDEX alert_by_{sort}" in found
    assert "TEMP B-TREE" not in found


@pytest.mark.parametrize("sort", ["actor_label", "-verb", "subject_label"])
def test_the_audit_trail_is_read_in_the_order_of_an_index(root: Unit, login: Callable[..., User], sort: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the plan of SQLite")
    AuditRecord.objects.bulk_create(
        AuditRecord(at=NOW, actor_label=f"p{n % 9}", verb=f"v{n % 3}", subject_type="T", subject_id=n, subject_label=f"s{n}",
                    unit=root, changes_digest="0", salt="0", sequence=1_000_000 + n)
        for n in range(300)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    key = "-pk" if sort.startswith("-") else "pk"
    found = plan(audit_in_sight(Viewer(login("caiso", root))).order_by(sort, key).values_list("pk", flat=True)[:50])
    assert f"USING COVERING INDEX audit_by_{sort.lstrip('-').removesuffix('_label')}" in found
    assert "TEMP B-TREE" not in found


def test_few_and_many_finds_of_a_search_come_in_the_same_order(
    rule: DetectionRule, bank: Unit, shop: Unit, login: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    incidents = [
        Incident.objects.create(reference=f"INC-{n}", title="x", severity="high", unit=bank, opened_at=NOW)
        for n in (9, 10)
    ]
    mine = make_alerts(rule, bank, 60)
    make_alerts(rule, shop, 60)
    make_alerts(rule, bank, 20, subject_user="ben")
    Alert.objects.filter(pk__in=[alert.pk for alert in mine[::7]]).update(incident=incidents[0], verdict="true")
    Alert.objects.filter(pk__in=[alert.pk for alert in mine[::5]]).update(incident=incidents[1])
    user = login("caiso", bank)
    sorts = ("title", "-title", "-signals", "incident", "-incident", "", "verdict")
    pages = [f"q=amara&sort={sort}&size=25&page={page}" for sort in sorts for page in (1, 2, 3)]
    few = [shown(user, page) for page in pages]
    monkeypatch.setattr("caiso.web.base.register.listing.MOST_FOUND", 5)
    assert [shown(user, page) for page in pages] == few
    assert [len(page) for page in few] == [25, 25, 10] * len(sorts)
    for place in range(0, len(few), 3):
        assert {key for page in few[place : place + 3] for key in page} == {str(alert.pk) for alert in mine}


def test_alerts_of_rules_are_counted_by_the_shift_that_they_came_in(
    rule: DetectionRule, bank: Unit, shop: Unit, login: Callable[..., User]
) -> None:
    start = NOW.replace(hour=0, minute=0)
    for minutes in (0, 1, 479, 480, 481, 959, 960, 1439):
        make_alerts(rule, bank, 2, created_at=start + timedelta(minutes=minutes, microseconds=minutes))
    make_alerts(rule, bank, 1, created_at=start, is_canary=True)
    make_alerts(rule, bank, 1, created_at=start - timedelta(days=20))
    make_alerts(rule, shop, 1, created_at=start)
    now = start + timedelta(days=1)
    found = foresight.alerts_of_rules(Viewer(login("detection_engineer", bank)), now=now)
    first = int(start.timestamp()) // (8 * 3600)
    assert found == {first: 6, first + 1: 6, first + 2: 4}
    late = foresight.alerts_of_rules(Viewer(login("caiso", bank)), now=now + timedelta(days=13, minutes=1))
    assert late[first] == 4  # the period begins at the minute, not at the day


def test_what_thresholds_would_have_cost_is_the_same_without_the_entities_that_carry_little(
    bank: Unit, shop: Unit, login: Callable[..., User]
) -> None:
    chance, now = random.Random(7), NOW + timedelta(hours=1)  # noqa: S311 - not a secret
    techniques = ("AML.T0051", "AML.T0053", "AML.T0086", "AML.T0024", "AML.T0029")
    rules = [
        DetectionRule.objects.create(
            slug=f"rule-{name}", title=name, severity="high", state="live", kind="single", path="x", digest="x", techniques=[name]
        )
        for name in techniques
    ]  # fmt: skip
    for number in range(60):
        unit, kind = (bank, shop)[number % 4 == 3], ("user", "agent", "service")[number % 3]
        entity = RiskEntity.objects.create(
            key=str(number), kind=kind, value=str(number), unit=unit, at=NOW, peak_at=NOW, first_at=NOW, last_at=NOW
        )
        for place in range(number % 7):
            rule, at = chance.choice(rules), NOW - timedelta(hours=chance.uniform(0, 30))
            signal = Signal.objects.create(
                uid=f"{number}-{place}", rule=rule, unit=unit, state="live", at=at, first_at=at, part=1
            )
            points = chance.choice((4, 15, 45))
            RiskAddition.objects.create(entity=entity, signal=signal, rule=rule, at=at, points=points, why="x")
    viewer, settings = Viewer(login("detection_engineer", bank)), RiskSettings()
    found = foresight.outlooks(viewer, settings, budget=5, now=now)
    for one in found:
        scaled = replace(settings, thresholds={kind: at * one.scale for kind, at in settings.thresholds.items()})
        crossed = {}
        for entity in RiskEntity.objects.filter(unit=bank):
            rows = entity.additions.order_by("at", "id").select_related("rule")
            listed = [
                Addition(round(row.at.timestamp() * 1e6), row.rule.slug, row.points, tactics_of(row.rule.techniques))
                for row in rows
            ]
            crossed[entity.pk] = crossings(listed, entity.kind, scaled)
        assert one.entities == sum(map(bool, crossed.values()))
        assert one.alerts == len({moment.at_us for moments in crossed.values() for moment in moments})
    assert found[0].entities > found[2].entities > found[-1].entities > 0
    assert len(foresight._histories(viewer, settings, now=now)) < 45


def test_the_board_of_drills_counts_every_system_and_reads_those_with_room(
    rule: DetectionRule, bank: Unit, shop: Unit, client: Client, login: Callable[..., User]
) -> None:
    user = login("caiso", bank)
    client.force_login(user)
    kinds = [
        {"has_tested_live_rule": True, "rules": ["a"], "drill": "covered"},
        {"has_tested_live_rule": True, "rules": ["a"], "drill": "blind"},
        {"has_tested_live_rule": True, "rules": [], "drill": ""},
        {"has_tested_live_rule": True, "rules": [], "drill": "covered"},
        {"has_tested_live_rule": True, "rules": [], "drill": "missed"},
        {"has_tested_live_rule": True, "rules": ["a"], "drill": ""},
        {"has_tested_live_rule": False, "rules": [], "drill": "blind"},
    ]

    def add(unit: Unit, first: int, last: int) -> None:
        for number in range(first, last):
            name = f"System {number:02}"
            system = Asset.objects.create(
                kind="ai_system", name=name, identity=f"{unit}:{name}", unit=unit, first_seen_at=NOW, last_seen_at=NOW
            )
            for place, kind in enumerate(kinds):
                TechniqueCoverage.objects.create(
                    technique=f"AML.T000{place}", asset=system, unit=unit, fields_arriving=True, covered=False,
                    computed_at=NOW, **kind,
                )  # fmt: skip

    add(bank, 0, 14)
    add(shop, 14, 20)
    client.get("/drills/")  # what a process asks once
    with CaptureQueriesContext(connection) as before:
        page = client.get("/drills/")
    told = [pair.outcome for pair in TechniqueCoverage.objects.filter(unit=bank)]
    pairs = page.context["pairs"]
    assert pairs == {"all": len(told), "covered": told.count("covered"), "blind": told.count("blind")}
    assert pairs == {"all": 98, "covered": 14, "blind": 42}
    assert page.context["systems"] == [f"System {number:02}" for number in range(12)]
    assert page.context["hidden_systems"] == 2
    assert [row.technique for row in page.context["rows"]] == [f"AML.T000{place}" for place in range(7)]
    assert [len(row.cells) for row in page.context["rows"]] == [12] * 7
    add(bank, 20, 30)
    with CaptureQueriesContext(connection) as after:
        client.get("/drills/")
    assert len(after) == len(before)
    assert queries.coverage_counts(Viewer(login("analyst", shop)))["all"] == 42


@pytest.mark.parametrize("odd", ["\u00b2", "9" * 40, "-3", "x", ""])
def test_odd_numbers_are_refused_by_the_deeds_of_an_alert(
    rule: DetectionRule, bank: Unit, client: Client, login: Callable[..., User], odd: str
) -> None:
    alert = make_alerts(rule, bank, 1)[0]
    client.force_login(login("caiso", bank))
    answer = client.post(f"/alerts/{alert.pk}/suppress/", {"days": odd, "reason": "known"}, follow=True)
    assert "a suppression ends within 90 days" in answer.content.decode()
    assert client.post(f"/alerts/{alert.pk}/escalate/", {"incident": odd}).status_code == 302
