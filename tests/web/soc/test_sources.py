"""A source's page: refused records are read, filtered and tried again; redaction is chosen and followed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from caiso.web.base.models import AuditRecord, Job, Unit, User
from caiso.web.soc.models import Reject, Source
from caiso.web.soc.services.rejects import retry_rejects
from tests.web.conftest import NOW
from tests.web.soc.test_detector import data, request, run, send, span  # noqa: F401  fixtures

pytestmark = pytest.mark.django_db
GOOD = {"gen_ai.operation.name": "chat", "user.id": "amara"}


@pytest.fixture
def source(root: Unit, send: Callable[..., None]) -> Source:  # noqa: F811
    """A source with one good span and one refused for its id."""
    send(request(span("chat", 1, **GOOD), span("chat", 2, trace="0" * 32, **GOOD)))
    run().end()
    return Source.objects.get()


@pytest.fixture
def engineer(root: Unit, login: Callable[..., User], client: Client) -> User:
    user = login("detection_engineer", root)
    client.force_login(user)
    return user


def page(client: Client, source: Source, query: str = "tab=rejects") -> str:
    answer = client.get(f"{reverse('source_record', args=[source.pk])}?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_refused_records_are_told_with_their_reason(client: Client, source: Source, engineer: User) -> None:
    shown = page(client, source)
    assert escape(Reject.objects.get().reason) in shown
    assert "Try 1 again" in shown
    assert "000000000000" not in shown
    assert "traceId" in page(client, source, "tab=rejects&content=show")
    assert AuditRecord.objects.filter(verb="content.read").count() == 1


def test_a_retry_is_a_job_that_gives_records_to_the_log(
    client: Client,
    source: Source,
    engineer: User,
    data: Path,  # noqa: F811
) -> None:
    answer = client.post(reverse("source_retry", args=[source.pk]), {"reason": ""})
    assert answer.status_code == 302
    assert Job.objects.get(kind="soc.retry_rejects").arguments == {"source": source.pk, "reason": ""}
    assert AuditRecord.objects.filter(verb="rejects.retry").count() == 1
    assert retry_rejects(source, reason="", now=NOW) == 1
    assert Reject.objects.get().retried_at == NOW
    assert retry_rejects(source, reason="", now=NOW) == 0
    run().end()
    assert Reject.objects.count() == 2  # still wrong: refused once more, as a record of its own
    source.refresh_from_db()
    assert source.events == 1
    client.post(reverse("source_retry", args=[source.pk]), {"reason": "no such reason"})
    assert Job.objects.filter(kind="soc.retry_rejects").count() == 1


def test_redaction_is_chosen_audited_and_followed(
    client: Client,
    source: Source,
    engineer: User,
    send: Callable[..., None],  # noqa: F811
) -> None:
    url = reverse("source_redaction", args=[source.pk])
    client.post(url, {"kinds": ["email", "key"]})
    source.refresh_from_db()
    assert source.redaction == ["key", "email"]
    client.post(url, {"kinds": ["shoe_size"]})
    source.refresh_from_db()
    assert source.redaction == ["key", "email"]
    assert AuditRecord.objects.filter(verb="source.redaction").count() == 1
    assert 'id="kind-email" name="kinds" value="email" checked' in page(client, source, "tab=privacy")
    detector = run()
    assert set(detector.pump.redactors) == {source.slug}
    detector.end()


def test_an_analyst_sees_and_changes_nothing(
    client: Client, source: Source, root: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("analyst", root))
    assert "disabled" in page(client, source, "tab=privacy")
    assert "Try 1 again" not in page(client, source)
    assert client.post(reverse("source_redaction", args=[source.pk]), {"kinds": ["key"]}).status_code == 403
    assert client.post(reverse("source_retry", args=[source.pk])).status_code == 403
