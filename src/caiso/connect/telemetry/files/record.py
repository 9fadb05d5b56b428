"""What a reader of files gives: bodies as a sender would post them, and what could not be read, both with their line."""

from __future__ import annotations

from dataclasses import dataclass

from caiso.connect.telemetry.records import Encoding, Signal


@dataclass(frozen=True, slots=True)
class Request:
    """One body as a sender would post it."""

    signal: Signal
    encoding: Encoding
    body: bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """A request with where it began in its file; line 0 where the file has no lines."""

    request: Request
    line: int = 0
    format: str = ""


@dataclass(frozen=True, slots=True)
class Misread:
    """A line, or a whole file (line 0), that is nothing we read."""

    line: int
    reason: str
