"""Turns YAML text into a tree of nodes that know their line, within hard bounds."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml import events
from yaml.reader import Reader

from caiso.engine.packs.problems import quoted

# The C parser gives the same events ten times faster; the tree and all limits below are ours either way.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may hold; `nodes` counts what aliases expand to, which stops alias bombs."""

    size: int = 2_000_000
    nodes: int = 200_000
    depth: int = 32


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf; `plain` is False when the author quoted it."""

    text: str
    plain: bool
    line: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A YAML sequence."""

    items: tuple["Node", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A YAML mapping in the author's order; keys are unique."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    line: int

    def get(self, key: str) -> "Node | None":
        return next((node for name, node in self.entries if name.text == key), None)


Node = Scalar | Listing | Mapping


class UnableToCompose(Exception):
    """The text is not YAML that we take; `faults` are (line, message)."""

    def __init__(self, faults: list[tuple[int, str]]) -> None:
        self.faults = faults
        super().__init__("; ".join(message for _, message in faults))


def compose(source: bytes, limits: Limits = Limits()) -> Node:
    """Build the tree of the one document in `source`, or raise UnableToCompose with every fault that could be found."""
    if len(source) > limits.size:
        raise UnableToCompose([(0, f"the file has {len(source)} bytes, at most {limits.size} are read")])
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise UnableToCompose([(line, "the file is not valid UTF-8")]) from error
    composer = _Composer(limits)
    try:
        root = composer.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"not valid YAML: {error.problem or error.context}"
        raise UnableToCompose([*composer.faults, (mark.line + 1 if mark else 0, message)]) from error
    except yaml.YAMLError as error:  # a character that YAML does not allow; the parser says which and not where
        strange = Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, strange.start()) + 1 if strange else 0
        raise UnableToCompose([*composer.faults, (line, f"not valid YAML: {str(error).splitlines()[0]}")]) from error
    if composer.faults:
        raise UnableToCompose(composer.faults)
    return root


class _Composer:
    """Builds nodes from parser events; keeps going after faults that leave the structure readable."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.faults: list[tuple[int, str]] = []
        self._nodes = 0
        self._anchors: dict[str, tuple[Node, int, int]] = {}

    def document(self, stream: Iterator[events.Event]) -> Node:
        root: Node | None = None
        for event in stream:
            if isinstance(event, events.DocumentEndEvent | events.StreamStartEvent | events.StreamEndEvent):
                continue
            if isinstance(event, events.DocumentStartEvent):
                if root is not None:
                    raise UnableToCompose([*self.faults, (_line(event), "a second document; a pack file holds one")])
                continue
            root = self._node(event, stream, depth=1)
        if root is None:
            raise UnableToCompose([(0, "the file is empty")])
        return root

    def _node(self, event: events.Event, stream: Iterator[events.Event], *, depth: int) -> Node:
        line = _line(event)
        if depth > self.limits.depth:
            raise UnableToCompose([*self.faults, (line, f"nested deeper than {self.limits.depth} levels")])
        if isinstance(event, events.AliasEvent):
            return self._alias(event, depth=depth)
        before = self._nodes
        self._count(1, line)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.faults.append((line, f"tag {quoted(tag)} is not allowed; write plain values"))
        node: Node
        if isinstance(event, events.ScalarEvent):
            node = Scalar(event.value, plain=bool(event.implicit[0]), line=line)
        elif isinstance(event, events.SequenceStartEvent):
            node = Listing(tuple(self._items(stream, depth=depth)), line)
        else:
            node = Mapping(self._entries(stream, depth=depth), line)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            # Registered only when complete, so an alias to its own parent is unknown and cannot make a circle.
            self._anchors[anchor] = (node, self._nodes - before, _height(node))
        return node

    def _alias(self, event: events.AliasEvent, *, depth: int) -> Node:
        line, name = _line(event), event.anchor or ""
        known = self._anchors.get(name)
        if known is None:
            raise UnableToCompose([*self.faults, (line, f"alias {quoted(name)} has no finished anchor before it")])
        node, size, height = known
        if depth + height - 1 > self.limits.depth:
            raise UnableToCompose([*self.faults, (line, f"nested deeper than {self.limits.depth} levels")])
        self._count(size, line)
        return node

    def _items(self, stream: Iterator[events.Event], *, depth: int) -> Iterator[Node]:
        for event in stream:
            if isinstance(event, events.SequenceEndEvent):
                return
            yield self._node(event, stream, depth=depth + 1)

    def _entries(self, stream: Iterator[events.Event], *, depth: int) -> tuple[tuple[Scalar, Node], ...]:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for event in stream:
            if isinstance(event, events.MappingEndEvent):
                break
            key = self._node(event, stream, depth=depth + 1)
            value = self._node(next(stream), stream, depth=depth + 1)
            if not isinstance(key, Scalar):
                self.faults.append((key.line, "a key must be a word, not a list or a mapping"))
            elif key.text in entries:
                first = entries[key.text][0].line
                self.faults.append((key.line, f"key {quoted(key.text)} stands twice, first on line {first}"))
            else:
                entries[key.text] = (key, value)
        return tuple(entries.values())

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > self.limits.nodes:
            message = f"more than {self.limits.nodes} values once aliases are expanded"
            raise UnableToCompose([*self.faults, (line, message)])


def _height(node: Node) -> int:
    if isinstance(node, Scalar):
        return 1
    children = node.items if isinstance(node, Listing) else tuple(child for _, child in node.entries)
    return 1 + max((_height(child) for child in children), default=0)


def _line(event: events.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
