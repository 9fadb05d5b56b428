"""What every code rule needs: the module, the resolver, the signatures, and where findings go."""

from __future__ import annotations

from dataclasses import dataclass, field

from caiso.engine.discover.code.expression import (
    Attribute,
    Call,
    Choice,
    Expr,
    Items,
    Mapping,
    Module,
    Name,
    Pipe,
    Scope,
    Subscript,
    Text,
)
from caiso.engine.discover.code.resolve import Resolver
from caiso.engine.discover.collect import Findings, observe
from caiso.engine.discover.ids import place
from caiso.engine.discover.records import Evidence, Observation, Status
from caiso.engine.discover.signatures import Package, Signatures, Symbol

_FACTORY = ("from_", "create", "load", "connect", "init", "as_", "for_", "builder", "aload", "afrom")


@dataclass(slots=True)
class Hit:
    """A call that a symbol explains."""

    call: Call
    symbol: Symbol
    package: Package
    path: list[str]
    identity: str = ""


@dataclass(slots=True)
class Context:
    """One module under examination."""

    module: Module
    resolver: Resolver
    signatures: Signatures
    findings: Findings
    status: Status
    project_folder: str
    offset: int = 0
    hits: list[Hit] = field(default_factory=list)
    decorators: set[int] = field(default_factory=set)

    @property
    def path(self) -> str:
        return self.module.path

    def add(
        self,
        kind: str,
        name: str,
        identity: str,
        line: int,
        *,
        rule: str,
        confidence: float = 0.9,
        technique: str = "syntax tree",
        detail: str = "",
        status: Status | None = None,
        attributes: dict[str, object] | None = None,
        group: str = "",
        weak: int = 0,
    ) -> Observation:
        """Record one observation in this module."""
        evidence = Evidence(self.path, line, rule, technique, confidence, detail[:200])
        observation = observe(kind, name, identity, evidence, status=status or self.status, attributes=attributes)
        return self.findings.add(observation, group=group, weak=weak)

    def place(self, symbol: str) -> str:
        return place(self.path, symbol)

    def qualified(self, call: Call, fallback: str) -> str:
        """A name for the thing a call makes that does not move with its line."""
        own = call.target or fallback
        parts = [part.name for part in _around(call.scope) if part.name]
        return ".".join([*parts, own])

    def explain(self, call: Call) -> Hit | None:
        """The symbol behind a call, if its path leads into a known package."""
        origin = self.resolver.origin(call.callee)
        # Calling an instance makes nothing new, except where a provider object is itself the factory of models.
        if not origin:
            return self._explain_subclass(call)
        if origin.endswith("()") and "ai-sdk" not in origin:
            return None
        return self.explain_path(call, origin)

    def _explain_subclass(self, call: Call) -> Hit | None:
        """Making an instance of a class of this project that derives from a known one."""
        method = ""
        expr = call.callee
        if isinstance(expr, Attribute):
            method, expr = f".{expr.name}", expr.base
        found = self.resolver.local_class(expr)
        for base in found[1].bases if found is not None else []:
            origin = self.resolver.origin(base)
            hit = self.explain_path(call, origin + method) if origin else None
            if hit is not None and hit.symbol.kind in ("vector_store", "memory", "hosted_model", "model"):
                return hit
        return None

    def explain_path(self, call: Call, origin: str) -> Hit | None:
        package = self.package(origin)
        if package is None:
            return None
        parts = [part.removesuffix("()") for part in origin.split(".")]
        symbol = self.signatures.symbol(package.family, parts)
        if symbol is None and len(parts) > 1 and _is_factory(origin):
            symbol = self.signatures.symbol(package.family, parts[:-1])
            if symbol is not None and symbol.kind == "client":
                symbol = None
        return Hit(call, symbol, package, parts) if symbol is not None else None

    def package(self, origin: str) -> Package | None:
        """The package at the head of a resolved path."""
        if self.module.language == "script":
            made = self._script_package(origin)
        else:
            found = self.signatures.import_root(origin.replace("()", ""))
            made = found[0] if found is not None else None
        return made

    def _script_package(self, origin: str) -> Package | None:
        cleaned = origin.replace("()", "")
        head, _, rest = cleaned.partition(".")
        name = f"{head}/{rest.split('.', 1)[0]}" if head.startswith("@") else head
        found = self.signatures.script_package(name)
        return found[0] if found is not None else None

    def pick(self, hit: Hit, name: str) -> Expr | None:
        """The expression given for one argument of a symbol."""
        return pick(hit.call, hit.symbol.argument(name))

    def pick_text(self, hit: Hit, name: str) -> str:
        """The single constant text given for one argument, or an empty text."""
        value = self.pick(hit, name)
        texts = self.resolver.texts(value) if value is not None else []
        return texts[0].value if texts and len({text.value for text in texts}) == 1 else ""

    def identities(self, expr: Expr | None) -> list[str]:
        """What the components inside an expression became; asked after every module was read."""
        found: list[str] = []
        if expr is not None:
            self._identities(expr, found, 8)
        return list(dict.fromkeys(found))

    def _identities(self, expr: Expr, found: list[str], steps: int) -> None:
        if steps <= 0 or len(found) > 60:
            return
        known = self.findings.expressions.get(id(expr))
        if known:
            found.append(known)
            return
        for part in self._parts(expr):
            self._identities(part, found, steps - 1)
        if isinstance(expr, Name | Attribute):
            self._function_identity(expr, found)

    def _parts(self, expr: Expr) -> list[Expr]:
        if isinstance(expr, Items):
            return expr.items
        if isinstance(expr, Mapping):
            return [value for _, value in expr.pairs]
        if isinstance(expr, Choice):
            return expr.options
        if isinstance(expr, Pipe):
            return expr.parts
        if isinstance(expr, Call):
            return self._call_parts(expr)
        if isinstance(expr, Subscript):
            return [expr.base]
        if isinstance(expr, Name | Attribute):
            return [value for value in self._plain(expr) if value is not expr]
        return []

    def _call_parts(self, expr: Call) -> list[Expr]:
        if isinstance(expr.callee, Attribute):
            # model.bind_tools(...), store.as_retriever(): the component is what the method is called on.
            return [expr.callee.base]
        found = self.resolver.definition(expr.callee)
        if found is not None:
            return found[1].returns
        return expr.args[:2]

    def _plain(self, expr: Name | Attribute) -> list[Expr]:
        if isinstance(expr, Attribute):
            if isinstance(expr.base, Name) and expr.base.name in ("self", "this"):
                owner = expr.scope.owner()
                return list(owner.names.get(expr.name, [])) if owner is not None else []
            return [expr.base]
        values = self.resolver.values(expr, 6)
        bound = _bound(expr)
        return [*bound, *[value for value in values if value not in bound]]

    def _function_identity(self, expr: Name | Attribute, found: list[str]) -> None:
        definition = self.resolver.definition(expr)
        if definition is None:
            return
        module, function = definition
        known = self.findings.functions.get((module.path, function.name))
        if known:
            found.append(known)


def pick(call: Call, places: tuple[str | int, ...]) -> Expr | None:
    """The first argument present among keywords and positions; "1.name" is a key of a positional mapping."""
    for where in places:
        if isinstance(where, int):
            if where < len(call.args):
                return call.args[where]
        elif where[:1].isdigit() and "." in where:
            position, _, key = where.partition(".")
            if int(position) < len(call.args):
                mapping = call.args[int(position)]
                value = lookup(mapping, key)
                if value is not None:
                    return value
        elif where in call.keywords:
            return call.keywords[where]
        elif "**" in call.keywords and (value := lookup(call.keywords["**"], where)) is not None:
            return value
    return None


def lookup(expr: Expr, key: str) -> Expr | None:
    if isinstance(expr, Mapping):
        return next((value for name, value in expr.pairs if name == key), None)
    return None


def constant(expr: Expr | None) -> str:
    return expr.value if isinstance(expr, Text) else ""


def _bound(expr: Name) -> list[Expr]:
    scope: Scope | None = expr.scope
    while scope is not None:
        if expr.name in scope.names and scope.kind != "class":
            return list(scope.names[expr.name])
        scope = scope.parent
    return []


def _around(scope: Scope | None) -> list[Scope]:
    found: list[Scope] = []
    while scope is not None and scope.kind != "module":
        if scope.name != "<lambda>":
            found.append(scope)
        scope = scope.parent
    return found[::-1]


def _is_factory(origin: str) -> bool:
    head, _, last = origin.rpartition(".")
    return not head.endswith("()") and last.startswith(_FACTORY)
