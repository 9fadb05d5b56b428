"""Hunts: only one's own feeds, content on the record with a purpose, answers for whoever asked alone and not for ever."""

import csv
import html
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from caiso.connect.telemetry.query.filters import Filter, FilterCondition
from caiso.connect.telemetry.query.jobs import Answer, QueryJob, UnableToAsk
from caiso.connect.telemetry.trial.jobs import ScanJob
from caiso.connect.telemetry.trial.parent import UnableToTry
from caiso.connect.telemetry.trial.scan import run_scan
from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessGrant, AuditRecord, Job, TokenScope, Unit, User
from caiso.web.base.services import jobs
from caiso.web.base.services.tokens import create_token
from caiso.web.soc import hunting, rulebook
from caiso.web.soc.hunting import Question
from caiso.web.soc.models import Feed, HuntKind, HuntRun, SavedHunt, Source
from caiso.web.soc.services import hunts
from caiso.web.soc.services.hunts import UnableToHunt, delete_hunt, request_hunt, save_hunt
from caiso.web.soc.views.hunts import sorted_rows
from tests.web.conftest import NOW
from tests.web.soc.conftest import Send, detect, said, spans

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
COUNT = Question(HuntKind.SQL, 24, 'SELECT "service.name", count(*) AS events FROM events GROUP BY ALL ORDER BY 1')
TOOLS = Question(HuntKind.FILTER, 24, filter=Filter([FilterCondition("gen_ai.tool.name", "is", "sql")]))
WORDS = Question(HuntKind.FILTER, 24, filter=Filter([FilterCondition("content.user", "contains", "sesame")]))


@pytest.fixture(autouse=True)
def no_rules(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detection has nothing to do here."""
    folder = tmp_path_factory.mktemp("rules")
    monkeypatch.setattr(rulebook, "rule_folders", lambda: (folder,))


@pytest.fixture
def analyst(root: Unit, login: Callable[..., User]) -> User:
    return login("analyst", root)


@pytest.fixture
def told(send: Send, root: Unit, bank: Unit, shop: Unit) -> None:
    """Two units' apps with a tool call and a question each."""
    for service, source in (("bank-bot", "bankkey"), ("shop-bot", "shopkey")):
        send(
            spans(
                {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "sql"},
                {"gen_ai.operation.name": "chat", "gen_ai.input.messages": said("user", f"open sesame, {service}")},
                conversation=f"conv-{service}",
            ),
            service=service,
            source=source,
        )
    detect()
    for service, unit in (("bank-bot", bank), ("shop-bot", shop)):
        Feed.objects.filter(service=service).update(unit=unit)
        Source.objects.filter(feeds__service=service).update(unit=unit)


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> list[QueryJob]:
    """Answers without a process; gives the questions that were handed over."""
    asked: list[QueryJob] = []

    def answer(job: QueryJob | ScanJob, result: type, *, tell: Any, bounds: object, child: str = "") -> object:
        tell(0, 0, "")
        if isinstance(job, ScanJob):
            return run_scan(job)
        asked.append(job)
        rows: list[list[Any]] = [["=cmd()", 3], ["bank-bot", 1], [None, 2]]
        return Answer(["service.name", "n"], ["VARCHAR", "BIGINT"], rows, "", 0.1)

    monkeypatch.setattr(hunting, "run_trial", answer)
    return asked


def ask(question: Question, user: User, **more: Any) -> HuntRun:
    run = request_hunt(question, viewer=Viewer(user), now=LATER, **more)
    work()
    run.refresh_from_db()
    return run


def work(now: datetime = LATER) -> Job.State:
    """What the worker does next; what pages asked for is due by the real clock."""
    job = jobs.claim("w", now=now)
    assert job is not None
    return jobs.run(job, clock=lambda: now)


def work_for_a_page() -> Job.State:
    return work(timezone.now() + timedelta(seconds=1))


def test_answer_holds_only_the_askers_units(told: None, login: Callable[..., User], root: Unit, bank: Unit) -> None:
    assert ask(COUNT, login("analyst", root)).rows == [["bank-bot", 2], ["shop-bot", 2]]
    own = ask(COUNT, login("auditor", bank))
    assert (own.rows, own.columns, own.types) == ([["bank-bot", 2]], ["service.name", "events"], ["VARCHAR", "BIGINT"])
    assert ask(TOOLS, login("red_team", bank)).row_count == 1


def test_wrong_question_fails_once_with_its_reason(told: None, analyst: User) -> None:
    run = request_hunt(Question(HuntKind.SQL, 24, "DROP VIEW events"), viewer=Viewer(analyst), now=LATER)
    assert work() == Job.State.FAILED
    run.refresh_from_db()
    assert (run.error, run.rows, run.finished_at) == ("only SELECT is answered here", [], LATER)


def test_what_the_question_was_is_on_the_record(told: None, analyst: User, no_process: list[QueryJob]) -> None:
    run = ask(COUNT, analyst)
    record = AuditRecord.objects.get(verb="hunt.run")
    assert (record.actor, record.subject_id) == (analyst, str(run.pk))
    assert "count(*)" in str(record.changes)
    assert not AuditRecord.objects.filter(verb="content.read").exists()


@pytest.mark.usefixtures("told")
def test_search_in_content_needs_permission_and_purpose_and_keeps_no_text(
    login: Callable[..., User], root: Unit, analyst: User, no_process: list[QueryJob]
) -> None:
    with pytest.raises(UnableToHunt, match=r"soc\.content"):
        request_hunt(WORDS, viewer=Viewer(login("auditor", root)), purpose="p", now=LATER)
    with pytest.raises(UnableToHunt, match="what for"):
        request_hunt(WORDS, viewer=Viewer(analyst), purpose=" ", now=LATER)
    run = ask(WORDS, analyst, purpose="leak of the password")
    assert (run.row_count, run.with_content, run.content_gone, run.rows) == (2, 2, 0, [])
    assert [len(find["spans"]) for find in run.found] == [1, 1]
    assert "sesame" not in str(run.found)
    record = AuditRecord.objects.get(verb="content.read")
    assert "leak of the password" in str(record.changes)


@pytest.mark.usefixtures("told")
def test_search_in_content_stays_in_units_where_content_may_be_read(
    login: Callable[..., User], root: Unit, bank: Unit, no_process: list[QueryJob]
) -> None:
    user = login("auditor", root)
    AccessGrant.objects.create(user=user, role="analyst", unit=bank, granted_at=NOW)
    run = ask(WORDS, user, purpose="p")
    assert (run.row_count, run.with_content) == (1, 1)


def test_grant_that_ended_meanwhile_opens_nothing(told: None, analyst: User, no_process: list[QueryJob]) -> None:
    run = request_hunt(COUNT, viewer=Viewer(analyst), now=LATER)
    AccessGrant.objects.filter(user=analyst).delete()
    assert work() == Job.State.FAILED
    run.refresh_from_db()
    assert (no_process, run.rows) == ([], [])
    assert "soc.view" in run.error


def test_cancelled_hunt_ends(told: None, analyst: User, no_process: list[QueryJob]) -> None:
    run = request_hunt(COUNT, viewer=Viewer(analyst), now=LATER)
    job = jobs.claim("w", now=LATER)
    assert job is not None
    jobs.cancel(job, actor=analyst, now=LATER)
    assert jobs.run(job, clock=lambda: LATER) == Job.State.CANCELLED
    run.refresh_from_db()
    assert (run.error, run.rows) == ("cancelled", [])


def test_one_login_has_three_hunts_at_once(analyst: User, login: Callable[..., User], bank: Unit, data: Path) -> None:
    for _ in range(3):
        request_hunt(COUNT, viewer=Viewer(analyst), now=LATER)
    with pytest.raises(UnableToHunt, match="3 hunts"):
        request_hunt(COUNT, viewer=Viewer(analyst), now=LATER)
    request_hunt(COUNT, viewer=Viewer(login("analyst", bank)), now=LATER)


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (Question(HuntKind.SQL, 0, "SELECT 1"), "1 to 2208 hours"),
        (Question(HuntKind.SQL, 24, "  "), "write a SELECT"),
        (Question(HuntKind.SQL, 24, "x" * 20_001), "20,001 characters"),
        (Question(HuntKind.FILTER, 24), "at least one condition"),
    ],
)
def test_question_that_cannot_be_answered_is_refused_at_once(analyst: User, question: Question, why: str) -> None:
    with pytest.raises(UnableToAsk, match=why):
        request_hunt(question, viewer=Viewer(analyst), now=NOW)
    assert not HuntRun.objects.exists()


def test_process_that_dies_leaves_its_reason(told: None, analyst: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(job: object, result: object, **_: object) -> object:
        raise UnableToTry("it needed more memory than it may take and was stopped")

    monkeypatch.setattr(hunting, "run_trial", dies)
    assert "more memory" in ask(COUNT, analyst).error


def test_answers_go_after_a_week_and_the_question_stays(told: None, analyst: User, no_process: list[QueryJob]) -> None:
    run = ask(COUNT, analyst)
    assert hunts.empty_old_answers(now=LATER + timedelta(days=7)) == 0
    assert hunts.empty_old_answers(now=LATER + timedelta(days=7, seconds=1)) == 1
    run.refresh_from_db()
    assert (run.rows, run.columns, run.is_emptied, run.sql) == ([], [], True, COUNT.sql)
    assert hunts.empty_old_answers(now=LATER + timedelta(days=8)) == 0


# Kept questions.


def test_kept_question_is_shared_by_its_unit_and_belongs_to_its_owner(
    analyst: User, login: Callable[..., User], root: Unit, bank: Unit, shop: Unit
) -> None:
    owner = login("analyst", bank)
    saved = save_hunt(COUNT, name=" By  app ", unit=bank, viewer=Viewer(owner), now=NOW)
    assert (saved.name, hunts.question_of(saved)) == ("By app", COUNT)
    again = save_hunt(TOOLS, name="By app", unit=bank, viewer=Viewer(owner), now=LATER)
    assert (again.pk, again.changed_at, hunts.question_of(again)) == (saved.pk, LATER, TOOLS)
    other = Viewer(login("auditor", bank))
    for deed in (
        lambda: save_hunt(COUNT, name="By app", unit=bank, viewer=other, now=NOW),
        lambda: delete_hunt(saved, viewer=other, now=NOW),
        lambda: save_hunt(COUNT, name="x", unit=shop, viewer=other, now=NOW),
        lambda: save_hunt(COUNT, name=" ", unit=bank, viewer=other, now=NOW),
    ):
        with pytest.raises(UnableToHunt):
            deed()
    delete_hunt(saved, viewer=Viewer(login("detection_engineer", root)), now=NOW)
    verbs = AuditRecord.objects.filter(verb__startswith="saved_hunt").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["saved_hunt.create", "saved_hunt.change", "saved_hunt.delete"]


# Pages.


@pytest.mark.usefixtures("told")
def test_page_asks_and_shows_the_answer_to_whoever_asked(
    analyst: User, login: Callable[..., User], root: Unit, client: Client, no_process: list[QueryJob]
) -> None:
    client.force_login(analyst)
    answer = client.post("/hunt/", {"by": "sql", "sql": COUNT.sql, "hours": "24", "deed": "run"})
    run = HuntRun.objects.get()
    assert answer.headers["Location"] == run.get_absolute_url()
    assert "No answer yet" in client.get(run.get_absolute_url()).content.decode()
    work_for_a_page()
    body = client.get(f"{run.get_absolute_url()}?sort=-2").content.decode()
    assert body.index("=cmd()") < body.index("bank-bot")
    assert 'aria-sort="descending"' in body
    client.force_login(login("aisoc_lead", root))
    assert client.get(run.get_absolute_url()).status_code == 404
    assert client.get(f"/hunt/runs/{run.pk}/answer.csv").status_code == 404
    assert client.post(f"/hunt/runs/{run.pk}/cancel/").status_code == 404


@pytest.mark.usefixtures("told")
def test_file_is_safe_for_spreadsheets_needs_the_export_permission_and_is_on_the_record(
    analyst: User, login: Callable[..., User], root: Unit, client: Client, no_process: list[QueryJob]
) -> None:
    run = ask(COUNT, analyst)
    client.force_login(analyst)
    answer = client.get(f"/hunt/runs/{run.pk}/answer.csv?sort=2")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows == [["service.name", "n"], ["bank-bot", "1"], ["", "2"], ["'=cmd()", "3"]]
    assert AuditRecord.objects.filter(verb="export", actor=analyst).count() == 1
    red = login("red_team", root)
    own = ask(COUNT, red)
    client.force_login(red)
    assert client.get(f"/hunt/runs/{own.pk}/answer.csv").status_code == 403


@pytest.mark.usefixtures("told")
def test_answer_is_closed_to_whoever_lost_one_of_its_units(
    login: Callable[..., User], root: Unit, bank: Unit, client: Client, no_process: list[QueryJob]
) -> None:
    user = login("analyst", root)
    run = ask(COUNT, user)
    AccessGrant.objects.filter(user=user).update(unit=bank)
    client.force_login(user)
    body = client.get(run.get_absolute_url()).content.decode()
    assert "no longer see" in body
    assert "=cmd()" not in body
    assert client.get(f"/hunt/runs/{run.pk}/answer.csv").status_code == 403
    own = ask(COUNT, user)
    assert "=cmd()" in client.get(own.get_absolute_url()).content.decode()


@pytest.mark.usefixtures("told")
def test_conditions_become_a_hunt_a_kept_question_and_a_rule(
    login: Callable[..., User], root: Unit, client: Client, no_process: list[QueryJob]
) -> None:
    client.force_login(login("detection_engineer", root))
    form = {
        "by": "filter",
        "hours": "24",
        "field": ["gen_ai.tool.name", ""],
        "operator": ["is", "is"],
        "value": ["sql", ""],
    }
    assert client.post("/hunt/", {**form, "deed": "run"}).status_code == 302
    work_for_a_page()
    assert no_process[0].parameters == ["sql"]
    more = client.post("/hunt/", {**form, "deed": "rows"})
    assert (more.status_code, more.content.decode().count('name="operator"')) == (200, 3)
    kept = client.post("/hunt/", {**form, "deed": "save", "keep-name": "Tools", "keep-unit": root.pk})
    saved = SavedHunt.objects.get()
    assert kept.headers["Location"] == f"/hunt/?saved={saved.pk}"
    assert 'value="gen_ai.tool.name"' in client.get(saved.get_absolute_url()).content.decode()
    draft = client.post("/hunt/", {**form, "deed": "rule"})
    assert "gen_ai.tool.name: sql" in client.get(draft.headers["Location"]).content.decode()
    wrong = client.post("/hunt/", {**form, "operator": ["gt", "is"], "deed": "run"})
    assert wrong.status_code == 422
    assert "condition 1" in wrong.content.decode()


@pytest.mark.usefixtures("told")
def test_page_escapes_what_people_and_senders_wrote(
    analyst: User, root: Unit, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    monkeypatch.setattr(hunting, "run_trial", lambda *_, **__: Answer([evil], ["VARCHAR"], [[evil]], evil, 0.1))
    save_hunt(Question(HuntKind.SQL, 24, f"SELECT '{evil}'"), name=evil, unit=root, viewer=Viewer(analyst), now=NOW)
    run = ask(Question(HuntKind.SQL, 24, f"SELECT '{evil}'"), analyst)
    client.force_login(analyst)
    for address in ("/hunt/", f"/hunt/?saved={SavedHunt.objects.get().pk}", run.get_absolute_url(), "/saved-hunts/"):
        body = client.get(address).content.decode()
        assert "<img src=x" not in body, address


@pytest.mark.usefixtures("told")
def test_finds_show_their_text_only_on_request_and_on_the_record(
    analyst: User, client: Client, no_process: list[QueryJob]
) -> None:
    run = ask(WORDS, analyst, purpose="p")
    client.force_login(analyst)
    assert "sesame" not in client.get(run.get_absolute_url()).content.decode()
    body = client.get(f"{run.get_absolute_url()}?content=show").content.decode()
    assert "<mark>sesame</mark>" in body
    assert AuditRecord.objects.filter(verb="content.read").count() == 2


ONE = {"by": "filter", "hours": "24", "deed": "run", "field": ["user.id"], "operator": ["is"], "value": ["kim"]}
WRITTEN = {"by": "sql", "hours": "24", "deed": "run", "sql": "SELECT 1"}


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({}, "This field is required"),
        (WRITTEN | {"hours": "all"}, "Select a valid choice"),
        (WRITTEN | {"hours": "-1"}, "Select a valid choice"),
        (WRITTEN | {"hours": "9" * 40}, "Select a valid choice"),
        (WRITTEN | {"sql": "SELECT 1\x00"}, "Null characters"),
        (WRITTEN | {"sql": "SELECT 1" * 5_000}, "at most 20000 characters"),
        (WRITTEN | {"sql": " "}, "write a SELECT"),
        (WRITTEN | {"deed": "rule"}, "not of SQL"),
        (WRITTEN | {"deed": "save", "keep-name": "x", "keep-unit": "77777"}, "Select a valid choice"),
        (WRITTEN | {"deed": "save", "keep-name": "\x00", "keep-unit": "1"}, "Null characters"),
        (ONE | {"field": ["user.id", "a'b"], "operator": ["is", "is"], "value": ["kim", "x"]}, "condition 2"),
        (ONE | {"field": ["x\x00"]}, "not the name of a field"),
        (ONE | {"field": ["<script>alert(1)</script>"]}, "not the name of a field"),
        (ONE | {"operator": ["'; DROP"]}, "no operator"),
        (ONE | {"operator": ["one_of"], "value": [","]}, "is one of what"),
        (ONE | {"operator": ["regex"], "value": ["(" * 900]}, "condition 1"),
        (ONE | {"value": ["x" * 2_001]}, "2,001 characters"),
        (ONE | {"operator": []}, "at least one condition"),
        (ONE | {"field": ["content.user"]}, "say what for"),
        (ONE | {"field": ["content.ref"]}, "cannot be asked for"),
    ],
)
@pytest.mark.usefixtures("root", "data")
def test_page_names_what_is_wrong_and_asks_nothing(
    analyst: User, client: Client, form: dict[str, Any], why: str
) -> None:
    client.force_login(analyst)
    answer = client.post("/hunt/", form)
    body = answer.content.decode()
    assert (answer.status_code, why in html.unescape(body)) == (422, True), body
    assert "<script>alert" not in body
    assert not HuntRun.objects.exists()
    assert not SavedHunt.objects.exists()


@pytest.mark.parametrize("query", ["saved=x", "saved=99999", f"run={'9' * 30}", "example=99", "example=x", "by=x"])
def test_strange_addresses_open_an_empty_form(analyst: User, client: Client, query: str) -> None:
    client.force_login(analyst)
    assert client.get(f"/hunt/?{query}").status_code == 200


def test_question_of_another_version_closes_no_page(analyst: User, root: Unit, client: Client, data: Path) -> None:
    run = request_hunt(TOOLS, viewer=Viewer(analyst), now=NOW)
    saved = save_hunt(TOOLS, name="Old", unit=root, viewer=Viewer(analyst), now=NOW)
    HuntRun.objects.update(conditions={"all": []})
    SavedHunt.objects.update(conditions={"all": []})
    client.force_login(analyst)
    for address in (
        "/hunt/",
        saved.get_absolute_url(),
        f"{run.get_absolute_url()}?tab=question",
        "/api/v1/saved-hunts",
    ):
        answer = client.get(address)
        assert (answer.status_code, "this is no filter" in answer.content.decode()) == (200, True), address


def test_rows_sort_by_number_or_text_with_empty_last() -> None:
    rows: list[list[Any]] = [["b", 2], [None, 10], ["a", None]]
    assert sorted_rows(rows, "1") == [["a", None], ["b", 2], [None, 10]]
    assert sorted_rows(rows, "-2") == [[None, 10], ["b", 2], ["a", None]]
    assert sorted_rows([["10"], [9], ["x"]], "1") == [["10"], [9], ["x"]]
    assert sorted_rows(rows, "7") == sorted_rows(rows, "") == rows


# API.


@pytest.mark.usefixtures("told")
def test_api_asks_answers_keeps_and_drafts(
    login: Callable[..., User], root: Unit, client: Client, no_process: list[QueryJob]
) -> None:
    client.force_login(login("detection_engineer", root))

    def post(address: str, payload: dict[str, Any]) -> Any:
        return client.post(f"/api/v1{address}", payload, content_type="application/json")

    made = post("/hunts", {"sql": COUNT.sql}).json()
    assert (made["state"], made["rows"]) == ("running", [])
    work_for_a_page()
    found = client.get(f"/api/v1/hunts/{made['id']}").json()
    assert (found["state"], found["rows"][1], found["columns"]) == ("done", ["bank-bot", 1], ["service.name", "n"])
    assert post("/hunts", {}).status_code == 422
    assert post("/hunts", {"sql": "SELECT 1", "conditions": [{"field": "a", "operator": "is"}]}).status_code == 422
    assert post("/hunts", {"conditions": [{"field": "a", "operator": "like", "value": "x"}]}).status_code == 422
    question = {"conditions": [{"field": "gen_ai.tool.name", "operator": "is", "value": "sql"}], "hours": 48}
    kept = post("/saved-hunts", {**question, "name": "Tools", "unit": "acme"}).json()
    assert (kept["question"], kept["hours"]) == ('gen_ai.tool.name is "sql"', 48)
    assert "gen_ai.tool.name: sql" in client.get(f"/api/v1/saved-hunts/{kept['id']}/rule").json()["text"]
    again = post("/hunts", {"saved": kept["id"]}).json()
    assert HuntRun.objects.get(pk=again["id"]).saved_id == kept["id"]
    assert post(f"/hunts/{again['id']}/cancel", {}).json()["state"] == "cancelled"
    assert [one["id"] for one in client.get("/api/v1/hunts").json()["items"]] == [again["id"], made["id"]]
    assert post(f"/saved-hunts/{kept['id']}/delete", {}).status_code == 200
    assert client.get("/api/v1/saved-hunts").json()["items"] == []


@pytest.mark.parametrize(
    ("address", "payload", "status"),
    [
        ("/hunts", {"sql": "SELECT 1", "hours": 0}, 422),
        ("/hunts", {"sql": "SELECT 1", "hours": 10**30}, 422),
        ("/hunts", {"sql": "x" * 20_001}, 422),
        ("/hunts", {"sql": ["SELECT 1"]}, 422),
        ("/hunts", {"sql": " "}, 409),
        ("/hunts", {"saved": 10**30}, 422),
        ("/hunts", {"saved": 77_777}, 404),
        ("/hunts", {"conditions": [{"field": "user.id", "operator": "one_of", "value": ","}]}, 409),
        ("/hunts", {"conditions": [{"field": "a\x00", "operator": "is", "value": "x"}]}, 409),
        ("/hunts", {"conditions": [{"field": "content.user", "operator": "contains", "value": "x"}]}, 409),
        ("/hunts", {"conditions": [{"field": "user.id", "operator": "exists"}] * 21}, 422),
        ("/saved-hunts", {"sql": "SELECT 1", "name": "x\x00", "unit": "acme"}, 422),
        ("/saved-hunts", {"sql": "SELECT 1", "name": "x", "unit": "nowhere"}, 404),
        ("/hunts/77777/cancel", {}, 404),
        ("/saved-hunts/77777/delete", {}, 404),
    ],
)
@pytest.mark.usefixtures("root", "data")
def test_api_refuses_what_cannot_be_asked(
    analyst: User, client: Client, address: str, payload: dict[str, Any], status: int
) -> None:
    client.force_login(analyst)
    answer = client.post(f"/api/v1{address}", payload, content_type="application/json")
    assert answer.status_code == status, answer.content
    assert not HuntRun.objects.exists()
    assert not SavedHunt.objects.exists()


@pytest.mark.usefixtures("data")
def test_hunts_of_one_login_are_not_the_next_ones(
    analyst: User, login: Callable[..., User], bank: Unit, shop: Unit, client: Client
) -> None:
    run = request_hunt(COUNT, viewer=Viewer(analyst), now=NOW)
    kept = save_hunt(COUNT, name="Shop only", unit=shop, viewer=Viewer(analyst), now=NOW)
    client.force_login(login("analyst", bank))
    for address in (f"/hunts/{run.pk}", f"/saved-hunts/{kept.pk}", f"/saved-hunts/{kept.pk}/rule"):
        assert client.get(f"/api/v1{address}").status_code in (403, 404), address
    for address in (f"/hunts/{run.pk}/cancel", f"/saved-hunts/{kept.pk}/delete"):
        assert client.post(f"/api/v1{address}", {}, content_type="application/json").status_code == 404, address
    page = client.get(f"/hunt/?saved={kept.pk}&run={run.pk}").content.decode()
    assert "Shop only" not in page
    client.logout()
    for address in ("/hunt/", run.get_absolute_url(), f"/hunt/runs/{run.pk}/answer.csv"):
        assert client.get(address).status_code == 302, address
    assert client.get(f"/api/v1/hunts/{run.pk}").status_code == 401


@pytest.mark.usefixtures("told")
def test_token_of_one_unit_neither_asks_nor_reads_beyond_it(
    analyst: User, bank: Unit, client: Client, no_process: list[QueryJob]
) -> None:
    whole = ask(COUNT, analyst)
    token = create_token(name="t", scope=TokenScope.WRITE, unit=bank, actor=analyst, user=analyst, now=timezone.now())[
        1
    ]
    headers = {"Authorization": f"Bearer {token}"}
    seen = client.get(f"/api/v1/hunts/{whole.pk}", headers=headers).json()
    assert (seen["state"], seen["rows"]) == ("done", [])
    made = client.post("/api/v1/hunts", {"sql": COUNT.sql}, content_type="application/json", headers=headers).json()
    work_for_a_page()
    assert no_process[-1].feeds == [("bankkey", "bank-bot")]
    assert client.get(f"/api/v1/hunts/{made['id']}", headers=headers).json()["rows"] != []
