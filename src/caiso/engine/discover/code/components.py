"""Indexes, memory, Model Context Protocol servers and clients, prompts and guardrails."""

from __future__ import annotations

from caiso.engine.discover.code.context import Context, Hit, lookup, pick
from caiso.engine.discover.code.expression import Expr, Items, Text
from caiso.engine.discover.code.links import edge, made
from caiso.engine.discover.code.tools import attach
from caiso.engine.discover.ids import engine_of, text_identity
from caiso.engine.discover.records import Observation

_LEAST_PROMPT = 20


def read_store(context: Context, hit: Hit) -> None:
    """An index: a client alone is weak evidence once a collection is named somewhere."""
    told = hit.symbol.text("engine")
    if told == "from-class":
        told = hit.path[-1] if hit.path[-1][:1].isupper() else hit.path[-2]
    engine, title = engine_of(told)
    collection = context.pick_text(hit, "collection")
    location = context.pick_text(hit, "location").split("?")[0].split("@")[-1]
    weak = int(hit.symbol.flag("client") or not (collection or location))
    where = collection or location or context.project_folder or "."
    group = f"vector_store:{engine}"
    observation = context.add(
        "vector_store",
        title,
        f"vector_store:{engine}:{where}",
        hit.call.line,
        rule="index opened or built",
        detail=".".join(hit.path[-2:]),
        attributes={"engine": engine, "collections": [collection] if collection else [], "location": location},
        group=group,
        weak=weak,
    )
    if hit.symbol.flag("fallback"):
        context.findings.sightings[-1].group = "vector_store:*"
    made(context, hit, observation)
    edge(context, observation, "embedded_with", context.pick(hit, "embedding"))


def read_memory(context: Context, hit: Hit) -> None:
    name = hit.path[-1] if hit.path[-1][:1].isupper() else hit.path[-2]
    observation = context.add(
        "memory",
        name,
        f"memory:{context.place(context.qualified(hit.call, name))}",
        hit.call.line,
        rule="memory class",
        attributes={"class": name, "framework": hit.package.title},
    )
    made(context, hit, observation)


def read_server(context: Context, hit: Hit) -> None:
    name = context.pick_text(hit, "name") or hit.call.target or hit.path[-1]
    observation = context.add(
        "mcp_server",
        name,
        f"mcp_server:{context.place(name)}",
        hit.call.line,
        rule="MCP server constructed",
        detail=".".join(hit.path[-2:]),
        attributes={"language": "python" if context.module.language == "python" else "typescript"},
    )
    made(context, hit, observation)
    edge(context, observation, "provides_tool", context.pick(hit, "tools"), ("tool:",))


def read_mcp_client(context: Context, hit: Hit) -> None:
    """All client parts of one file are one client: transport, session and parameters belong together."""
    stem = context.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    folder = context.path.rpartition("/")[0].rpartition("/")[2]
    named = context.pick_text(hit, "name") if hit.path[-1] == "Client" else ""
    observation = context.add(
        "mcp_client",
        named or (f"{folder}/{stem}" if folder else stem),
        f"mcp_client:{context.path}",
        hit.call.line,
        rule="MCP client constructed",
        detail=".".join(hit.path[-2:]),
        attributes={
            "language": "python" if context.module.language == "python" else "typescript",
            "transports": [hit.path[-1]],
        },
    )
    made(context, hit, observation)

    def targets() -> list[str]:
        return [
            item.identity
            for item in context.findings.in_file(context.path)
            if item.kind in ("hosted_model", "model") and item.status is context.status
        ]

    context.findings.edge(observation, "uses_model", targets)


def read_prompt(context: Context, hit: Hit) -> None:
    if hit.symbol.text("attach"):
        name = context.pick_text(hit, "name")
        if name:
            prompt = context.add(
                "prompt", name, f"prompt:{context.place(name)}", hit.call.line, rule="prompt of a server"
            )
            attach(context, hit, made(context, hit, prompt))
        return
    hub = context.pick(hit, "hub")
    if hub is not None:
        for text in context.resolver.texts(hub):
            made(
                context,
                hit,
                context.add("prompt", text.value, f"prompt:hub:{text.value}", hit.call.line, rule="prompt from a hub"),
            )
        return
    value = context.pick(hit, "text")
    joined = "\n".join(text.value for text in _prompt_texts(context, value))
    if len(joined) < _LEAST_PROMPT:
        return
    name = hit.call.target or context.qualified(hit.call, hit.path[-1]).split(".")[-1]
    made(context, hit, _add_prompt(context, name, joined, hit.call.line, "prompt template"))


def _prompt_texts(context: Context, value: Expr | None, steps: int = 4) -> list[Text]:
    if value is None or steps == 0:
        return []
    found = [text for text in context.resolver.texts(value) if len(text.value) > 8]
    for item in context.resolver.values(value):
        if isinstance(item, Items):
            found.extend(text for part in item.items for text in _prompt_texts(context, part, steps - 1))
    return found


def _add_prompt(context: Context, name: str, text: str, line: int, rule: str) -> Observation:
    return context.add(
        "prompt",
        name,
        text_identity("prompt", text),
        line,
        rule=rule,
        confidence=0.8,
        attributes={"length": len(text)},
    )


def agent_prompt(context: Context, value: Expr, owner: str, agent: Observation) -> None:
    texts = [text for text in context.resolver.texts(value) if len(text.value) >= _LEAST_PROMPT]
    for text in texts[:3]:
        prompt = _add_prompt(context, f"{owner} instructions", text.value, value.line, "instructions of an agent")
        context.findings.edge(agent, "instructed_by", lambda found=prompt.identity: [found])  # type: ignore[misc]


def read_messages(context: Context) -> None:
    """System messages and system arguments with a constant text."""
    for hit in context.hits:
        if hit.symbol.kind not in ("hosted_model", "model"):
            continue
        value = pick(hit.call, ("system", "system_instruction", "systemInstruction", "system_prompt"))
        for text in context.resolver.texts(value)[:2] if value is not None else []:
            if len(text.value) >= _LEAST_PROMPT:
                _add_prompt(context, "system prompt", text.value, hit.call.line, "system argument")
    for mapping in context.module.mappings:
        role, content = lookup(mapping, "role"), lookup(mapping, "content")
        if isinstance(role, Text) and role.value in ("system", "developer") and content is not None:
            for text in context.resolver.texts(content)[:2]:
                if len(text.value) >= _LEAST_PROMPT:
                    _add_prompt(context, "system prompt", text.value, mapping.line, "system message")


def read_guardrail(context: Context, hit: Hit) -> None:
    name = hit.path[-1] if hit.path[-1][:1].isupper() or len(hit.path) < 2 else hit.path[-2]
    identity = f"guardrail:{context.place(context.qualified(hit.call, name))}"
    made(
        context,
        hit,
        context.add(
            "guardrail", name, identity, hit.call.line, rule="guardrail constructed", attributes={"class": name}
        ),
    )
