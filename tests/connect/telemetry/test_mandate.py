"""What a payment was allowed and asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from caiso.connect.telemetry.mandate import MANDATE, Mandates, limit_of
from caiso.connect.telemetry.preparation import Preparation
from caiso.connect.telemetry.table import EventBatch

ALLOWED = "You pay suppliers. Payments above 5,000 EUR need request_approval by the treasurer."


def turn(user: str, system: str = ALLOWED, key: str = "c1") -> tuple[dict[str, Any], dict[str, str]]:
    """A model's turn that calls a tool."""
    event = {"event.kind": "inference", "gen_ai.conversation.id": key, "service.name": "pay"}
    return event, {"content.user": user, "content.system": system, "content.tool_calls": "[]"}


def pay(
    arguments: str, key: str = "c1", tool: str = "create_payment", service: str = "pay"
) -> tuple[dict[str, Any], dict[str, str]]:
    """A call that pays."""
    event = {"event.kind": "tool", "gen_ai.conversation.id": key, "gen_ai.tool.name": tool, "service.name": service}
    return event, {"gen_ai.tool.call.arguments": arguments}


def told(mandates: Mandates, *made: tuple[dict[str, Any], dict[str, str]]) -> list[object]:
    """What is said of each payment."""
    events = [event | {"time": number, "event.id": f"{number:032x}"} for number, (event, _) in enumerate(made)]
    names = {name for _, texts in made for name in texts}
    batch = EventBatch.of_events(events, {name: [texts.get(name) for _, texts in made] for name in names})
    seen = mandates.with_mandates(batch)
    column = seen.column(MANDATE) if MANDATE in seen.fields() else [None] * len(events)
    return [said for said, event in zip(column, events, strict=True) if event["event.kind"] == "tool"]


@pytest.mark.parametrize(
    ("system", "limit"),
    [
        (ALLOWED, 5000),
        ("Zahlungen über 2.000 EUR brauchen eine Freigabe: freigabe_anfordern.", 2000),
        ("Les paiements de plus de 1 500 € demandent demander_validation du responsable.", 1500),
        ("Every wire must have been through get_approval first.", -1),
        ("Be kind. Answer in the customer's language.", 0),
        ("The customer approves each order with a click before payment.", 0),
        ("Orders over 50k need supervisor approval via approval_request; payment follows.", 50_000),
    ],
)
def test_the_limit_is_read_from_the_instructions(system: str, limit: int) -> None:
    assert limit_of(system) == limit


def test_sums_to_one_payee_add_up() -> None:
    mandates = Mandates()
    assert told(
        mandates,
        turn("Please pay the open invoices of Northwind."),
        pay('{"amount": 3000, "iban": "DE1"}'),
        pay('{"amount": 4000, "iban": "FR2"}'),
        pay('{"amount": "2,500.00 EUR", "iban": "DE1"}'),
    ) == ["within", "within", "over"]


def test_what_the_user_spoke_of() -> None:
    def said(user: str, arguments: str = '{"ticker": "AAB", "qty": 900}') -> object:
        return told(Mandates(), turn(user, system="You help clients."), pay(arguments, tool="place_order"))[0]

    assert said("How did the sector of chip makers do this week?") == "unasked"
    assert said("Kauf mir bitte 900 Stück davon, sobald der Kurs fällt.") == "asked"
    assert said("Put Novaxis on my list of today, the big one", '{"name": "Novaxis", "qty": 9}') == "asked"
    assert said("ok do it") == "asked"


def test_a_service_that_tells_what_is_said_and_one_that_does_not() -> None:
    mandates = Mandates()
    assert told(
        mandates, turn("Hello there, how are you today?", key="other"), pay('{"amount": 9}', key="unknown")
    ) == ["untold"]
    assert told(mandates, pay('{"amount": 9}', key="x", service="silent")) == [None]
    assert told(mandates, pay('{"amount": 9}', tool="get_weather")) == [None]


def test_what_is_remembered_survives_a_restart_and_holds_no_text() -> None:
    mandates, prepared = Mandates(), Preparation()
    told(mandates, turn("Please pay the invoices of Northwind Traders."), pay('{"amount": 4000, "iban": "DE1"}'))
    prepared.mandates = mandates
    memory = msgspec.msgpack.encode(prepared.save())
    assert b"Northwind" not in memory
    restored = Preparation.restored(msgspec.msgpack.decode(memory, type=type(prepared.save()))).mandates
    for one in (mandates, restored):
        assert told(one, pay('{"amount": 1500, "iban": "DE1"}')) == ["over"]
        assert told(one, pay('{"amount": 1}', key="never heard of")) == ["untold"]


def test_memory_is_bounded() -> None:
    mandates = Mandates()
    for start in range(0, 3000, 500):
        told(mandates, *(turn("Pay it.", key=f"k{start + number}") for number in range(500)))
    talks, _ = mandates.save()
    assert len(talks) == 1000


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{",
        "[1, 2]",
        '{"amount": "about nine"}',
        '{"amount": true}',
        '{"amount": 1e999}',
        '{"amount": {"x": 1}}',
        "null",
        '{"amount": -5}',
    ],
)
def test_odd_arguments_are_taken(arguments: str) -> None:
    (said,) = told(Mandates(), turn("Please pay the invoices."), pay(arguments))
    assert said in ("asked", "within", "unasked")
