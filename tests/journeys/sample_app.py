"""A small mail assistant as anyone would write it: the OpenAI client with its published instrumentation, and tools.

    python -m tests.journeys.sample_app CAISO_ADDRESS MODEL_ADDRESS TOKEN CONVERSATION

The instrumentation tells of the model calls; it has nothing for tools, so the app makes their spans itself, under the
names of the OpenTelemetry GenAI conventions.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import openai
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Tracer

from tests.journeys.model_stub import MAIL, PAYROLL

SERVICE, USER, MODEL = "mail-assistant", "kim@acme.example", "stub-model"
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("read_email", "read_file", "send_email")
]
RESULTS = {"read_email": MAIL, "read_file": PAYROLL, "send_email": "sent"}


class Session(SpanProcessor):
    """Says on every span whose conversation it is."""

    def __init__(self, conversation: str) -> None:
        self.attributes = {"gen_ai.conversation.id": conversation, "user.id": USER}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        span.set_attributes(self.attributes)


def call_tool(tracer: Tracer, call: Any) -> str:
    """Do what the model asked for, within a span that tells it."""
    name, arguments = call.function.name, call.function.arguments
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call.id,
        "gen_ai.tool.call.arguments": arguments,
    }
    with tracer.start_as_current_span(f"execute_tool {name}", kind=SpanKind.INTERNAL, attributes=attributes) as span:
        result = RESULTS[name]
        span.set_attribute("gen_ai.tool.call.result", json.dumps({"text": result}))
        return result


def main(caiso: str, model: str, token: str, conversation: str) -> None:
    """One request of a user, worked until the model asks for no more tools."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": SERVICE, "deployment.environment.name": "production"})
    )
    provider.add_span_processor(Session(conversation))
    exporter = OTLPSpanExporter(
        f"{caiso}/v1/traces", headers={"authorization": f"Bearer {token}"}, compression=Compression.Gzip
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    client = openai.OpenAI(base_url=f"{model}/v1", api_key="none", max_retries=0)
    messages: list[Any] = [
        {"role": "system", "content": "You help with mail."},
        {"role": "user", "content": "What is new in my inbox?"},
    ]
    tracer = provider.get_tracer("mail-assistant")
    with tracer.start_as_current_span("invoke_agent mail-agent") as span:
        span.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "mail-agent"})
        while True:
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message  # type: ignore[arg-type]
            messages.append(answer.model_dump(exclude_none=True))
            if not answer.tool_calls:
                break
            for call in answer.tool_calls:
                result = call_tool(tracer, call)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
