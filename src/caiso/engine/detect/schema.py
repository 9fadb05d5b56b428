"""The fields of a normalised event: their names, types, and which of them hold text that people or models wrote."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

SCHEMA_VERSION: Final = "1.0"


class FieldType(StrEnum):
    """How a field's value is compared; ``text`` is content, everything else is metadata."""

    TEXT = "text"
    KEYWORD = "keyword"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TIME = "time"  # int microseconds since the epoch, UTC


EVENT_KINDS: Final = (
    "inference", "agent", "tool", "mcp", "retrieval", "memory", "embedding", "guardrail",
    "ml_inference", "registry", "data_access", "training", "config", "authz", "evaluation", "health", "http", "api",
)  # fmt: skip

TOOL_IMPACTS: Final = ("read", "write", "egress", "exec", "admin")
TIME_MARKS: Final = ("", "late", "future")

SESSION_ALIAS: Final = "aisoc.session"
SESSION_SOURCES: Final = ("gen_ai.conversation.id", "mcp.session.id", "trace_id")

_TEXT: Final = (
    "content.system", "content.user", "content.history", "content.untrusted", "content.output",
    "content.tool_calls", "content.documents", "content.memory",
    "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.definitions",
    "gen_ai.retrieval.query.text", "process.command_line",
    "content.revealed",  # what the others hide: encodings undone, invisible characters shown
)  # fmt: skip

_KEYWORD: Final = (
    # envelope
    "event.id", "event.kind", "event.name", "source.id", "schema.version", "trace_id", "span_id", "parent_span_id",
    "service.name", "deployment.environment.name", "time.marked", "error.type",
    "content.redacted",
    # who
    "user.id", "api_key.id", "client.address", "user_agent.original", "client.geo.country_iso_code", "enduser.id",
    # OpenTelemetry GenAI
    "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model",
    "gen_ai.response.id", "gen_ai.response.finish_reasons", "gen_ai.request.stop_sequences", "gen_ai.output.type",
    "gen_ai.conversation.id", "gen_ai.agent.id", "gen_ai.agent.name", "gen_ai.agent.version", "gen_ai.workflow.name",
    "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.tool.call.id", "gen_ai.tool.description", "gen_ai.tool.version",
    "gen_ai.data_source.id", "gen_ai.retrieval.documents", "gen_ai.memory.store.id", "gen_ai.memory.record.id",
    "gen_ai.output.citations", "gen_ai.request.logit_bias", "server.address",
    # MCP
    "mcp.method.name", "mcp.session.id", "mcp.resource.uri", "mcp.protocol.version", "mcp.server.name",
    "jsonrpc.request.id",
    # aisoc overlay
    "aisoc.session", "aisoc.tool.impact", "aisoc.tool.definition_digest", "aisoc.egress.host", "aisoc.approval.id",
    "aisoc.sandbox", "aisoc.trigger", "aisoc.agent.instance_id", "aisoc.delegation.chain", "aisoc.content.trust",
    "guardrail.verdict", "guardrail.policy", "guardrail.action",
    # models, artefacts and data
    "model.id", "model.version", "model.digest", "input.features", "input.fingerprint", "output.label", "output_granularity", "segment",
    "action", "artifact.uri", "artifact.digest", "artifact.signature", "artifact.format", "artifact.globals", "artifact.doubt", "finding.verdict", "finding.source",
    "process.child", "registry.stage", "dataset.id", "dataset.version", "dataset.label_counts", "writer", "sample.id", "sample.label",
    "config.target", "config.old", "config.new", "config.effect", "peer", "key_thumbprint",
    "sample.source.id", "aisoc.package.doubt", "input.capture.device", "cloud.region",
    # facts that only the conversation shows; on the events that rules see, never in the store
    "aisoc.flow.destination", "aisoc.flow.carries", "aisoc.flow.stored", "aisoc.flow.history", "aisoc.flow.asked", "aisoc.flow.crossed", "aisoc.tool.redefined", "aisoc.tool.orders", "aisoc.flow.people", "aisoc.flow.portal",
    "aisoc.server.listed", "aisoc.flow.mandate",
    "gen_ai.evaluation.name", "gen_ai.evaluation.score.label", "gen_ai.evaluation.explanation",
    # what a call of a program, an address or a cloud's interface was
    "host.name", "process.executable.path", "process.parent", "http.request.method", "http.request.header.referer", "url.full", "url.path", "url.query",
    "url.extension", "dns.question.name", "dns.question.registered_domain", "api.operation", "api.service.name", "cloud.provider", "cloud.account.id",
)  # fmt: skip

_INT: Final = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.reasoning.output_tokens", "gen_ai.request.max_tokens",
    "gen_ai.request.choice.count", "gen_ai.request.seed", "gen_ai.request.top_logprobs", "rows", "bytes", "user.age_days",
    "http.response.status_code", "http.response.body.size", "duration_us", "gen_ai.embeddings.dimension.count",
    # facts that the normaliser reads from the content
    "content.system_leak", "content.disguised_links", "content.images_named", "content.images_carrying", "content.addresses_completed", "content.addresses_imitating", "content.copied_untrusted", "content.personal_records", "content.people_listed",
    "content.withheld_told", "content.cap_exceeded", "content.spelt_out", "content.foreign_documents",
    "gen_ai.output.citations.unresolved",
)  # fmt: skip

_FLOAT: Final = (
    "gen_ai.request.temperature", "gen_ai.request.top_p", "gen_ai.request.top_k",
    "gen_ai.response.time_to_first_chunk", "output.confidence", "output.score", "ood.score", "poison.score",
    "guardrail.score", "gen_ai.evaluation.score.value",
)  # fmt: skip

_BOOL: Final = (
    "content.missing",
    "gen_ai.request.stream",
    "logprobs_requested",
    "logit_bias_used",
    "user.verified",
    "input.capture.injected",
    "aisoc.egress.planted",
)
_TIME: Final = ("time", "observed_time", "ingest_time")

FIELDS: Final = MappingProxyType(
    {
        **dict.fromkeys(_TEXT, FieldType.TEXT),
        **dict.fromkeys(_KEYWORD, FieldType.KEYWORD),
        **dict.fromkeys(_INT, FieldType.INT),
        **dict.fromkeys(_FLOAT, FieldType.FLOAT),
        **dict.fromkeys(_BOOL, FieldType.BOOL),
        **dict.fromkeys(_TIME, FieldType.TIME),
    }
)

TEXT_FIELDS: Final = frozenset(_TEXT)


def is_content(field: str) -> bool:
    """True for text written by people, models or documents: never stored in Parquet, never shown in an alert."""
    return field in TEXT_FIELDS


def session_of(event: Mapping[str, object]) -> str:
    """The conversation an event belongs to, or else its MCP session, or else its trace; empty when it has none."""
    for name in (SESSION_ALIAS, *SESSION_SOURCES):
        value = event.get(name)
        if value:
            return str(value)
    return ""
