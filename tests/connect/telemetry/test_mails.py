"""Whether a mail server delivers a tool's mail to somebody whom the call did not name."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from caiso.connect.telemetry.flows import DESTINATION
from caiso.connect.telemetry.preparation import Memory, Preparation
from tests.connect.telemetry import logs
from tests.connect.telemetry.test_shapes import event

Event = dict[str, Any]


def call(number: int) -> Event:
    given = {"to": f"ana{number}@far.example.net", "subject": f"Offer {number}", "textBody": "Dear Ana\nhere it is"}
    return {
        "event.kind": "mcp",
        "gen_ai.tool.name": "sendEmail",
        "aisoc.tool.impact": "egress",
        "gen_ai.tool.call.arguments": json.dumps(given),
    }


def delivery(number: int, *copied: str, sender: str = "office@house.example.org", subject: str = "") -> Event:
    email = {
        "from": sender,
        "to": [f"ana{number}@far.example.net"],
        "bcc": [*copied],
        "subject": subject or f"Offer {number}",
    }
    return event(logs.ocsf(4009, email=email, direction_id=2))


def destinations(preparation: Preparation, *events: Event) -> list[object]:
    numbered = [
        {**one, "event.id": f"e{number}", "time": 1_000 + number, "source.id": "s", "service.name": "w"}
        for number, one in enumerate(events)
    ]
    return [one.get(DESTINATION) for one in preparation.of_merged(numbered).events()]


def pairs(first: int, last: int, *copied: str, **more: str) -> list[Event]:
    return [one for number in range(first, last) for one in (call(number), delivery(number, *copied, **more))]


def test_a_stranger_who_is_copied_from_some_mail_on_was_added() -> None:
    assert destinations(Preparation(), *pairs(0, 3), *pairs(3, 4, "x@collector.club"))[-1] == "added"


def test_it_is_remembered_over_a_restart() -> None:
    first = Preparation()
    destinations(first, *pairs(0, 4))
    memory = msgspec.msgpack.decode(msgspec.msgpack.encode(first.save()), type=Memory)
    assert destinations(Preparation.restored(memory), *pairs(4, 5, "x@collector.club"))[-1] == "added"


@pytest.mark.parametrize(
    "events",
    [
        pairs(0, 9, "all@archive.club"),  # an archive from the first mail on
        [*pairs(0, 3), *pairs(3, 4, "crm@in.example.org")],  # of the house's own
        [*pairs(0, 3), delivery(9, "x@collector.club")],  # no tool sent it
        [*pairs(0, 3), call(3), delivery(3, "x@collector.club", subject="Another")],
        [*pairs(0, 2), *pairs(2, 3, "x@collector.club")],  # too early to say
    ],
)
def test_archives_the_house_itself_and_mails_of_people_are_not(events: list[Event]) -> None:
    assert set(destinations(Preparation(), *events)) == {None}


def test_a_tool_that_tells_of_a_copy_within_the_house_adds_nobody() -> None:
    told = {
        **call(5),
        "content.untrusted": '{"To":"ana5@far.example.net","Bcc":"crm@in.example.org"}',
        "aisoc.session": "c",
    }
    assert destinations(Preparation(), *pairs(0, 1), told)[-1] is None
    assert destinations(Preparation(), told)[-1] == "added"


@pytest.mark.parametrize("email", [{}, {"from": "a@b.example"}, {"from": "a@b.example", "to": "nobody"}])
def test_a_mail_without_addresses_is_refused(email: Event) -> None:
    with pytest.raises(Exception, match="between whom"):
        event(logs.ocsf(4009, email=email))
