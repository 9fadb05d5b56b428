"""The detector process: acknowledged telemetry in, alerts out, exactly once.

Only one runs: it holds the lease, and every transaction checks the fence. After a crash the pump says what was
written; the engine's memory comes from the newest snapshot and the parts after it, and signal ids that repeat
are suppressed. Where there are two cores, matching has a process of its own (``apart``): while it matches one
batch, this one reads the next and commits the one before.
"""

import gc
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

from django.db import OperationalError, close_old_connections, connection

from caiso.connect.telemetry import parts as part_files
from caiso.connect.telemetry.apart import Apart, Engine, EngineLost, Spent, usable_cores
from caiso.connect.telemetry.joining import Joiner
from caiso.connect.telemetry.pump import Batch, Pump
from caiso.engine.detect.listening import with_base_rules
from caiso.engine.detect.signal import Signal
from caiso.memory import give_back
from caiso.web.base.models import Unit
from caiso.web.base.services.leases import acquire_lease, process_owner, release_lease
from caiso.web.config.environment import environment
from caiso.web.inventory.services.traffic import TrafficMemory
from caiso.web.soc import queries
from caiso.web.soc.rulebook import fingerprint
from caiso.web.soc.services import ingest, storage
from caiso.web.soc.services.budgets import keep_costs
from caiso.web.soc.services.coverage import compute_technique_coverage
from caiso.web.soc.services.loading import load_live_rules, take_rules
from caiso.web.soc.services.privacy import redaction_settings, redactors
from caiso.web.soc.services.rest import LEASE, rests

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
SNAPSHOT_SECONDS = 30.0
COVERAGE_SECONDS = 20.0
CARE_SECONDS = 120.0
IDLE_SECONDS = 0.2
# A quiet stream waits a little longer, so that it does not leave five small files a second.
QUIET_SECONDS = 0.5
QUIET_EVENTS = 500
REST_SECONDS = 10.0  # without an event for so long, what the last batches left free is given back
SLICE = 20_000

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock; only processes read it, everything below is told the time."""
    return datetime.now(UTC)


class DetectorRun:
    """One life of the detector: from the lease to the last committed batch."""

    def __init__(
        self, *, clock: Clock = utc_now, lease_clock: Clock | None = None, owner: str = "", apart: bool = False
    ) -> None:
        """``apart``: the engine gets a process of its own, and batches are read ahead."""
        self.clock = clock
        self.lease_clock = lease_clock or clock  # whoever tells an old story still holds the lease today
        self.apart = apart
        self.owner = owner or process_owner()
        self.data = environment().data
        self.memory = TrafficMemory()
        self.fence = 0
        self._snapshot_at = self._coverage_at = self._lease_at = self._care_at = self._costs_at = 0.0
        self._covered = 0  # the part that the newest snapshot follows
        self._leaving: deque[tuple[datetime, list[str]]] = deque()  # replaced files and when they may go
        self._unsaved = self.events = 0
        self._begun: Batch | None = None  # given to the engine, not committed yet
        self._saver = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._saving: tuple[int, Future[None]] | None = None  # a snapshot that is being written, and its part
        self._open = ExitStack()
        self._redaction: dict[str, list[str]] = {}
        self._dirty = True

    def begin(self) -> bool:
        """Take the lease and bring memory, files and database together; False when another detector is at work."""
        fence = acquire_lease(LEASE, self.owner, seconds=LEASE_SECONDS, now=self.lease_clock())
        if fence is None:
            return False
        self.fence, self._lease_at = fence, time.monotonic()
        root = Unit.objects.filter(parent=None).order_by("pk").first()
        if root is None:
            return False
        self.root = root
        self.running = fingerprint()  # before the rules are read: a change in between is then seen as one
        self.engine = self._engine()
        self._open.callback(self.engine.close)
        loaded = load_live_rules(self.engine.load)
        for problem in loaded.problems:
            log.error("rule is not used: %s", problem)
        take_rules(loaded, tested=self.engine.tested, now=self.clock())
        self.rules, self.label = loaded.cards, loaded.label
        self.pump = Pump(self.data)
        self._open.callback(self.pump.close)
        self.joiner = Joiner(self.pump.events_root)
        self._open.callback(self.joiner.close)
        self.follow_settings()
        parts = queries.parts()
        last = max((part.last_number for part in parts), default=0)
        part_files.remove(
            self.pump.events_root, storage.stale_files(self.pump.events_root, [p.path for p in parts], last=last)
        )
        recovery = self.pump.recover(parts, ingest.committed_offsets(), last_part=last)
        self._covered = recovery.snapshot.part if recovery.snapshot else 0
        self.engine.start(recovery.snapshot.payload if recovery.snapshot else None)
        for part, events in recovery.replay:
            # The repeated signals are known by their ids; this refills the engine's memory only.
            again = Batch.of_part(None, events, {})
            self.engine.begin(events)
            ingest.raise_replayed(again, self.engine.finish(), part=part.number, root=self.root, now=self.clock())
            self._keep_lease()
        for batch in recovery.orphans:
            self.engine.begin(batch.events)
            self._commit(batch, self.engine.finish())
        return True

    def _engine(self) -> Engine:
        if self.apart:
            return Apart()
        from caiso.connect.telemetry.matching import Here  # noqa: PLC0415 - all of the engine, which a child has otherwise

        return Here()

    def step(self) -> bool:
        """Take one batch from the log to alerts; False when there was little to do."""
        self._keep_lease()
        batch = self._begun or self._begin(self.pump.next_batch())
        if batch is not None:
            self._finish(batch, ahead=self.pump.next_batch() if self.apart else None)
        now = time.monotonic()
        if self._begun is None and self._is_due(now):
            self.save()
        if self._dirty and now - self._coverage_at >= COVERAGE_SECONDS:
            self._coverage_at, self._dirty = now, False
            compute_technique_coverage(now=self.clock())
        self._take_saved()
        self.take_joined()
        if now - self._care_at >= CARE_SECONDS:
            self._care_at = now
            self.care()
        return self._begun is not None or (batch is not None and len(batch.events) >= QUIET_EVENTS)

    def _begin(self, batch: Batch | None) -> Batch | None:
        self._begun = batch
        if batch is not None:
            self.engine.begin(batch.events)
        return batch

    def _finish(self, batch: Batch, *, ahead: Batch | None) -> None:
        """Commit the batch that the engine has, while it matches the next."""
        signals = self.engine.finish()
        now = time.monotonic()
        # The engine's memory is asked for as of this batch: after it, before the next.
        memory = self.engine.snapshot_beside() if ahead is not None and self._is_due(now) else None
        costs = self.engine.costs() if now - self._costs_at >= COVERAGE_SECONDS else None
        self._begin(ahead)
        self._commit(batch, signals)
        if costs is not None:
            self._tell(costs)
        if memory is not None:
            self._keep(memory)

    def _is_due(self, now: float) -> bool:
        """Whether the engine's memory should be kept."""
        return bool(self._unsaved) and (now - self._snapshot_at >= SNAPSHOT_SECONDS or self._unsaved >= SLICE * 10)

    def tell_costs(self) -> None:
        """Keep what each rule cost since the last time."""
        self._tell(self.engine.costs())

    def _tell(self, costs: Spent) -> None:
        self._costs_at = time.monotonic()
        measured, events = costs
        keep_costs(with_base_rules(measured, self.rules), events=events, now=self.clock())

    def drain(self) -> None:
        """Take everything that waits in the log, without the care and pauses of a long run."""
        while (batch := self._begun or self._begin(self.pump.next_batch())) is not None:
            self._finish(batch, ahead=None)

    def care(self) -> None:
        """Have small files joined, drop what is past its retention, delete what was replaced long enough ago."""
        now, root = self.clock(), self.pump.events_root
        while self._leaving and self._leaving[0][0] <= now:
            part_files.remove(root, self._leaving.popleft()[1])
        settings = environment()
        gone = storage.drop_expired(
            root, self.pump.content, event_days=settings.event_retention_days,
            content_days=settings.content_retention_days, snapshot=self._covered, now=now,
        )  # fmt: skip
        parts = queries.parts()
        self.joiner.begin(parts, snapshot=self._covered)
        storage.index_old_parts(root, parts)
        if gone:
            self._leaving.append((now + storage.GRACE, gone))
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA optimize")  # without statistics the planner reads whole tables as they grow

    def take_joined(self, *, wait: bool = False) -> None:
        """Put joined files in place of those they were made of, once they are written."""
        joined = self.joiner.finished(wait=wait)
        if joined:
            now = self.clock()
            replaced, useless = storage.swap_joined(joined, fence=self.fence, now=now)
            part_files.remove(self.pump.events_root, useless)
            self._leaving.append((now + storage.GRACE, replaced))

    def _commit(self, batch: Batch, signals: list[Signal]) -> None:
        batch.wait()  # not inside the transaction: it holds the database's lock
        ingest.commit_batch(batch, signals, fence=self.fence, memory=self.memory, root=self.root, now=self.clock())
        self.pump.committed(batch)
        self.events += len(batch.events)
        self._unsaved += len(batch.events)
        self._dirty = True
        if batch.part is not None:
            self._last_part = batch.part.number

    def save(self) -> None:
        """Keep the engine's memory beside the parts, so that a restart replays little and the log can be trimmed."""
        self._snapshot_at = time.monotonic()
        if self._unsaved:
            memory = self.engine.snapshot()
            self._keep(lambda: [memory])
        self._take_saved(wait=True)

    def _keep(self, memory: Callable[[], Iterable[bytes]]) -> None:
        """Have it written beside what comes next: it may be hundreds of megabytes."""
        self._take_saved(wait=True)
        self._snapshot_at = time.monotonic()
        part, label = self._last_part, self.label
        self._saving = part, self._saver.submit(lambda: self.pump.keep(part, memory(), label=label))
        self._unsaved = 0

    def _take_saved(self, *, wait: bool = False) -> None:
        """Trim the log behind a snapshot that is durable now."""
        if self._saving is not None and (wait or self._saving[1].done()):
            (part, written), self._saving = self._saving, None
            try:
                written.result()
            except EngineLost as error:  # the one before is as good, with more to replay
                log.warning("a snapshot was not kept: %s", error)
                self._unsaved += 1
            else:
                self.pump.kept(part)
                self._covered = part

    def follow_settings(self) -> None:
        """Take up what people set about sources; the next batch is read by it."""
        wanted = redaction_settings()
        if wanted != self._redaction:
            self._redaction = wanted
            self.pump.redactors = redactors(wanted)

    def rules_changed(self) -> bool:
        """Whether somebody promoted, demoted, deployed or withdrew a rule since this run began."""
        return fingerprint() != self.running

    def _keep_lease(self) -> None:
        if time.monotonic() - self._lease_at < LEASE_SECONDS / 3:
            return
        fence = acquire_lease(LEASE, self.owner, seconds=LEASE_SECONDS, now=self.lease_clock())
        if fence != self.fence:
            raise ingest.UnableToCommit("another detector holds the lease")
        self._lease_at = time.monotonic()

    def end(self) -> None:
        """Keep the memory and give the lease back, so that a successor need not wait."""
        if self._begun is not None:
            self._finish(self._begun, ahead=None)
        self.save()
        self.tell_costs()
        release_lease(LEASE, self.owner, now=self.lease_clock())

    def close(self) -> None:
        """Let go of everything that a successor in this process will open anew, however this life ended."""
        self._saver.shutdown()
        self._open.close()


def run_detector(stop: threading.Event | None = None) -> None:
    """Run until asked to stop; a database that is busy or a lost lease starts the run over from what is durable."""
    stop = stop or _stop_on_signals()
    # A batch makes hundreds of thousands of short tuples and no cycles: collecting after each 700 of them cost a third.
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    while not stop.is_set():
        close_old_connections()
        if rests(now=utc_now()):
            stop.wait(1.0)
            continue
        run = DetectorRun(apart=usable_cores() > 1)
        try:
            if not run.begin():
                stop.wait(1.0)
                continue
            _loop(run, stop)
            run.end()
        except (ingest.UnableToCommit, OperationalError, EngineLost) as error:
            log.warning("the detector starts over: %s", error)
            stop.wait(1.0)
        finally:
            run.close()


def _loop(run: DetectorRun, stop: threading.Event, *, look_s: float = 2.0) -> None:
    checked = taken = time.monotonic()
    rested = False
    while not stop.is_set():
        before = run.events
        if not run.step():
            stop.wait(QUIET_SECONDS if run.events != before else IDLE_SECONDS)
        if run.events != before:
            taken, rested = time.monotonic(), False
        elif not rested and time.monotonic() - taken >= REST_SECONDS:
            give_back()
            rested = True
        if time.monotonic() - checked >= look_s:
            checked = time.monotonic()
            run.follow_settings()
            if run.rules_changed() or rests(now=utc_now()):
                return


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
