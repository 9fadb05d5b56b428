"""Spans and events of single kits say in our names what they say in theirs; what is broken is kept, not lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from caiso.connect.telemetry.normalise import merge_content, normalise
from caiso.connect.telemetry.records import RawRecord, Signal

TOOL = {"name": "open_mail", "description": "Opens a mail."}


def read(attributes: dict[str, Any], name: str = "span", *, signal: Signal = Signal.TRACES) -> dict[str, object]:
    record = RawRecord(signal, attributes, {}, name=name, trace_id="t", span_id="s", start_ns=1_000, end_ns=2_000)
    found = normalise(record, source_id="s", ingest_us=5)
    return merge_content(found.event, found.segments)


def holds(event: dict[str, object], **fields: object) -> None:
    wanted = {name.replace("__", "."): value for name, value in fields.items()}
    assert {name: event.get(name) for name in wanted} == wanted


def test_adk_model_call() -> None:
    asked = {
        "config": {"system_instruction": "You help.", "tools": [{"function_declarations": [TOOL]}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Sum up the mail"}]},
            {"role": "model", "parts": [{"function_call": {"id": "1", "name": "open_mail", "args": {"id": 4}}}]},
            {
                "role": "user",
                "parts": [{"function_response": {"name": "open_mail", "response": {"result": "Prices rise."}}}],
            },
        ],
    }
    event = read({
        "gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini", "gcp.vertex.agent.session_id": "c",
        "gcp.vertex.agent.llm_request": json.dumps(asked),
        "gcp.vertex.agent.llm_response": json.dumps({"content": {"role": "model", "parts": [{"text": "Prices rise by four."}]}}),
    })  # fmt: skip
    holds(event, event__kind="inference", content__system="You help.", content__untrusted="Prices rise.", aisoc__session="c",
          content__output="Prices rise by four.", gen_ai__tool__definitions=json.dumps([TOOL], separators=(",", ":")))  # fmt: skip
    assert "Sum up the mail" in str(event["content.history"])


def test_adk_tool_call() -> None:
    event = read({
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "save_memory", "gcp.vertex.agent.llm_request": "{}",
        "gcp.vertex.agent.tool_call_args": '{"text": "two quotes"}', "gcp.vertex.agent.tool_response": '{"result": "kept"}',
    })  # fmt: skip
    holds(event, event__kind="tool", gen_ai__tool__call__arguments='{"text": "two quotes"}', gen_ai__tool__call__result="kept",
          aisoc__tool__impact="write")  # fmt: skip


def test_ai_sdk_step_tool_and_run() -> None:
    ours = {"ai.telemetry.metadata.sessionId": "c", "ai.telemetry.metadata.userId": "u"}
    messages = [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": [{"type": "text", "text": "Read the page"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "fetch", "input": {"url": "x"}}],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "1", "output": {"type": "text", "value": "The page"}}],
        },
    ]
    step = read({
        "ai.operationId": "ai.streamText.doStream", "ai.model.id": "gpt", "ai.prompt.messages": json.dumps(messages),
        "ai.prompt.tools": [json.dumps(TOOL)], "ai.response.text": "It says this.", "ai.usage.promptTokens": 7, **ours,
    })  # fmt: skip
    holds(step, event__kind="inference", content__system="You help.", content__untrusted="The page", content__output="It says this.",
          gen_ai__conversation__id="c", user__id="u", gen_ai__usage__input_tokens=7)  # fmt: skip
    tool = read(
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": "fetch",
            "ai.toolCall.args": '{"url":"x"}',
            "ai.toolCall.result": '"The page"',
        }
    )
    holds(tool, event__kind="tool", gen_ai__tool__name="fetch", gen_ai__tool__call__arguments='{"url":"x"}')
    run = read(
        {"ai.operationId": "ai.streamText", "ai.prompt": '{"messages":[]}', "ai.response.text": "It says this.", **ours}
    )
    assert run["event.kind"] == "agent" and "content.output" not in run


def test_openllmetry_tool_and_listing() -> None:
    event = read({
        "traceloop.span.kind": "tool", "traceloop.entity.name": "send_email",
        "traceloop.entity.input": '{"args": [], "kwargs": {"to": "a@b.example", "body": "x"}}', "traceloop.entity.output": '{"result": "sent"}',
    })  # fmt: skip
    holds(event, gen_ai__tool__name="send_email", gen_ai__tool__call__result="sent", aisoc__tool__impact="egress",
          gen_ai__tool__call__arguments='{"to":"a@b.example","body":"x"}')  # fmt: skip
    listed = read({"traceloop.entity.output": json.dumps({"tools": [TOOL]}), "mcp.session.id": "m"}, "tools/list.mcp")
    holds(
        listed,
        event__kind="mcp",
        mcp__method__name="tools/list",
        gen_ai__tool__definitions=json.dumps([TOOL], separators=(",", ":")),
    )


def test_a_listing_whose_answer_stands_under_one_name() -> None:
    event = read({"mcp.method.name": "tools/list", "mcp.tools.list.result": json.dumps({"tools": [TOOL]})})
    holds(event, event__kind="mcp", gen_ai__tool__definitions=json.dumps([TOOL], separators=(",", ":")))


def test_pydantic_tool() -> None:
    event = read({"gen_ai.tool.name": "bash", "tool_arguments": '{"command":"ls"}', "tool_response": "a b"})
    holds(
        event,
        event__kind="tool",
        gen_ai__tool__call__arguments='{"command":"ls"}',
        gen_ai__tool__call__result="a b",
        process__command_line="ls",
    )


def test_pydantic_messages_in_one_attribute() -> None:
    told = [
        {
            "event.name": "gen_ai.system.message",
            "role": "system",
            "content": "Rate the letter.",
            "gen_ai.message.index": 0,
        },
        {"event.name": "gen_ai.user.message", "role": "user", "content": "I am keen.", "gen_ai.message.index": 1},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "61 points"}},
    ]
    tools = {"function_tools": [TOOL]}
    event = read({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "events": json.dumps(told),
        "model_request_parameters": json.dumps(tools),
    })  # fmt: skip
    holds(
        event,
        event__kind="inference",
        content__system="Rate the letter.",
        content__user="I am keen.",
        content__output="61 points",
    )
    assert event["gen_ai.tool.definitions"]
    assert "events" not in event
    assert "model_request_parameters" not in event


def test_pydantic_run_repeats_nothing() -> None:
    told = json.dumps([{"event.name": "gen_ai.user.message", "role": "user", "content": "I am keen."}])
    event = read({"agent_name": "a", "gen_ai.agent.name": "a", "final_result": "61", "all_messages_events": told})
    assert "keen" not in json.dumps(event, default=str)
    assert "final_result" not in event


@pytest.mark.parametrize("sent", ["[]", "no json", '[{"name": "click"}]', "[1, null]", '{"event.name": 7}'])
def test_an_attribute_that_only_bears_the_name_of_messages_stays(sent: str) -> None:
    assert read({"gen_ai.operation.name": "chat", "events": sent})["events"] == sent


def test_claude_code_events() -> None:
    base = {"session.id": "c", "prompt.id": "p"}
    used = read({
        **base, "event.name": "tool_result", "tool_name": "Bash", "success": "false",
        "tool_parameters": '{"bash_command": "ls", "full_command": "ls -la", "description": "look"}',
    }, signal=Signal.LOGS)  # fmt: skip
    holds(
        used,
        event__kind="tool",
        gen_ai__tool__name="Bash",
        error__type="tool_error",
        process__command_line="ls -la",
        aisoc__session="c",
    )
    holds(
        read({**base, "event.name": "user_prompt", "prompt": "Tidy up"}, signal=Signal.LOGS),
        event__kind="inference",
        content__user="Tidy up",
    )
    assert read({**base, "event.name": "api_request", "model": "m"}, signal=Signal.LOGS)["event.kind"] == "other"


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.prompt.messages": "not a list",
            "ai.response.toolCalls": 4,
        },
        {"ai.operationId": "ai.generateText.doGenerate", "ai.prompt.messages": [1, None, {"content": [None, 3]}]},
        {
            "gcp.vertex.agent.llm_request": '{"contents": [3, {"parts": "x"}], "config": 7}',
            "gcp.vertex.agent.llm_response": "[",
        },
        {"gcp.vertex.agent.tool_call_args": None},
        {"traceloop.span.kind": "tool", "traceloop.entity.name": "t", "traceloop.entity.input": "plain"},
        {"tool_arguments": 3},
        {"mcp.method.name": "tools/list", "mcp.result": "nothing"},
        {"prompt.id": "p", "event.name": "tool_result", "tool_name": "Bash", "tool_parameters": "[1"},
    ],
)
def test_what_is_broken_is_kept(attributes: dict[str, Any]) -> None:
    assert read(attributes)["event.kind"]
