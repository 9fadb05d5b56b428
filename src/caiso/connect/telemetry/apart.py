"""The engine in a process of its own, as its parent sees it; this module loads nothing of the engine.

Reading a batch (decoding, encrypting, compressing) and matching it cost about the same, and a Python process keeps one
core busy. So where there are two cores or more, the detector keeps the log, the parts and the database to itself, and
leaves matching to a child (``matching``) that owns nothing but memory: it gets events and gives signals. When the child
dies, or the detector does, everything starts over from what is durable, as after any crash. Rules are read and compiled
in the child alone: of them the parent knows what there is to say, which is a tenth of what they take.

The two talk over a socket that nobody else can open, so pickled values are safe between them: each side reads only
what the other made of its own objects.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import BinaryIO, Final, Protocol, TypeVar

from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.trial.jobs import RuleSources, RulesReport, TestsJob, TestsReport
from caiso.connect.telemetry.trial.parent import run_trial
from caiso.engine.detect.signal import Signal
from caiso.errors import DomainError

log = logging.getLogger(__name__)

COSTS: Final = "costs"
SNAPSHOT: Final = "snapshot"
SIZE_BYTES: Final = 8  # how each piece of a snapshot begins that comes through a pipe; one of no size ends it
_CHILD: Final = "caiso.connect.telemetry.matching"
# A child compiles its rules before it answers, which ends by a bound on processor time; on a busy machine that is much longer.
_READY_SECONDS: Final = 900.0
_LEAVING_SECONDS: Final = 5.0
# One heap for all threads: those that compile rules would each keep one of their own, and none but one matches.
_SPARING: Final = {"MALLOC_ARENA_MAX": "1"}

T = TypeVar("T")

Found = tuple[list[Signal], list[str]]  # signals, and what went wrong on the way
Spent = tuple[dict[str, float], int]  # microseconds for each event, by rule, and over how many events


class EngineLost(DomainError):
    """The process that matches is gone; its memory can be made again from what is durable."""


class UnableToLoad(DomainError):
    """The engine could not take the rules; the reason is the trace of where it happened."""


class Engine(Protocol):
    """Is given rules by ``load``, its memory by ``start``; then ``begin`` with a batch and ``finish`` it, before the next."""

    def load(self, sources: RuleSources) -> RulesReport:
        """Read and compile the rules; after a refusal it can be given others."""

    def tested(self, sources: RuleSources) -> dict[str, list[bool]]:
        """Whether each of their own tests passes, by rule; takes seconds."""

    def start(self, memory: bytes | None) -> None:
        """Take up what an engine before it remembered."""

    def begin(self, events: EventBatch) -> None:
        """Give it a batch; it may match it while the caller does something else."""

    def finish(self) -> list[Signal]:
        """The signals of the batch that was begun."""

    def snapshot(self) -> bytes:
        """Its memory after the last batch that was finished; only while none is begun."""

    def snapshot_beside(self) -> Callable[[], Iterable[bytes]]:
        """The same piece by piece, made while it goes on: what is returned is read in another thread and raises ``EngineLost``."""

    def costs(self) -> Spent:
        """What each rule cost since the last time; only while no batch is begun."""

    def close(self) -> None:
        """Let go of it."""


def usable_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0))


class Apart:
    """The engine in a process of its own."""

    def __init__(self) -> None:
        self._link, self._child = _spawn()

    @property
    def pid(self) -> int:
        """The child's number, for whoever watches or kills it."""
        return self._child.pid

    def load(self, sources: RuleSources) -> RulesReport:
        if self._child.poll() is not None:  # the rules before these killed it
            self.close()
            self._link, self._child = _spawn()
        self._send(sources)
        report, problem = self._received(tuple, seconds=_READY_SECONDS)
        if not isinstance(report, RulesReport):
            raise UnableToLoad(str(problem))
        return report

    def tested(self, sources: RuleSources) -> dict[str, list[bool]]:
        # Not in the child that stays: every test has an engine of its own, which together take as much as all the rest.
        return run_trial(TestsJob(sources), TestsReport, tell=lambda done, total, note: None).passed

    def start(self, memory: bytes | None) -> None:
        self._send(memory)
        tell_empty(self._received(str, seconds=_READY_SECONDS))

    def begin(self, events: EventBatch) -> None:
        self._send((events.table, events.texts))

    def finish(self) -> list[Signal]:
        signals, problems = self._received(tuple)
        return told((signals, problems))

    def snapshot(self) -> bytes:
        self._send(None)
        return self._received(bytes)

    def snapshot_beside(self) -> Callable[[], Iterable[bytes]]:
        reader, writer = os.pipe()
        try:
            self._send(SNAPSHOT)
            send_handle(self._link, writer, self._child.pid)
        except BaseException as error:
            os.close(reader)
            if isinstance(error, OSError):
                raise EngineLost(f"the process that matches is gone: {error}") from error
            raise
        finally:
            os.close(writer)
        return lambda: pieces(reader)

    def costs(self) -> Spent:
        self._send(COSTS)
        measured, events = self._received(tuple)
        return measured, events

    def close(self) -> None:
        self._link.close()
        try:
            self._child.wait(_LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _send(self, what: object) -> None:
        try:
            self._link.send(what)
        except OSError as error:
            raise EngineLost(f"the process that matches is gone: {error}") from error

    def _received(self, kind: type[T], *, seconds: float | None = None) -> T:
        try:
            if seconds is not None and not self._link.poll(seconds):
                raise EngineLost(f"the process that matches did not answer in {seconds:.0f} s")
            found = self._link.recv()
        except (EOFError, OSError) as error:
            raise EngineLost(f"the process that matches is gone (exit {self._child.poll()})") from error
        if not isinstance(found, kind):
            raise EngineLost(f"the process that matches answered with {type(found).__name__}")
        return found


def pieces(reader: int) -> Iterator[bytes]:
    """What comes through a pipe, piece by piece; raises ``EngineLost`` where its writer ended before it was whole."""
    with os.fdopen(reader, "rb") as pipe:
        while size := int.from_bytes(_just(pipe, SIZE_BYTES), "big"):
            yield _just(pipe, size)


def _just(pipe: BinaryIO, size: int) -> bytes:
    found = pipe.read(size)
    if len(found) < size:
        raise EngineLost("the process that made a snapshot ended before it was whole")
    return found


def _spawn() -> tuple[Connection, subprocess.Popen[bytes]]:
    ours, theirs = Pipe()
    command = [sys.executable, "-m", _CHILD, str(theirs.fileno())]
    child = subprocess.Popen(  # noqa: S603 - our own module
        command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=_SPARING | os.environ
    )
    theirs.close()
    return ours, child


def tell_empty(problem: str) -> None:
    """Log why an engine could not take up its memory."""
    if problem:
        log.error("the engine's memory starts empty: %s", problem)


def told(found: Found) -> list[Signal]:
    """The signals; what went wrong goes to the log."""
    signals, problems = found
    for problem in problems[:20]:
        log.error("%s", problem)
    return signals
