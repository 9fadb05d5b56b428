"""Runs every code rule over one module, in the order in which they build on each other."""

from __future__ import annotations

import re
from collections.abc import Callable

from caiso.engine.discover.code import agents, components, models, tools
from caiso.engine.discover.code.context import Context, Hit
from caiso.engine.discover.code.expression import Attribute, Call, Import, Name
from caiso.engine.discover.ids import (
    dataset_identity,
    dependency_group,
    framework_identity,
    hub_identity,
    is_path,
    package_identity,
    plausible_model,
)
from caiso.engine.discover.records import Status
from caiso.engine.discover.secrets import credential_name
from caiso.engine.discover.signatures import Package, Symbol, script_root

# First what others are made of, then what refers to them.
_PASSES: tuple[dict[str, Callable[[Context, Hit], None]], ...] = (
    {
        "client": models.read_client,
        "hosted_model": models.read_model,
        "model": models.read_model,
        "dataset": models.read_dataset,
        "memory": components.read_memory,
        "vector_store": components.read_store,
        "guardrail": components.read_guardrail,
        "mcp_server": components.read_server,
        "mcp_client": components.read_mcp_client,
    },
    {"tool": tools.read_tool, "prompt": components.read_prompt},
    {"agent": agents.read_agent, "graph": agents.read_graph},
    {"pipeline": agents.read_pipeline},
)
_FLAG = re.compile(
    r"--(model_name_or_path|model-name-or-path|model_name|model_id|model|dataset_name|dataset_id|dataset|base_model)[= ]+"
    r"[\"']?([\w.\-]+/[\w.\-]+)"
)
_QUOTED_ARGUMENT = re.compile(
    r"(?:(?P<key>repo_id|model_name|model_id|model_name_or_path|model|path)\s*[=:]\s*|(?P<call>from_pretrained|load_dataset)\(\s*)"
    r"[\"'](?P<id>[\w.\-/:@]+)[\"']"
)
_CODE = re.compile(r"[\w.]+\s*=\s*[\w.]+\(|\(\s*[\w]+\s*=|[\"']\s*[:,)]|\w+\([\"']|^\s*(import|from|return)\s")
_EXTRA_TOOL = Symbol("mcp", ("Tool",), "tool", "", "", {"name": ["name"]})


def read_module(context: Context) -> None:
    """Record everything that the code of one module shows."""
    read_imports(context)
    context.decorators = {
        id(item) for made in context.module.functions.values() for function in made for item in function.decorators
    }
    calls = [call for call in context.module.calls if id(call) not in context.decorators]
    context.hits = [hit for call in calls if (hit := _explained(context, call)) is not None]
    for handlers in _PASSES:
        for hit in context.hits:
            handler = handlers.get(hit.symbol.kind)
            if handler is not None:
                handler(context, hit)
        if "client" in handlers:
            tools.read_decorators(context)
    for hit in context.hits:
        if hit.symbol.kind in ("client", "hosted_model", "model"):
            models.read_endpoint(context, hit.call)
    tools.read_schemas(context)
    _read_subclassed_tools(context)
    agents.read_handoffs(context)
    agents.read_pipes(context)
    components.read_messages(context)
    models.read_named_constants(context)
    read_texts(context)
    read_settings(context)
    read_dead_text(context)


def _explained(context: Context, call: Call) -> Hit | None:
    hit = context.explain(call)
    if hit is not None and hit.package.family == "boto3":
        return hit
    if (
        hit is None
        and getattr(call.callee, "name", "") == "Tool"
        and call.keywords.keys() & {"inputSchema", "input_schema"}
    ):
        package = context.package(context.resolver.origin(call.callee))
        if package is not None and package.family == "mcp":
            return Hit(call, _EXTRA_TOOL, package, ["mcp", "Tool"])
    return hit


def read_imports(context: Context) -> None:
    """Imported packages are dependencies, a framework in use is one of its own; an unused import is inactive."""
    module = context.module
    for made in [*module.imports.values(), *module.stars]:
        found = _package_of(context, made)
        if found is None or found.role == "carrier" or context.resolver.is_local(made):
            continue
        unused = _unused(context, made)
        status = Status.INACTIVE if unused else None
        detail = f"{made.module}.{made.symbol}".strip(".*")
        if found.role in ("framework", "integration") and found.family != "swarm":
            _framework(context, found, made, detail, status)
        if unused:
            _unused_symbol(context, made, found)
        if found.role != "framework" and not made.type_only:
            _dependency(context, found, made, detail, status)


def _package_of(context: Context, made: Import) -> Package | None:
    if context.module.language == "script":
        found = context.signatures.script_package(made.module)
    else:
        path = f"{made.module}.{made.symbol}" if made.symbol and made.symbol != "*" else made.module
        found = context.signatures.import_root(path) if not made.relative else None
    return found[0] if found is not None else None


def _unused(context: Context, made: Import) -> bool:
    if made.local == "*" or "#" in made.local or context.path.endswith(("__init__.py", ".d.ts")):
        return False
    return context.module.uses[made.local] == 0


def _framework(context: Context, package: Package, made: Import, detail: str, status: Status | None) -> None:
    if made.type_only:
        return
    observation = context.add(
        "framework",
        package.title,
        framework_identity(package),
        made.line,
        rule="framework imported",
        detail=detail,
        status=status,
        technique="import",
    )
    if status is None and observation.status is Status.ACTIVE:
        context.findings.frameworks_used.add(package.title)


def _unused_symbol(context: Context, made: Import, package: Package) -> None:
    symbol = context.signatures.symbol(package.family, [*made.module.split("."), made.symbol])
    if symbol is None or symbol.kind not in ("hosted_model", "model", "vector_store", "memory"):
        return
    context.add(
        symbol.kind,
        made.symbol,
        f"{symbol.kind}:{context.place(made.symbol)}#unused",
        made.line,
        rule="imported but not used",
        technique="import",
        status=Status.INACTIVE,
        attributes={"class": made.symbol, "provider": symbol.provider},
    )


def _dependency(context: Context, package: Package, made: Import, detail: str, status: Status | None) -> None:
    if context.module.language == "script":
        name = script_root(made.module)
        identity = package_identity("npm", name)
        group = dependency_group("npm", name)
    else:
        name = package.name.rstrip("*")
        if package.name.endswith("*"):
            name = made.module.split(".", 1)[0].replace("_", "-")
        identity = package_identity("pypi", name)
        found = context.signatures.import_root(f"{made.module}.{made.symbol}".rstrip(".*"))
        group = dependency_group("pypi", found[1] if found is not None else name)
    context.add(
        "dependency",
        name,
        identity,
        made.line,
        rule="package imported",
        technique="import",
        confidence=0.85,
        detail=detail,
        status=status,
        attributes={"role": [package.role], "imported": True},
        group=group,
        weak=1,
    )


# tools as classes


def _read_subclassed_tools(context: Context) -> None:
    """class Search(BaseTool): name = "search"."""
    for made in context.module.classes.values():
        bases = [context.resolver.origin(base) for base in made.bases]
        if not any(origin.rsplit(".", 1)[-1] in ("BaseTool", "Tool", "StructuredTool") for origin in bases if origin):
            continue
        package = next((context.package(origin) for origin in bases if origin), None)
        if package is None or package.family == "mcp":
            continue
        named = [text for value in made.scope.names.get("name", []) for text in context.resolver.texts(value)]
        name = named[0].value if named else made.name
        tool = context.add(
            "tool",
            name,
            f"tool:{context.place(made.name)}",
            made.line,
            rule="class derived from a tool class",
            attributes={"framework": package.title, "class": made.name},
        )
        for call in context.module.calls:
            if isinstance(call.callee, Name) and call.callee.name == made.name:
                context.findings.expressions[id(call)] = tool.identity
        context.findings.functions[context.path, made.name] = tool.identity


def read_texts(context: Context) -> None:
    """Names of credentials and addresses of providers among the constants."""
    for text in context.module.texts:
        _credential(context, text.value, text.line)
        if "://" in text.value and len(text.value) < 500 and text.value.startswith(("http", "ws")):
            provider = context.signatures.provider_of_url(text.value)
            if provider is not None:
                models.add_endpoint(context, text.value, text.line, rule="address of a provider in code")
    for attribute in context.module.attributes:
        if isinstance(attribute.base, Attribute) and attribute.base.name == "env":
            _credential(context, attribute.name, attribute.line)


def read_settings(context: Context) -> None:
    """Fields of a settings class are read from the environment under their upper-case name."""
    for made in context.module.classes.values():
        bases = {getattr(base, "name", "") for base in made.bases}
        if "BaseSettings" in bases:
            for name in {*made.scope.types, *made.scope.names}:
                expr = made.scope.types.get(name) or made.scope.names[name][0]
                _credential(context, name.upper(), expr.line or made.line)


def _credential(context: Context, name: str, line: int) -> None:
    owner = credential_name(name, context.signatures)
    if owner:
        context.add(
            "credential_reference",
            name,
            f"credential:{name}",
            line,
            rule="credential named in code",
            attributes={"service": owner},
        )


# comments and docstrings


def read_dead_text(context: Context) -> None:
    """Models and datasets in commented-out code and in the examples of docstrings."""
    for line, text in context.module.comments:
        if _CODE.search(text):
            _dead(context, text, line, "commented-out code")
    for line, text in context.module.docstrings:
        _dead(context, text[:20_000], line, "docstring example")


def _dead(context: Context, text: str, line: int, rule: str) -> None:
    for offset, part in enumerate(text.split("\n")):
        for match in _FLAG.finditer(part):
            kind = "dataset" if match[1].startswith("dataset") else "model"
            _inactive(context, kind, match[2], line + offset, rule)
        for match in _QUOTED_ARGUMENT.finditer(part):
            kind = "dataset" if match["call"] == "load_dataset" else "model"
            if match["key"] != "path":
                _inactive(context, kind, match["id"], line + offset, rule)


def _inactive(context: Context, kind: str, name: str, line: int, rule: str) -> None:
    provider = context.signatures.provider_of_model(name)
    if not plausible_model(name) or is_path(name):
        return
    if kind == "model" and provider is not None and "/" not in name:
        kind, identity = "hosted_model", f"{provider.id}/{name}"
    elif "/" not in name:
        return
    else:
        identity = dataset_identity(name) if kind == "dataset" else hub_identity(name)
    context.add(
        kind,
        name,
        identity,
        line,
        rule=rule,
        technique="text",
        confidence=0.6,
        status=Status.INACTIVE,
    )
