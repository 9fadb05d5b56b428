"""Scenarios: drafted by forms, shown before and after, compared, adopted with a decision, discarded; never half."""

from collections.abc import Callable
from datetime import timedelta
from typing import get_args

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from caiso.engine.coverage.organisation.changes import Operation
from caiso.web.base.models import AuditRecord, FactTouch, Unit, User
from caiso.web.organisation import queries
from caiso.web.organisation.forms.scenario import OPERATIONS
from caiso.web.organisation.models import Assignment, Duty, DutyCoverage, Holding, ReportingLine, Role, Scenario
from caiso.web.organisation.services import scenarios
from caiso.web.organisation.services.coverage import compute_coverage
from caiso.web.organisation.services.scenarios import UnableToChangeScenario
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
HOSTILE = "<img src=x onerror=alert(1)>"


def _start(user: User, unit: Unit, template: str = "add-caiso", name: str = "Add a CAISO") -> Scenario:
    return scenarios.start_scenario(name=name, template=template, unit=unit, actor=user, now=NOW)


def _adopt(row: Scenario, user: User, unit: Unit, **changed: object) -> None:
    given = {"decided_by": "The board", "decided_on": TODAY, "reason": "too much is open", "stamp": row.stamp}
    scenarios.adopt_scenario(row, **{**given, **changed}, root=unit, actor=user, now=NOW)  # type: ignore[arg-type]


def _states() -> dict[str, str]:
    return dict(DutyCoverage.objects.values_list("duty__slug", "state"))


def test_adopting_add_caiso_covers_every_ai_security_duty_or_says_what_the_load_leaves_open(
    caiso: User, officers: Unit
) -> None:
    before = _states()
    row = _start(caiso, officers)
    _adopt(row, caiso, officers)
    after = _states()
    security = set(Duty.objects.filter(is_ai_security=True).values_list("slug", flat=True))
    assert {after[slug] for slug in security} <= {"covered", "unstaffed"}
    assert all(after[slug] == "covered" for slug, state in before.items() if state == "covered")
    row.refresh_from_db()
    assert row.state == "adopted"
    assert (row.decided_by, row.decided_on, row.reason) == ("The board", TODAY, "too much is open")
    assert row.outcome["dependencies_created"], "everything now hangs on the new holder"
    assert Holding.objects.get(role__slug="caiso").since_on == TODAY


def test_what_was_stays_as_dated_history(caiso: User, officers: Unit) -> None:
    replaced = Assignment.objects.filter(kind="A", duty__is_ai_security=True, until_on=None).exclude(role__slug="caiso")
    former = {(row.duty.slug, row.role.slug) for row in replaced.select_related("duty", "role")}
    assert former
    untouched = set(Assignment.objects.filter(duty__is_ai_security=False).values_list("pk", flat=True))
    before = {state.duty.id: state.state for state in queries.coverage_on(TODAY - timedelta(days=1)).duties}
    _adopt(_start(caiso, officers), caiso, officers)
    # A template's assignments have no first day, so the day before the decision is as it was.
    assert {state.duty.id: state.state for state in queries.coverage_on(TODAY - timedelta(days=1)).duties} == before
    ended = Assignment.objects.filter(until_on=TODAY - timedelta(days=1)).select_related("duty", "role")
    assert {(row.duty.slug, row.role.slug) for row in ended if row.kind == "A"} <= former
    assert untouched <= set(Assignment.objects.values_list("pk", flat=True)), "rows that say the same keep their ids"


def test_adoption_is_on_the_trail_and_reported_to_checks(caiso: User, officers: Unit) -> None:
    row = _start(caiso, officers)
    _adopt(row, caiso, officers)
    record = AuditRecord.objects.get(verb="scenario.adopt", subject_id=str(row.pk))
    assert record.changes is not None
    assert record.changes["decided_by"] == [None, "The board"]
    assert AuditRecord.objects.filter(verb="organisation.change", subject_type="Duty").exists()
    assert {"duties", "ai_systems"} <= set(FactTouch.objects.values_list("collection", flat=True))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"decided_by": "  "}, "name"),
        ({"reason": ""}, "reason"),
        ({"decided_on": TODAY + timedelta(days=1)}, "future"),
        ({"stamp": "old"}, "meanwhile"),
    ],
)
def test_a_decision_without_its_parts_changes_nothing(
    caiso: User, officers: Unit, changed: dict[str, object], words: str
) -> None:
    row = _start(caiso, officers)
    before = _states()
    with pytest.raises(Exception, match=words):
        _adopt(row, caiso, officers, **changed)
    row.refresh_from_db()
    assert row.state == "draft"
    assert _states() == before
    assert Role.objects.get(slug="caiso").is_template


def test_a_decided_scenario_is_closed(caiso: User, officers: Unit) -> None:
    row = _start(caiso, officers)
    scenarios.discard_scenario(row, reason="no money", actor=caiso, now=NOW)
    with pytest.raises(UnableToChangeScenario, match="discarded"):
        _adopt(row, caiso, officers)
    with pytest.raises(UnableToChangeScenario, match="discarded"):
        scenarios.put_change(row, {"op": "remove_role", "role": "cto"}, stamp=row.stamp, actor=caiso, now=NOW)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"op": "explode"}, "explode"),
        ({"op": "remove_role", "role": "nobody"}, "nobody"),
        ({"op": "train", "role": "ciso", "competence": "ai-security", "level": 9}, "level"),
        ({"op": "change_line", "role": "caio", "to": "caio"}, "."),
        ({"op": "assign", "duty": "ai-strategy", "role": "ciso"}, "kind"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_whole(
    caiso: User, officers: Unit, change: dict[str, object], words: str
) -> None:
    row = _start(caiso, officers, template="")
    with pytest.raises(Exception, match=words):
        scenarios.put_change(row, change, stamp=row.stamp, actor=caiso, now=NOW)
    row.refresh_from_db()
    assert row.changes == []


def test_a_removed_duty_is_gone_after_adoption_and_stays_on_the_trail(caiso: User, officers: Unit) -> None:
    Duty.objects.create(slug="spare", title="Spare", unit=officers, family="other")
    compute_coverage(now=NOW)
    row = _start(caiso, officers, template="", name="Tidy")
    scenarios.put_change(row, {"op": "remove_duty", "duty": "spare"}, stamp=row.stamp, actor=caiso, now=NOW)
    row.refresh_from_db()
    _adopt(row, caiso, officers)
    assert not Duty.objects.filter(slug="spare").exists()
    assert AuditRecord.objects.filter(verb="duty.remove").count() == 1


FORMS: tuple[tuple[str, dict[str, object]], ...] = (
    ("add_role_from_template", {"role": "caiso", "take_over": "on", "leave": "C"}),
    ("add_role", {"title": "Data officer", "authority": 3, "hours": 20, "annual_cost": 90000, "level-risk": "3"}),
    ("change_role", {"role": "ciso", "annual_cost": 210000, "level-ai-security": "3"}),
    ("remove_role", {"role": "cto"}),
    ("assign", {"duty": "caio-ai-talent", "role": "ciso", "kind": "R"}),
    ("move", {"to": "ciso", "ai_security": "yes", "take_over": "on", "leave": "none"}),
    ("hire", {"role": "ciso", "title": "Zoë Lindqvist", "share": 1, "cost": 30000}),
    ("appoint", {"person": "ciso-holder", "role": "caio", "share": 0.5, "acting": "on"}),
    ("leave", {"person": "ciso-holder"}),
    ("train", {"role": "ciso", "competence": "ai-security", "level": "4", "cost": 9000}),
    ("change_line", {"role": "caio", "to": "ciso", "line": "dotted", "covers": "AI"}),
    ("delegate", {"person": "ciso-holder", "to": "cto-holder", "role": "ciso"}),
    ("unassign", {"duty": "caio-ai-talent", "role": "caio", "kind": "A"}),
    ("remove_line", {"role": "caio", "to": "ceo"}),
    ("change_person", {"person": "ciso-holder", "hours": 20}),
    (
        "add_duty",
        {
            "title": "Watch the models",
            "family": "technical",
            "ai_security": "yes",
            "stages": ["design", "operation"],
            "priority": "2",
            "level-risk": "2",
        },
    ),
    ("change_duty", {"duty": "caio-ai-talent", "hours": 9, "level-risk": "1", "description": "Finds people."}),
    ("remove_duty", {"duty": "spare"}),
)


def test_every_operation_of_the_language_has_a_form() -> None:
    assert set(OPERATIONS) == set(get_args(Operation)) == {op for op, _ in FORMS}


@pytest.mark.parametrize(("op", "given"), FORMS, ids=[op for op, _ in FORMS])
def test_every_operation_has_a_form_that_changes_the_scenario(
    client: Client, caiso: User, officers: Unit, op: str, given: dict[str, object]
) -> None:
    row = _start(caiso, officers, template="")
    if op == "remove_duty":
        Duty.objects.create(slug="spare", title="Spare", family="other", unit=officers)
        compute_coverage(now=NOW)
    given = {key: _known(str(value)) if key in ("duty", "person", "to") else value for key, value in given.items()}
    address = f"{reverse('scenario_change', args=[row.pk])}?op={op}"
    assert client.get(address).status_code == 200
    answer = client.post(address, {**given, "stamp": row.stamp})
    assert answer.status_code == 302, answer.context["form"].errors
    row.refresh_from_db()
    assert [change["op"] for change in row.changes] == [op]
    edit = client.get(reverse("scenario_change_edit", args=[row.pk, 0]))
    assert edit.status_code == 200
    again = {name: edit.context["form"].initial.get(name) for name in edit.context["form"].fields}
    sent = {name: value for name, value in again.items() if value not in (None, False)}
    kept = row.changes
    assert client.post(edit.request["PATH_INFO"], {**sent, "stamp": row.stamp}).status_code == 302
    row.refresh_from_db()
    assert row.changes == kept, "editing without a change keeps the change"
    page = client.get(row.get_absolute_url(), {"tab": "changes"})
    assert page.context["refusal"] == ""


def _known(name: str) -> str:
    """The test's duty and people under the names that the three officers have."""
    if name == "caio-ai-talent":
        return Duty.objects.filter(family="ai").values_list("slug", flat=True)[0]
    if name.endswith("-holder"):
        return Holding.objects.get(role__slug=name.removesuffix("-holder")).person.slug
    return name


def test_the_page_shows_what_closes_what_it_loads_and_what_it_costs(
    client: Client, caiso: User, officers: Unit
) -> None:
    row = _start(caiso, officers)
    for tab, words in (
        ("difference", "What closes"),
        ("difference", "Depends on one person"),
        ("changes", "Hire Holder of the CAISO role"),
        ("load", "Hangs on one person"),
    ):
        assert words in client.get(row.get_absolute_url(), {"tab": tab}).content.decode(), words
    shown = client.get(row.get_absolute_url()).context["shown"]
    assert shown["open_before"] == 15
    assert shown["open_after"] == 0
    assert shown["lost"] == []
    assert shown["cost"]["one_off"] == 60000
    assert shown["overloads"], "the load that the new officer gets is told, not hidden"


def test_a_scenario_is_started_from_a_form_and_from_a_file_that_it_writes(
    client: Client, caiso: User, officers: Unit
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    sent = {"name": HOSTILE, "template": "add-caiso", "unit": officers.pk}
    assert client.post(reverse("scenario_new"), sent).status_code == 302
    row = Scenario.objects.get()
    assert HOSTILE not in client.get(row.get_absolute_url()).content.decode()
    assert HOSTILE not in client.get(reverse("scenarios_list")).content.decode()
    file = client.get(reverse("scenario_file", args=[row.pk])).content
    again = {"name": "Again", "unit": officers.pk, "file": SimpleUploadedFile("plan.yaml", file)}
    assert client.post(reverse("scenario_new"), again).status_code == 302
    assert Scenario.objects.get(name="Again").changes == row.changes
    broken = {"name": "No", "unit": officers.pk, "file": SimpleUploadedFile("plan.yaml", b"scenario: [1")}
    refused = client.post(reverse("scenario_new"), broken)
    assert refused.status_code == 422
    assert "plan.yaml:" in refused.content.decode()


def test_a_change_is_dropped_and_a_stale_form_is_refused(client: Client, caiso: User, officers: Unit) -> None:
    row = _start(caiso, officers)
    address = reverse("scenario_change_drop", args=[row.pk, 0])
    client.post(address, {"stamp": "old"})
    row.refresh_from_db()
    assert len(row.changes) == 2
    client.post(address, {"stamp": row.stamp})
    row.refresh_from_db()
    assert [change["op"] for change in row.changes] == ["hire"]
    page = client.get(row.get_absolute_url())
    assert "unknown role" in page.context["refusal"]
    assert page.status_code == 200


def test_three_scenarios_are_compared_and_no_more(client: Client, caiso: User, officers: Unit) -> None:
    rows = [
        _start(caiso, officers, name=name, template=name) for name in ("add-caiso", "add-caiso-and-team", "extend-ciso")
    ]
    rows.append(_start(caiso, officers, name="fourth", template=""))
    page = client.get(reverse("scenario_compare"), {"scenario": [row.pk for row in rows[:3]]})
    assert len(page.context["columns"]) == 3
    weak = next(line for line in page.context["lines"] if line["label"] == "Named weaknesses open")
    by_name = dict(zip([one["row"].name for one in page.context["columns"]], weak["values"], strict=True))
    assert weak["before"] == 15
    assert by_name["add-caiso-and-team"] == 0
    assert client.get(reverse("scenario_compare"), {"scenario": [row.pk for row in rows]}).context["too_many"]
    assert client.get(reverse("scenario_compare"), {"scenario": ["x", "-1", "99999"]}).status_code == 200


def test_only_who_may_adopt_over_the_whole_adopts(
    client: Client, caiso: User, bank: Unit, shop: Unit, login: Callable[..., User]
) -> None:
    officers, row = Unit.objects.get(parent=None), _start(caiso, bank)
    sent = {"decided_by": "Board", "decided_on": timezone.now().date(), "reason": "why", "stamp": row.stamp}
    address = reverse("scenario_adopt", args=[row.pk])
    client.force_login(login("ciso", officers))
    assert client.post(address, sent).status_code == 403
    client.force_login(login("caiso", bank))
    assert client.post(address, sent).status_code == 404
    client.force_login(login("caiso", shop))
    assert client.get(row.get_absolute_url()).status_code == 404
    client.force_login(caiso)
    assert client.post(address, sent).status_code == 302
    assert Scenario.objects.get().state == "adopted"
    assert "What closes" in client.get(row.get_absolute_url()).content.decode(), "what it came to is kept"


def test_a_viewer_of_one_unit_sees_only_its_duties_in_the_difference(
    client: Client, caiso: User, officers: Unit, bank: Unit, login: Callable[..., User]
) -> None:
    row = _start(caiso, bank)
    mine = Duty.objects.filter(is_ai_security=True, coverage__state="unowned").first()
    assert mine is not None
    Duty.objects.filter(pk=mine.pk).update(unit=bank)
    client.force_login(login("ciso", bank))
    shown = client.get(row.get_absolute_url()).context["shown"]
    assert {one["duty"]["title"] for one in (*shown["closed"], *shown["unstaffed"])} <= {mine.title}
    assert shown["totals"]["before"] == 1
    assert ReportingLine.objects.exists()
