"""Turns a TypeScript or JavaScript syntax tree into the neutral form."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import tree_sitter_javascript
import tree_sitter_typescript
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
    Scope,
    Subscript,
    Text,
)
from caiso.engine.discover.code.python import DEPTH_LIMIT, unescape

_WRAPPERS = (
    "parenthesized_expression",
    "await_expression",
    "as_expression",
    "satisfies_expression",
    "non_null_expression",
    "type_assertion",
    "spread_element",
)
_FUNCTIONS = ("arrow_function", "function_expression", "generator_function")


@lru_cache(maxsize=4)
def _parser(grammar: str) -> Parser:
    if grammar == "typescript":
        return Parser(Language(tree_sitter_typescript.language_typescript()))
    if grammar == "tsx":
        return Parser(Language(tree_sitter_typescript.language_tsx()))
    return Parser(Language(tree_sitter_javascript.language()))


def grammar_for(path: str) -> str:
    """The grammar by file ending."""
    if path.endswith((".ts", ".mts", ".cts")):
        return "typescript"
    return "tsx" if path.endswith(".tsx") else "javascript"


def read_script(path: str, data: bytes) -> Module:
    """The neutral form of one script; broken parts are left out and named in `problems`."""
    tree = _parser(grammar_for(path)).parse(data)
    reader = _Reader(path)
    reader.block(tree.root_node, reader.module.scope, 0)
    if tree.root_node.has_error:
        reader.module.problems.append("syntax errors: read in part")
    return reader.module


class _Reader:
    """One file's walk; every method turns one kind of node into neutral form."""

    def __init__(self, path: str) -> None:
        self.module = Module(path=path, language="script", scope=Scope("module", ""))
        self._stack: list[Function] = []
        self._expressions: dict[str, Callable[[Node, Scope, int], Expr]] = {
            "identifier": self._identifier,
            "this": self._identifier,
            "shorthand_property_identifier": self._identifier,
            "string": self._string,
            "template_string": self._template,
            "call_expression": self._call,
            "new_expression": self._call,
            "member_expression": self._member,
            "subscript_expression": self._subscript,
            "array": self._array,
            "object": self._object,
            "binary_expression": self._binary,
            "ternary_expression": self._ternary,
            "assignment_expression": self._assign,
            "augmented_assignment_expression": self._assign,
            **dict.fromkeys(_WRAPPERS, self._wrapped),
            **dict.fromkeys(_FUNCTIONS, self._closure),
        }
        self._statements: dict[str, Callable[[Node, Scope, int], None]] = {
            "import_statement": self._import,
            "export_statement": self._export,
            "variable_declarator": self._declarator,
            "function_declaration": self._function,
            "generator_function_declaration": self._function,
            "class_declaration": self._class,
            "class": self._class,
            "abstract_class_declaration": self._class,
            "method_definition": self._function,
            "public_field_definition": self._field,
            "field_definition": self._field,
            "return_statement": self._return,
            "comment": self._comment,
        }

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
        elif node.type == "type_identifier":
            self.module.uses[_text(node)] += 1
        else:
            self.block(node, scope, depth)

    def _expr(self, node: Node | None, scope: Scope, depth: int) -> Expr:
        if node is None:
            return Expr(0)
        handler = self._expressions.get(node.type)
        if handler is not None and depth <= DEPTH_LIMIT:
            return handler(node, scope, depth + 1)
        self._visit(node, scope, depth + 1)
        return Expr(_line(node))

    # expressions

    def _identifier(self, node: Node, scope: Scope, _: int) -> Expr:
        text = _text(node)
        self.module.uses[text] += 1
        return Name(_line(node), text, scope)

    def _string(self, node: Node, _: Scope, __: int) -> Expr:
        raw = _text(node)[1:-1]
        text = Text(_line(node), unescape(raw) if "\\" in raw else raw)
        self.module.texts.append(text)
        return text

    def _template(self, node: Node, scope: Scope, depth: int) -> Expr:
        parts: list[Expr] = []
        for child in node.named_children:
            if child.type == "string_fragment":
                parts.append(Text(_line(child), _text(child)))
            elif child.type == "template_substitution":
                parts.append(self._expr(_first(child), scope, depth))
        texts = [part for part in parts if isinstance(part, Text)]
        self.module.texts.extend(texts)
        if len(parts) == 1 and texts:
            texts[0].line = _line(node)
            return texts[0]
        return Join(_line(node), parts)

    def _call(self, node: Node, scope: Scope, depth: int) -> Expr:
        callee_node = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        if callee_node is not None and callee_node.type == "import":
            return self._dynamic_import(node)
        callee = self._expr(callee_node, scope, depth)
        call = Call(_line(node), callee, [], {}, scope)
        arguments = node.child_by_field_name("arguments")
        if arguments is not None and arguments.type == "template_string":
            call.args.append(self._expr(arguments, scope, depth))
        elif arguments is not None:
            for child in arguments.named_children:
                if child.type == "comment":
                    self._comment(child, scope, depth)
                else:
                    call.args.append(self._expr(child, scope, depth))
        # Options are passed as an object: its keys are this language's keyword arguments.
        for argument in call.args:
            if isinstance(argument, Mapping):
                for key, value in argument.pairs:
                    call.keywords.setdefault(key, value)
        self.module.calls.append(call)
        if isinstance(callee, Name) and callee.name == "require" and call.args and isinstance(call.args[0], Text):
            return Name(call.line, f"require:{call.args[0].value}", scope)
        return call

    def _dynamic_import(self, node: Node) -> Expr:
        arguments = node.child_by_field_name("arguments")
        first = _first(arguments) if arguments is not None else None
        if first is not None and first.type == "string":
            module = _text(first)[1:-1]
            return Name(_line(node), f"require:{module}", self.module.scope)
        return Expr(_line(node))

    def _member(self, node: Node, scope: Scope, depth: int) -> Expr:
        base = self._expr(node.child_by_field_name("object"), scope, depth)
        name = node.child_by_field_name("property")
        attribute = Attribute(_line(name or node), base, _text(name), scope)
        self.module.attributes.append(attribute)
        return attribute

    def _subscript(self, node: Node, scope: Scope, depth: int) -> Expr:
        base = self._expr(node.child_by_field_name("object"), scope, depth)
        key = self._expr(node.child_by_field_name("index"), scope, depth)
        result = Subscript(_line(node), base, key, scope)
        self.module.subscripts.append(result)
        return result

    def _array(self, node: Node, scope: Scope, depth: int) -> Expr:
        items: list[Expr] = []
        for child in node.named_children:
            if child.type == "comment":
                self._comment(child, scope, depth)
            else:
                items.append(self._expr(child, scope, depth))
        return Items(_line(node), items)

    def _object(self, node: Node, scope: Scope, depth: int) -> Expr:
        pairs: list[tuple[str, Expr]] = []
        for child in node.named_children:
            if child.type == "pair":
                key = child.child_by_field_name("key")
                label = _text(key).strip("\"'`") if key is not None else ""
                value = self._expr(child.child_by_field_name("value"), scope, depth)
                if isinstance(value, Call):
                    value.target = label
                pairs.append((label, value))
            elif child.type == "shorthand_property_identifier":
                pairs.append((_text(child), self._identifier(child, scope, depth)))
            else:
                self._visit(child, scope, depth)
        mapping = Mapping(_line(node), pairs)
        self.module.mappings.append(mapping)
        return mapping

    def _binary(self, node: Node, scope: Scope, depth: int) -> Expr:
        operator = node.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        left = self._expr(node.child_by_field_name("left"), scope, depth)
        right = self._expr(node.child_by_field_name("right"), scope, depth)
        if sign in ("||", "??"):
            return Choice(_line(node), [left, right])
        return Join(_line(node), [left, right]) if sign == "+" else Expr(_line(node))

    def _ternary(self, node: Node, scope: Scope, depth: int) -> Expr:
        self._expr(node.child_by_field_name("condition"), scope, depth)
        options = [self._expr(node.child_by_field_name(part), scope, depth) for part in ("consequence", "alternative")]
        return Choice(_line(node), options)

    def _assign(self, node: Node, scope: Scope, depth: int) -> Expr:
        value = self._expr(node.child_by_field_name("right"), scope, depth)
        left = node.child_by_field_name("left")
        self._bind(left, value, scope)
        if left is not None and left.type != "identifier":
            self._visit(left, scope, depth)
        return value

    def _wrapped(self, node: Node, scope: Scope, depth: int) -> Expr:
        inner = [child for child in node.named_children if child.type != "comment"]
        for extra in inner[1:]:
            self._visit(extra, scope, depth)
        return self._expr(inner[0] if inner else None, scope, depth)

    def _closure(self, node: Node, scope: Scope, depth: int) -> Expr:
        self._enter(node, "", scope, depth)
        return Expr(_line(node))

    # statements

    def _import(self, node: Node, _: Scope, __: int) -> None:
        source = node.child_by_field_name("source")
        if source is None:
            return
        module = _text(source)[1:-1]
        typed = any(child.type == "type" for child in node.children)
        clause = next((child for child in node.named_children if child.type == "import_clause"), None)
        if clause is None:
            self._add_import(f"{module}#effect", module, "", node, typed=False)
            return
        for child in clause.named_children:
            if child.type == "identifier":
                self._add_import(_text(child), module, "default", child, typed=typed)
            elif child.type == "namespace_import":
                self._add_import(_text(_first(child)), module, "", child, typed=typed)
            elif child.type == "named_imports":
                self._named_imports(child, module, typed=typed)

    def _named_imports(self, node: Node, module: str, *, typed: bool) -> None:
        for child in node.named_children:
            name = child.child_by_field_name("name")
            alias = child.child_by_field_name("alias")
            if name is not None:
                only = typed or any(part.type == "type" for part in child.children)
                self._add_import(_text(alias or name), module, _text(name), child, typed=only)

    def _add_import(self, local: str, module: str, symbol: str, node: Node, *, typed: bool) -> None:
        relative = module.startswith((".", "/", "@/", "~/", "#"))
        made = Import(local, module, symbol, _line(node), relative, typed)
        self.module.imports.setdefault(local, made)

    def _export(self, node: Node, scope: Scope, depth: int) -> None:
        source = node.child_by_field_name("source")
        if source is not None:
            module = _text(source)[1:-1]
            self._add_import(f"{module}#export", module, "", node, typed=False)
            return
        value = node.child_by_field_name("value")
        if value is not None:
            result = self._expr(value, scope, depth)
            if isinstance(result, Call) and not result.target:
                result.target = "default"
            scope.bind("default", result)
        else:
            self.block(node, scope, depth)

    def _declarator(self, node: Node, scope: Scope, depth: int) -> None:
        target = node.child_by_field_name("name")
        value_node = node.child_by_field_name("value")
        annotation = node.child_by_field_name("type")
        if annotation is not None and target is not None:
            scope.types[_text(target)] = self._type(annotation, scope)
        if value_node is None or target is None:
            return
        inner = value_node
        if inner.type in _FUNCTIONS:
            self._enter(inner, _text(target), scope, depth)
            return
        value = self._expr(value_node, scope, depth)
        if target.type == "object_pattern":
            self._destructure(target, value, scope)
        else:
            self._bind(target, value, scope)

    def _destructure(self, target: Node, value: Expr, scope: Scope) -> None:
        for child in target.named_children:
            if child.type == "shorthand_property_identifier_pattern":
                label = _text(child)
                scope.bind(label, Attribute(_line(child), value, label, scope))
            elif child.type == "pair_pattern":
                key, local = child.child_by_field_name("key"), child.child_by_field_name("value")
                if key is not None and local is not None:
                    scope.bind(_text(local), Attribute(_line(child), value, _text(key), scope))

    def _bind(self, target: Node | None, value: Expr, scope: Scope) -> None:
        if target is None:
            return
        label = _text(target)
        owner = scope.owner()
        if label.startswith("this.") and owner is not None:
            label, scope = label[5:], owner
        if isinstance(value, Call):
            value.target = label
        if isinstance(value, Name) and value.name.startswith("require:"):
            module = value.name[8:]
            self._add_import(label, module, "default", target, typed=False)
            return
        if len(label) < 200:
            scope.bind(label, value)

    def _type(self, annotation: Node, scope: Scope) -> Expr:
        """The first class named in a type: `Client | null` says Client."""
        queue = [annotation]
        while queue:
            node = queue.pop(0)
            if node.type == "type_identifier":
                self.module.uses[_text(node)] += 1
                return Name(_line(node), _text(node), scope)
            queue.extend(node.named_children)
        return Expr(_line(annotation))

    def _function(self, node: Node, scope: Scope, depth: int) -> None:
        name = _text(node.child_by_field_name("name"))
        self._enter(node, name, scope, depth)
        if name and any(child.type == "get" for child in node.children):
            self.module.functions[name][-1].is_property = True

    def _enter(self, node: Node, name: str, scope: Scope, depth: int) -> None:
        inner = Scope("function", name, scope)
        function = Function(name, _line(node), inner, scope, [])
        parameters = node.child_by_field_name("parameters")
        for position, child in enumerate(parameters.named_children if parameters is not None else ()):
            self._parameter(child, position, inner, depth)
        returned = node.child_by_field_name("return_type")
        if returned is not None:
            inner.types["return"] = self._type(returned, scope)
        if name:
            self.module.functions.setdefault(name, []).append(function)
        body = node.child_by_field_name("body")
        if body is None:
            return
        self._stack.append(function)
        if body.type == "statement_block":
            self.block(body, inner, depth)
        else:
            value = self._expr(body, inner, depth)
            if isinstance(value, Call) and not value.target:
                value.target = name
            function.returns.append(value)
        self._stack.pop()

    def _parameter(self, node: Node, position: int, inner: Scope, depth: int) -> None:
        pattern = node.child_by_field_name("pattern") or node
        value = node.child_by_field_name("value")
        if pattern.type == "assignment_pattern":
            value = pattern.child_by_field_name("right")
            pattern = pattern.child_by_field_name("left") or pattern
        label = _text(pattern)
        if len(label) > 200:
            return
        inner.params[label] = position
        if value is not None:
            inner.bind(label, self._expr(value, inner, depth))
        annotation = node.child_by_field_name("type")
        if annotation is not None:
            inner.types[label] = self._type(annotation, inner)

    def _class(self, node: Node, scope: Scope, depth: int) -> None:
        name = _text(node.child_by_field_name("name"))
        inner = Scope("class", name, scope)
        bases: list[Expr] = []
        for child in node.named_children:
            if child.type == "class_heritage":
                part = _first(child)
                value = part.child_by_field_name("value") if part is not None else None
                bases.append(self._expr(value or part, scope, depth))
        self.module.classes.setdefault(name, Class(name, _line(node), inner, bases, []))
        body = node.child_by_field_name("body")
        if body is not None:
            self.block(body, inner, depth)

    def _field(self, node: Node, scope: Scope, depth: int) -> None:
        name = _text(node.child_by_field_name("name") or node.child_by_field_name("property"))
        annotation = node.child_by_field_name("type")
        if annotation is not None:
            scope.types[name] = self._type(annotation, scope)
        value_node = node.child_by_field_name("value")
        if value_node is None:
            return
        value = self._expr(value_node, scope, depth)
        if isinstance(value, Call):
            value.target = name
        scope.bind(name, value)

    def _return(self, node: Node, scope: Scope, depth: int) -> None:
        value = self._expr(_first(node), scope, depth)
        if self._stack:
            if isinstance(value, Call) and not value.target:
                value.target = self._stack[-1].name
            self._stack[-1].returns.append(value)

    def _comment(self, node: Node, _: Scope, __: int) -> None:
        self.module.comments.append((_line(node), _text(node).lstrip("/")))


def _first(node: Node) -> Node | None:
    return node.named_children[0] if node.named_children else None


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _text(node: Node | None) -> str:
    if node is None or node.text is None:
        return ""
    return node.text.decode("utf-8", "replace")
