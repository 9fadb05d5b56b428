"""Loads YAML and JSON with line numbers, within limits that a bomb cannot pass."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

_NODES = 60_000
_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its line: a scalar text, a list of nodes, or pairs of a key and a node."""

    line: int
    text: str = ""
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[str, Node], ...] = ()
    shape: str = "text"

    def get(self, *keys: str) -> Node | None:
        """The value under a path of keys."""
        node: Node | None = self
        for key in keys:
            node = next((value for name, value in node.pairs if name == key), None) if node is not None else None
        return node

    def value(self, *keys: str) -> str:
        """The scalar text under a path of keys, without white space around it; nulls are empty."""
        node = self.get(*keys)
        text = node.text.strip() if node is not None and node.shape == "text" else ""
        return "" if text in ("null", "~", "None") else text

    def walk(self) -> Iterator[Node]:
        yield self
        for item in self.items:
            yield from item.walk()
        for _, value in self.pairs:
            yield from value.walk()


def load_yaml(text: str) -> list[Node]:
    """Every document; aliases are refused, for they are what makes a small file huge."""
    _check(text)
    documents: list[Node] = []
    try:
        # Templates of Helm or Jinja are not YAML: the parser refuses them, and so do we.
        for root in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            if root is not None:
                documents.append(_Builder().build(root, 0))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ValueError(f"not YAML: line {line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError("not YAML") from error
    return documents


def _check(text: str) -> None:
    """Refuse what would overflow the parser: nesting in flow style, and depth by indentation."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}" and depth:
            depth -= 1
    if deepest > 400:
        raise ValueError("nested too deeply")


class _Builder:
    def __init__(self) -> None:
        self._count = 0

    def build(self, node: yaml.Node, depth: int) -> Node:
        self._count += 1
        if self._count > _NODES or depth > _DEPTH:
            raise ValueError("too many or too deeply nested values")
        line = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            return Node(line, items=tuple(self.build(item, depth + 1) for item in node.value), shape="list")
        if isinstance(node, yaml.MappingNode):
            pairs = tuple(
                (str(key.value), self.build(value, depth + 1))
                for key, value in node.value
                if isinstance(key, yaml.ScalarNode)
            )
            return Node(line, pairs=pairs, shape="map")
        return Node(line, text=str(node.value))


def load_json(text: str) -> Node:
    """JSON, with comments and trailing commas as editors allow them; lines are found by key."""
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = json.loads(_relaxed(text))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("not JSON: nested too deeply") from error
    return _from_json(value, _Lines(text), 1, 0)


def _relaxed(text: str) -> str:
    bare = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda match: match[1] or "", text, flags=re.DOTALL)
    return re.sub(r'("(?:\\.|[^"\\])*")|,(\s*[}\]])', lambda match: match[1] or match[2], bare)


class _Lines:
    """Finds the line of each key in reading order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def of(self, key: str) -> int:
        found = self._text.find(json.dumps(key, ensure_ascii=False), self._at)
        if found >= 0:
            self._line += self._text.count("\n", self._at, found)
            self._at = found + 1
        return self._line


def _from_json(value: object, lines: _Lines, line: int, depth: int) -> Node:
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            at = lines.of(str(key))
            pairs.append((str(key), _from_json(item, lines, at, depth + 1)))
        return Node(line, pairs=tuple(pairs), shape="map")
    if isinstance(value, list):
        return Node(line, items=tuple(_from_json(item, lines, line, depth + 1) for item in value), shape="list")
    if value is None:
        return Node(line)
    return Node(line, text=str(value))
