"""Telemetry of the demo's AI as its senders would write it: conversations as OTLP/JSON spans, exports as NDJSON."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from caiso.connect.telemetry.records import Encoding, Signal

GATEWAY, REGISTRY, PLATFORM = "AI gateway (demo)", "Model registry (demo)", "HR platform (demo)"
REFUSAL = "I'm sorry, but I can't help with that request."


@dataclass(frozen=True)
class Burst:
    """One request to the edge: what arrives together from one sender."""

    at: datetime
    sender: str
    body: bytes
    signal: Signal = Signal.TRACES
    encoding: Encoding = Encoding.JSON


@dataclass(frozen=True)
class App:
    """How an app calls its model."""

    service: str
    model: str
    provider: str
    key: str
    agent: str = ""
    instructions: str = ""
    tools: tuple[str, ...] = ()
    knowledge: str = ""


CLAIMS = App(
    "claims-copilot",
    "gpt-5-mini",
    "openai",
    "key-claims-7",
    agent="claims-agent",
    instructions="You help claims handlers of Meridian. Never send anything outside without a handler's word.",
    tools=("get_claim", "read_email", "send_email", "search_policies"),
    knowledge="policy-handbook",
)
CARE = App(
    "care-assistant",
    "claude-haiku-4-5",
    "anthropic",
    "key-care-3",
    agent="care-agent",
    instructions="You answer customers of Meridian. Hand over to a person when you are unsure.",
    tools=("lookup_policy",),
    knowledge="help-centre",
)
MAIL_WRITER = App("sales-mail-writer", "gpt-5-mini", "openai", "key-unknown-1")
MINUTES = App("minutes-bot", "gemini-3-flash", "google", "key-unknown-2")


class Talk:
    """Builds the spans of one conversation, some seconds apart."""

    def __init__(self, key: str, app: App, user: str, at: datetime, *, country: str = "DE", pace: float = 4.0) -> None:
        digest = hashlib.sha256(key.encode()).hexdigest()
        self.app, self.user, self.at, self.country, self.pace = app, user, at, country, pace
        self.conversation, self.trace = f"conv-{digest[:10]}", digest[:32]
        self._digest, self._spans = digest, list[dict[str, Any]]()

    def chat(self, asked: str, answer: str, *, found: str = "", tokens: int = 600) -> "Talk":
        """A model call; `found` is what a tool brought into the context before it."""
        messages = [_message("user", asked)] + ([_message("tool", found)] if found else [])
        said: dict[str, object] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.app.provider,
            "gen_ai.request.model": self.app.model,
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.output.messages": json.dumps([_message("assistant", answer)]),
            "gen_ai.usage.input_tokens": tokens,
            "gen_ai.usage.output_tokens": max(20, len(answer) // 4),
        }
        if self.app.instructions:
            said["gen_ai.system_instructions"] = json.dumps([{"type": "text", "content": self.app.instructions}])
        if self.app.tools:
            said["gen_ai.tool.definitions"] = json.dumps([_definition(name) for name in self.app.tools])
        return self._add(f"chat {self.app.model}", said)

    def tool(
        self,
        name: str,
        arguments: Mapping[str, str],
        result: str,
        *,
        version: str = "2.1",
        definition: str = "",
        error: str = "",
        agent: str = "",
    ) -> "Talk":
        """A tool call with its result."""
        called: dict[str, object] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.version": version,
            "gen_ai.tool.call.arguments": json.dumps(dict(arguments)),
            "gen_ai.tool.call.result": result,
            "gen_ai.agent.name": agent or self.app.agent,
            "aisoc.tool.definition_digest": f"sha256:{_digest(definition or name + version)[:16]}",
        }
        return self._add(f"execute_tool {name}", called | ({"error.type": error} if error else {}))

    def search(self, asked: str, *documents: str) -> "Talk":
        """A look into the app's knowledge base."""
        found = [{"id": f"doc-{_digest(text)[:6]}", "content": text} for text in documents]
        return self._add(
            f"retrieval {self.app.knowledge}",
            {
                "gen_ai.operation.name": "retrieval",
                "gen_ai.data_source.id": self.app.knowledge,
                "gen_ai.retrieval.query.text": asked,
                "gen_ai.retrieval.documents": json.dumps(found),
            },
        )

    def remember(self, text: str) -> "Talk":
        """The app keeps something for later conversations."""
        return self._add(
            "update_memory",
            {
                "gen_ai.operation.name": "update_memory",
                "gen_ai.memory.store.id": f"{self.app.service}-memory",
                "gen_ai.memory.records": json.dumps([{"content": text}]),
            },
        )

    def burst(self) -> Burst:
        """The OTLP/JSON request."""
        resource = {
            "attributes": [
                _attribute("service.name", self.app.service),
                _attribute("deployment.environment.name", "production"),
            ]
        }
        spans = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": self._spans}]}]}
        return Burst(self.at, GATEWAY, json.dumps(spans).encode())

    def _add(self, name: str, attributes: Mapping[str, object]) -> "Talk":
        number = len(self._spans) + 1
        start = int((self.at + timedelta(seconds=self.pace * number)).timestamp() * 1_000_000_000)
        common = {
            "gen_ai.conversation.id": self.conversation,
            "user.id": self.user,
            "api_key.id": self.app.key,
            "client.geo.country_iso_code": self.country,
        }
        self._spans.append(
            {
                "traceId": self.trace,
                "spanId": _digest(f"{self._digest}/{number}")[:16],
                "name": name,
                "kind": 3,
                "startTimeUnixNano": str(start),
                "endTimeUnixNano": str(start + 900_000_000),
                "attributes": [_attribute(key, value) for key, value in {**common, **attributes}.items()],
            }
        )
        return self


def export(sender: str, at: datetime, lines: Sequence[Mapping[str, object] | str]) -> Burst:
    """Lines of NDJSON from a sender; a text is sent as it is, for what cannot be read."""
    body = "\n".join(line if isinstance(line, str) else json.dumps(dict(line)) for line in lines)
    return Burst(at, sender, body.encode(), Signal.EVENTS, Encoding.NDJSON)


def _attribute(key: str, value: object) -> dict[str, object]:
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}}


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _definition(name: str) -> dict[str, object]:
    return {"type": "function", "name": name, "description": f"{name.replace('_', ' ').capitalize()} of Meridian."}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
