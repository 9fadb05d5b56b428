"""Conventions of single kits and agents, put into the names of the GenAI convention before a record is read.

Each is told by a name that only it uses. What a kit says under names of the convention stays as it says it.
"""

from __future__ import annotations

from typing import Final

from caiso.connect.telemetry.meaning.dialects import adk, claude_code, mcp_listing, openllmetry, pydantic_ai, vercel
from caiso.connect.telemetry.records import RawRecord

# A span that has one of these is read one by one.
SIGNS: Final = frozenset({
    "ai.operationId", "gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args", "tool_arguments", "traceloop.entity.name",
    "events", *pydantic_ai.RUN,
    *mcp_listing.CARRIERS,
})  # fmt: skip
ENDING: Final = ".mcp"  # of the names of OpenLLMetry's spans for MCP


def in_common_names(record: RawRecord) -> RawRecord:
    """The record in the names of the convention; nearly every record is returned as it is."""
    sent = record.attributes
    # Spelt out: asked of every record, and a loop would cost more than the questions.
    if "ai.operationId" in sent:
        added = vercel.read(sent)
    elif "gcp.vertex.agent.llm_request" in sent or "gcp.vertex.agent.tool_call_args" in sent:
        added = adk.read(sent)
    elif "tool_arguments" in sent:
        added = pydantic_ai.read(sent)
    elif "events" in sent:
        added = pydantic_ai.read_events(sent)
    elif "all_messages_events" in sent or "pydantic_ai.all_messages" in sent:
        added = pydantic_ai.read_run(sent)
    elif "traceloop.entity.name" in sent or record.name.endswith(ENDING):
        added = openllmetry.read(record)
    elif sent.get("mcp.method.name") == mcp_listing.METHOD:
        added = mcp_listing.read(sent)
    elif "prompt.id" in sent or "tool_parameters" in sent:
        added = claude_code.read(sent)
    else:
        return record
    if not added:
        return record
    kept = {name: value for name, value in sent.items() if name not in added}
    return _with(record, {**kept, **{name: value for name, value in added.items() if value is not None}})


def _with(record: RawRecord, attributes: dict[str, object]) -> RawRecord:
    return RawRecord(
        record.signal, attributes, record.resource, record.name, record.trace_id, record.span_id, record.parent_span_id,
        record.start_ns, record.end_ns, record.body, record.events, record.scope, record.status, record.severity,
    )  # fmt: skip
