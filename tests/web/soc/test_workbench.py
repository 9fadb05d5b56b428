"""Rules of one's own: versions that never change, trust that takes two people, and a detector that follows by itself."""

import shutil
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from caiso.connect.telemetry.trial.check import run_check
from caiso.connect.telemetry.trial.jobs import CheckJob, ScanJob
from caiso.connect.telemetry.trial.parent import Bounds, Tell
from caiso.connect.telemetry.trial.scan import run_scan
from caiso.web.base.access import Viewer
from caiso.web.base.models import AuditRecord, Job, Notification, Unit, User
from caiso.web.base.services import jobs
from caiso.web.soc import rulebook
from caiso.web.soc import workbench as checking
from caiso.web.soc.models import Alert, DetectionRule, RetroHunt, RuleReview, RuleVersion, UserRule
from caiso.web.soc.models import Signal as SignalRow
from caiso.web.soc.rulebook import rule_states, state_of
from caiso.web.soc.services import retro, reviews, workbench
from caiso.web.soc.services.retro import UnableToHunt, request_retro_hunt
from caiso.web.soc.services.reviews import UnableToReview
from caiso.web.soc.services.rules import UnableToDemote, demote_rule
from caiso.web.soc.services.workbench import UnableToDeploy, UnableToSave
from tests.web.conftest import NOW
from tests.web.soc.conftest import Send, detect, said, spans

pytestmark = pytest.mark.django_db
NOW_LATER = NOW + timedelta(hours=1)
TEXT = """title: A tool asks for the payroll
name: payroll-asked
level: high
description: Salaries are asked for by a tool.
tags: [atlas.aml.t0053]
falsepositives: [Payday]
logsource: {product: ai, category: tool}
detection: {a: {gen_ai.tool.call.arguments|contains: 'payroll'}, condition: a}
caiso: {needs: [gen_ai.tool.call.arguments], dedup: [aisoc.session]}
tests:
  - {name: one, fires: true, events: [{event.kind: tool, gen_ai.tool.call.arguments: 'payroll'}]}
  - {name: two, fires: false, events: [{event.kind: tool, gen_ai.tool.call.arguments: 'holidays'}]}
"""
LATER = TEXT.replace("'payroll'}, condition", "'payroll of november'}, condition").replace(
    "arguments: 'payroll'}]", "arguments: 'payroll of november'}]"
)


@pytest.fixture(autouse=True)
def quick(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few shipped rules, and checks in this process: that a process of its own says the same is tested beside it."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("reverse-shell", "metadata-service-access", "unsafe-artifact-load"):
        shutil.copy(rulebook.SHIPPED / f"{name}.yaml", folder)
    monkeypatch.setattr(rulebook, "rule_folders", lambda: (folder,))
    runs = {CheckJob: run_check, ScanJob: run_scan}

    def here(job: CheckJob | ScanJob, result: type, *, tell: Tell, bounds: Bounds) -> object:
        tell(0, 0, "")
        return runs[type(job)](job)  # type: ignore[arg-type]  # the job's own function

    monkeypatch.setattr(checking, "run_trial", here)
    monkeypatch.setattr(retro, "run_trial", here)


@pytest.fixture
def author(root: Unit, login: Callable[..., User]) -> User:
    return login("detection_engineer", root)


@pytest.fixture
def second(root: Unit, login: Callable[..., User]) -> User:
    return login("aisoc_lead", root)


@pytest.fixture
def third(root: Unit, login: Callable[..., User]) -> User:
    return login("caiso", root)


def save(author: User, text: str = TEXT, rule: UserRule | None = None) -> RuleVersion:
    return workbench.save_version(rule, text=text, note="n", actor=author, now=NOW)


def live(version: RuleVersion, author: User, second: User) -> UserRule:
    """The version on its whole way up."""
    workbench.put_in_shadow(version, actor=author, now=NOW)
    for to in ("canary", "live"):
        review = reviews.ask_for_version(version, to=to, reason="quiet for a week", actor=author, now=NOW)
        reviews.decide(review, approve=True, actor=second, now=NOW)
    return UserRule.objects.get(pk=version.rule_id)


# Saving.


def test_saved_version_keeps_its_text_and_what_the_check_said(author: User) -> None:
    version = save(author)
    assert (version.number, version.rule.slug, version.text, version.rule_ids) == (
        1, "payroll-asked", TEXT, ["payroll-asked"],
    )  # fmt: skip
    assert (version.problems, version.tests, version.tests_pass) == ([], 2, True)
    assert AuditRecord.objects.filter(verb="rule.save", actor=author).count() == 1
    assert state_of(UserRule.objects.get()) == ""


def test_draft_with_mistakes_is_kept_with_them_and_may_not_run(author: User) -> None:
    version = save(author, TEXT.replace("level: high", "level: loud"))
    assert version.problems == [
        {"line": 3, "message": 'level "loud", expected one of informational, low, medium, high, critical'}
    ]
    with pytest.raises(UnableToDeploy, match="line 3: level"):
        workbench.put_in_shadow(version, actor=author, now=NOW)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title: nameless\n", "no rule with a name"),
        (TEXT.replace("name: payroll-asked", "name: ../../etc"), "no rule with a name"),
        ("[", "no rule with a name"),
    ],
)
def test_text_without_a_usable_name_is_not_kept(author: User, text: str, says: str) -> None:
    with pytest.raises(UnableToSave, match=says):
        save(author, text)
    assert not UserRule.objects.exists()


def test_name_of_a_shipped_or_other_rule_is_refused(author: User, root: Unit, data: object) -> None:
    detect()
    with pytest.raises(UnableToSave, match="a shipped rule is called reverse-shell"):
        save(author, TEXT.replace("name: payroll-asked", "name: reverse-shell"))
    save(author)
    with pytest.raises(UnableToSave, match="already a rule payroll-asked"):
        save(author, LATER)


def test_versions_count_up_and_a_repeat_is_refused(author: User) -> None:
    first = save(author)
    assert save(author, LATER, first.rule).number == 2
    with pytest.raises(UnableToSave, match="nothing changed since version 2"):
        save(author, LATER, first.rule)


def test_rule_that_has_run_keeps_its_name(author: User) -> None:
    version = save(author)
    renamed = save(author, TEXT.replace("payroll-asked", "payroll-wanted"), version.rule)
    assert renamed.rule.slug == "payroll-wanted"
    workbench.put_in_shadow(renamed, actor=author, now=NOW)
    with pytest.raises(UnableToSave, match="has run under that name"):
        save(author, TEXT, renamed.rule)


def test_whoever_may_not_change_rules_is_refused_by_the_service(root: Unit, login: Callable[..., User]) -> None:
    with pytest.raises(UnableToDeploy, match=r"soc\.rules"):
        save(login("analyst", root))


# Trust.


def test_shadow_takes_one_person_and_more_takes_two(author: User, second: User) -> None:
    version = save(author)
    with pytest.raises(UnableToReview, match="into shadow first"):
        reviews.ask_for_version(version, to="canary", reason="r", actor=author, now=NOW)
    workbench.put_in_shadow(version, actor=author, now=NOW)
    assert (state_of(UserRule.objects.get()), rule_states()) == ("shadow", {"payroll-asked": "shadow"})
    with pytest.raises(UnableToReview, match="becomes canary first"):
        reviews.ask_for_version(version, to="live", reason="r", actor=author, now=NOW)
    review = reviews.ask_for_version(version, to="canary", reason="rare", actor=author, now=NOW)
    assert Notification.objects.filter(user=second).count() == 1
    assert not Notification.objects.filter(user=author).exists()
    with pytest.raises(UnableToReview, match="a second person decides"):
        reviews.decide(review, approve=True, actor=author, now=NOW)
    assert state_of(UserRule.objects.get()) == "shadow"
    reviews.decide(review, approve=True, actor=second, now=NOW)
    assert state_of(UserRule.objects.get()) == "canary"
    assert Notification.objects.filter(user=author).count() == 1


def test_author_may_not_approve_what_somebody_else_asked_for(author: User, second: User, third: User) -> None:
    version = save(author)
    workbench.put_in_shadow(version, actor=author, now=NOW)
    review = reviews.ask_for_version(version, to="canary", reason="rare", actor=second, now=NOW)
    for party in (author, second):
        with pytest.raises(UnableToReview, match="a second person decides"):
            reviews.decide(review, approve=True, actor=party, now=NOW)
    reviews.decide(review, approve=True, actor=third, now=NOW)
    assert state_of(UserRule.objects.get()) == "canary"


def test_reviewer_needs_the_permission(author: User, root: Unit, login: Callable[..., User]) -> None:
    version = save(author)
    workbench.put_in_shadow(version, actor=author, now=NOW)
    review = reviews.ask_for_version(version, to="canary", reason="rare", actor=author, now=NOW)
    with pytest.raises(UnableToDeploy, match=r"soc\.rules"):
        reviews.decide(review, approve=True, actor=login("auditor", root), now=NOW)


def test_rejection_says_why_and_changes_nothing(author: User, second: User) -> None:
    version = save(author)
    workbench.put_in_shadow(version, actor=author, now=NOW)
    review = reviews.ask_for_version(version, to="canary", reason="rare", actor=author, now=NOW)
    with pytest.raises(UnableToReview, match="say why"):
        reviews.decide(review, approve=False, actor=second, now=NOW)
    reviews.decide(review, approve=False, comment="too loud", actor=second, now=NOW)
    with pytest.raises(UnableToReview, match="this review is rejected"):
        reviews.decide(review, approve=True, actor=second, now=NOW)
    assert state_of(UserRule.objects.get()) == "shadow"


def test_one_review_is_open_at_a_time_and_may_be_taken_back(author: User, second: User) -> None:
    version = save(author)
    workbench.put_in_shadow(version, actor=author, now=NOW)
    review = reviews.ask_for_version(version, to="canary", reason="rare", actor=author, now=NOW)
    with pytest.raises(UnableToReview, match="open already"):
        reviews.ask_for_version(version, to="canary", reason="again", actor=second, now=NOW)
    with pytest.raises(UnableToReview, match="only who asked"):
        reviews.withdraw(review, actor=second, now=NOW)
    reviews.withdraw(review, actor=author, now=NOW)
    reviews.ask_for_version(version, to="canary", reason="again", actor=author, now=NOW)


def test_wish_lapses_when_the_rule_moved_meanwhile(author: User, second: User) -> None:
    rule = live(save(author), author, second)
    newer = save(author, LATER, rule)
    review = reviews.ask_for_version(newer, to="live", reason="sharper", actor=author, now=NOW)
    workbench.lower(rule, to="shadow", actor=author, now=NOW)
    review.refresh_from_db()
    assert review.decision == RuleReview.Decision.WITHDRAWN
    with pytest.raises(UnableToReview, match="withdrawn"):
        reviews.decide(review, approve=True, actor=second, now=NOW)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("name: two, fires: false", "name: two, fires: true"), "own tests fail: two"),
        (("  - {name: two, fires: false", "  - {name: two, fires: true"), "own tests fail"),
        (("caiso: {needs", "caiso: {emit: false, needs"), "no rule of the text alerts"),
    ],
)
def test_version_that_breaks_its_promise_may_not_run(author: User, change: tuple[str, str], says: str) -> None:
    version = save(author, TEXT.replace(*change))
    with pytest.raises(UnableToDeploy, match=says):
        workbench.put_in_shadow(version, actor=author, now=NOW)


def test_version_in_force_stays_until_its_successor_is_approved(author: User, second: User) -> None:
    rule = live(save(author), author, second)
    newer = save(author, LATER, rule)
    with pytest.raises(UnableToDeploy, match="ask for a review to replace it"):
        workbench.put_in_shadow(newer, actor=author, now=NOW)
    with pytest.raises(UnableToReview, match="can only take the place of the one in live"):
        reviews.ask_for_version(newer, to="canary", reason="r", actor=author, now=NOW)
    review = reviews.ask_for_version(newer, to="live", reason="sharper", actor=author, now=NOW)
    rule.refresh_from_db()
    assert (rule.deployed.number if rule.deployed else 0, state_of(rule)) == (1, "live")
    reviews.decide(review, approve=True, actor=second, now=NOW)
    rule.refresh_from_db()
    assert (rule.deployed.number if rule.deployed else 0, state_of(rule)) == (2, "live")


def test_roll_back_goes_only_to_what_was_approved_for_that_state(author: User, second: User) -> None:
    first = save(author)
    rule = live(first, author, second)
    unseen = save(author, LATER.replace("november", "october"), rule)
    newer = save(author, LATER, rule)
    review = reviews.ask_for_version(newer, to="live", reason="sharper", actor=author, now=NOW)
    reviews.decide(review, approve=True, actor=second, now=NOW)
    rule.refresh_from_db()
    with pytest.raises(UnableToDeploy, match="nobody has approved version 2 for live"):
        workbench.roll_back(rule, unseen, actor=author, now=NOW)
    with pytest.raises(UnableToDeploy, match="is the one that runs"):
        workbench.roll_back(rule, newer, actor=author, now=NOW)
    workbench.roll_back(rule, RuleVersion.objects.get(pk=first.pk), actor=author, now=NOW)
    rule.refresh_from_db()
    assert (rule.deployed.number if rule.deployed else 0, state_of(rule)) == (1, "live")
    assert AuditRecord.objects.filter(verb="rule.roll_back").count() == 1


def test_lowering_takes_one_person_and_raising_by_it_is_refused(author: User, second: User) -> None:
    rule = live(save(author), author, second)
    workbench.lower(rule, to="canary", actor=author, now=NOW)
    with pytest.raises(UnableToDeploy, match="review of a second person"):
        workbench.lower(rule, to="live", actor=author, now=NOW)
    workbench.lower(rule, to="", actor=author, now=NOW)
    rule.refresh_from_db()
    assert (state_of(rule), rule_states()) == ("", {})


def test_shipped_rule_is_demoted_by_one_and_promoted_by_two(
    author: User, second: User, root: Unit, data: object
) -> None:
    detect()
    rule = DetectionRule.objects.get(slug="reverse-shell")
    with pytest.raises(UnableToDemote, match="more trust needs"):
        demote_rule(rule, to="live", actor=author, now=NOW)
    demote_rule(rule, to="canary", actor=author, now=NOW)
    review = reviews.ask_for_rule(rule, to="live", reason="mended", actor=author, now=NOW)
    with pytest.raises(UnableToReview, match="a second person decides"):
        reviews.decide(review, approve=True, actor=author, now=NOW)
    reviews.decide(review, approve=True, actor=second, now=NOW)
    rule.refresh_from_db()
    assert rule.state == "live"


# The detector.


def payroll(*, conversation: str) -> list[dict[str, object]]:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "sql",
        "gen_ai.tool.call.arguments": "payroll",
    }
    return spans(attributes, conversation=conversation)


def test_rule_of_the_workbench_is_taken_up_without_a_restart(
    author: User, second: User, root: Unit, send: Send
) -> None:
    run = detect()
    version = save(author)
    assert not run.rules_changed()
    workbench.put_in_shadow(version, actor=author, now=NOW)
    assert run.rules_changed()
    send(payroll(conversation="c1"))
    run = detect()
    assert SignalRow.objects.filter(rule__slug="payroll-asked", state="shadow").count() == 1
    assert not Alert.objects.filter(rule__slug="payroll-asked").exists()
    for to in ("canary", "live"):
        review = reviews.ask_for_version(version, to=to, reason="rare", actor=author, now=NOW)
        reviews.decide(review, approve=True, actor=second, now=NOW)
        assert run.rules_changed()
    send(payroll(conversation="c2"))
    detect()
    assert Alert.objects.filter(rule__slug="payroll-asked", is_canary=False).count() == 1
    assert DetectionRule.objects.get(slug="payroll-asked").text == TEXT
    workbench.lower(version.rule, to="", actor=author, now=NOW)
    send(payroll(conversation="c3"))
    detect()
    assert Alert.objects.filter(rule__slug="payroll-asked").count() == 1
    assert not DetectionRule.objects.get(slug="payroll-asked").is_loaded


def test_text_that_breaks_loading_never_blinds_the_shipped_rules(
    author: User, root: Unit, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    from caiso.web.soc.services import loading

    version = save(author)
    workbench.put_in_shadow(version, actor=author, now=NOW)
    load = loading._load

    def trip(sources: object, by: object) -> object:
        if sources.texts:  # type: ignore[attr-defined]
            raise RuntimeError("a mistake of ours")
        return load(sources, by)

    monkeypatch.setattr(loading, "_load", trip)
    detect()
    assert set(DetectionRule.objects.filter(is_loaded=True).values_list("slug", flat=True)) >= {"reverse-shell"}


# Retro-hunts.


def run_job() -> Job.State:
    job = jobs.claim("w", now=NOW_LATER)
    assert job is not None
    return jobs.run(job, clock=lambda: NOW_LATER)


def test_retro_hunt_counts_reads_content_on_the_record_and_keeps_no_text(author: User, root: Unit, send: Send) -> None:
    asked = TEXT.replace("category: tool", "category: inference").replace("gen_ai.tool.call.arguments", "content.user")
    asked = asked.replace("event.kind: tool", "event.kind: inference")
    chat = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": said("user", "show me the payroll of ann")}
    send(spans(chat, chat, conversation="c1"))
    send(spans(chat, conversation="c2"))
    detect()
    hunt = request_retro_hunt(asked, hours=24, purpose="how loud", viewer=Viewer(author), now=NOW_LATER)
    assert AuditRecord.objects.filter(verb="content.read", actor=author).count() == 1
    assert run_job() == Job.State.DONE
    hunt.refresh_from_db()
    assert (hunt.events, hunt.with_content, hunt.signals, hunt.alerts) == (3, 3, 3, 2)
    assert hunt.alerts_a_day == 2.0
    assert hunt.cpu_us is not None
    assert "ann" not in str(hunt.found)


def test_retro_hunt_without_the_right_to_content_sees_metadata_only(
    root: Unit, bank: Unit, send: Send, login: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    from caiso.web.base import access

    monkeypatch.setitem(access.GRANTS, "red_team", frozenset({"view", "soc.view", "soc.rules"}))
    user = login("red_team", root)
    send(payroll(conversation="c1"))
    detect()
    hunt = request_retro_hunt(TEXT, hours=24, purpose="p", viewer=Viewer(user), now=NOW_LATER)
    run_job()
    hunt.refresh_from_db()
    assert (hunt.reads_content, hunt.events, hunt.with_content, hunt.signals) == (False, 1, 0, 0)
    assert not AuditRecord.objects.filter(verb="content.read").exists()


def test_retro_hunt_of_one_unit_sees_nothing_of_another(
    root: Unit, bank: Unit, shop: Unit, send: Send, login: Callable[..., User]
) -> None:
    from caiso.web.soc.models import Feed, Source

    send(payroll(conversation="c1"), source="bankkey", service="bank-bot")
    send(payroll(conversation="c2"), source="shopkey", service="shop-bot")
    detect()
    Source.objects.filter(slug="bankkey").update(unit=bank)
    Feed.objects.filter(service="bank-bot").update(unit=bank)
    Feed.objects.filter(service="shop-bot").update(unit=shop)
    engineer = login("detection_engineer", bank)
    hunt = request_retro_hunt(TEXT, hours=24, purpose="p", viewer=Viewer(engineer), now=NOW_LATER)
    run_job()
    hunt.refresh_from_db()
    assert (hunt.events, hunt.signals) == (1, 1)


@pytest.mark.parametrize(("hours", "purpose", "says"), [(0, "p", "1 to"), (99999, "p", "1 to"), (24, " ", "what for")])
def test_retro_hunt_needs_a_period_and_a_purpose(author: User, hours: int, purpose: str, says: str) -> None:
    with pytest.raises(UnableToHunt, match=says):
        request_retro_hunt(TEXT, hours=hours, purpose=purpose, viewer=Viewer(author), now=NOW)
    assert not RetroHunt.objects.exists()


def test_cancelled_retro_hunt_ends(author: User, root: Unit, send: Send) -> None:
    send(payroll(conversation="c1"))
    detect()
    hunt = request_retro_hunt(TEXT, hours=24, purpose="p", viewer=Viewer(author), now=NOW_LATER)
    job = jobs.claim("w", now=NOW_LATER)
    assert job is not None
    jobs.cancel(job, actor=author, now=NOW_LATER)
    assert jobs.run(job, clock=lambda: NOW_LATER) == Job.State.CANCELLED
    hunt.refresh_from_db()
    assert (hunt.error, hunt.signals) == ("cancelled", 0)


# Pages.


def test_editor_checks_escapes_and_saves(author: User, client: Client) -> None:
    client.force_login(author)
    hostile = TEXT.replace("title: A tool asks for the payroll", "title: <script>alert(1)</script>")
    answer = client.post("/workbench/new/", {"text": hostile.replace("level: high", "level: x"), "deed": "check"})
    body = answer.content.decode()
    assert "line 3</a>: level" in body
    assert "<script>alert" not in body
    saved = client.post("/workbench/new/", {"text": hostile, "deed": "save", "note": "first"})
    rule = UserRule.objects.get()
    assert saved.headers["Location"] == f"/workbench/{rule.pk}/"
    assert "<script>alert" not in client.get(f"/workbench/{rule.pk}/").content.decode()


def test_sample_on_the_page_shows_what_matched(author: User, client: Client) -> None:
    client.force_login(author)
    sample = '{"event.kind":"tool","gen_ai.tool.call.arguments":"<b>the payroll</b>"}'
    body = client.post("/workbench/new/", {"text": TEXT, "samples": sample, "deed": "check"}).content.decode()
    assert "&lt;b&gt;the <mark>payroll</mark>&lt;/b&gt;" in body


def test_upload_is_loaded_into_the_editor_and_what_is_no_text_is_refused(author: User, client: Client) -> None:
    client.force_login(author)
    good = SimpleUploadedFile("rule.yml", TEXT.encode())
    body = client.post("/workbench/new/", {"deed": "upload", "file": good}).content.decode()
    assert "name: payroll-asked" in body
    assert "1 rule read, no mistake" in body
    bad = client.post("/workbench/new/", {"deed": "upload", "file": SimpleUploadedFile("x", b"\xff\xfe\x00")})
    assert bad.status_code == 422
    assert "not UTF-8" in bad.content.decode()
    big = client.post("/workbench/new/", {"deed": "upload", "file": SimpleUploadedFile("x", b"a" * 300_000)})
    assert "at most 200,000" in big.content.decode()


def test_analyst_reads_the_workbench_and_changes_nothing(
    author: User, root: Unit, client: Client, login: Callable[..., User]
) -> None:
    rule = save(author).rule
    client.force_login(login("analyst", root))
    page = client.get(f"/workbench/{rule.pk}/").content.decode()
    assert "Run in shadow" not in page
    for path in (f"/workbench/{rule.pk}/1/shadow/", f"/workbench/{rule.pk}/lower/off/", "/workbench/new/"):
        assert client.post(path).status_code == 403


def test_review_page_lets_only_a_second_person_decide(author: User, second: User, client: Client) -> None:
    version = save(author)
    workbench.put_in_shadow(version, actor=author, now=NOW)
    client.force_login(author)
    asked = client.post(f"/workbench/{version.rule_id}/1/ask/canary/", {"reason": "rare"})
    path = asked.headers["Location"]
    assert "somebody else decides" in client.get(path).content.decode()
    client.post(f"{path}approve/")
    assert state_of(UserRule.objects.get()) == "shadow"
    client.force_login(second)
    assert "Approve: it goes to canary" in client.get(path).content.decode()
    client.post(f"{path}approve/")
    assert state_of(UserRule.objects.get()) == "canary"


def test_difference_between_versions_is_shown_line_by_line(author: User, client: Client) -> None:
    rule = save(author).rule
    save(author, LATER, rule)
    client.force_login(author)
    body = client.get(f"/workbench/{rule.pk}/diff/").content.decode()
    assert 'data-kind="del"' in body
    assert "payroll of november" in body


def test_export_as_sigma_works_and_others_say_what_is_missing(author: User, client: Client) -> None:
    rule = save(author).rule
    client.force_login(author)
    sigma = client.get(f"/workbench/{rule.pk}/export/sigma/")
    assert (sigma.content.decode(), sigma.headers["Content-Type"]) == (TEXT, "text/plain; charset=utf-8")
    told = client.get(f"/workbench/{rule.pk}/export/splunk/", follow=True).content.decode()
    assert "caiso[soc-export]" in told
    assert client.get(f"/workbench/{rule.pk}/export/qradar/").status_code == 404


def test_retro_page_shows_text_only_on_request_and_on_the_record(
    author: User, root: Unit, send: Send, client: Client
) -> None:
    send(payroll(conversation="c1"))
    detect()
    hunt = request_retro_hunt(TEXT, hours=24, purpose="p", viewer=Viewer(author), now=NOW_LATER)
    run_job()
    client.force_login(author)
    before = AuditRecord.objects.filter(verb="content.read").count()
    assert "<mark>" not in client.get(f"/retro-hunts/{hunt.pk}/").content.decode()
    assert AuditRecord.objects.filter(verb="content.read").count() == before
    assert "<mark>payroll</mark>" in client.get(f"/retro-hunts/{hunt.pk}/?content=show").content.decode()
    assert AuditRecord.objects.filter(verb="content.read").count() == before + 1


def test_api_takes_the_same_way(author: User, second: User, client: Client) -> None:
    def post(path: str, **payload: object) -> dict[str, object]:
        answer = client.post(f"/api/v1{path}", payload, content_type="application/json")
        assert answer.status_code < 300, answer.content
        return answer.json()  # type: ignore[no-any-return]

    client.force_login(author)
    assert post("/workbench/check", text=TEXT)["rules"] == ["payroll-asked"]
    rule = post("/workbench/rules", text=TEXT, note="n")
    post(f"/workbench/rules/{rule['id']}/versions/1/shadow")
    review = post(f"/workbench/rules/{rule['id']}/ask", to="canary", reason="rare")
    own = client.post(f"/api/v1/rule-reviews/{review['id']}/decide", {"approve": True}, content_type="application/json")
    assert own.status_code == 409
    client.force_login(second)
    assert post(f"/rule-reviews/{review['id']}/decide", approve=True)["decision"] == "approved"
    assert client.get(f"/api/v1/workbench/rules/{rule['id']}").json()["state"] == "canary"
