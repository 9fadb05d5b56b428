"""Agents, tools, Model Context Protocol parts, indexes, memory, chains, prompts and guardrails."""

from __future__ import annotations

from caiso.engine.discover.code.context import Context, Hit, lookup, pick
from caiso.engine.discover.code.expression import (
    Attribute,
    Call,
    Choice,
    Expr,
    Function,
    Items,
    Mapping,
    Name,
    Text,
)
from caiso.engine.discover.code.models import add_models
from caiso.engine.discover.collect import observe
from caiso.engine.discover.files import status_of
from caiso.engine.discover.ids import engine_of, place, plausible_model, text_identity
from caiso.engine.discover.records import Evidence, Observation

_LEAST_PROMPT = 20


def _made(context: Context, hit: Hit, observation: Observation) -> Observation:
    hit.identity = observation.identity
    context.findings.expressions[id(hit.call)] = observation.identity
    return observation


def _edge(context: Context, source: Observation, kind: str, value: Expr | None, kinds: tuple[str, ...] = ()) -> None:
    if value is None:
        return

    def targets() -> list[str]:
        return [item for item in context.identities(value) if not kinds or item.startswith(kinds)]

    context.findings.edge(source, kind, targets)


# indexes and memory


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
    _made(context, hit, observation)
    _edge(context, observation, "embedded_with", context.pick(hit, "embedding"))


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
    _made(context, hit, observation)


# agents and chains


def read_agent(context: Context, hit: Hit) -> None:
    wrapped = context.pick(hit, "wraps")
    if wrapped is not None:
        known = [item for item in context.identities(wrapped) if item.startswith("agent:")]
        if known:
            context.findings.expressions[id(hit.call)] = known[0]
            return
    config = _crew_entry(context, hit)
    label = config[1] if config else _agent_name(context, hit)
    identity = f"agent:{place(*config)}" if config else f"agent:{context.place(_agent_symbol(context, hit, label))}"
    observation = context.add(
        "agent",
        label,
        identity,
        hit.call.line,
        rule="agent constructed",
        detail=".".join(hit.path[-2:]),
        attributes={"framework": hit.package.title},
    )
    _made(context, hit, observation)
    model = context.pick(hit, "model")
    if model is not None:
        _agent_models(context, hit, model, observation)
    _tool_list(context, context.pick(hit, "tools"))
    _edge(context, observation, "calls_tool", context.pick(hit, "tools"), ("tool:",))
    _edge(context, observation, "hands_off_to", context.pick(hit, "tools"), ("agent:",))
    _edge(context, observation, "hands_off_to", context.pick(hit, "handoffs"), ("agent:",))
    _edge(context, observation, "connects_to", context.pick(hit, "mcp"), ("mcp",))
    _edge(context, observation, "guarded_by", context.pick(hit, "guardrails"), ("guardrail:",))
    _edge(context, observation, "remembers_in", context.pick(hit, "memory"), ("memory:",))
    prompt = context.pick(hit, "prompt")
    if prompt is not None:
        _agent_prompt(context, prompt, label, observation)


def _agent_models(context: Context, hit: Hit, model: Expr, observation: Observation) -> None:
    inner = Hit(hit.call, hit.symbol, hit.package, hit.path)
    for value in context.resolver.values(model):
        for text in _model_texts(value):
            if plausible_model(text.value):
                add_models(context, inner, text, kind="hosted_model")
                if inner.identity:
                    context.findings.expressions[id(text)] = inner.identity
                    _edge(context, observation, "uses_model", text)
    # The call itself stands for the agent, not for the model named inside it.
    context.findings.expressions[id(hit.call)] = observation.identity
    _edge(context, observation, "uses_model", model)


def _model_texts(value: Expr) -> list[Text]:
    """Model ids inside a configuration: {"config_list": [{"model": "…"}]}."""
    if isinstance(value, Text):
        return [value]
    if isinstance(value, Mapping):
        found = [text for key, item in value.pairs if key == "config_list" for text in _model_texts(item)]
        model = lookup(value, "model")
        return [*found, *([model] if isinstance(model, Text) else [])]
    if isinstance(value, Items):
        return [text for item in value.items for text in _model_texts(item)]
    return []


def _agent_name(context: Context, hit: Hit) -> str:
    for text in context.resolver.texts(value) if (value := context.pick(hit, "name")) is not None else []:
        if text.value.strip():
            return " ".join(text.value.split())[:120]
    own = hit.call.target
    if own and own not in ("return", "agent", "default", "_agent"):
        return own
    around = context.qualified(hit.call, hit.path[-1]).split(".")
    return around[-2] if len(around) > 1 and around[-2] not in ("__init__", "constructor") else around[-1]


def _agent_symbol(context: Context, hit: Hit, label: str) -> str:
    own = context.qualified(hit.call, hit.path[-1])
    return own if hit.call.target or not label else f"{own}.{label}"


def _crew_entry(context: Context, hit: Hit) -> tuple[str, str] | None:
    """CrewAI: Agent(config=self.agents_config["researcher"]) is described in config/agents.yaml."""
    config = hit.call.keywords.get("config")
    key = getattr(config, "key", None)
    if not isinstance(key, Text):
        return None
    folder = context.path.rpartition("/")[0]
    path = f"{folder}/config/agents.yaml".lstrip("/")
    return (path, key.value) if path in context.resolver.project.paths else None


def read_handoffs(context: Context) -> None:
    """`triage.handoffs.append(refunds)` and `triage.handoffs = [refunds]`."""
    pairs: list[tuple[Expr, Expr]] = []
    for call in context.module.calls:
        inner = call.callee.base if isinstance(call.callee, Attribute) else None
        if isinstance(inner, Attribute) and inner.name == "handoffs" and call.args:
            pairs.append((inner.base, call.args[0]))
    for label, values in context.module.scope.names.items():
        if label.endswith(".handoffs"):
            name = Name(0, label.removesuffix(".handoffs"), context.module.scope)
            pairs.extend((name, value) for value in values)
    known = {item.identity: item for item in context.findings.in_file(context.path)}
    for owner, value in pairs:
        for identity in context.identities(owner)[:1]:
            if identity in known and identity.startswith("agent:"):
                _edge(context, known[identity], "hands_off_to", value, ("agent:",))


def _compiled(context: Context, hit: Hit) -> tuple[str, str]:
    """The variable and the name that a graph is given when it is compiled."""
    for call in context.module.calls:
        if getattr(call.callee, "name", "") != "compile" or not isinstance(call.callee, Attribute):
            continue
        base: Expr = call.callee.base
        while isinstance(base, Call) and isinstance(base.callee, Attribute):
            base = base.callee.base
        if base is hit.call or any(value is hit.call for value in context.resolver.values(base, 3)):
            context.findings.expressions[id(call)] = "pending"
            texts = context.resolver.texts(call.keywords["name"]) if "name" in call.keywords else []
            symbol = context.qualified(call, hit.call.target or "graph")
            return symbol, texts[0].value if texts else ""
    return "", ""


def read_graph(context: Context, hit: Hit) -> None:
    """A state graph is an agent when a model in its module may call tools, else a pipeline."""
    names = {name for name in context.module.uses if name in ("ToolNode", "tools_condition", "bind_tools")}
    calls = {getattr(call.callee, "name", "") for call in context.module.calls}
    agentic = bool(names or calls & {"bind_tools", "bindTools"})
    kind = "agent" if agentic else "pipeline"
    symbol, named = _compiled(context, hit)
    symbol = symbol or context.qualified(hit.call, "graph")
    label = named or context.pick_text(hit, "name") or symbol.split(".")[-1]
    observation = context.add(
        kind,
        label,
        f"{kind}:{context.place(symbol)}",
        hit.call.line,
        rule="state graph",
        detail=".".join(hit.path[-1:]),
        attributes={"framework": hit.package.title, "pipeline_kind": "state graph"},
    )
    _made(context, hit, observation)
    for key, value in context.findings.expressions.items():
        if value == "pending":
            context.findings.expressions[key] = observation.identity
    for call in context.module.calls:
        if getattr(call.callee, "name", "") in ("bind_tools", "bindTools") or (
            isinstance(call.callee, Name) and call.callee.name == "ToolNode"
        ):
            _tool_list(context, call.args[0] if call.args else None)
            _edge(context, observation, "calls_tool", call.args[0] if call.args else None, ("tool:",))
            _edge(context, observation, "uses_model", getattr(call.callee, "base", None))


def read_pipeline(context: Context, hit: Hit) -> None:
    name = hit.path[-1] if hit.path[-1][:1].isupper() or len(hit.path) < 2 else hit.path[-2]
    if not name[:1].isupper():
        name = hit.path[-1]
    role = hit.symbol.role or "chain"
    symbol = context.qualified(hit.call, name)
    observation = context.add(
        "pipeline",
        context.pick_text(hit, "name") or name,
        f"pipeline:{context.place(name if role == 'training' else symbol)}",
        hit.call.line,
        rule="chain or training built",
        detail=".".join(hit.path[-2:]),
        attributes={"class": name, "framework": hit.package.title, "pipeline_kind": role},
    )
    _made(context, hit, observation)
    _edge(context, observation, "uses_model", context.pick(hit, "model"))
    _edge(context, observation, "retrieves_from", context.pick(hit, "retriever"), ("vector_store:",))
    _edge(context, observation, "remembers_in", context.pick(hit, "memory"), ("memory:",))
    _edge(context, observation, "runs", context.pick(hit, "agents"), ("agent:",))
    _edge(context, observation, "runs", context.pick(hit, "combine"), ("pipeline:",))


def _is_model(identity: str) -> bool:
    """Models are named provider/model or by package URL; every other identity starts with its kind."""
    head = identity.split("/", 1)[0]
    return "/" in identity and (":" not in head or identity.startswith("pkg:huggingface/"))


def read_pipes(context: Context) -> None:
    """A chain written with | that retrieves from an index."""
    for pipe in context.module.pipes:
        parts = context.identities(pipe)
        if not pipe.target or not any(item.startswith("vector_store:") for item in parts):
            continue
        # Without a model it only fetches; with a chain inside it is that chain.
        if any(item.startswith("pipeline:") for item in parts) or not any(_is_model(item) for item in parts):
            continue
        observation = context.add(
            "pipeline",
            pipe.target,
            f"pipeline:{context.place(pipe.target)}",
            pipe.line,
            rule="chain of components with retrieval",
            confidence=0.75,
            attributes={"pipeline_kind": "retrieval chain"},
        )
        _edge(context, observation, "retrieves_from", pipe, ("vector_store:",))
        found = [item for item in parts if _is_model(item)]
        context.findings.edge(observation, "uses_model", lambda found=found: found)  # type: ignore[misc]


# tools


def read_tool(context: Context, hit: Hit) -> None:
    attach = hit.symbol.text("attach")
    if hit.symbol.flag("decorator") and not hit.call.args and not hit.call.keywords and not attach:
        return
    name = context.pick_text(hit, "name") or _metadata_name(context, hit)
    function = context.pick(hit, "function")
    if not name and hit.symbol.flag("prebuilt"):
        name = hit.path[-1] if hit.path[-1][:1].isupper() else hit.path[-2]
    if not name and isinstance(function, Name | Attribute) and context.resolver.definition(function) is not None:
        name = function.name
    if not name and attach == "tool" and hit.call.args and isinstance(hit.call.args[0], Name):
        add_function_tool(context, hit.call.args[0])
        return
    name = name or hit.call.target
    if not name or not _toollike(name):
        return
    observation = add_tool(context, name, hit.call.line, hit)
    if hit.symbol.flag("prebuilt"):
        # A tool of a library is one thing wherever it is used.
        observation.identity = f"tool:{hit.package.title}:{name}"
    _made(context, hit, observation)
    _attach(context, hit, observation)
    if isinstance(function, Name | Attribute):
        definition = context.resolver.definition(function)
        if definition is not None:
            context.findings.functions.setdefault((definition[0].path, definition[1].name), observation.identity)


def _metadata_name(context: Context, hit: Hit) -> str:
    """LlamaIndex: metadata=ToolMetadata(name="…")."""
    metadata = hit.call.keywords.get("metadata")
    value = metadata.keywords.get("name") if isinstance(metadata, Call) else None
    texts = context.resolver.texts(value) if value is not None else []
    return texts[0].value if texts else ""


def _toollike(name: str) -> bool:
    return 0 < len(name) <= 100 and not any(mark in name for mark in "{}<>\n")


def add_tool(context: Context, name: str, line: int, hit: Hit | None, *, rule: str = "tool declared") -> Observation:
    return context.add(
        "tool",
        name,
        f"tool:{context.place(name)}",
        line,
        rule=rule,
        detail=".".join(hit.path[-2:]) if hit is not None else "",
        attributes={"framework": hit.package.title} if hit is not None else None,
    )


def _attach(context: Context, hit: Hit, tool: Observation) -> None:
    """A tool registered on a server or agent object belongs to it."""
    kind = hit.symbol.text("attach")
    if not kind or not isinstance(hit.call.callee, Attribute):
        return
    base = hit.call.callee.base
    attach_to(context, base, tool)


def attach_to(context: Context, base: Expr, tool: Observation) -> None:
    """Give the owner of a registered tool an edge to it once the owner is known."""
    servers = [item for item in context.findings.in_file(context.path) if item.kind in ("mcp_server", "agent")]
    tool.attributes.setdefault("registered_on", getattr(base, "name", ""))

    def targets() -> list[str]:
        known = [item for item in context.identities(base) if item.startswith(("mcp_server:", "agent:"))]
        if not known and len({item.identity for item in servers}) == 1:
            known = [servers[0].identity]
        return known or _only_server(context)

    context.findings.edge(tool, "part_of", targets)


def _only_server(context: Context) -> list[str]:
    """The server of the sub-project, where there is but one: tools are often registered from files of their own."""
    folder = f"{context.project_folder}/" if context.project_folder else ""
    found = {
        item.identity
        for item in context.findings.servers
        if item.status is context.status
        and item.evidence.path.startswith(folder)
        and not item.attributes.get("configured")
    }
    return list(found) if len(found) == 1 else []


def read_decorators(context: Context) -> None:
    """Functions and methods that a decorator turns into tools, prompts or guardrails."""
    for functions in context.module.functions.values():
        for function in functions:
            for decorator in function.decorators:
                _decorated(context, function, decorator)


def _decorated(context: Context, function: Function, decorator: Expr) -> None:
    call = decorator if isinstance(decorator, Call) else Call(decorator.line, decorator, [], {}, function.outer)
    hit = context.explain(call)
    if hit is None or not (hit.symbol.flag("decorator") or hit.symbol.kind in ("tool", "guardrail")):
        return
    given = [value for value in hit.symbol.argument("name") if isinstance(value, int) or value in call.keywords]
    value = pick(call, tuple(given))
    texts = context.resolver.texts(value) if value is not None else []
    name = texts[0].value if texts else function.name
    kind = hit.symbol.kind
    observation = context.add(
        kind,
        name,
        f"{kind}:{context.place(name)}",
        function.line,
        rule="function made a " + kind + " by its decorator",
        detail=".".join(hit.path[-2:]),
        attributes={"framework": hit.package.title, "description": function.doc.split("\n")[0][:200]},
    )
    context.findings.functions[context.path, function.name] = observation.identity
    context.findings.expressions[id(decorator)] = observation.identity
    base = call.callee.base if isinstance(call.callee, Attribute) else None
    if hit.symbol.text("attach") and base is not None:
        attach_to(context, base, observation)


def _tool_list(context: Context, value: Expr | None) -> None:
    """Plain functions in a list of tools are tools."""
    for item in context.resolver.values(value) if value is not None else []:
        for part in _flat(item):
            if isinstance(part, Name | Attribute):
                add_function_tool(context, part)


def _flat(expr: Expr, steps: int = 4) -> list[Expr]:
    if steps and isinstance(expr, Items):
        return [part for item in expr.items for part in _flat(item, steps - 1)]
    if steps and isinstance(expr, Choice):
        return [part for item in expr.options for part in _flat(item, steps - 1)]
    if steps and isinstance(expr, Mapping):
        return [part for _, item in expr.pairs for part in _flat(item, steps - 1)]
    return [expr]


def add_function_tool(context: Context, value: Name | Attribute) -> None:
    definition = context.resolver.definition(value)
    if definition is None:
        return
    module, function = definition
    if (module.path, function.name) in context.findings.functions or function.decorators:
        return
    identity = f"tool:{place(module.path, function.name)}"
    context.findings.functions[module.path, function.name] = identity
    evidence = Evidence(module.path, function.line, "function given to an agent", "syntax tree", 0.85)
    attributes: dict[str, object] = {"description": function.doc.split("\n")[0][:200]}
    status = status_of(module.path)
    context.findings.add(observe("tool", function.name, identity, evidence, status=status, attributes=attributes))


def read_schemas(context: Context) -> None:
    """Tools described as data for function calling: a name beside a parameter schema."""
    for mapping in context.module.mappings:
        keys = dict(mapping.pairs)
        inner = keys.get("function")
        if isinstance(inner, Mapping) and isinstance(keys.get("type"), Text):
            continue
        name = keys.get("name")
        schema = next((keys[key] for key in ("parameters", "input_schema", "inputSchema") if key in keys), None)
        if not isinstance(name, Text) or "description" not in keys or not isinstance(schema, Mapping | Name | Call):
            continue
        if isinstance(schema, Mapping) and not {key for key, _ in schema.pairs} & {"type", "properties", "$ref"}:
            continue
        if _toollike(name.value):
            tool = add_tool(context, name.value, name.line, None, rule="tool described for function calling")
            context.findings.expressions.setdefault(id(mapping), tool.identity)
            attach_to(context, Expr(0), tool)


# Model Context Protocol


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
    _made(context, hit, observation)
    _edge(context, observation, "provides_tool", context.pick(hit, "tools"), ("tool:",))


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
    _made(context, hit, observation)

    def targets() -> list[str]:
        return [
            item.identity
            for item in context.findings.in_file(context.path)
            if item.kind in ("hosted_model", "model") and item.status is context.status
        ]

    context.findings.edge(observation, "uses_model", targets)


# prompts and guardrails


def read_prompt(context: Context, hit: Hit) -> None:
    if hit.symbol.text("attach"):
        name = context.pick_text(hit, "name")
        if name:
            made = context.add(
                "prompt", name, f"prompt:{context.place(name)}", hit.call.line, rule="prompt of a server"
            )
            _attach(context, hit, _made(context, hit, made))
        return
    hub = context.pick(hit, "hub")
    if hub is not None:
        for text in context.resolver.texts(hub):
            _made(
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
    _made(context, hit, _add_prompt(context, name, joined, hit.call.line, "prompt template"))


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


def _agent_prompt(context: Context, value: Expr, owner: str, agent: Observation) -> None:
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
    _made(
        context,
        hit,
        context.add(
            "guardrail", name, identity, hit.call.line, rule="guardrail constructed", attributes={"class": name}
        ),
    )
