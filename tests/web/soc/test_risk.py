"""Signals add risk to whom they name, exactly once, and the pages say what added what."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from msgspec.structs import replace

from caiso.engine.detect.risk import RiskSettings
from caiso.engine.detect.signal import Signal as EngineSignal
from caiso.web.base.models import AuditRecord, Unit, User
from caiso.web.soc import foresight, queries
from caiso.web.soc.models import Alert, DetectionRule, RiskAddition, RiskEntity, Signal
from caiso.web.soc.services.alerts import close_alert, suppress
from caiso.web.soc.services.raising import Surroundings, raise_alerts
from caiso.web.soc.services.risk import UnableToSetRisk, change_risk_settings, forget_risk
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


def rule(slug: str, **fields: object) -> DetectionRule:
    defaults = {
        "title": slug,
        "severity": "high",
        "state": "live",
        "kind": "single",
        "path": "x",
        "digest": "x",
        "tests_pass": True,
    }
    return DetectionRule.objects.create(slug=slug, **{**defaults, **fields})


def signal(slug: str, number: int, *, at: datetime = NOW, user: str = "amara", **more: object) -> EngineSignal:
    time_us = round(at.timestamp() * 1e6)
    made = EngineSignal(
        id=f"{slug}-{number}", rule_id=slug, rule_title=slug, severity="high", techniques=("AML.T0051.000",), owasp=(),
        state="live", time_us=time_us, first_time_us=time_us, event_ids=(f"e{number}",), entity={"user": user},
        matches=(), group_key=f"{slug}|{user}|{number}",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def take(*signals: EngineSignal, root: Unit, now: datetime = NOW) -> list[Alert]:
    return raise_alerts(signals, around=Surroundings({}, {}, root, part=1, now=now))


def entity(user: str = "amara") -> RiskEntity:
    return RiskEntity.objects.get(kind="user", value=user)


def test_a_signal_adds_severity_times_confidence_times_precision(root: Unit) -> None:
    rule("a")
    take(signal("a", 1), root=root)
    assert entity().risk == pytest.approx(45 * 0.8 * 0.7)
    addition = RiskAddition.objects.get()
    assert addition.why == "high severity, confidence 80%, precision 70%"
    assert entity().signals == 1


def test_a_replayed_signal_adds_nothing(root: Unit) -> None:
    rule("a")
    take(signal("a", 1), root=root)
    before = entity().risk
    take(signal("a", 1), signal("a", 1), root=root, now=NOW + timedelta(hours=1))
    assert entity().risk == before
    assert RiskAddition.objects.count() == 1


def test_batches_cut_otherwise_give_the_same_risk(root: Unit) -> None:
    for slug in ("a", "b"):
        rule(slug)
    signals = [signal(slug, number, at=NOW + timedelta(hours=number)) for number in range(4) for slug in ("a", "b")]
    take(*signals, root=root)
    for one in signals:
        take(replace(one, id=f"{one.id}-x", entity={"user": "bert"}), root=root)
    assert entity("bert").risk == pytest.approx(entity("amara").risk)


def test_shadow_and_suppressed_signals_count_but_weigh_nothing(root: Unit, login: Callable[..., User]) -> None:
    shadow, live = rule("s", state="shadow"), rule("l")
    suppress(live, entity={"user": "amara"}, reason="known", expires_at=NOW + timedelta(days=2), unit=root,
             actor=login("analyst", root), now=NOW)  # fmt: skip
    take(signal("s", 1, state="shadow"), signal("l", 2), root=root)
    assert not RiskEntity.objects.exists()
    assert not Alert.objects.exists()
    assert Signal.objects.count() == 2
    shadow.refresh_from_db()
    assert shadow.signals == 1


def test_a_threshold_makes_one_alert_that_lists_what_added_what(root: Unit) -> None:
    for slug in "abcd":
        rule(slug)
    early = take(*(signal(slug, 1, techniques=()) for slug in "abc"), root=root)
    assert not [alert for alert in early if alert.rule.kind == "risk"]
    late = take(signal("d", 1, techniques=()), root=root)
    alert = next(alert for alert in late if alert.rule.kind == "risk")
    assert alert.title == "Risk of user amara passed its threshold"
    assert alert.subject_user == "amara"
    assert {one["rule"] for one in alert.contributions} == set("abcd")
    assert alert.facts["risk"] >= alert.facts["threshold"] == 100
    assert sum(one["points"] for one in alert.contributions) == pytest.approx(entity().risk, abs=0.5)
    assert set(queries.event_ids(alert)) == {"e1"}


def test_an_open_alert_about_an_entity_is_brought_up_to_date_not_doubled(
    root: Unit, login: Callable[..., User]
) -> None:
    for slug in "abcdefghijkl":
        rule(slug)
    take(*(signal(slug, 1, techniques=()) for slug in "abcdef"), root=root)
    take(*(signal(slug, 1, techniques=()) for slug in "ghijkl"), root=root)
    alert = Alert.objects.get(rule__kind="risk")
    assert alert.signal_count == 12
    close_alert(alert, verdict="true", reason="", actor=login("analyst", root), now=NOW)
    take(*(signal(slug, 2, techniques=()) for slug in "abcdefghijkl"), root=root)
    assert Alert.objects.filter(rule__kind="risk").count() == 2


def test_rules_of_three_tactics_are_an_alert_whatever_the_risk(root: Unit) -> None:
    for slug in "abc":
        rule(slug, severity="low")
    techniques = (("AML.T0051.000",), ("AML.T0086",), ("AML.T0083",))
    made = [
        signal(slug, 1, severity="low", techniques=names, at=NOW + timedelta(hours=3 * place))
        for place, (slug, names) in enumerate(zip("abc", techniques, strict=True))
    ]
    alerts = [alert for alert in take(*made, root=root) if alert.rule.kind == "risk"]
    assert [alert.title for alert in alerts] == ["3 ATLAS tactics meet in user amara"]
    assert alerts[0].severity == "high"
    assert "Exfiltration" in alerts[0].facts["tactics within a day"]


def test_one_attack_that_names_many_is_one_alert(root: Unit) -> None:
    for slug in "abc":
        rule(slug)
    named = {"user": "amara", "agent": "helper", "service": "copilot", "model": "m", "api_key": "k"}
    techniques = (("AML.T0051.000",), ("AML.T0086",), ("AML.T0083",))
    first = [signal(slug, 1, techniques=names, entity=named) for slug, names in zip("abc", techniques, strict=True)]
    take(*first, root=root)
    take(signal("a", 2, techniques=("AML.T0034.000",), entity={**named, "user": "else"}), root=root)
    alert = Alert.objects.get(rule__kind="risk")
    assert alert.subject_user == "amara"
    assert alert.entity == named
    assert RiskEntity.objects.count() == 6


def test_what_all_users_share_is_no_second_alert_of_one_users_attack(root: Unit) -> None:
    for slug in "abcd":
        rule(slug)
    for number in range(6):  # what others did with the same service, never enough for an alert
        shared = {"user": f"other-{number}", "service": "copilot"}
        take(signal("d", number, techniques=(), severity="low", entity=shared), root=root)
    techniques = (("AML.T0051.000",), ("AML.T0086",), ("AML.T0083",))
    named = {"user": "amara", "service": "copilot"}
    take(
        *(signal(slug, 9, techniques=names, entity=named) for slug, names in zip("abc", techniques, strict=True)),
        root=root,
    )
    assert Alert.objects.get(rule__kind="risk").entity == named


def test_batches_cut_otherwise_give_the_same_alerts(root: Unit) -> None:
    techniques = (("AML.T0051.000",), ("AML.T0086",), ("AML.T0083",))
    for slug, names in zip("abc", techniques, strict=True):
        rule(slug, techniques=list(names))

    def story(user: str) -> list[EngineSignal]:
        named = {"user": user, "service": f"app-of-{user}"}
        return [
            replace(signal(slug, number, techniques=names, entity=named), id=f"{user}-{number}-{slug}")
            for number in range(5)
            for slug, names in zip("abc", techniques, strict=True)
        ]

    def told(user: str) -> list[object]:
        kept = Alert.objects.filter(rule__kind="risk", subject_user=user)
        return [(a.title.replace(user, "?"), a.severity, a.signal_count, a.facts, len(a.contributions)) for a in kept]

    take(*story("whole"), root=root)
    for one in story("cut"):
        take(one, root=root)
    assert told("cut") == told("whole") != []


def test_words_alone_alert_as_low_and_with_deeds_as_what_they_are(root: Unit) -> None:
    rule("said", content_only=True)
    rule("done")
    (alone,) = take(signal("said", 1, user="bert"), root=root)
    assert alone.severity == "low"
    take(signal("done", 1), root=root)
    (beside,) = take(signal("said", 2), root=root)
    assert beside.severity == "high"
    assert entity("bert").risk == pytest.approx(45 * 0.5 * 0.7)


def test_a_canary_alerts_for_its_share_of_entities_and_counts_for_all(root: Unit, bank: Unit) -> None:
    canary = rule("c", state="canary", canary_share=30)
    made = [signal("c", number, user=f"u{number}", state="canary") for number in range(200)]
    alerts = take(*made, root=root)
    assert 35 <= len(alerts) <= 85
    assert all(alert.is_canary for alert in alerts)
    assert Signal.objects.filter(rule=canary).count() == 200
    again = [replace(one, id=f"{one.id}-again", time_us=one.time_us + 5 * 3_600_000_000) for one in made]
    assert {alert.subject_user for alert in take(*again, root=root)} == {alert.subject_user for alert in alerts}
    canary.canary_share, canary.canary_unit = 100, bank
    canary.save()
    assert take(signal("c", 999, user="z", state="canary"), root=root) == []


def test_numbers_that_a_rule_measured_reach_signal_and_alert(
    root: Unit, login: Callable[..., User], client: Client
) -> None:
    rule("stat", kind="statistic")
    (alert,) = take(signal("stat", 1, facts={"model calls": "1,214", "usual": "30 to 60"}), root=root)
    assert alert.facts == Signal.objects.get().facts == {"model calls": "1,214", "usual": "30 to 60"}
    client.force_login(login("analyst", root))
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "1,214" in page
    assert "30 to 60" in page


def test_the_page_of_an_entity_shows_its_risk_and_what_added_to_it(
    root: Unit, login: Callable[..., User], client: Client
) -> None:
    for slug in "abcdef":
        rule(slug)
    take(*(signal(slug, 1, techniques=()) for slug in "abcdef"), root=root)
    client.force_login(login("analyst", root))
    page = client.get(entity().get_absolute_url()).content.decode()
    assert "Risk over time" in page
    assert "confidence 80%" in client.get(f"{entity().get_absolute_url()}?tab=additions").content.decode()
    alert = Alert.objects.get(rule__kind="risk")
    assert "passed its threshold" in client.get(f"{entity().get_absolute_url()}?tab=alerts").content.decode()
    assert "What added to it" in client.get(alert.get_absolute_url()).content.decode()
    assert "amara" in client.get("/entities/").content.decode()


def test_the_list_is_ordered_by_the_risk_of_now(root: Unit, login: Callable[..., User]) -> None:
    rule("a", severity="critical")
    rule("b")
    take(
        signal("a", 1, user="old", severity="critical", at=NOW - timedelta(days=4)),
        signal("b", 2, user="new"),
        root=root,
    )
    analyst = login("analyst", root)
    from caiso.web.base.access import Viewer

    found = [
        (one.value, round(foresight.risk_now(one, one.half_life, now=NOW))) for one in queries.entities(Viewer(analyst))
    ]
    assert found == [("new", 25), ("old", 3)]


def test_settings_are_checked_recorded_and_change_the_order(root: Unit, login: Callable[..., User]) -> None:
    rule("a")
    take(signal("a", 1), root=root)
    before, engineer = entity().rank, login("detection_engineer", root)
    change_risk_settings(RiskSettings(half_life_hours=6), actor=engineer, now=NOW)
    assert entity().rank != before
    assert queries.risk_settings().half_life_hours == 6
    assert AuditRecord.objects.filter(verb="setting.change", actor=engineer).exists()
    with pytest.raises(UnableToSetRisk, match="half-life"):
        change_risk_settings(RiskSettings(half_life_hours=0.1), actor=engineer, now=NOW)
    with pytest.raises(UnableToSetRisk, match="threshold of user"):
        change_risk_settings(RiskSettings(thresholds={"user": 1}), actor=engineer, now=NOW)


def test_a_preview_says_what_other_thresholds_would_have_cost(
    root: Unit, login: Callable[..., User], client: Client
) -> None:
    for slug in "abcdef":
        rule(slug)
    for number in range(3):
        at = NOW - timedelta(hours=9 * number)
        made = [
            signal(slug, number, user=f"u{number}", techniques=(), at=at + timedelta(minutes=place))
            for place, slug in enumerate("abcdef")
        ]
        take(*made, root=root)
    from caiso.web.base.access import Viewer

    viewer = Viewer(login("detection_engineer", root))
    found = {
        one.scale: one for one in foresight.outlooks(viewer, RiskSettings(), budget=2, now=NOW + timedelta(hours=1))
    }
    assert (found[1].alerts, found[1].entities) == (3, 3)
    assert found[0.5].alerts == 9
    assert found[3].alerts == 0
    assert not found[1].within_budget
    client.force_login(viewer.user)
    page = client.post("/risk/settings/", {**FORM, "threshold_user": "240", "deed": "preview"}).content.decode()
    assert "not saved yet" in page
    assert "as asked for" in page
    assert queries.risk_settings().thresholds["user"] == 100
    assert client.post("/risk/settings/", {**FORM, "threshold_user": "240"}).status_code == 302
    assert queries.risk_settings().thresholds["user"] == 240
    refused = client.post("/risk/settings/", {**FORM, "threshold_user": "2"}).content.decode()
    assert "greater than or equal to 10" in refused


def test_what_settings_would_have_cost_comes_after_the_page(
    root: Unit, login: Callable[..., User], client: Client
) -> None:
    client.force_login(login("detection_engineer", root))
    page = client.get("/risk/settings/").content.decode()
    assert 'hx-get="?outlook=1"' in page
    assert "as asked for" not in page
    later = client.get("/risk/settings/?outlook=1").content.decode()
    assert 'id="outlook"' in later
    assert later.count("as asked for") == 1
    assert 'hx-get="?outlook=1"' not in later
    wrong = client.post("/risk/settings/", {**FORM, "threshold_user": "2", "deed": "preview"}).content.decode()
    assert 'hx-get="?outlook=1"' in wrong, "values that cannot be are not counted with"


FORM = {
    "threshold_user": "100", "threshold_agent": "100", "threshold_api_key": "100", "threshold_model": "300",
    "threshold_service": "300", "half_life_hours": "24", "tactics": "3", "shift_alerts": "40", "cost_us": "50",
    "precision": "30", "verdicts": "10",
}  # fmt: skip


def test_another_units_entity_is_not_seen(
    root: Unit, bank: Unit, shop: Unit, login: Callable[..., User], client: Client
) -> None:
    rule("a")
    take(signal("a", 1), root=bank)
    client.force_login(login("analyst", shop))
    assert client.get(entity().get_absolute_url()).status_code == 404
    assert "amara" not in client.get("/entities/").content.decode()


def test_what_is_long_ago_is_forgotten(root: Unit) -> None:
    rule("a")
    take(signal("a", 1), root=root)
    assert forget_risk(now=NOW + timedelta(days=89)) == 0
    forget_risk(now=NOW + timedelta(days=91))
    assert not RiskEntity.objects.exists()


def test_the_queries_do_not_grow_with_the_signals(
    root: Unit, django_assert_max_num_queries: Callable[..., object]
) -> None:
    from caiso.web.soc.services.risk import RiskScene, add_risk

    rules = {slug: rule(slug) for slug in "ab"}
    made = [
        signal("ab"[number % 2], number, user=f"u{number % 40}", severity="low", techniques=()) for number in range(120)
    ]
    take(*made, root=root)
    RiskEntity.objects.all().delete()
    rows = {row.uid: row for row in Signal.objects.select_related("unit")}
    with django_assert_max_num_queries(9):  # type: ignore[attr-defined]
        add_risk([(one, rows[one.id]) for one in made], scene=RiskScene(rules, {}, NOW))
    assert RiskEntity.objects.count() == 40
