"""Answers what an expression refers to: the package path of a call, the texts a value may have."""

from __future__ import annotations

from caiso.engine.discover.code.expression import (
    Attribute,
    Call,
    Choice,
    Class,
    Expr,
    Function,
    Import,
    Items,
    Join,
    Mapping,
    Module,
    Name,
    Scope,
    Subscript,
    Text,
)
from caiso.engine.discover.code.project import Project

_STEPS = 14
_MANY = 6
_ENVIRONMENT = ("os.getenv", "os.environ.get", "os.environ.setdefault", "decouple.config", "environs.Env")
_DEFAULTS = ("Field", "Option", "Argument", "mapped_column", "field", "config", "env", "getenv", "getEnv")
_WRAPPERS = ("str", "String", "cast", "SecretStr", "Annotated", "Optional", "Union", "deepcopy", "asChild")


class Resolver:
    """Look-ups over one module, following imports into the project."""

    def __init__(self, module: Module, project: Project) -> None:
        self.module = module
        self.project = project
        self._local: dict[str, bool] = {}
        self._calls_to: dict[str, list[Call]] | None = None

    def _elsewhere(self, expr: Expr) -> Resolver | None:
        """The resolver of the module that an expression was written in, where that is another one."""
        if not isinstance(expr, Name | Attribute | Call | Subscript):
            return None
        home = expr.scope.home()
        return Resolver(home, self.project) if home is not None and home is not self.module else None

    # what a path refers to

    def origin(self, expr: Expr, steps: int = _STEPS) -> str:
        """The dotted path of an expression inside the packages it comes from; empty when unknown.

        A call's result is written with brackets: openai.OpenAI().chat.
        """
        if steps <= 0:
            return ""
        other = self._elsewhere(expr)
        if other is not None:
            return other.origin(expr, steps - 1)
        if isinstance(expr, Name):
            return self._name_origin(expr, steps)
        if isinstance(expr, Attribute):
            return self._attribute_origin(expr, steps)
        if isinstance(expr, Call):
            return self._call_origin(expr, steps)
        if isinstance(expr, Subscript):
            return self.origin(expr.base, steps - 1)
        if isinstance(expr, Choice):
            return next((found for option in expr.options if (found := self.origin(option, steps - 1))), "")
        return ""

    def _name_origin(self, expr: Name, steps: int) -> str:
        if expr.name.startswith("require:"):
            return _dotted(expr.name[8:])
        for scope in _scopes(expr.scope, expr.name):
            values = scope.names.get(expr.name)
            for value in reversed(values or []):
                found = self.origin(value, steps - 1)
                if found:
                    return found
            typed = scope.types.get(expr.name)
            if typed is not None:
                return _instance(self.origin(typed, steps - 1))
            if expr.name in scope.params:
                return self._argument_origin(scope, expr.name, steps)
        return self._import_origin(expr.name, steps)

    def _argument_origin(self, scope: Scope, name: str, steps: int) -> str:
        for value in self.arguments(scope, name):
            found = self.origin(value, steps - 2)
            if found:
                return found
        return ""

    def _import_origin(self, name: str, steps: int) -> str:
        made = self.module.imports.get(name)
        if made is None:
            return self._star_origin(name)
        if self.is_local(made):
            return self._foreign_origin(made, steps)
        if self.module.language == "script":
            symbol = name if made.symbol == "default" else made.symbol
            return f"{_dotted(made.module)}.{symbol}" if symbol else _dotted(made.module)
        return f"{made.module}.{made.symbol}" if made.symbol else made.module

    def _foreign_origin(self, made: Import, steps: int) -> str:
        other = self.project.imported(self.module, made)
        if other is None or not made.symbol or other is self.module:
            return ""
        resolver = Resolver(other, self.project)
        return resolver.origin(Name(0, made.symbol, other.scope), steps - 3)

    def _star_origin(self, name: str) -> str:
        if name in self.module.functions or name in self.module.classes:
            return ""
        for made in self.module.stars:
            if not self.is_local(made) and name[:1].isupper():
                return f"{made.module}.{name}"
        return ""

    def _attribute_origin(self, expr: Attribute, steps: int) -> str:
        base = expr.base
        if isinstance(base, Name) and base.name in ("self", "this", "cls"):
            return self._member_origin(expr, steps)
        if isinstance(base, Name) and (found := self._bound_attribute(base, expr, steps)):
            return found
        inner = self.origin(base, steps - 1)
        if inner:
            return f"{inner}.{expr.name}"
        value = self._local_member(expr, steps)
        return self.origin(value, steps - 2) if value is not None else ""

    def _bound_attribute(self, base: Name, expr: Attribute, steps: int) -> str:
        """`app.state.client = OpenAI()` binds the dotted label itself."""
        label = f"{base.name}.{expr.name}"
        for scope in _scopes(expr.scope, label):
            for value in reversed(scope.names.get(label, [])):
                found = self.origin(value, steps - 1)
                if found:
                    return found
        return ""

    def _member_origin(self, expr: Attribute, steps: int) -> str:
        owner = expr.scope.owner()
        if owner is None:
            return ""
        for value in reversed(owner.names.get(expr.name, [])):
            found = self.origin(value, steps - 1)
            if found:
                return found
        for function in self.module.functions.get(expr.name, []):
            if function.is_property and function.outer is owner and "return" in function.scope.types:
                return _instance(self.origin(function.scope.types["return"], steps - 1))
        typed = owner.types.get(expr.name)
        return _instance(self.origin(typed, steps - 1)) if typed is not None else self._inherited(owner, expr, steps)

    def _inherited(self, owner: Scope, expr: Attribute, steps: int) -> str:
        made = self.module.classes.get(owner.name)
        for base in made.bases if made is not None else []:
            if isinstance(base, Name) and base.name in self.module.classes and base.name != owner.name:
                parent = self.module.classes[base.name].scope
                for value in parent.names.get(expr.name, []):
                    found = self.origin(value, steps - 2)
                    if found:
                        return found
        return ""

    def _call_origin(self, expr: Call, steps: int) -> str:
        path = self.origin(expr.callee, steps - 1)
        if path:
            return f"{path}()"
        function = self.function(expr.callee)
        if function is None:
            return ""
        returned = function.scope.types.get("return")
        if returned is not None and (found := self.origin(returned, steps - 2)):
            return _instance(found)
        for value in function.returns:
            found = self.origin(value, steps - 2)
            if found:
                return found
        return ""

    # local definitions

    def is_local(self, made: Import) -> bool:
        key = f"{made.module}:{made.symbol}:{made.relative}"
        if key not in self._local:
            self._local[key] = self.project.is_local(self.module, made)
        return self._local[key]

    def function(self, expr: Expr) -> Function | None:
        """The function of this module that an expression names."""
        if isinstance(expr, Name):
            for function in self.module.functions.get(expr.name, []):
                if function.outer.kind != "class":
                    return function
        if isinstance(expr, Attribute) and isinstance(expr.base, Name) and expr.base.name in ("self", "this", "cls"):
            owner = expr.scope.owner()
            for function in self.module.functions.get(expr.name, []):
                if function.outer is owner:
                    return function
        return None

    def definition(self, expr: Expr) -> tuple[Module, Function] | None:
        """The function an expression names, here or in another module of the project."""
        elsewhere = self._elsewhere(expr)
        if elsewhere is not None:
            return elsewhere.definition(expr)
        found = self.function(expr)
        if found is not None:
            return self.module, found
        if isinstance(expr, Attribute):
            for function in self.module.functions.get(expr.name, []):
                if function.outer.kind == "class":
                    return self.module, function
        if not isinstance(expr, Name):
            return None
        made = self.module.imports.get(expr.name)
        other = self.project.imported(self.module, made) if made is not None else None
        if made is None or other is None:
            return None
        functions = other.functions.get(made.symbol)
        return (other, functions[0]) if functions else None

    def local_class(self, expr: Expr) -> tuple[Module, Class] | None:
        """The class of the project that an expression names."""
        if not isinstance(expr, Name):
            return None
        elsewhere = self._elsewhere(expr)
        if elsewhere is not None:
            return elsewhere.local_class(expr)
        if expr.name in self.module.classes:
            return self.module, self.module.classes[expr.name]
        made = self.module.imports.get(expr.name)
        other = self.project.imported(self.module, made) if made is not None else None
        if made is None or other is None or made.symbol not in other.classes:
            return None
        return other, other.classes[made.symbol]

    def arguments(self, scope: Scope, name: str) -> list[Expr]:
        """What callers in this module pass for a parameter."""
        if self._calls_to is None:
            self._calls_to = {}
            for call in self.module.calls:
                label = _last_name(call.callee)
                if label:
                    self._calls_to.setdefault(label, []).append(call)
        label = scope.name
        if label in ("__init__", "constructor"):
            owner = scope.owner()
            label = owner.name if owner is not None else label
        position = scope.params.get(name, -1)
        found: list[Expr] = []
        for call in self._calls_to.get(label, [])[:_MANY]:
            if name in call.keywords:
                found.append(call.keywords[name])
            elif 0 <= position < len(call.args):
                found.append(call.args[position])
        return found

    # what a value may be

    def values(self, expr: Expr, steps: int = _STEPS) -> list[Expr]:
        """The expressions that a name, attribute or choice may stand for."""
        if steps <= 0:
            return []
        other = self._elsewhere(expr)
        if other is not None:
            return other.values(expr, steps - 1)
        if isinstance(expr, Name):
            return self._name_values(expr, steps)
        if isinstance(expr, Attribute):
            # The members of an enumeration carry their text under .value.
            value = [expr.base] if expr.name == "value" else self._member(expr, steps)
            return [found for item in value for found in self.values(item, steps - 1)][:_MANY]
        if isinstance(expr, Choice):
            return [found for option in expr.options for found in self.values(option, steps - 1)][: 2 * _MANY]
        if isinstance(expr, Subscript):
            return self._subscript_values(expr, steps)
        if isinstance(expr, Call):
            return self._call_values(expr, steps)
        return [expr]

    def texts(self, expr: Expr, steps: int = _STEPS) -> list[Text]:
        """The constant texts that an expression may have."""
        found: list[Text] = []
        for value in self.values(expr, steps):
            if isinstance(value, Text):
                found.append(value)
            elif isinstance(value, Join):
                joined = self._joined_text(value, steps)
                if joined is not None:
                    found.append(joined)
        return found[: 2 * _MANY]

    def _joined_text(self, expr: Join, steps: int) -> Text | None:
        parts: list[str] = []
        for part in expr.parts:
            texts = self.texts(part, steps - 2)
            if len({text.value for text in texts}) != 1:
                return None
            parts.append(texts[0].value)
        joined = "".join(parts)
        return Text(expr.line, joined) if len(joined) < 20_000 else None

    def _name_values(self, expr: Name, steps: int) -> list[Expr]:
        for scope in _scopes(expr.scope, expr.name):
            bound = [value for value in scope.names.get(expr.name, []) if value is not expr]
            given = self.arguments(scope, expr.name) if expr.name in scope.params else []
            if bound or given:
                found = [item for value in [*bound, *given] for item in self.values(value, steps - 1)]
                return found[: 2 * _MANY]
            if expr.name in scope.params:
                return []
        made = self.module.imports.get(expr.name)
        if made is None or not made.symbol or not self.is_local(made):
            return [expr] if made is None or not self.is_local(made) else []
        other = self.project.imported(self.module, made)
        if other is None or other is self.module:
            return []
        return Resolver(other, self.project).values(Name(0, made.symbol, other.scope), steps - 3)

    def _member(self, expr: Attribute, steps: int) -> list[Expr]:
        base = expr.base
        if isinstance(base, Name) and base.name in ("self", "this", "cls"):
            owner = expr.scope.owner()
            return list(owner.names.get(expr.name, [])) if owner is not None else []
        if isinstance(base, Name):
            label = f"{base.name}.{expr.name}"
            for scope in _scopes(expr.scope, label):
                if label in scope.names:
                    return list(scope.names[label])
        value = self._local_member(expr, steps)
        if value is not None:
            return [value]
        argument = self._parsed_argument(expr)
        return [argument] if argument is not None else []

    def _local_member(self, expr: Attribute, steps: int) -> Expr | None:
        """`settings.model` where settings is a class, an instance or a module of this project."""
        base = expr.base
        if steps <= 0:
            return None
        if isinstance(base, Name):
            made = self.module.imports.get(base.name)
            other = self.project.imported(self.module, made) if made is not None and self.is_local(made) else None
            if made is not None and other is not None:
                holder = _class_scope(other, made.symbol) or (None if made.symbol in other.scope.names else other.scope)
                if holder is not None:
                    return _one(holder, expr.name)
                resolver = Resolver(other, self.project)
                return resolver._instance_member(Name(0, made.symbol, other.scope), expr.name, steps)
        return self._instance_member(base, expr.name, steps)

    def _instance_member(self, base: Expr, name: str, steps: int) -> Expr | None:
        found = self.local_class(base)
        for value in [] if found is not None else [*self._plain_values(base, steps - 2), *self.values(base, steps - 3)]:
            if isinstance(value, Mapping):
                pair = next((item for key, item in value.pairs if key == name), None)
                if pair is not None:
                    return pair
            if isinstance(value, Call):
                if name in value.keywords:
                    return value.keywords[name]
                found = self.local_class(value.callee)
                if found is not None:
                    break
        return _one(found[1].scope, name) if found is not None else None

    def _plain_values(self, expr: Expr, steps: int) -> list[Expr]:
        if isinstance(expr, Name):
            for scope in _scopes(expr.scope, expr.name):
                if expr.name in scope.names:
                    return list(scope.names[expr.name])
                if expr.name in scope.params:
                    typed = scope.types.get(expr.name)
                    return [Call(0, typed, [], {}, scope)] if typed is not None else []
            return []
        if isinstance(expr, Attribute) and steps > 0:
            return self._member(expr, steps - 1)
        return [expr] if isinstance(expr, Call | Mapping) else []

    def _parsed_argument(self, expr: Attribute) -> Expr | None:
        """The default of a command-line argument: args.model <- add_argument("--model", default=...)."""
        wanted = {f"--{expr.name.replace('_', '-')}", f"--{expr.name}", expr.name}
        for call in self.module.calls:
            if _last_name(call.callee) != "add_argument" or "default" not in call.keywords:
                continue
            names = {arg.value for arg in call.args if isinstance(arg, Text)}
            if names & wanted:
                return call.keywords["default"]
        return None

    def _subscript_values(self, expr: Subscript, steps: int) -> list[Expr]:
        keys = {text.value for text in self.texts(expr.key, steps - 2)}
        found: list[Expr] = []
        for value in self.values(expr.base, steps - 1):
            if isinstance(value, Mapping):
                chosen = [item for key, item in value.pairs if key in keys] if keys else [v for _, v in value.pairs]
                for item in chosen[:_MANY]:
                    found.extend(self.values(item, steps - 2))
            elif isinstance(value, Items):
                for item in value.items[:_MANY]:
                    found.extend(self.values(item, steps - 2))
        return found[: 2 * _MANY]

    def _call_values(self, expr: Call, steps: int) -> list[Expr]:
        label = _last_name(expr.callee)
        path = self.origin(expr.callee, 4)
        if path in _ENVIRONMENT or (label in _DEFAULTS and not path.startswith(("openai", "anthropic"))):
            return self._default_values(expr, label, steps)
        if label in ("get", "pop") and isinstance(expr.callee, Attribute) and expr.args:
            return self._get_values(expr, expr.callee, steps)
        if label in _WRAPPERS and expr.args:
            return self.values(expr.args[0], steps - 1)
        if label in ("strip", "lower", "rstrip", "split", "format", "trim") and isinstance(expr.callee, Attribute):
            return self.values(expr.callee.base, steps - 1)
        function = self.function(expr.callee) if not path else None
        if function is not None:
            found = [item for value in function.returns[:_MANY] for item in self.values(value, steps - 3)]
            return found or [expr]
        return [expr]

    def _default_values(self, expr: Call, label: str, steps: int) -> list[Expr]:
        default = expr.keywords.get("default")
        if default is None and label in ("Field", "Option", "Argument") and expr.args:
            default = expr.args[0]
        elif default is None and len(expr.args) > 1:
            default = expr.args[1]
        return self.values(default, steps - 1) if default is not None else []

    def _get_values(self, expr: Call, callee: Attribute, steps: int) -> list[Expr]:
        keys = {text.value for text in self.texts(expr.args[0], steps - 2)}
        found: list[Expr] = []
        for value in self.values(callee.base, steps - 2):
            if isinstance(value, Mapping):
                for key, item in value.pairs:
                    if key in keys or not keys:
                        found.extend(self.values(item, steps - 2))
        if len(expr.args) > 1:
            found.extend(self.values(expr.args[1], steps - 1))
        return found[: 2 * _MANY]


def _scopes(scope: Scope | None, name: str) -> list[Scope]:
    """The scopes that know a name, innermost first; a class body is not seen from its methods."""
    found: list[Scope] = []
    inner = scope
    while scope is not None:
        if (scope.kind != "class" or scope is inner) and (
            name in scope.names or name in scope.params or name in scope.types
        ):
            found.append(scope)
        scope = scope.parent
    return found


def _class_scope(module: Module, name: str) -> Scope | None:
    made = module.classes.get(name)
    return made.scope if made is not None else None


def _one(scope: Scope, name: str) -> Expr | None:
    values = scope.names.get(name)
    return values[-1] if values else None


def _last_name(expr: Expr) -> str:
    if isinstance(expr, Name | Attribute):
        return expr.name
    return ""


def _instance(path: str) -> str:
    return path if not path or path.endswith("()") else f"{path}()"


def _dotted(module: str) -> str:
    return module.replace("/", ".")
