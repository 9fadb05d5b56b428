"""The pages of compliance: what they show, to whom, and how many questions they ask the database."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from caiso.web.base.access import Viewer
from caiso.web.base.models import FactTouch, Job, Unit, User
from caiso.web.base.services import jobs
from caiso.web.base.services.facts import touched
from caiso.web.compliance import queries
from caiso.web.compliance.jobs import EVALUATE, FOLLOW
from caiso.web.compliance.library import library
from caiso.web.compliance.models import Control, ControlAssessment, ControlLink, Evidence, Framework
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.compliance.services.evaluation import evaluate_controls
from caiso.web.compliance.services.judgement import review_link
from caiso.web.soc.models import Source
from tests.web.compliance.test_evaluation import _alert
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def ready(root: Unit, bank: Unit, shop: Unit) -> Unit:
    take_library(library(), now=NOW)
    Source.objects.create(slug="gateway", name="Gateway", unit=root, last_event_at=NOW)
    evaluate_controls(now=NOW)
    return root


@pytest.fixture
def officer(client: Client, login: Callable[..., User], ready: Unit) -> User:
    user = login("caiso", ready)
    client.force_login(user)
    return user


def _own(slug: str) -> ControlAssessment:
    return ControlAssessment.objects.get(control__slug=slug, scope_key="")


def test_the_list_shows_every_control_with_its_state(client: Client, officer: User) -> None:
    text = client.get(reverse("controls_list")).content.decode()
    assert "20" in text
    assert Control.objects.get(slug="backup-recent").title in text
    only = client.get(reverse("controls_list"), {"state": "failing"}).content.decode()
    failing = ControlAssessment.objects.filter(state="failing").count()
    assert only.count('href="/controls/') - text.count("nothing") >= failing


def test_a_failing_control_names_the_alert_that_caused_it(client: Client, officer: User, bank: Unit) -> None:
    alert = _alert(bank)
    alert.title = HOSTILE
    alert.save()
    evaluate_controls(now=NOW)
    row = _own("prompt-injection-triaged")
    for tab in ("checks", "changes", "scopes", "requirements", "evidence", "history"):
        text = client.get(row.get_absolute_url(), {"tab": tab}).content.decode()
        assert "Failing" in text
        assert HOSTILE not in text
        assert reverse("alert_record", args=[alert.pk]) in text, f"{tab}: the cause stands above every tab"


def test_records_of_foreign_units_are_counted_and_not_named(
    client: Client, login: Callable[..., User], ready: Unit, bank: Unit, shop: Unit
) -> None:
    alert = _alert(bank)
    evaluate_controls(now=NOW)
    row = _own("prompt-injection-triaged")
    ControlAssessment.objects.filter(pk=row.pk).update(unit=shop)  # an assessment of the shop, caused in the bank
    client.force_login(login("ciso", shop))
    text = client.get(row.get_absolute_url()).content.decode()
    assert reverse("alert_record", args=[alert.pk]) not in text
    assert "1 of the records lie outside your units" in text


def test_checking_and_declaring_write_only_where_one_may(
    client: Client, login: Callable[..., User], ready: Unit, bank: Unit, shop: Unit
) -> None:
    row = _own("backup-recent")
    ControlAssessment.objects.filter(pk=row.pk).update(unit=bank)
    evidence = Evidence.objects.create(
        control=row.control, unit=bank, title="Drill", kind="record", statement="x", collected_at=NOW
    )
    addresses = [
        row.get_absolute_url(),
        reverse("control_declare", args=[row.pk]),
        reverse("evidence_record", args=[evidence.pk]),
    ]
    posts = [reverse("control_check", args=[row.pk]), reverse("evidence_accept", args=[evidence.pk])]
    client.force_login(login("ciso", shop))
    assert [client.get(one).status_code for one in addresses] == [404] * 3
    assert [client.post(one).status_code for one in posts] == [404] * 2
    client.force_login(login("analyst", bank))
    assert [client.get(one).status_code for one in addresses] == [200, 403, 200]
    assert [client.post(one).status_code for one in posts] == [403] * 2
    client.force_login(login("ciso", bank))
    assert [client.get(one).status_code for one in addresses] == [200] * 3
    assert [client.post(one).status_code for one in posts] == [302] * 2
    evidence.refresh_from_db()
    assert evidence.is_accepted


def test_declaring_through_the_page(client: Client, officer: User) -> None:
    row = _own("backup-recent")
    address = reverse("control_declare", args=[row.pk])
    assert client.post(address, {"implementation": "planned", "reason": ""}).status_code == 422
    assert client.post(address, {"implementation": "planned", "reason": "by spring"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.reason) == ("planned", "by spring")


def test_evidence_is_left_and_read_through_the_pages(client: Client, officer: User, ready: Unit) -> None:
    control = Control.objects.get(slug="switch-off-rehearsed")
    sent = {"title": HOSTILE, "control": control.slug, "unit": ready.slug, "kind": "record", "statement": HOSTILE}
    answer = client.post(reverse("evidence_new"), sent)
    assert answer.status_code == 302, answer.content.decode()
    evidence = Evidence.objects.get()
    text = client.get(evidence.get_absolute_url()).content.decode()
    assert HOSTILE not in text
    assert "somebody else accepts it" in text
    client.post(reverse("evidence_accept", args=[evidence.pk]))
    evidence.refresh_from_db()
    assert not evidence.is_accepted


def test_a_framework_counts_claims_and_indications_apart(client: Client, officer: User) -> None:
    framework = Framework.objects.get(slug="nist-ai-rmf")
    text = client.get(framework.get_absolute_url()).content.decode()
    assert text.count('<details class="requirement"') == 72
    assert "no reviewed link yet" in text
    link = ControlLink.objects.select_related("control").filter(control__slug="audit-chain-verifies").first()
    assert link is not None
    review_link(link, status="reviewed", note="", actor=officer, now=NOW)
    ControlAssessment.objects.filter(control=link.control).update(state="effective")
    text = client.get(framework.get_absolute_url()).content.decode()
    assert "no reviewed link yet" not in text
    assert "of 72" in client.get(reverse("frameworks")).content.decode()


def test_reviewing_through_the_page_names_the_reviewer(client: Client, officer: User) -> None:
    link = ControlLink.objects.first()
    assert link is not None
    client.post(reverse("link_review", args=[link.pk]), {"status": "reviewed", "note": "fits"})
    link.refresh_from_db()
    assert (link.review_status, link.reviewer) == ("reviewed", str(officer))


def test_pages_ask_no_more_when_there_is_more(
    client: Client, officer: User, django_assert_max_num_queries: Callable[..., object]
) -> None:
    framework = Framework.objects.get(slug="nist-ai-rmf")
    for address, most in (
        (reverse("controls_list"), 30),
        (framework.get_absolute_url(), 30),
        (reverse("frameworks"), 30),
    ):
        client.get(address)
        with django_assert_max_num_queries(most):  # type: ignore[attr-defined]
            client.get(address)


def test_the_worker_follows_changes_and_time(ready: Unit) -> None:
    FactTouch.objects.all().delete()
    jobs.enqueue_periodic(now=NOW)
    assert not Job.objects.filter(kind=FOLLOW).exists(), "nothing changed, so nothing is followed"
    touched("duties", now=NOW)
    jobs.enqueue_periodic(now=NOW)
    waiting = {job.kind: job for job in Job.objects.filter(kind__in=[FOLLOW, EVALUATE])}
    assert set(waiting) == {FOLLOW, EVALUATE}
    for job in waiting.values():
        job.state, job.lease_owner, job.attempt = Job.State.RUNNING, "me", 1
        job.save()
        assert jobs.run(job, clock=lambda: NOW) == Job.State.DONE
    assert waiting[EVALUATE].result == {"assessments": ControlAssessment.objects.count()}
    assert waiting[FOLLOW].result["assessments"] > 0
    assert not FactTouch.objects.exists()


def test_a_record_that_does_not_open_to_the_viewer_is_named_without_a_link(
    ready: Unit, login: Callable[..., User], root: Unit
) -> None:
    administrator = login("administrator", root)
    refs = [str(administrator.pk)]
    shown, hidden = queries.causes("users", refs, Viewer(administrator), now=NOW)
    assert [(cause.title, cause.url, hidden) for cause in shown] == [
        (str(administrator), reverse("user_record", args=[administrator.pk]), 0)
    ]
    shown, _ = queries.causes("users", refs, Viewer(login("caiso", root)), now=NOW)
    assert [(cause.title, cause.url) for cause in shown] == [(str(administrator), "")]
