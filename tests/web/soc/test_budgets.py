"""A rule that costs too much or is wrong too often takes a step back, and everybody can read why."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from caiso.engine.detect.listening import with_base_rules
from caiso.engine.detect.loader import read_rules
from caiso.web.base.models import AuditRecord, Notification, Unit, User
from caiso.web.soc.models import Alert, DetectionRule
from caiso.web.soc.rulebook import rule_states
from caiso.web.soc.services.budgets import (
    ENOUGH_EVENTS,
    Budgets,
    UnableToSetBudget,
    budgets,
    change_budgets,
    change_canary,
    judge_rules,
    keep_costs,
)
from caiso.web.soc.services.reviews import UnableToReview, ask_for_rule, decide
from caiso.web.soc.services.rules import UnableToDemote, demote_rule
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db

RULES = b"""
title: quiet
name: quiet
logsource: {product: ai}
detection: {s: {event.kind: tool}, condition: s}
---
title: counted
name: counted
correlation: {type: event_count, rules: [quiet], group-by: [user.id], timespan: 1m, condition: {gte: 9}}
"""


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


def verdicts(of: DetectionRule, *, right: int, wrong: int, unit: Unit, at: object = NOW) -> None:
    for number in range(right + wrong):
        Alert.objects.create(
            group_key=f"{of.slug}{number}", rule=of, title="t", severity="high", unit=unit, state="closed",
            verdict="true" if number < right else "false", first_event_at=NOW, last_event_at=NOW, created_at=at,
        )  # fmt: skip


def test_a_rule_that_is_wrong_too_often_becomes_a_canary_then_a_shadow(root: Unit, login: Callable[..., User]) -> None:
    login("detection_engineer", root)
    noisy, good = rule("noisy"), rule("good")
    verdicts(noisy, right=2, wrong=10, unit=root)
    verdicts(good, right=9, wrong=3, unit=root)
    assert judge_rules(now=NOW + timedelta(minutes=1)) == [noisy]
    noisy.refresh_from_db()
    assert noisy.state == "canary"
    assert noisy.demoted_for == "from live to canary: was right in 17% of 12 verdicts, budget 30%"
    assert rule_states()["noisy"] == "canary"
    row = AuditRecord.objects.get(verb="rule.demote")
    assert row.actor is None
    assert Notification.objects.filter(title__contains="was right in 17%").exists()
    assert judge_rules(now=NOW + timedelta(minutes=2)) == [], "a step is judged by what comes after it"
    verdicts(noisy, right=0, wrong=10, unit=root, at=NOW + timedelta(hours=1))
    judge_rules(now=NOW + timedelta(hours=2))
    noisy.refresh_from_db()
    assert noisy.state == "shadow"


def test_a_critical_rule_is_not_taken_out_of_sight(root: Unit) -> None:
    critical = rule("critical", severity="critical", state="canary")
    verdicts(critical, right=0, wrong=20, unit=root)
    assert judge_rules(now=NOW) == []


def test_a_rule_that_costs_too_much_takes_a_step_back(root: Unit) -> None:
    dear = rule("counted")
    rule("cheap")
    whole = with_base_rules({"quiet": 400.0, "counted": 300.0}, read_rules(RULES, path=Path("made.yaml"))[0])
    keep_costs(whole, events=ENOUGH_EVENTS - 1, now=NOW)
    assert judge_rules(now=NOW) == [], "too few events"
    keep_costs(whole, events=10, now=NOW)
    dear.refresh_from_db()
    assert dear.cost_us == pytest.approx(700.0), "with the quiet rule that runs only for it"
    assert [one.slug for one in judge_rules(now=NOW)] == ["counted"]
    dear.refresh_from_db()
    assert "costs 700.0 µs an event over 20,009 events, budget 120 µs" in dear.demoted_for


def test_costs_of_a_mended_rule_are_soon_forgotten(root: Unit) -> None:
    rule("counted")
    keep_costs({"counted": 100.0}, events=50_000_000, now=NOW)
    for _ in range(10):
        keep_costs({"counted": 2.0}, events=1_000_000, now=NOW)
    assert DetectionRule.objects.get(slug="counted").cost_us < 10


def test_a_person_takes_it_up_again_and_the_reason_is_gone(
    root: Unit, login: Callable[..., User], client: Client
) -> None:
    noisy = rule("noisy")
    verdicts(noisy, right=0, wrong=12, unit=root)
    judge_rules(now=NOW)
    noisy.refresh_from_db()
    engineer = login("detection_engineer", root)
    client.force_login(engineer)
    page = client.get(f"/rules/{noisy.pk}/").content.decode()
    assert "The platform took this rule back from live to canary: was right in 0%" in page
    later = NOW + timedelta(days=1)
    review = ask_for_rule(noisy, to="live", reason="the source is mended", actor=engineer, now=later)
    decide(review, approve=True, actor=login("detection_engineer", root, "second@bank.example"), now=later)
    assert "took this rule back" not in client.get(f"/rules/{noisy.pk}/").content.decode()
    assert judge_rules(now=NOW + timedelta(days=2)) == [], "verdicts before the promotion are of another time"


def test_a_canary_gets_its_share_and_unit_from_the_rules_page(
    root: Unit, bank: Unit, login: Callable[..., User], client: Client
) -> None:
    canary = rule("c", state="canary")
    client.force_login(login("detection_engineer", root))
    assert client.post(f"/rules/{canary.pk}/canary/", {"share": "15", "unit": "bank"}).status_code == 302
    canary.refresh_from_db()
    assert (canary.canary_share, canary.canary_unit) == (15, bank)
    assert "Alerts for 15 % of entities in Bank" in client.get(f"/rules/{canary.pk}/").content.decode()
    client.post(f"/rules/{canary.pk}/canary/", {"share": "0", "unit": ""})
    canary.refresh_from_db()
    assert canary.canary_share == 15
    client.force_login(login("analyst", root))
    assert client.post(f"/rules/{canary.pk}/canary/", {"share": "90", "unit": ""}).status_code in (302, 403)
    canary.refresh_from_db()
    assert canary.canary_share == 15
    assert AuditRecord.objects.filter(verb="rule.canary").count() == 1


def test_budgets_are_checked(root: Unit, login: Callable[..., User]) -> None:
    engineer = login("detection_engineer", root)
    change_budgets(Budgets(cost_us=20, precision=0.5, verdicts=20, shift_alerts=10), actor=engineer, now=NOW)
    assert budgets() == Budgets(20, 0.5, 20, 10)
    for wrong in (Budgets(cost_us=0), Budgets(precision=2), Budgets(verdicts=1), Budgets(shift_alerts=0)):
        with pytest.raises(UnableToSetBudget):
            change_budgets(wrong, actor=engineer, now=NOW)


def test_the_rule_of_entity_risk_is_not_promoted_or_judged(root: Unit, login: Callable[..., User]) -> None:
    risk = rule("entity-risk", kind="risk")
    verdicts(risk, right=0, wrong=30, unit=root)
    assert judge_rules(now=NOW) == []
    engineer = login("detection_engineer", root)
    with pytest.raises(UnableToDemote, match="settings decide"):
        demote_rule(risk, to="shadow", actor=engineer, now=NOW)
    with pytest.raises(UnableToReview, match="settings decide"):
        ask_for_rule(risk, to="live", reason="r", actor=engineer, now=NOW)


def test_a_canary_without_bounds_is_everywhere(root: Unit, login: Callable[..., User]) -> None:
    canary = rule("c", state="canary")
    change_canary(canary, share=100, unit=None, actor=login("detection_engineer", root), now=NOW)
    assert (canary.canary_share, canary.canary_unit) == (100, None)
