"""Agents, graphs, crews, chains and training runs, with what they use."""

from __future__ import annotations

from caiso.engine.discover.code.components import agent_prompt
from caiso.engine.discover.code.context import Context, Hit, lookup
from caiso.engine.discover.code.expression import Attribute, Call, Expr, Items, Mapping, Name, Text
from caiso.engine.discover.code.links import edge, made
from caiso.engine.discover.code.models import add_models
from caiso.engine.discover.code.tools import tool_list
from caiso.engine.discover.ids import place, plausible_model
from caiso.engine.discover.records import Observation


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
    made(context, hit, observation)
    model = context.pick(hit, "model")
    if model is not None:
        _agent_models(context, hit, model, observation)
    tool_list(context, context.pick(hit, "tools"))
    edge(context, observation, "calls_tool", context.pick(hit, "tools"), ("tool:",))
    edge(context, observation, "hands_off_to", context.pick(hit, "tools"), ("agent:",))
    edge(context, observation, "hands_off_to", context.pick(hit, "handoffs"), ("agent:",))
    edge(context, observation, "connects_to", context.pick(hit, "mcp"), ("mcp",))
    edge(context, observation, "guarded_by", context.pick(hit, "guardrails"), ("guardrail:",))
    edge(context, observation, "remembers_in", context.pick(hit, "memory"), ("memory:",))
    prompt = context.pick(hit, "prompt")
    if prompt is not None:
        agent_prompt(context, prompt, label, observation)


def _agent_models(context: Context, hit: Hit, model: Expr, observation: Observation) -> None:
    inner = Hit(hit.call, hit.symbol, hit.package, hit.path)
    for value in context.resolver.values(model):
        for text in _model_texts(value):
            if plausible_model(text.value):
                add_models(context, inner, text, kind="hosted_model")
                if inner.identity:
                    context.findings.expressions[id(text)] = inner.identity
                    edge(context, observation, "uses_model", text)
    # The call itself stands for the agent, not for the model named inside it.
    context.findings.expressions[id(hit.call)] = observation.identity
    edge(context, observation, "uses_model", model)


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
                edge(context, known[identity], "hands_off_to", value, ("agent:",))


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
    made(context, hit, observation)
    for key, value in context.findings.expressions.items():
        if value == "pending":
            context.findings.expressions[key] = observation.identity
    for call in context.module.calls:
        if getattr(call.callee, "name", "") in ("bind_tools", "bindTools") or (
            isinstance(call.callee, Name) and call.callee.name == "ToolNode"
        ):
            tool_list(context, call.args[0] if call.args else None)
            edge(context, observation, "calls_tool", call.args[0] if call.args else None, ("tool:",))
            edge(context, observation, "uses_model", getattr(call.callee, "base", None))


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
    made(context, hit, observation)
    edge(context, observation, "uses_model", context.pick(hit, "model"))
    edge(context, observation, "retrieves_from", context.pick(hit, "retriever"), ("vector_store:",))
    edge(context, observation, "remembers_in", context.pick(hit, "memory"), ("memory:",))
    edge(context, observation, "runs", context.pick(hit, "agents"), ("agent:",))
    edge(context, observation, "runs", context.pick(hit, "combine"), ("pipeline:",))


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
        edge(context, observation, "retrieves_from", pipe, ("vector_store:",))
        found = [item for item in parts if _is_model(item)]
        context.findings.edge(observation, "uses_model", lambda found=found: found)  # type: ignore[misc]
