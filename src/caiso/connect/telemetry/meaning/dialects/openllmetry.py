"""OpenLLMetry: the names of tools and agents, what a tool is given, and the listings of its instrumentation of MCP."""

from __future__ import annotations

from typing import Final

from caiso.connect.telemetry.meaning.dialects.shared import Added, mapped
from caiso.connect.telemetry.records import RawRecord

_INPUT: Final = "traceloop.entity.input"
_OUTPUT: Final = "traceloop.entity.output"


def read(record: RawRecord) -> Added:
    """What a span says."""
    sent = record.attributes
    if record.name.endswith(".mcp"):
        return _request(record.name.removesuffix(".mcp"), sent)
    kind, name = sent.get("traceloop.span.kind"), sent.get("traceloop.entity.name")
    if kind == "agent":
        return {} if "gen_ai.agent.name" in sent else {"gen_ai.agent.name": name}
    if kind != "tool":
        return {}
    added: Added = {} if "gen_ai.tool.name" in sent else {"gen_ai.tool.name": name}
    given = mapped(sent.get(_INPUT))
    inner = given.get("arguments") if "tool_name" in given else given.get("kwargs") if "args" in given else None
    if inner and not given.get("args"):
        added[_INPUT] = inner
    result = mapped(sent.get(_OUTPUT))
    if "result" in result and result.keys() <= {"result", "is_error", "meta"}:
        added[_OUTPUT] = result["result"]
    return added


def _request(method: str, sent: dict[str, object]) -> Added:
    """A request of MCP other than a call of a tool."""
    if "/" not in method and method != "initialize":
        return {}
    given, answer = mapped(sent.get(_INPUT)), mapped(sent.get(_OUTPUT))
    added: Added = {"mcp.method.name": sent.get("mcp.method.name") or method, _INPUT: None, _OUTPUT: None}
    tools = answer.get("tools")
    if isinstance(tools, list):
        added["gen_ai.tool.definitions"] = tools
    contents = answer.get("contents")
    if isinstance(contents, list):
        texts = [str(one["text"]) for one in contents if isinstance(one, dict) and one.get("text")]
        added["mcp.resource.content"] = "\n".join(texts) or None
    uri = mapped(given.get("params")).get("uri")
    if isinstance(uri, str):
        added["mcp.resource.uri"] = uri
    server = mapped(answer.get("serverInfo"))
    if isinstance(server.get("name"), str) and "mcp.server.name" not in sent:
        added["mcp.server.name"] = server["name"]
    return added
