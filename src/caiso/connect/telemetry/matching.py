"""Where batches meet the engine: in this process, or in a process of its own beside it.

Reading a batch (decoding, encrypting, compressing) and matching it cost about the same, and a Python process keeps one
core busy. So where there are two cores or more, the detector keeps the log, the parts and the database to itself, and
leaves matching to a child that owns nothing but memory: it gets events and gives signals. When the child dies, or the
detector does, everything starts over from what is durable, as after any crash.

The two talk over a socket that nobody else can open, so pickled values are safe between them: each side reads only
what the other made of its own objects.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Protocol, TypeVar

from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.costs import Costs
from caiso.engine.detect.detector import Detector, UnableToRestore
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.detect.signal import Signal
from caiso.errors import DomainError

log = logging.getLogger(__name__)

_READY_SECONDS: Final = 120.0  # a child compiles its rules before it answers, on a machine that may be busy
_LEAVING_SECONDS: Final = 5.0

T = TypeVar("T")

Found = tuple[list[Signal], list[str]]  # signals, and what went wrong on the way
Spent = tuple[dict[str, float], int]  # microseconds for each event, by rule, and over how many events
_COSTS: Final = "costs"


class EngineLost(DomainError):
    """The process that matches is gone; its memory can be made again from what is durable."""


class Engine(Protocol):
    """Takes batches one by one: ``begin`` with one, then ``finish`` it, before the next."""

    def begin(self, events: EventBatch) -> None:
        """Give it a batch; it may match it while the caller does something else."""

    def finish(self) -> list[Signal]:
        """The signals of the batch that was begun."""

    def snapshot(self) -> bytes:
        """Its memory after the last batch that was finished; only while none is begun."""

    def costs(self) -> Spent:
        """What each rule cost since the last time; only while no batch is begun."""

    def close(self) -> None:
        """Let go of it."""


def usable_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0))


def restored(ruleset: Ruleset, memory: bytes | None) -> tuple[Detector, str]:
    """A detector with its memory, or an empty one and the reason why; it measures what each rule costs."""
    detector, problem = None, ""
    if memory is not None:
        try:
            detector = Detector.restore(ruleset, memory)
        except UnableToRestore as error:
            problem = str(error)
    detector = detector or Detector(ruleset)
    detector.costs = Costs(time.thread_time)
    return detector, problem


def spent(detector: Detector) -> Spent:
    """What each rule cost since the last time; begins anew."""
    return detector.costs.take() if detector.costs is not None else ({}, 0)


def matched(detector: Detector, events: EventBatch) -> Found:
    """The batch's signals. One event that trips a mistake of ours must not blind all detection: it is left out and named.

    In that case the events before it are seen a second time by correlations; a count may then be reached early,
    which is the lesser harm.
    """
    try:
        return detector.process(events), []
    except Exception:  # noqa: BLE001 - told to whoever asked, and logged there
        problems = [f"a batch of {len(events)} events could not be matched as a whole\n{traceback.format_exc()}"]
    signals: list[Signal] = []
    for event in events:
        try:
            signals += detector.process([event])
        except Exception:  # noqa: BLE001 - as above
            name = event.get("event.id")
            problems.append(f"event {name} could not be matched and is left out\n{traceback.format_exc()}")
    return signals, problems


class Here:
    """The engine in this process."""

    def __init__(self, ruleset: Ruleset, memory: bytes | None) -> None:
        self.detector, problem = restored(ruleset, memory)
        _tell_empty(problem)
        self._begun: list[EventBatch] = []

    def begin(self, events: EventBatch) -> None:
        self._begun.append(events)

    def finish(self) -> list[Signal]:
        return _told(matched(self.detector, self._begun.pop()))

    def snapshot(self) -> bytes:
        return self.detector.snapshot()

    def costs(self) -> Spent:
        return spent(self.detector)

    def close(self) -> None:
        self._begun.clear()


class Apart:
    """The engine in a process of its own."""

    def __init__(self, rules: Sequence[Rule], memory: bytes | None, *, cache: Path) -> None:
        self._link, theirs = Pipe()
        command = [sys.executable, "-m", "caiso.connect.telemetry.matching", str(theirs.fileno())]
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        try:
            self._send((tuple(rules), memory, cache))
            _tell_empty(self._received(str, seconds=_READY_SECONDS))
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The child's number, for whoever watches or kills it."""
        return self._child.pid

    def begin(self, events: EventBatch) -> None:
        self._send((events.table, events.texts))

    def finish(self) -> list[Signal]:
        signals, problems = self._received(tuple)
        return _told((signals, problems))

    def snapshot(self) -> bytes:
        self._send(None)
        return self._received(bytes)

    def costs(self) -> Spent:
        self._send(_COSTS)
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


def _tell_empty(problem: str) -> None:
    if problem:
        log.error("the engine's memory starts empty: %s", problem)


def _told(found: Found) -> list[Signal]:
    signals, problems = found
    for problem in problems[:20]:
        log.error("%s", problem)
    return signals


def serve(link: Connection) -> None:
    """What the child does: matches what it is given until the other side is gone."""
    rules, memory, cache = link.recv()
    detector, problem = restored(compile_ruleset(rules, cache), memory)
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)  # a batch makes very many short tuples and no cycles
    link.send(problem)
    while True:
        given = link.recv()
        if given is None:
            link.send(detector.snapshot())
            continue
        if given == _COSTS:
            link.send(spent(detector))
            continue
        table, texts = given
        link.send(matched(detector, EventBatch(table, texts)))


def main() -> None:
    """Serve on the socket that the parent opened; it ends with the parent, not with signals sent to the group."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, OSError):
        sys.exit(0)


if __name__ == "__main__":
    main()
