"""Tools: constructed, decorated, listed for an agent, or described for function calling."""

from __future__ import annotations

from caiso.engine.discover.code.context import Context, Hit, pick
from caiso.engine.discover.code.expression import Attribute, Call, Choice, Expr, Function, Items, Mapping, Name, Text
from caiso.engine.discover.code.links import made
from caiso.engine.discover.collect import observe
from caiso.engine.discover.files import status_of
from caiso.engine.discover.ids import place
from caiso.engine.discover.records import Evidence, Observation


def read_tool(context: Context, hit: Hit) -> None:
    registered = hit.symbol.text("attach")
    if hit.symbol.flag("decorator") and not hit.call.args and not hit.call.keywords and not registered:
        return
    name = context.pick_text(hit, "name") or _metadata_name(context, hit)
    function = context.pick(hit, "function")
    if not name and hit.symbol.flag("prebuilt"):
        name = hit.path[-1] if hit.path[-1][:1].isupper() else hit.path[-2]
    if not name and isinstance(function, Name | Attribute) and context.resolver.definition(function) is not None:
        name = function.name
    if not name and registered == "tool" and hit.call.args and isinstance(hit.call.args[0], Name):
        add_function_tool(context, hit.call.args[0])
        return
    name = name or hit.call.target
    if not name or not _toollike(name):
        return
    observation = add_tool(context, name, hit.call.line, hit)
    if hit.symbol.flag("prebuilt"):
        # A tool of a library is one thing wherever it is used.
        observation.identity = f"tool:{hit.package.title}:{name}"
    made(context, hit, observation)
    attach(context, hit, observation)
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


def attach(context: Context, hit: Hit, tool: Observation) -> None:
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


def tool_list(context: Context, value: Expr | None) -> None:
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
