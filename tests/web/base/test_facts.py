"""Checks asked of the database give what the engine's reference gives of the same rows."""

import itertools
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef
from django.test.utils import CaptureQueriesContext

from caiso.engine.checks import (
    Check,
    Empty,
    Filter,
    Measure,
    MemorySource,
    Op,
    PassRule,
    Scope,
    Side,
    run_check,
)
from caiso.web.base import facts
from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessGrant, FactTouch, Task
from caiso.web.base.services.facts import forget_touches, pending_touches, touched
from tests.web.base.factories import NOW, make_unit, make_user

ROWS = [
    ("bank", "high", "new", ["AML.T0051", "AML.T0054"], 1, None),
    ("bank", "high", "closed", ["AML.T0051"], 30, 2),
    ("bank", "low", "new", [], 300, None),
    ("shop", "critical", "new", ["aml.t0051"], 2, None),
    ("shop", "low", "closed", ["AML.T0051.000"], 90, 60),
]


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch, db: None) -> MemorySource:
    """Tasks stand for alerts: title is the severity, subject_type the state, detail the techniques."""
    units = {slug: make_unit(slug) for slug in ("bank", "shop")}
    memory = []
    for slug, severity, state, words, age, done in ROWS:
        import json

        task = Task.objects.create(
            title=severity,
            subject_type=state,
            detail=json.dumps(words),
            unit=units[slug],
            subject_id="" if state == "new" else "x",
            created_at=NOW - timedelta(hours=age),
            due_at=NOW - timedelta(hours=age),
            done_at=None if done is None else NOW - timedelta(hours=done),
        )
        memory.append(
            {
                "id": str(task.pk),
                "unit": slug,
                "severity": severity,
                "state": state,
                "techniques": words,
                "asset": task.subject_id,
                "age": timedelta(hours=age),
                "opened_at": task.created_at,
                "closed_at": task.done_at,
            }
        )
    monkeypatch.setattr(facts, "_COLLECTIONS", {})
    facts.register(
        facts.Collection(
            "alerts",
            queryset=lambda: Task.objects.order_by("pk"),
            link=lambda ref: f"/alerts/{ref}/",
            sources={
                "unit": "unit__slug",
                "severity": "title",
                "state": "subject_type",
                "techniques": "detail",
                "asset": "subject_id",
                "opened_at": "created_at",
                "closed_at": "done_at",
                "age": age_of_task,
            },
        )
    )
    return MemorySource({"alerts": memory})


def age_of_task(now: datetime) -> object:
    from django.db.models import DurationField, ExpressionWrapper, F, Value

    return ExpressionWrapper(Value(now) - F("created_at"), output_field=DurationField())


FILTERS = [
    (),
    (Filter("severity", Op.EQ, "high"),),
    (Filter("severity", Op.NE, "high"),),
    (Filter("severity", Op.IN, ("high", "critical")),),
    (Filter("severity", Op.NOT_IN, ("high", "critical")),),
    (Filter("closed_at", Op.EXISTS, True),),
    (Filter("closed_at", Op.EXISTS, False),),
    (Filter("asset", Op.EXISTS, True),),
    (Filter("asset", Op.EXISTS, False),),
    (Filter("techniques", Op.CONTAINS, "AML.T0051"),),
    (Filter("state", Op.CONTAINS, "ew"),),
    (Filter("closed_at", Op.AFTER, "now - 1d"),),
    (Filter("closed_at", Op.BEFORE, "now - 1d"),),
    (Filter("age", Op.GT, "1d"),),
    (Filter("age", Op.LTE, "1h"), Filter("state", Op.EQ, "new")),
    (Filter("severity", Op.EQ, "medium"),),
]


def check(**parts: object) -> Check:
    fixed: dict[str, object] = {
        "id": "c",
        "title": "C",
        "collection": "alerts",
        "measure": Measure.COUNT,
        "pass_": PassRule.parse("== 0"),
        "freshness": timedelta(days=1),
        "empty": Empty.UNKNOWN,
    }
    return Check(**(fixed | parts))


@pytest.mark.parametrize("scope", [Scope.ORGANISATION, Scope.UNIT])
def test_counts_and_shares_equal_the_reference_for_every_filter(alerts: MemorySource, scope: Scope) -> None:
    for where, of in itertools.product(FILTERS, FILTERS):
        asked = check(scope=scope, where=where, of=of, evidence_time="closed_at")
        assert facts.OrmSource().aggregate(asked, now=NOW) == alerts.aggregate(asked, now=NOW), (where, of)


@pytest.mark.parametrize(
    ("measure", "field", "rule"),
    [(Measure.MIN, "age", "<= 1d"), (Measure.MAX, "age", "<= 1d"), (Measure.AGE, "closed_at", "<= 1d")],
)
@pytest.mark.parametrize("scope", [Scope.ORGANISATION, Scope.UNIT])
def test_extremes_and_their_records_equal_the_reference(
    alerts: MemorySource, scope: Scope, measure: Measure, field: str, rule: str
) -> None:
    for where in FILTERS:
        asked = check(scope=scope, measure=measure, field=field, pass_=PassRule.parse(rule), where=where)
        assert run_check(asked, facts.OrmSource(), now=NOW) == run_check(asked, alerts, now=NOW), where


def test_records_of_each_side_equal_the_reference(alerts: MemorySource) -> None:
    for of, side in itertools.product(FILTERS, (Side.MATCHING, Side.OTHERS)):
        asked = check(of=of, scope=Scope.UNIT)
        for scope in ("bank", "shop"):
            mine = facts.OrmSource().records(asked, now=NOW, scope=scope, side=side, limit=3)
            assert mine == alerts.records(asked, now=NOW, scope=scope, side=side, limit=3), (of, side)


def test_one_check_asks_the_database_once_however_many_units(alerts: MemorySource) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        facts.OrmSource().aggregate(check(scope=Scope.UNIT, of=FILTERS[1]), now=NOW)
    assert len(queries) == 1


def test_viewer_counts_only_records_of_their_units(alerts: MemorySource) -> None:
    user = make_user("analyst", Task.objects.filter(unit__slug="shop")[0].unit)
    assert facts.OrmSource(Viewer(user)).aggregate(check(), now=NOW)[""].total == 2


def test_exists_expression_serves_as_a_boolean_field(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "_COLLECTIONS", {})
    unit = make_unit("bank")
    make_user("auditor", unit), make_user()
    from caiso.web.base.models import User

    facts.register(
        facts.Collection(
            "users",
            queryset=User.objects.all,
            link=lambda ref: f"/people/{ref}/",
            sources={"active": "is_active", "privileged": Exists(AccessGrant.objects.filter(user=OuterRef("pk")))},
            unit_lookup="",
        )
    )
    asked = check(collection="users", where=(Filter("privileged", Op.EQ, True), Filter("active", Op.EQ, True)))
    assert facts.OrmSource().aggregate(asked, now=NOW)[""].total == 1


def test_unknown_collections_and_fields_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no field colour"):
        facts.Collection("alerts", queryset=Task.objects.all, link=str, sources={"colour": "x"})
    with pytest.raises(ValueError, match="knows no collection dreams"):
        facts.Collection("dreams", queryset=Task.objects.all, link=str)
    with pytest.raises(facts.UnknownCollection, match="dreams"):
        facts.collection("dreams")


def test_touches_survive_until_the_checks_were_evaluated(alerts: MemorySource) -> None:
    touched("alerts", ["7", 9, "7"], now=NOW)
    touched("alerts", now=NOW)
    first = pending_touches(limit=2)
    assert [touch.scope for touch in first] == ["7", "9"]
    touched("alerts", ["7"], now=NOW)  # while the checks are being evaluated
    forget_touches(first)
    assert list(FactTouch.objects.values_list("scope", flat=True)) == ["", "7"]
    with pytest.raises(facts.UnknownCollection):
        touched("dreams", now=NOW)
