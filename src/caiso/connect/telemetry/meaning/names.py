"""Which attribute names mean what: older names and their successors, content carriers, and names a sender may not set."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from caiso.engine.detect.schema import FIELDS, TEXT_FIELDS, FieldType


class Meaning(IntEnum):
    """What the normaliser does with an attribute."""

    PLAIN = 0
    RENAMED = 1
    CONTENT = 2  # text by people or models: goes to the content store
    NUMBERED = 3  # one attribute per message field
    RESERVED = 4  # only the normaliser sets it
    INTEGER = 5
    NUMBER = 6
    BOOLEAN = 7


RENAMES: Final = {
    # OpenTelemetry before 1.36
    "gen_ai.system": "gen_ai.provider.name",
    "gen_ai.usage.prompt_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.completion_tokens": "gen_ai.usage.output_tokens",
    "gen_ai.openai.request.seed": "gen_ai.request.seed",
    "gen_ai.usage.cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.session.id": "gen_ai.conversation.id",
    "deployment.environment": "deployment.environment.name",
    "enduser.id": "user.id",
    "http.client_ip": "client.address",
    "http.user_agent": "user_agent.original",
    "http.status_code": "http.response.status_code",
    "http.method": "http.request.method",
    "http.url": "url.full",
    "http.host": "server.address",
    "net.peer.name": "server.address",
    "http.response_content_length": "http.response.body.size",
    "mcp.tool.name": "gen_ai.tool.name",
    "mcp.request.id": "jsonrpc.request.id",
    # scores of model servers
    "input.ood_score": "ood.score",
    "input.ood.score": "ood.score",
    "output.ood_score": "ood.score",
    "ood_score": "ood.score",
    "input.anomaly_score": "ood.score",
    "input.novelty_score": "ood.score",
    "output.probability": "output.score",
    "output.class": "output.label",
    "output.prediction": "output.label",
    "poison_score": "poison.score",
    # OpenInference
    "llm.model_name": "gen_ai.request.model",
    "llm.provider": "gen_ai.provider.name",
    "llm.system": "gen_ai.provider.name",
    "llm.token_count.prompt": "gen_ai.usage.input_tokens",
    "llm.token_count.completion": "gen_ai.usage.output_tokens",
    "llm.token_count.prompt_details.cache_read": "gen_ai.usage.cache_read.input_tokens",
    "llm.token_count.completion_details.reasoning": "gen_ai.usage.reasoning.output_tokens",
    "embedding.model_name": "gen_ai.request.model",
    "session.id": "gen_ai.conversation.id",
    "agent.name": "gen_ai.agent.name",
    "tool.name": "gen_ai.tool.name",
    "tool.description": "gen_ai.tool.description",
    "tool_call.function.name": "gen_ai.tool.name",
    "tool_call.id": "gen_ai.tool.call.id",
    # OpenLLMetry
    "llm.request.type": "gen_ai.operation.name",
    "llm.request.model": "gen_ai.request.model",
    "llm.response.model": "gen_ai.response.model",
    "traceloop.association.properties.session_id": "gen_ai.conversation.id",
    "traceloop.association.properties.user_id": "user.id",
}  # fmt: skip

_CARRIERS: Final = frozenset(
    {
        *TEXT_FIELDS,
        "content.reasoning",
        "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt",
        "gen_ai.completion", "gen_ai.retrieval.documents", "gen_ai.memory.records", "gen_ai.memory.query.text",
        "gen_ai.event.content", "gen_ai.tool.parameters", "gen_ai.tool.message", "mcp.tool.arguments",
        "mcp.tool.result", "mcp.resource.content", "messages", "body", "input.value", "output.value", "llm.prompts",
        "llm.completions", "llm.tools", "tool.parameters", "tool_call.function.arguments",
        "llm.prompt_template.template", "llm.prompt_template.variables", "traceloop.entity.input",
        "traceloop.entity.output", "exception.message", "exception.stacktrace", "gen_ai.evaluation.explanation",
        "gen_ai.agent.description", "gen_ai.tool.description", "db.query.text", "db.statement",
    }
)  # fmt: skip

# Text that rules know as metadata is kept in the event; it never quotes a conversation at length.
_KEPT: Final = frozenset({"gen_ai.evaluation.explanation", "gen_ai.agent.description", "gen_ai.tool.description"})

_PREFIXES: Final = (
    "llm.input_messages.", "llm.output_messages.", "gen_ai.prompt.", "gen_ai.completion.", "retrieval.documents.",
    "embedding.embeddings.", "llm.tools.", "reranker.input_documents.", "reranker.output_documents.", "llm.prompts.",
    "llm.completions.",
)  # fmt: skip
_NOT_NUMBERED: Final = ("gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.prompt.variable.")

_RESERVED: Final = frozenset(
    {
        "event.id", "time", "observed_time", "ingest_time", "schema.version", "trace_id", "span_id", "parent_span_id",
        "time.marked", "time.sent", "content.ref", "content.missing", "content.redacted", "source.id", "duration_us", "status",
        "content.revealed", "content.system_leak", "content.disguised_links", "content.images_named", "content.images_carrying", "content.addresses_completed", "content.addresses_imitating",
        "content.copied_untrusted", "content.personal_records", "content.people_listed",
        "content.withheld_told", "content.cap_exceeded", "content.spelt_out", "content.foreign_documents",
        "gen_ai.output.citations.unresolved", "aisoc.egress.planted", "aisoc.package.doubt", "config.effect",
        "aisoc.flow.destination", "aisoc.flow.carries", "aisoc.flow.stored", "aisoc.flow.history", "aisoc.flow.asked", "aisoc.flow.crossed", "aisoc.tool.redefined", "aisoc.tool.orders", "aisoc.flow.people", "aisoc.flow.portal", "aisoc.server.listed", "aisoc.flow.mandate",
    }
)  # fmt: skip

_TYPES: Final = {FieldType.INT: Meaning.INTEGER, FieldType.FLOAT: Meaning.NUMBER, FieldType.BOOL: Meaning.BOOLEAN}
_CACHE_LIMIT: Final = 8192
_KEY_CHARS: Final = 256
known_meanings: dict[str, Meaning] = {}  # filled below with every name that we know, then with those that come


def meaning_of(key: str) -> Meaning:
    """Return what a name means; the answers are kept, because the same few names come with every record."""
    found = known_meanings.get(key)
    if found is None:
        found = _classify(key)
        if len(known_meanings) < _CACHE_LIMIT and 0 < len(key) <= _KEY_CHARS:  # what is known is taken to be in bounds
            known_meanings[key] = found
    return found


def _classify(key: str) -> Meaning:
    if key in _RESERVED:
        return Meaning.RESERVED
    if key in RENAMES:
        return Meaning.RENAMED
    if key in _CARRIERS and key not in _KEPT:
        return Meaning.CONTENT
    if key.startswith(_PREFIXES) and not key.startswith(_NOT_NUMBERED):
        return Meaning.NUMBERED
    return _TYPES.get(FIELDS.get(key, FieldType.KEYWORD), Meaning.PLAIN)


for _name in (*FIELDS, *RENAMES, *_CARRIERS, *_RESERVED):
    meaning_of(_name)
