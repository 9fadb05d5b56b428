"""The guide of the first run judges its steps from live data, and the key of a source is shown once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from caiso.web.base.access import Viewer
from caiso.web.base.models import ApiToken, AuditRecord, Job, Lease, Person, Setting, Unit, User
from caiso.web.base.services import jobs
from caiso.web.inventory.services.scans import record_scan
from caiso.web.organisation.models import Holding, Role
from caiso.web.organisation.queries import PROFILE_SETTING
from caiso.web.reports import jobs as report_jobs
from caiso.web.reports.services.demo import load
from caiso.web.reports.services.start import CHOICE_SETTING, LOAD_DEMO, REMOVE_DEMO
from caiso.web.reports.start import asks_first, steps
from caiso.web.soc.models import Source
from caiso.web.soc.services import rest
from caiso.web.soc.services.ingest import LEASE
from tests.web.conftest import NOW, make_unit
from tests.web.inventory.conftest import found, result

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(client: Client, login: Callable[..., User], root: Unit) -> User:
    user = login("caiso", root)
    user.grants.create(role="administrator", unit=root, granted_at=NOW)
    client.force_login(user)
    return user


def done(user: User) -> list[str]:
    return [step.key for step in steps(Viewer(user)) if step.is_done]


def test_steps_are_done_when_the_records_are_there(client: Client, officer: User, root: Unit) -> None:
    assert done(officer) == []
    values = {
        "name": "Acme Insurance",
        "size": "medium",
        "sector": "insurance",
        "regulation": "heavy",
        "ai_criticality": "core",
        "maturity": "2",
        "risk_function": "strong",
        "security_in": "apart",
    }
    assert client.post(reverse("start_profile"), values | {"size": "tiny"}).status_code == 422
    assert client.post(reverse("start_profile"), values).status_code == 302
    root.refresh_from_db()
    assert root.name == "Acme Insurance"
    assert Setting.objects.get(pk=PROFILE_SETTING).value["sector"] == "insurance"
    person = Person.objects.create(slug="amara", name="Amara", unit=root)
    Holding.objects.create(role=Role.objects.create(slug="ciso", title="CISO", unit=root), person=person)
    record_scan(
        result(found("dependency", "pkg:pypi/openai")), target="https://x.example/a", unit=root, actor=None, now=NOW
    )
    Source.objects.create(slug="gateway", name="Gateway", unit=root, last_event_at=NOW, events=3)
    assert done(officer) == ["profile", "roles", "scan", "source"]
    text = client.get(reverse("start")).content.decode()
    assert "4 of 5 done" in text
    assert "1 of 1 roles are held" in text


def test_the_demo_counts_for_nothing(officer: User, root: Unit) -> None:
    demo = make_unit("demo", root)
    demo.is_demo = True
    demo.save()
    person = Person.objects.create(slug="amara", name="Amara", unit=demo, is_demo=True)
    Holding.objects.create(role=Role.objects.create(slug="ciso", title="CISO", unit=root), person=person)
    record_scan(
        result(found("dependency", "pkg:pypi/openai")), target="https://x.example/a", unit=demo, actor=None, now=NOW
    )
    Source.objects.create(slug="gateway", name="Gateway", unit=demo, last_event_at=NOW, is_demo=True)
    assert done(officer) == []


def test_a_key_is_shown_once_with_the_exporters_settings(client: Client, officer: User) -> None:
    answer = client.post(reverse("start_source"), {"name": "claims-gateway"})
    text = answer.content.decode()
    token = ApiToken.objects.get()
    assert token.scope == "ingest"
    assert f"caiso_ingest_{token.prefix}_" in text
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://testserver" in text
    assert "no-store" in answer["Cache-Control"]
    assert token.prefix not in client.get(reverse("start_source")).content.decode()
    recorded = AuditRecord.objects.filter(verb="token.create").get()
    assert "caiso_ingest" not in str(recorded.changes)


def test_only_those_who_may_take_the_steps(
    client: Client, login: Callable[..., User], officer: User, bank: Unit
) -> None:
    client.force_login(login("analyst", bank))
    assert client.get(reverse("start")).status_code == 200
    addresses = [reverse(name) for name in ("start_profile", "start_source", "start_remove_demo")]
    assert [client.post(one).status_code for one in addresses] == [403] * 3
    guide = client.get(reverse("start"))
    assert "by an administrator" in guide.content.decode()
    for step in guide.context["steps"]:
        assert not step.url or client.get(step.url).status_code == 200, step.key
    client.force_login(login("administrator", bank))
    client.post(reverse("start_source"), {"name": "x"})
    assert not ApiToken.objects.exists(), "a key for the whole organisation needs the right there"


def test_the_demo_is_removed_by_a_job_asked_for_once(client: Client, officer: User, root: Unit) -> None:
    client.post(reverse("start_remove_demo"))
    assert not Job.objects.filter(kind=REMOVE_DEMO).exists(), "there is none"
    demo = make_unit("demo", root)
    Unit.objects.filter(pk=demo.pk).update(is_demo=True)
    for _ in range(2):
        client.post(reverse("start_remove_demo"))
    assert Job.objects.filter(kind=REMOVE_DEMO).count() == 1
    assert "being removed" in client.get(reverse("start")).content.decode()


def test_the_first_screen_asks_once_whether_to_look_at_the_demo(
    client: Client, officer: User, root: Unit, login: Callable[..., User]
) -> None:
    demo = make_unit("demo", root)
    Unit.objects.filter(pk=demo.pk).update(is_demo=True)
    assert client.get("/").headers["Location"] == reverse("start")
    assert "Explore the demo" in client.get(reverse("start")).content.decode()
    assert client.post(reverse("start_explore")).headers["Location"] == reverse("home")
    assert client.get("/?stay=1").status_code == 200
    assert not asks_first(Viewer(officer))
    assert Setting.objects.get(pk=CHOICE_SETTING).value == "demo"
    Setting.objects.all().delete()
    assert not asks_first(Viewer(login("ciso", root))), "only who may remove it is asked"
    guest = login("administrator", root)
    guest.is_demo = True
    assert not asks_first(Viewer(guest)), "the demo's own people are not asked"


def test_the_demo_is_loaded_by_a_job_asked_for_once(client: Client, officer: User, root: Unit) -> None:
    assert "Load the demo" in client.get(reverse("start")).content.decode()
    for _ in range(2):
        client.post(reverse("start_explore"))
    job = Job.objects.get(kind=LOAD_DEMO)
    Job.objects.filter(pk=job.pk).update(progress=12, progress_total=35, progress_note="day 8 of 31")
    assert "day 8 of 31" in client.get(reverse("start")).content.decode()
    Job.objects.filter(pk=job.pk).update(state="failed", error="the detector does not rest")
    text = client.get(reverse("start")).content.decode()
    assert "the detector does not rest" in text
    assert "Load the demo" in text


def test_no_demo_is_told_beside_telemetry_of_ones_own(client: Client, officer: User, root: Unit) -> None:
    Source.objects.create(slug="gateway", name="Gateway", unit=root, events=3)
    page = client.post(reverse("start_explore"), follow=True)
    assert "telemetry of your own arrives here already" in page.content.decode()
    assert not Job.objects.filter(kind=LOAD_DEMO).exists()


def test_the_detector_rests_while_the_demo_is_loaded(
    officer: User, root: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def load_demo(*, now: datetime, tell: Callable[[str], None]) -> list[str]:
        tell("day 7 of 31")
        seen.append((rest.rests(now=now), rest.is_idle(now=now)))
        return ["one"]

    monkeypatch.setattr(load, "load_demo", load_demo)
    jobs.enqueue(LOAD_DEMO, now=NOW)
    job = jobs.claim("me", now=NOW)
    assert job is not None
    assert jobs.run(job, clock=lambda: NOW) == Job.State.DONE
    assert (job.result, job.progress_note, job.progress) == ({"logins": 1}, "day 7 of 31", 11)
    assert seen == [(True, True)]
    assert not rest.rests(now=NOW)


def test_a_detector_that_does_not_rest_fails_the_loading_by_name(
    officer: User, root: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_jobs, "PATIENCE_S", 0)
    Lease.objects.create(name=LEASE, owner="elsewhere", until=NOW + timedelta(minutes=5))
    jobs.enqueue(LOAD_DEMO, now=NOW)
    job = jobs.claim("me", now=NOW)
    assert job is not None
    assert jobs.run(job, clock=lambda: NOW) == Job.State.FAILED
    assert "the detector does not rest" in job.error
    assert not rest.rests(now=NOW)
