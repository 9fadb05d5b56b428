"""What matches: the engine in this process, and the program of the process that it has of its own (see ``apart``)."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import Final

import msgspec

from caiso.connect.telemetry.apart import COSTS, SIZE_BYTES, SNAPSHOT, Found, Spent, tell_empty, told
from caiso.connect.telemetry.preparation import Memory, Preparation
from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.trial.jobs import RuleSources, RulesReport
from caiso.connect.telemetry.trial.rules import load_sources, passed_tests, report_of
from caiso.engine.detect.costs import Costs
from caiso.engine.detect.detector import Detector, UnableToRestore
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.detect.signal import Signal
from caiso.memory import give_back

_SNAPSHOT_SECONDS: Final = 120  # a process that makes one and takes longer is stuck
_BUFFER: Final = 1 << 20
_QUIET_SECONDS: Final = 10.0  # without a batch for so long, what the last ones left free is given back


@dataclass(slots=True)
class Matching:
    """The detector, and what is added to events before it sees them."""

    detector: Detector
    preparation: Preparation = field(default_factory=Preparation)

    def process(self, events: EventBatch) -> list[Signal]:
        """The signals of a batch."""
        return self.detector.process(self.preparation.of(events))

    def snapshot(self) -> Iterator[bytes]:
        """The memory of both, piece by piece, to be read before the next batch."""
        return self.detector.snapshot_pieces(msgspec.msgpack.encode(self.preparation.save()))


def restored(ruleset: Ruleset, memory: bytes | None) -> tuple[Matching, str]:
    """A detector with its memory, or an empty one and the reason why; it measures what each rule costs."""
    detector, preparation, problem = None, Preparation(), ""
    if memory is not None:
        try:
            detector = Detector.restore(ruleset, memory)
            if detector.beside:  # an older version kept nothing there
                preparation = Preparation.restored(msgspec.msgpack.decode(detector.beside, type=Memory))
        except (UnableToRestore, msgspec.MsgspecError) as error:
            problem = str(error)
    detector = detector or Detector(ruleset)
    detector.beside = b""
    detector.costs = Costs(time.thread_time)
    return Matching(detector, preparation), problem


def spent(detector: Detector) -> Spent:
    """What each rule cost since the last time; begins anew."""
    return detector.costs.take() if detector.costs is not None else ({}, 0)


def matched(matching: Matching, events: EventBatch) -> Found:
    """The batch's signals. One event that trips a mistake of ours must not blind all detection: it is left out and named.

    In that case the events before it are seen a second time by correlations; a count may then be reached early,
    which is the lesser harm.
    """
    try:
        return matching.process(events), []
    except Exception:  # noqa: BLE001 - told to whoever asked, and logged there
        problems = [f"a batch of {len(events)} events could not be matched as a whole\n{traceback.format_exc()}"]
    signals: list[Signal] = []
    for event in events:
        try:
            signals += matching.detector.process([event])
        except Exception:  # noqa: BLE001 - as above
            name = event.get("event.id")
            problems.append(f"event {name} could not be matched and is left out\n{traceback.format_exc()}")
    return signals, problems


def loaded(sources: RuleSources) -> tuple[tuple[Rule, ...], Ruleset, RulesReport]:
    """The rules, ready to run, and what there is to say of them."""
    rules, problems = load_sources(sources)
    return rules, compile_ruleset(rules, Path(sources.cache) if sources.cache else None), report_of(rules, problems)


class Here:
    """The engine in this process."""

    def __init__(self) -> None:
        self.rules: tuple[Rule, ...] = ()
        self.ruleset = compile_ruleset(())
        self._matching = Matching(Detector(self.ruleset))
        self._begun: list[EventBatch] = []

    def load(self, sources: RuleSources) -> RulesReport:
        self.rules, self.ruleset, report = loaded(sources)
        return report

    def tested(self, sources: RuleSources) -> dict[str, list[bool]]:
        return passed_tests(self.rules, self.ruleset)

    @property
    def detector(self) -> Detector:
        """The detector itself, for whoever looks into it."""
        return self._matching.detector

    def start(self, memory: bytes | None) -> None:
        self._matching, problem = restored(self.ruleset, memory)
        tell_empty(problem)

    def begin(self, events: EventBatch) -> None:
        self._begun.append(events)

    def finish(self) -> list[Signal]:
        return told(matched(self._matching, self._begun.pop()))

    def snapshot(self) -> bytes:
        return b"".join(self._matching.snapshot())

    def snapshot_beside(self) -> Callable[[], Iterable[bytes]]:
        memory = self.snapshot()
        return lambda: [memory]

    def costs(self) -> Spent:
        return spent(self.detector)

    def close(self) -> None:
        self._begun.clear()


def serve(link: Connection) -> None:
    """What the child does: matches what it is given until the other side is gone."""
    with _ending_with(link.fileno()):
        ruleset = _taken(link)
    matching, problem = restored(ruleset, link.recv())
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)  # a batch makes very many short tuples and no cycles
    give_back()
    link.send(problem)
    rested = True
    while True:
        if not rested and not link.poll(_QUIET_SECONDS):
            give_back()
            rested = True
        given = link.recv()
        if given is None:
            link.send(b"".join(matching.snapshot()))
            continue
        if given == SNAPSHOT:
            _snapshot_beside(link, matching)
            continue
        if given == COSTS:
            link.send(spent(matching.detector))
            continue
        table, texts = given
        link.send(matched(matching, EventBatch(table, texts)))
        del table, texts, given
        rested = False


def _snapshot_beside(link: Connection, matching: Matching) -> None:
    """Let a copy of this process write what it remembers into the pipe that comes, while this one goes on.

    A large memory takes a second or more to write down, in which every alert would wait.
    """
    pipe = recv_handle(link)
    _reap()
    try:
        copied = os.fork()
    except OSError:  # no room for a copy: then this one writes, and all wait
        _write(pipe, matching.snapshot())
        return
    if copied:
        os.close(pipe)
        return
    try:
        link.close()  # whoever waits for the end of the one that matches must not wait for this one
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SNAPSHOT_SECONDS)
        gc.disable()
        _write(pipe, matching.snapshot())
    except BaseException:  # noqa: BLE001 - whoever reads sees that it is not whole
        os._exit(1)
    os._exit(0)


def _write(pipe: int, memory: Iterable[bytes]) -> None:
    with os.fdopen(pipe, "wb", buffering=_BUFFER) as file:
        for piece in filter(None, memory):
            file.write(len(piece).to_bytes(SIZE_BYTES, "big"))
            file.write(piece)
        file.write(bytes(SIZE_BYTES))  # the end: whoever is killed before never says so


def _reap() -> None:
    """Let the copies go that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _taken(link: Connection) -> Ruleset:
    """The first rules that can be compiled of those that come."""
    while True:
        try:
            _, ruleset, report = loaded(link.recv())
        except Exception:  # noqa: BLE001 - told to whoever asked, who logs it
            link.send((None, traceback.format_exc()))
        else:
            link.send((report, ""))
            return ruleset


@contextlib.contextmanager
def _ending_with(other: int) -> Iterator[None]:
    """Meanwhile, end at once when the other side of the socket is gone: compiling rules may take half a minute.

    Only meanwhile, because a process of one thread is what can be copied for a snapshot.
    """
    reader, writer = os.pipe()

    def watch() -> None:
        waiting = select.poll()
        for end in (other, reader):
            waiting.register(end, 0)  # nothing but the hang-up, which is always told
        if any(end == other for end, _ in waiting.poll()):
            os._exit(0)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        os.close(writer)
        watching.join()
        os.close(reader)


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
