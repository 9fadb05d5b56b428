"""Splits a rule file into its YAML documents and finds lines in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from caiso.engine.packs import Limits, Node, UnableToCompose, compose, to_plain
from caiso.engine.packs.compose import Listing, Mapping, Scalar

MAX_FILE_BYTES: Final = 512_000
_MARKER: Final = re.compile(rb"---(?:[ \t]+(?:#.*)?)?\r?\n?")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its tree with lines, its plain value and its own bytes."""

    root: Node
    value: object
    source: bytes
    line: int


def documents(source: bytes) -> Iterator[Document | UnableToCompose]:
    """Each document of a file, or why it could not be read; lines count from the file's start."""
    if len(source) > MAX_FILE_BYTES:
        yield UnableToCompose([(0, f"the file has {len(source)} bytes, at most {MAX_FILE_BYTES} are read")])
        return
    for start, lines in _chunks(source):
        text = b"".join(lines)
        if not any(line.strip() and not line.lstrip().startswith(b"#") for line in lines):
            continue
        try:
            root = compose(b"\n" * start + text, Limits(size=MAX_FILE_BYTES + start, nodes=50_000, depth=24))
        except UnableToCompose as fault:
            yield fault
        else:
            yield Document(root, to_plain(root), text, root.line)


def _chunks(source: bytes) -> Iterator[tuple[int, list[bytes]]]:
    start = 0
    chunk: list[bytes] = []
    for number, line in enumerate(source.splitlines(keepends=True)):
        if _MARKER.fullmatch(line):
            yield start, chunk
            start, chunk = number + 1, []
        else:
            chunk.append(line)
    yield start, chunk


def line_of_word(root: Node, word: str) -> int:
    """The line of the first key or value that is, or begins with, this word; the document's line if none does."""
    for text, line in _words(root):
        if text == word or ("|" in text and word in text.split("|")):
            return line
    return root.line


def _words(node: Node) -> Iterator[tuple[str, int]]:
    if isinstance(node, Scalar):
        yield node.text, node.line
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _words(item)
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            yield key.text, key.line
            yield from _words(value)
