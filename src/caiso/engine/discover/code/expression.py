"""A small language-neutral form of source code, shared by the Python and TypeScript readers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Expr:
    """An expression whose meaning is unknown; the base of all others."""

    line: int


@dataclass(slots=True, eq=False)
class Text(Expr):
    value: str


@dataclass(slots=True, eq=False)
class Name(Expr):
    name: str
    scope: Scope


@dataclass(slots=True, eq=False)
class Attribute(Expr):
    base: Expr
    name: str
    scope: Scope


@dataclass(slots=True, eq=False)
class Call(Expr):
    callee: Expr
    args: list[Expr]
    keywords: dict[str, Expr]
    scope: Scope
    target: str = ""
    """The variable, attribute or key that receives the result."""


@dataclass(slots=True, eq=False)
class Items(Expr):
    items: list[Expr]


@dataclass(slots=True, eq=False)
class Mapping(Expr):
    pairs: list[tuple[str, Expr]]


@dataclass(slots=True, eq=False)
class Subscript(Expr):
    base: Expr
    key: Expr
    scope: Scope


@dataclass(slots=True, eq=False)
class Join(Expr):
    """Concatenation: `a + b`, an f-string or a template."""

    parts: list[Expr]


@dataclass(slots=True, eq=False)
class Choice(Expr):
    """One of several: `a or b`, `a if c else b`, `a ?? b`."""

    options: list[Expr]


@dataclass(slots=True, eq=False)
class Pipe(Expr):
    """`a | b`, the chain operator of several frameworks."""

    parts: list[Expr]
    target: str = ""


@dataclass(slots=True, eq=False)
class Import:
    """`module` is dotted (Python) or a package path (script); `symbol` is empty for a whole module."""

    local: str
    module: str
    symbol: str
    line: int
    relative: bool = False
    type_only: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Scope:
    """A module, class or function with the values its names were given."""

    kind: str
    name: str
    parent: Scope | None = None
    names: dict[str, list[Expr]] = field(default_factory=dict)
    params: dict[str, int] = field(default_factory=dict)
    types: dict[str, Expr] = field(default_factory=dict)
    """Annotations: name -> the annotated type."""
    module: Module | None = None
    """Set on the outermost scope only."""

    def bind(self, name: str, value: Expr) -> None:
        values = self.names.setdefault(name, [])
        if len(values) < 8:
            values.append(value)

    def home(self) -> Module | None:
        """The module that this scope belongs to."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope.module

    def owner(self) -> Scope | None:
        """The class around this scope, if any."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "class":
            scope = scope.parent
        return scope


@dataclass(slots=True, eq=False)
class Function:
    name: str
    line: int
    scope: Scope
    outer: Scope
    decorators: list[Expr]
    returns: list[Expr] = field(default_factory=list)
    doc: str = ""
    is_property: bool = False


@dataclass(slots=True, eq=False)
class Class:
    name: str
    line: int
    scope: Scope
    bases: list[Expr]
    decorators: list[Expr]
    doc: str = ""


@dataclass(slots=True, eq=False)
class Module:
    """One source file in neutral form."""

    path: str
    language: str
    scope: Scope
    imports: dict[str, Import] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    functions: dict[str, list[Function]] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    mappings: list[Mapping] = field(default_factory=list)
    subscripts: list[Subscript] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    pipes: list[Pipe] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    docstrings: list[tuple[int, str]] = field(default_factory=list)
    uses: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scope.module = self
