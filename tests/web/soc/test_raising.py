"""A batch of signals makes the alerts that its signals would make one by one, without a question for each of them."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.detect.signal import Signal as EngineSignal
from caiso.web.base.models import Unit
from caiso.web.soc.models import Alert, DetectionRule, RiskAddition, RiskEntity, Signal, Suppression
from caiso.web.soc.services.raising import Surroundings, raise_alerts
from tests.web.conftest import NOW
from tests.web.lengths import overlong

pytestmark = pytest.mark.django_db

TECHNIQUES = ("AML.T0051.000", "AML.T0086")
SEVERITIES = ("low", "medium", "high", "critical")


def rules() -> None:
    for number, severity in enumerate(SEVERITIES):
        DetectionRule.objects.create(
            slug=f"r{number}", title=f"r{number}", severity=severity, state="live", kind="single", path="x", digest="x",
            tests_pass=True, content_only=number == 2, canary_share=50,
        )  # fmt: skip


def signals(chance: random.Random, count: int, *, span: timedelta) -> list[EngineSignal]:
    """Signals of few rules about few people, in conversations, traces or neither, over a time, not quite in order."""
    found = []
    for number in range(count):
        rule = chance.randrange(4)
        at = NOW + span * (number / count) - timedelta(minutes=chance.choice((0, 0, 0, 90, 600)))
        entity = {
            "user": chance.choice(("", "amara", "bo")),
            "agent": chance.choice(("", "", "helper")),
            "conversation": chance.choice(("", "c1", "c2")),
            "trace": chance.choice(("t1", "t2")),
        }
        time_us = round(at.timestamp() * 1e6)
        key = chance.choice(("", entity["conversation"], entity["user"]))
        found.append(
            EngineSignal(
                id=f"s{number}", rule_id=f"r{rule}", rule_title=f"r{rule}", severity=SEVERITIES[rule],
                techniques=(chance.choice(TECHNIQUES),) if chance.random() < 0.9 else (), owasp=(f"LLM0{rule}",),
                state=chance.choice(("live", "live", "live", "canary", "shadow")), time_us=time_us,
                first_time_us=time_us - chance.choice((0, 60_000_000)), event_ids=(f"e{number}",),
                entity={name: value for name, value in entity.items() if value}, matches=(), group_key=f"r{rule}|{key}",
                facts={"n": number} if chance.random() < 0.5 else {},
            )
        )  # fmt: skip
    return found


def told(batches: list[list[EngineSignal]], root: Unit, *, now: datetime = NOW) -> object:
    """All that batches leave in the database, and what they say is new; written, looked at and taken back."""
    found: list[object] = []
    with transaction.atomic():
        for batch in batches:
            raise_alerts(batch, around=Surroundings({}, {}, root, part=1, now=now))
        alerts = list(Alert.objects.exclude(rule__kind="risk").order_by("id").values())
        numbers = {row["id"]: place for place, row in enumerate(alerts)}
        found += [{**row, "id": numbers[row["id"]]} for row in alerts]
        for uid, alert, suppression in Signal.objects.order_by("id").values_list("uid", "alert", "suppression"):
            found.append((uid, numbers.get(alert), suppression))
        found += Suppression.objects.order_by("id").values_list("hits")
        found += DetectionRule.objects.exclude(kind="risk").order_by("slug").values_list("signals", "last_fired_at")
        found += RiskEntity.objects.order_by("key").values_list("key", "risk", "signals", "told")
        found.append(RiskAddition.objects.count())
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_it_does_not_matter_how_signals_are_cut_into_batches(root: Unit, seed: int) -> None:
    rules()
    chance = random.Random(seed)  # noqa: S311 - draws of a test
    Suppression.objects.create(
        rule=DetectionRule.objects.get(slug="r1"), unit=root, entity={"user": "bo"}, reason="a test", made_at=NOW,
        expires_at=NOW + timedelta(days=30),
    )  # fmt: skip
    given = signals(chance, 60, span=chance.choice((timedelta(minutes=1), timedelta(hours=30), timedelta(days=4))))
    cuts = sorted(chance.sample(range(1, 60), 5))
    one_by_one = told([[signal] for signal in given], root)
    assert told([given], root) == one_by_one
    assert told([given[a:b] for a, b in zip([0, *cuts], [*cuts, 60], strict=True)], root) == one_by_one


def test_a_storm_asks_the_database_no_more_than_a_breeze(root: Unit) -> None:
    rules()

    def questions(given: list[EngineSignal]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            raise_alerts(given, around=Surroundings({}, {}, root, part=1, now=NOW))
        return len(
            [one for one in asked.captured_queries if "soc_alert" in one["sql"] and one["sql"].startswith("SELECT")]
        )

    def apart(count: int, name: str) -> list[EngineSignal]:
        return [
            EngineSignal(
                id=f"{name}{number}", rule_id="r0", rule_title="r0", severity="low", techniques=TECHNIQUES[:1], owasp=(),
                state="live", time_us=round(NOW.timestamp() * 1e6) + number, first_time_us=round(NOW.timestamp() * 1e6),
                event_ids=(f"{name}{number}",), entity={"user": f"{name}{number % 7}"}, matches=(),
                group_key=f"r0|{name}{number}",
            )
            for number in range(count)
        ]  # fmt: skip

    few, many = questions(apart(10, "a")), questions(apart(400, "b"))
    assert Alert.objects.exclude(rule__kind="risk").count() == 410
    assert many <= few + 8  # risk tells of seven people


HOSTILE = """
title: named
name: named
level: high
tags: [atlas.aml.t0010]
logsource: {product: ai}
detection: {s: {event.kind: registry}, condition: s}
caiso: {state: live, dedup: [artifact.uri, user.id, model.id]}
---
title: counted
name: counted
logsource: {product: ai}
detection: {s: {event.kind: registry}, condition: s}
---
title: often
name: often
level: high
correlation: {type: event_count, rules: [counted], group-by: [user.id, artifact.uri, model.id], timespan: 1m, condition: {gte: 2}}
caiso: {state: live}
"""


def test_names_of_any_length_and_kind_fit_where_they_are_kept(root: Unit) -> None:
    """Whoever sends telemetry chooses them: one that a column refuses would stop the detector for good."""
    loaded, problems = read_rules(HOSTILE.encode(), path=Path("hostile.yaml"))
    assert problems == ()
    for rule in loaded:
        DetectionRule.objects.create(
            slug=rule.id,
            title=rule.title,
            severity="high",
            state="live",
            kind="single",
            path="x",
            digest="x",
            tests_pass=True,
        )
    names = {
        name: f"{name} {filler * 900}"[:length]
        for name, filler, length in (
            ("artifact.uri", "x", 199), ("model.id", "\N{FACE WITH TEARS OF JOY}", 190), ("user.id", "u\x00", 180),
            ("gen_ai.conversation.id", "c", 700), ("gen_ai.agent.name", "\N{RIGHT-TO-LEFT OVERRIDE}a", 700), ("service.name", "s", 700),
            ("api_key.id", "k", 700), ("trace_id", "t", 700), ("source.id", "q", 700), ("dataset.id", "d", 700),
        )
    }  # fmt: skip
    now_us = round(NOW.timestamp() * 1e6)
    events = [{"event.id": f"e{n}", "event.kind": "registry", "time": now_us + n, **names} for n in range(6)]
    detector = Detector(compile_ruleset(loaded, backend="re2", isolate=False))
    found = detector.process(events)
    assert {signal.rule_id for signal in found} == {"named", "often"}
    raise_alerts(found, around=Surroundings({}, {}, root, part=1, now=NOW))
    keys = {alert.rule.slug: alert.group_key for alert in Alert.objects.exclude(rule__kind="risk")}
    assert set(keys) == {"named", "often"}
    assert overlong() == []
    other = detector.process([{**events[0], "event.id": "other", "model.id": f"{names['model.id'][:-1]}x"}])
    assert other[0].group_key not in keys.values(), "what differs at its end only is still told apart"
