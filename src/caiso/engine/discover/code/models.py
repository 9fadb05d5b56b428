"""Models and providers: clients, model calls, model classes and constants that hold model ids."""

from __future__ import annotations

import re

from caiso.engine.discover.code.context import Context, Hit, pick
from caiso.engine.discover.code.expression import Attribute, Call, Expr, Mapping, Name, Text
from caiso.engine.discover.ids import (
    dataset_identity,
    hub_identity,
    is_path,
    plausible_model,
    split_route,
    url_identity,
)
from caiso.engine.discover.records import Observation, Status
from caiso.engine.discover.signatures import Provider

_URL_KEYS = (
    "base_url",
    "baseURL",
    "baseUrl",
    "api_base",
    "openai_api_base",
    "azure_endpoint",
    "endpoint",
    "api_endpoint",
    "host",
    "inference_server_url",
    "endpoint_url",
)
_COMPATIBLE = ("openai", "")
_MODEL_KEY = re.compile(
    r"(?i)^(.*[_-])?(model|llm|deployment|engine)([_-]?(name|id|type|path|or[_-]path))?([_-].*)?$|modelId$|modelName$|Model$"
)
_FAMILY_PROVIDERS = {
    "openai-agents": "openai",
    "google-adk": "google",
    "autogen": "openai",
    "swarm": "openai",
    "crewai": "openai",
    "claude-agent-sdk": "anthropic",
    "openai": "openai",
    "llamaindex": "openai",
    "strands": "bedrock",
}

# Providers whose model ids are lower case throughout: "GPT-4o" in a label is the model "gpt-4o".
_LOWER_CASE = ("openai", "anthropic", "google", "xai", "mistral", "deepseek", "perplexity", "cohere")


def read_client(context: Context, hit: Hit) -> None:
    """A provider client proves the provider; its base URL names another one or an endpoint."""
    provider = url_provider(context, hit.call) or context.signatures.providers.get(hit.symbol.provider)
    if provider is not None:
        add_provider(context, provider, hit.call.line, ".".join(hit.path[-1:]))
    if hit.symbol.argument("model"):
        value = pick(hit.call, hit.symbol.argument("model"))
        if value is not None:
            add_models(context, hit, value, kind="model")


def read_model(context: Context, hit: Hit) -> None:
    """A model class or a model call."""
    if hit.symbol.text("unless_arg") in hit.call.keywords:
        return
    if hit.package.family == "ai-sdk" and hit.path[-1].startswith("create") and _is_factory_call(context, hit):
        read_client(context, hit)
        return
    value = context.pick(hit, "model")
    if value is None:
        if hit.path[-1][:1].isupper() and hit.symbol.kind == "hosted_model":
            _add_default(context, hit)
        return
    add_models(context, hit, value, kind=hit.symbol.kind)


def _is_factory_call(context: Context, hit: Hit) -> bool:
    """createOpenAI({...}) makes the provider object; createOpenAI({...})("gpt-…") names a model."""
    return not context.resolver.origin(hit.call.callee).endswith("()")


def _add_default(context: Context, hit: Hit) -> None:
    provider = url_provider(context, hit.call) or context.signatures.providers.get(hit.symbol.provider)
    if provider is None:
        return
    name = hit.path[-1]
    identity = f"{provider.id}/{name}#library-default"
    observation = context.add(
        "hosted_model",
        name,
        identity,
        hit.call.line,
        rule="model class without a model id",
        confidence=0.8,
        detail=f"{name}() uses the library's default",
        attributes={"provider": provider.id, "class": name, "role": [hit.symbol.role], "model_id": "unresolved"},
    )
    _link(context, hit, observation, provider)


def add_models(context: Context, hit: Hit, value: Expr, *, kind: str) -> None:
    """One observation for each id the argument can have; a run-time value gives a weak one."""
    texts = [text for text in context.resolver.texts(value) if plausible_model(text.value)]
    for text in texts:
        add_model(context, hit, text, kind=kind)
    if texts or isinstance(value, Text) or context.identities(value):
        return
    inner = context.resolver.values(value)
    if any(isinstance(item, Call) and context.explain(item) is not None for item in inner):
        return
    provider = _provider_for(context, hit, "")
    if provider is None or kind != "hosted_model" or provider.local:
        if provider is not None:
            add_provider(context, provider, hit.call.line, hit.path[-1])
        return
    name = f"{provider.id} model set at run time"
    observation = context.add(
        "hosted_model",
        name,
        f"{provider.id}/#run-time",
        hit.call.line,
        rule="model id given at run time",
        confidence=0.6,
        attributes={"provider": provider.id, "role": [hit.symbol.role], "model_id": "unresolved"},
        group=f"hosted_model:{provider.id}",
        weak=1,
    )
    _link(context, hit, observation, provider)


def add_model(context: Context, hit: Hit, text: Text, *, kind: str) -> None:
    """One model id in one call."""
    written = text.value.strip()
    route, bare = split_route(written, context.signatures)
    provider = url_provider(context, hit.call) or route or _provider_for(context, hit, bare)
    if hit.symbol.provider in ("openrouter", "litellm", "azure-openai", "huggingface", "together", "replicate"):
        provider, bare = context.signatures.providers[hit.symbol.provider], written
    add_named(
        context,
        bare if route is not None and route is provider else written,
        provider,
        text.line if hit.call.line == 0 else hit.call.line,
        kind=kind,
        role=hit.symbol.role or "chat",
        hit=hit,
        constant_line=text.line,
    )


def add_named(
    context: Context,
    name: str,
    provider: Provider | None,
    line: int,
    *,
    kind: str,
    role: str,
    hit: Hit | None = None,
    constant_line: int = 0,
    confidence: float = 0.9,
    status: Status | None = None,
    technique: str = "syntax tree",
    rule: str = "model id in a model call",
) -> Observation | None:
    """A model under its provider or, for open weights, under its hub id."""
    name = name.strip()
    local = provider is not None and (provider.local or provider.id == "huggingface")
    if kind == "model" or local:
        return _add_open(
            context,
            name,
            provider,
            line,
            role=role,
            hit=hit,
            confidence=confidence,
            status=status,
            technique=technique,
            rule=rule,
        )
    identifier = provider.id if provider is not None else "unknown"
    if identifier in _LOWER_CASE:
        name = name.lower()
    detail = f"constant at line {constant_line}" if constant_line and constant_line != line else ""
    observation = context.add(
        "hosted_model",
        name,
        f"{identifier}/{name}",
        line,
        rule=rule,
        confidence=confidence,
        technique=technique,
        detail=detail,
        status=status,
        attributes={"provider": identifier, "model_id": name, "role": [role]},
        group=f"hosted_model:{identifier}",
    )
    if hit is not None and provider is not None:
        _link(context, hit, observation, provider)
    elif provider is not None and status is None:
        add_provider(context, provider, line, name, confidence=confidence)
    return observation


def _add_open(
    context: Context,
    name: str,
    provider: Provider | None,
    line: int,
    *,
    role: str,
    hit: Hit | None,
    confidence: float,
    status: Status | None,
    technique: str,
    rule: str,
) -> Observation | None:
    if is_path(name):
        return None
    local = provider is not None and provider.id in ("ollama", "lmstudio")
    identity = f"ollama/{name.removesuffix(':latest')}" if local else hub_identity(_full_name(name, hit))
    attributes: dict[str, object] = {"role": [role]}
    if provider is not None:
        attributes["served_by"] = provider.id
    revision = context.pick_text(hit, "revision") if hit is not None else ""
    if revision:
        attributes["revisions"] = [revision]
    observation = context.add(
        "model",
        name,
        identity,
        line,
        rule=rule,
        confidence=confidence,
        technique=technique,
        status=status,
        attributes=attributes,
        group=f"model:{provider.id if provider else 'open'}",
    )
    if hit is not None:
        hit.identity = identity
        context.findings.expressions[id(hit.call)] = identity
    if provider is not None and status is None:
        add_provider(context, provider, line, name)
    return observation


def _full_name(name: str, hit: Hit | None) -> str:
    if hit is not None and hit.package.family == "sentence-transformers" and "/" not in name:
        return f"sentence-transformers/{name}"
    return name


def _link(context: Context, hit: Hit, observation: Observation, provider: Provider) -> None:
    hit.identity = observation.identity
    context.findings.expressions[id(hit.call)] = observation.identity
    add_provider(context, provider, hit.call.line, hit.path[-1])
    observation.attributes.setdefault("class", hit.path[-1])
    context.findings.edge(observation, "provided_by", lambda: [f"provider:{provider.id}"])


def add_provider(context: Context, provider: Provider, line: int, detail: str, *, confidence: float = 0.9) -> None:
    if provider.runtime:
        return
    context.add(
        "provider",
        provider.name,
        f"provider:{provider.id}",
        line,
        rule="client or model of a provider",
        confidence=confidence,
        detail=detail,
        attributes={"provider": provider.id},
    )


def _provider_for(context: Context, hit: Hit, model: str) -> Provider | None:
    """Who serves a model called through this symbol."""
    providers = context.signatures.providers
    told = hit.symbol.provider or hit.package.provider or _FAMILY_PROVIDERS.get(hit.package.family, "")
    client = client_provider(context, hit.call)
    if client is not None:
        told = client.id
    if told in _COMPATIBLE:
        guessed = context.signatures.provider_of_model(model) if model else None
        return guessed or providers.get(told)
    return providers.get(told)


def client_provider(context: Context, call: Call) -> Provider | None:
    """The provider of the client object that a method is called on."""
    expr: Expr = call.callee
    while isinstance(expr, Attribute):
        inline = isinstance(expr.base, Call)
        if not inline and not isinstance(expr.base, Attribute | Name):
            break
        for value in [expr.base] if inline else context.resolver.values(expr.base, 6):
            if isinstance(value, Call):
                found = url_provider(context, value)
                hit = context.explain(value) if found is None else None
                if hit is not None and hit.symbol.kind == "client" and hit.symbol.provider not in ("", "openai"):
                    found = context.signatures.providers.get(hit.symbol.provider)
                if found is not None:
                    return found
        expr = expr.base
    return None


def url_provider(context: Context, call: Call) -> Provider | None:
    """The provider that a client's base URL names; the URL itself becomes an endpoint."""
    for key in _URL_KEYS:
        value = call.keywords.get(key)
        if value is None:
            continue
        for text in context.resolver.texts(value):
            provider = context.signatures.provider_of_url(text.value)
            if provider is not None:
                return provider
    return None


def read_endpoint(context: Context, call: Call) -> None:
    """The base URL of an AI client, provider or gateway."""
    for key in _URL_KEYS:
        value = call.keywords.get(key)
        for text in context.resolver.texts(value) if value is not None else []:
            if text.value.startswith(("http://", "https://")):
                add_endpoint(context, text.value, call.line, rule="base URL of an AI client")


def add_endpoint(
    context: Context, url: str, line: int, *, rule: str, status: Status | None = None, confidence: float = 0.9
) -> None:
    address = url_identity(url)
    if not address:
        return
    provider = context.signatures.provider_of_url(url)
    context.add(
        "endpoint",
        address,
        f"endpoint:{address}",
        line,
        rule=rule,
        confidence=confidence,
        status=status,
        attributes={"provider": provider.id if provider else "unknown"},
    )
    if provider is not None and status is None:
        add_provider(context, provider, line, "URL")


def read_dataset(context: Context, hit: Hit) -> None:
    """A dataset loaded by its hub id."""
    value = context.pick(hit, "dataset")
    for text in context.resolver.texts(value) if value is not None else []:
        name = text.value.strip()
        builders = ("json", "csv", "text", "parquet", "imagefolder", "audiofolder", "arrow", "pandas", "webdataset")
        if not plausible_model(name) or is_path(name) or name in builders:
            continue
        identity = dataset_identity(name)
        revision = context.pick_text(hit, "revision")
        context.add(
            "dataset",
            name,
            identity,
            hit.call.line,
            rule="dataset loaded by hub id",
            attributes={"revisions": [revision]} if revision else None,
        )
        context.findings.expressions[id(hit.call)] = identity


def read_named_constants(context: Context) -> None:
    """Model ids under names, keywords and keys that speak of a model, where no known call explained them."""
    explained: set[tuple[str, int]] = {
        (observation.name, observation.evidence.line) for observation in context.findings.in_file(context.path)
    }
    for label, value in _labelled(context):
        if not isinstance(value, Text) or len(value.value) > 100:
            continue
        written = value.value.strip()
        route, bare = split_route(written, context.signatures)
        provider = context.signatures.provider_of_model(bare)
        if not _MODEL_KEY.search(label) and not (label in ("id", "value") and route is not None):
            continue
        if provider is None and route is None and context.signatures.hub_model(written):
            if (written, value.line) not in explained:
                _open_constant(context, written, value.line)
            continue
        if provider is None or not plausible_model(written) or (bare, value.line) in explained:
            continue
        add_named(
            context,
            bare if route is not None else written,
            route or provider,
            value.line,
            kind="hosted_model",
            role="chat" if "embed" not in bare.lower() else "embedding",
            confidence=0.7,
            rule="model id under a name that speaks of a model",
        )


def _open_constant(context: Context, name: str, line: int) -> None:
    add_named(
        context,
        name,
        None,
        line,
        kind="model",
        role="weights",
        confidence=0.7,
        rule="hub id under a name that speaks of a model",
    )


def _labelled(context: Context) -> list[tuple[str, Expr]]:
    found: list[tuple[str, Expr]] = []
    for call in context.module.calls:
        found.extend(call.keywords.items())
    for mapping in context.module.mappings:
        if len(mapping.pairs) <= 40:
            found.extend(mapping.pairs)
    scopes = {id(call.scope): call.scope for call in context.module.calls}
    scopes[id(context.module.scope)] = context.module.scope
    for made in context.module.classes.values():
        scopes[id(made.scope)] = made.scope
    for functions in context.module.functions.values():
        scopes.update({id(function.scope): function.scope for function in functions})
    for scope in scopes.values():
        for name, values in scope.names.items():
            for value in values:
                found.extend((name, text) for text in _literals(value))
    return found


def _literals(value: Expr) -> list[Expr]:
    """A literal, or the literal default of a look-up in the environment or a settings field."""
    if isinstance(value, Call):
        return [
            *value.args[1:2],
            *([value.keywords["default"]] if "default" in value.keywords else []),
            *value.args[:1],
        ]
    if isinstance(value, Mapping):
        return []
    options = getattr(value, "options", None)
    return list(options) if isinstance(options, list) else [value]
