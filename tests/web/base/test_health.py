"""Health, readiness, metrics, headers and the mounted edge."""

import asyncio
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from caiso.web.base.models import TokenScope
from caiso.web.base.services.audit import Subject, record
from caiso.web.base.services.heartbeats import beat
from caiso.web.base.services.tokens import create_token
from tests.web.base.factories import NOW, make_unit


def test_health_needs_no_database() -> None:
    assert Client().get("/healthz").content == b"ok\n"


@pytest.mark.django_db
def test_readiness_names_what_is_missing() -> None:
    assert Client().get("/readyz").json() == {"ready": True, "database": True, "tables": True, "worker": False}
    beat("w", kind="worker", now=timezone.now())
    assert Client().get("/readyz").json()["worker"] is True


@pytest.mark.django_db
def test_metrics_count_what_happened_and_name_no_address() -> None:
    record(actor=None, verb="thing.add", subject=Subject("Thing", "1"), now=datetime(2020, 1, 1, tzinfo=NOW.tzinfo))
    Client().get("/secret-path-that-is-not-there/")
    text = Client().get("/metrics").content.decode()
    assert 'caiso_jobs{state="waiting"} 0.0' in text
    assert "caiso_ingest_records" in text
    assert "secret-path" not in text
    unsealed = next(line for line in text.splitlines() if line.startswith("caiso_audit_unsealed_seconds "))
    assert float(unsealed.split()[1]) > 1e8


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "extra", "status"),
    [
        ("", {}, 200),
        ("", {"REMOTE_ADDR": "10.0.0.9"}, 403),
        ("", {"HTTP_X_FORWARDED_FOR": "10.0.0.9"}, 403),
        ("secret", {}, 403),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer wrong"}, 403),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer secret", "REMOTE_ADDR": "10.0.0.9"}, 200),
    ],
)
def test_metrics_open_to_this_machine_or_by_token(
    settings: object, token: str, extra: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = token
    assert Client().get("/metrics", **extra).status_code == status


@pytest.mark.django_db
def test_every_answer_carries_the_secure_headers() -> None:
    for path in ("/accounts/login/", "/api/v1/me", "/healthz", "/nothing-here/"):
        headers = Client().get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


@pytest.mark.django_db(transaction=True)
def test_edge_is_mounted_beside_the_pages() -> None:
    from caiso.web.base import edge_auth
    from caiso.web.config.asgi import application

    _, token = create_token(name="gateway", scope=TokenScope.INGEST, unit=make_unit("bank"), actor=None, now=NOW)
    edge_auth.web_edge.cache_clear()

    async def ask(path: str, text: str) -> int:
        body = b'{"event.kind": "inference", "time": "2026-11-22T12:00:00Z"}\n'
        sent: list[dict[str, object]] = []
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, object]:
            return pending.pop() if pending else {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        headers = [
            (b"authorization", f"Bearer {text}".encode()),
            (b"content-type", b"application/x-ndjson"),
            (b"content-length", str(len(body)).encode()),
            (b"host", b"localhost"),
        ]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
            "raw_path": path.encode(), "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "server": ("localhost", 80), "scheme": "http",
        }  # fmt: skip
        await application(scope, receive, send)
        return int(sent[0]["status"])

    async def session() -> list[int]:
        edge = edge_auth.web_edge()
        await edge.start()
        try:
            return [
                await ask("/v1/events", token),
                await ask("/v1/events", token[:-1] + "!"),
                await ask("/v1/none", token),
            ]
        finally:
            await edge.stop()

    try:
        assert asyncio.run(session()) == [200, 401, 404]
    finally:
        edge_auth.web_edge.cache_clear()
