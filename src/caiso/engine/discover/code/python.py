"""Turns a Python syntax tree into the neutral form."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import tree_sitter_python
from tree_sitter import Language, Node, Parser

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
    Pipe,
    Scope,
    Subscript,
    Text,
)

# Trees nested deeper than this are read as unknown: real code stays under 60, a bomb does not.
DEPTH_LIMIT = 120
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "\n": ""}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_python.language()))


def read_python(path: str, data: bytes) -> Module:
    """The neutral form of one Python file; broken parts are left out and named in `problems`."""
    tree = _parser().parse(data)
    reader = _Reader(path)
    reader.block(tree.root_node, reader.module.scope, 0)
    if tree.root_node.has_error:
        reader.module.problems.append("syntax errors: read in part")
    return reader.module


def unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), text)


class _Reader:
    """One file's walk; every method turns one kind of node into neutral form."""

    def __init__(self, path: str) -> None:
        self.module = Module(path=path, language="python", scope=Scope("module", ""))
        self._expressions: dict[str, Callable[[Node, Scope, int], Expr]] = {
            "identifier": self._identifier,
            "string": self._string,
            "concatenated_string": self._concatenated,
            "call": self._call,
            "attribute": self._attribute,
            "subscript": self._subscript,
            "list": self._items,
            "tuple": self._items,
            "set": self._items,
            "expression_list": self._items,
            "dictionary": self._mapping,
            "boolean_operator": self._choice,
            "conditional_expression": self._conditional,
            "binary_operator": self._binary,
            "parenthesized_expression": self._inner,
            "await": self._inner,
            "named_expression": self._walrus,
            "lambda": self._lambda,
        }
        self._statements: dict[str, Callable[[Node, Scope, int], None]] = {
            "import_statement": self._import,
            "import_from_statement": self._import_from,
            "function_definition": self._function,
            "class_definition": self._class,
            "decorated_definition": self._decorated,
            "assignment": self._assignment,
            "return_statement": self._return,
            "as_pattern": self._as_pattern,
            "for_statement": self._for,
            "comment": self._comment,
            "expression_statement": self._bare,
        }
        self._stack: list[Function] = []

    def block(self, node: Node, scope: Scope, depth: int) -> None:
        """Read every statement below a node that is not itself an expression."""
        for child in node.named_children:
            self._visit(child, scope, depth + 1)

    def _visit(self, node: Node, scope: Scope, depth: int) -> None:
        if depth > DEPTH_LIMIT:
            if "nested too deeply: read in part" not in self.module.problems:
                self.module.problems.append("nested too deeply: read in part")
            return
        statement = self._statements.get(node.type)
        if statement is not None:
            statement(node, scope, depth)
        elif node.type in self._expressions:
            self._expressions[node.type](node, scope, depth)
        else:
            self.block(node, scope, depth)

    def _expr(self, node: Node | None, scope: Scope, depth: int) -> Expr:
        if node is None:
            return Expr(0)
        handler = self._expressions.get(node.type)
        if depth > DEPTH_LIMIT:
            return Expr(node.start_point.row + 1)
        if handler is not None:
            return handler(node, scope, depth + 1)
        self._visit(node, scope, depth + 1)
        return Expr(node.start_point.row + 1)

    # expressions

    def _identifier(self, node: Node, scope: Scope, _: int) -> Expr:
        text = _text(node)
        self.module.uses[text] += 1
        return Name(_line(node), text, scope)

    def _string(self, node: Node, scope: Scope, depth: int) -> Expr:
        raw = b"r" in (node.children[0].text or b"").lower() if node.children else False
        parts: list[Expr] = []
        for child in node.named_children:
            if child.type == "string_content":
                value = _text(child)
                parts.append(Text(_line(child), value if raw or "\\" not in value else unescape(value)))
            elif child.type == "interpolation":
                parts.append(self._expr(child.child_by_field_name("expression"), scope, depth))
        if not parts:
            return Text(_line(node), "")
        if len(parts) == 1 and isinstance(parts[0], Text):
            parts[0].line = _line(node)
            self.module.texts.append(parts[0])
            return parts[0]
        self.module.texts.extend(part for part in parts if isinstance(part, Text))
        return Join(_line(node), parts)

    def _concatenated(self, node: Node, scope: Scope, depth: int) -> Expr:
        return Join(_line(node), [self._expr(c, scope, depth) for c in node.named_children if c.type == "string"])

    def _call(self, node: Node, scope: Scope, depth: int) -> Expr:
        callee = self._expr(node.child_by_field_name("function"), scope, depth)
        call = Call(_line(node), callee, [], {}, scope)
        arguments = node.child_by_field_name("arguments")
        for child in arguments.named_children if arguments is not None else ():
            if child.type == "keyword_argument":
                self._keyword(child, call, scope, depth)
            elif child.type == "dictionary_splat":
                value = self._expr(child.named_children[0] if child.named_children else None, scope, depth)
                call.keywords.setdefault("**", value)
            elif child.type != "comment":
                call.args.append(self._expr(child, scope, depth))
            else:
                self._comment(child, scope, depth)
        self.module.calls.append(call)
        return call

    def _keyword(self, node: Node, call: Call, scope: Scope, depth: int) -> None:
        name = node.child_by_field_name("name")
        value = self._expr(node.child_by_field_name("value"), scope, depth)
        if name is not None:
            call.keywords[_text(name)] = _aim(value, _text(name), weak=True)

    def _attribute(self, node: Node, scope: Scope, depth: int) -> Expr:
        base = self._expr(node.child_by_field_name("object"), scope, depth)
        name = node.child_by_field_name("attribute")
        attribute = Attribute(_line(name or node), base, _text(name) if name is not None else "", scope)
        self.module.attributes.append(attribute)
        return attribute

    def _subscript(self, node: Node, scope: Scope, depth: int) -> Expr:
        base = self._expr(node.child_by_field_name("value"), scope, depth)
        key = self._expr(node.child_by_field_name("subscript"), scope, depth)
        result = Subscript(_line(node), base, key, scope)
        self.module.subscripts.append(result)
        return result

    def _items(self, node: Node, scope: Scope, depth: int) -> Expr:
        items = [self._expr(child, scope, depth) for child in node.named_children if child.type != "comment"]
        for child in node.named_children:
            if child.type == "comment":
                self._comment(child, scope, depth)
        return Items(_line(node), items)

    def _mapping(self, node: Node, scope: Scope, depth: int) -> Expr:
        pairs: list[tuple[str, Expr]] = []
        for child in node.named_children:
            if child.type != "pair":
                self._visit(child, scope, depth)
                continue
            key = self._expr(child.child_by_field_name("key"), scope, depth)
            value = self._expr(child.child_by_field_name("value"), scope, depth)
            label = key.value if isinstance(key, Text) else ""
            pairs.append((label, _aim(value, label) if isinstance(value, Call) else value))
        mapping = Mapping(_line(node), pairs)
        self.module.mappings.append(mapping)
        return mapping

    def _choice(self, node: Node, scope: Scope, depth: int) -> Expr:
        return Choice(_line(node), [self._expr(child, scope, depth) for child in node.named_children])

    def _conditional(self, node: Node, scope: Scope, depth: int) -> Expr:
        values = [self._expr(child, scope, depth) for child in node.named_children]
        return Choice(_line(node), values[:1] + values[2:])

    def _binary(self, node: Node, scope: Scope, depth: int) -> Expr:
        operator = node.child_by_field_name("operator")
        left = self._expr(node.child_by_field_name("left"), scope, depth)
        right = self._expr(node.child_by_field_name("right"), scope, depth)
        sign = operator.type if operator is not None else ""
        if sign == "|":
            parts = [*(left.parts if isinstance(left, Pipe) else [left]), right]
            pipe = Pipe(_line(node), parts)
            if isinstance(left, Pipe):
                self.module.pipes.remove(left)
            self.module.pipes.append(pipe)
            return pipe
        if sign == "+":
            if isinstance(left, Items) and isinstance(right, Items):
                return Items(_line(node), left.items + right.items)
            return Join(_line(node), [left, right])
        return Expr(_line(node))

    def _inner(self, node: Node, scope: Scope, depth: int) -> Expr:
        inner = [child for child in node.named_children if child.type != "comment"]
        return self._expr(inner[0] if inner else None, scope, depth)

    def _walrus(self, node: Node, scope: Scope, depth: int) -> Expr:
        value = self._expr(node.child_by_field_name("value"), scope, depth)
        self._bind(node.child_by_field_name("name"), value, scope, depth)
        return value

    def _lambda(self, node: Node, scope: Scope, depth: int) -> Expr:
        return self._expr(node.child_by_field_name("body"), Scope("function", "<lambda>", scope), depth)

    # statements

    def _import(self, node: Node, _: Scope, __: int) -> None:
        for child in node.named_children:
            if child.type == "aliased_import":
                module, alias = (child.child_by_field_name(field) for field in ("name", "alias"))
                self._add_import(_text(alias), _text(module), "", child)
            elif child.type == "dotted_name":
                dotted = _text(child)
                # `import a.b` binds `a`; attribute access supplies the rest.
                self._add_import(dotted.split(".", 1)[0], dotted.split(".", 1)[0], "", child)
                self.module.imports[f"{dotted}#module"] = Import(dotted, dotted, "", _line(child))

    def _import_from(self, node: Node, _: Scope, __: int) -> None:
        module = node.child_by_field_name("module_name")
        if module is None:
            return
        dotted = _text(module)
        relative = module.type == "relative_import"
        for child in node.named_children:
            if child == module:
                continue
            if child.type == "wildcard_import":
                self.module.stars.append(Import("*", dotted, "*", _line(node), relative))
            elif child.type == "aliased_import":
                name, alias = (child.child_by_field_name(field) for field in ("name", "alias"))
                self._add_import(_text(alias), dotted, _text(name), child, relative=relative)
            elif child.type == "dotted_name":
                self._add_import(_text(child), dotted, _text(child), child, relative=relative)

    def _add_import(self, local: str, module: str, symbol: str, node: Node, *, relative: bool = False) -> None:
        self.module.imports.setdefault(local, Import(local, module, symbol, _line(node), relative))

    def _decorated(self, node: Node, scope: Scope, depth: int) -> None:
        decorators = [
            self._expr(child.named_children[0], scope, depth)
            for child in node.named_children
            if child.type == "decorator" and child.named_children
        ]
        definition = node.child_by_field_name("definition")
        if definition is None:
            return
        if definition.type == "class_definition":
            self._class(definition, scope, depth, decorators)
        else:
            self._function(definition, scope, depth, decorators)

    def _function(self, node: Node, scope: Scope, depth: int, decorators: list[Expr] | None = None) -> None:
        name = _text(node.child_by_field_name("name"))
        inner = Scope("function", name, scope)
        function = Function(name, _line(node), inner, scope, decorators or [])
        function.is_property = any(getattr(item, "name", "").endswith("property") for item in decorators or [])
        self._parameters(node.child_by_field_name("parameters"), inner, scope, depth)
        returned = node.child_by_field_name("return_type")
        if returned is not None:
            inner.types["return"] = self._expr(_first(returned), scope, depth)
        self.module.functions.setdefault(name, []).append(function)
        self._stack.append(function)
        body = node.child_by_field_name("body")
        if body is not None:
            function.doc = _docstring(body)
            self.block(body, inner, depth)
        self._stack.pop()

    def _parameters(self, node: Node | None, inner: Scope, outer: Scope, depth: int) -> None:
        position = 0
        for child in node.named_children if node is not None else ():
            name = child.child_by_field_name("name") or _first(child) or child
            label = _text(name) if name.type == "identifier" else _text(child)
            if label in ("self", "cls") and position == 0:
                continue
            inner.params[label] = position
            position += 1
            value = child.child_by_field_name("value")
            if value is not None:
                inner.bind(label, self._expr(value, outer, depth))
            annotation = child.child_by_field_name("type")
            if annotation is not None:
                inner.types[label] = self._expr(_first(annotation), outer, depth)

    def _class(self, node: Node, scope: Scope, depth: int, decorators: list[Expr] | None = None) -> None:
        name = _text(node.child_by_field_name("name"))
        bases_node = node.child_by_field_name("superclasses")
        bases = [
            self._expr(child, scope, depth)
            for child in (bases_node.named_children if bases_node is not None else ())
            if child.type in self._expressions
        ]
        inner = Scope("class", name, scope)
        made = Class(name, _line(node), inner, bases, decorators or [])
        self.module.classes.setdefault(name, made)
        body = node.child_by_field_name("body")
        if body is not None:
            made.doc = _docstring(body)
            self.block(body, inner, depth)

    def _assignment(self, node: Node, scope: Scope, depth: int) -> None:
        left = node.child_by_field_name("left")
        right = node.child_by_field_name("right")
        annotation = node.child_by_field_name("type")
        if annotation is not None and left is not None:
            scope.types[_text(left)] = self._expr(_first(annotation), scope, depth)
        if right is None or left is None:
            return
        if right.type == "assignment":
            self._assignment(right, scope, depth + 1)
            right = right.child_by_field_name("right")
        value = self._expr(right, scope, depth)
        if left.type in ("pattern_list", "tuple_pattern") and isinstance(value, Items):
            for target, item in zip(left.named_children, value.items, strict=False):
                self._bind(target, item, scope, depth)
            return
        self._bind(left, value, scope, depth)

    def _bind(self, target: Node | None, value: Expr, scope: Scope, depth: int) -> None:
        if target is None:
            return
        if target.type == "identifier":
            label = _text(target)
            # A class-level or module-level name keeps every value it is given.
            scope.bind(label, _aim(value, label))
        elif target.type == "attribute":
            label = _text(target)
            owner = scope.owner()
            if label.startswith("self.") and owner is not None:
                owner.bind(label[5:], _aim(value, label[5:]))
            else:
                scope.bind(label, _aim(value, label))
        else:
            self._visit(target, scope, depth)

    def _return(self, node: Node, scope: Scope, depth: int) -> None:
        value = self._expr(_first(node), scope, depth)
        if self._stack:
            self._stack[-1].returns.append(_aim(value, self._stack[-1].name, weak=True))

    def _as_pattern(self, node: Node, scope: Scope, depth: int) -> None:
        value = self._expr(_first(node), scope, depth)
        alias = node.child_by_field_name("alias")
        target = _first(alias) if alias is not None else None
        self._bind(target, value, scope, depth)

    def _for(self, node: Node, scope: Scope, depth: int) -> None:
        left = node.child_by_field_name("left")
        values = self._expr(node.child_by_field_name("right"), scope, depth)
        if left is not None and left.type == "identifier" and isinstance(values, Items):
            scope.bind(_text(left), Choice(values.line, values.items))
        for child in node.children_by_field_name("body") + node.children_by_field_name("alternative"):
            self.block(child, scope, depth)

    def _bare(self, node: Node, scope: Scope, depth: int) -> None:
        inner = _first(node)
        if inner is not None and inner.type in ("string", "concatenated_string"):
            self.module.docstrings.append((_line(inner), _text(inner)))
        else:
            self.block(node, scope, depth)

    def _comment(self, node: Node, _: Scope, __: int) -> None:
        self.module.comments.append((_line(node), _text(node).lstrip("#")))


def _docstring(body: Node) -> str:
    node = _first(body)
    inner = _first(node) if node is not None and node.type == "expression_statement" else None
    if inner is None or inner.type not in ("string", "concatenated_string"):
        return ""
    return _text(inner).strip("rR\"' \n")


def _aim(value: Expr, target: str, *, weak: bool = False) -> Expr:
    """Tell a call which name receives it; a weak name (keyword) yields to a later real one."""
    if isinstance(value, Call | Pipe) and (not value.target or not weak):
        value.target = target
    return value


def _first(node: Node) -> Node | None:
    return node.named_children[0] if node.named_children else None


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _text(node: Node | None) -> str:
    if node is None or node.text is None:
        return ""
    return node.text.decode("utf-8", "replace")
