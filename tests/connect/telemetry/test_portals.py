"""Imitations of a service's own sign-in."""

import pytest

from caiso.connect.telemetry.portals import PORTAL, Portals
from caiso.connect.telemetry.table import EventBatch


def _batch(*outputs: str, service: str = "hr", start: int = 0) -> EventBatch:
    events = [
        {
            "event.kind": "inference",
            "service.name": service,
            "time": start + number,
            "event.id": f"{start + number:032x}",
        }
        for number in range(len(outputs))
    ]
    return EventBatch.of_events(events, {"content.output": list(outputs)})


OWN = "Sign in at https://sso.brightwell.example/login first."


@pytest.mark.parametrize(
    "address",
    [
        "https://sso-brightwell.kota.example.top/login",
        "https://sso.brightwell.example@kota.top/login",
        "https://kota.workers.dev/brightwell/login",
        "https://sso.br1ghtweII.example-hr.cc/login",
    ],
)
def test_an_imitation_is_told(address: str) -> None:
    portals = Portals()
    assert PORTAL not in portals.with_portals(_batch(OWN, OWN)).fields()
    restored = Portals.of(portals.save())
    seen = restored.with_portals(_batch(f"Log in at {address} now.", start=10))
    assert list(seen.column(PORTAL)) == ["imitated"]


@pytest.mark.parametrize(
    "output",
    [
        "Sign in at https://brightwell.okta.com/app/home.",
        "Sign in at https://my.brightwell.example/login.",
        "Sign in at https://login.partner.example/.",
        "See https://brightwell-news.example.top/ for news.",
        "Sign in at https://",
        "Sign in.",
    ],
)
def test_others_stay_silent(output: str) -> None:
    portals = Portals()
    portals.with_portals(_batch(OWN))
    assert PORTAL not in portals.with_portals(_batch(output, start=10)).fields()


def test_services_do_not_know_each_other() -> None:
    portals = Portals()
    portals.with_portals(_batch(OWN))
    seen = portals.with_portals(_batch("Log in at https://sso-brightwell.kota.top/login", service="other", start=10))
    assert PORTAL not in seen.fields()
