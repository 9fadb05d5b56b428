"""The detector process: acknowledged telemetry in, alerts out, exactly once.

Only one runs: it holds the lease, and every transaction checks the fence. After a crash the pump says what was
written; the engine's memory comes from the newest snapshot and the parts after it, and signal ids that repeat
are suppressed.
"""

import gc
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import OperationalError, close_old_connections, connection

from caiso.connect.telemetry import parts as part_files
from caiso.connect.telemetry.pump import Batch, Pump
from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.detector import Detector, UnableToRestore
from caiso.engine.detect.signal import Signal
from caiso.web.base.models import Unit
from caiso.web.base.services.leases import acquire_lease, process_owner, release_lease
from caiso.web.config.environment import environment
from caiso.web.inventory.services.traffic import TrafficMemory
from caiso.web.soc import queries
from caiso.web.soc.services import ingest, storage
from caiso.web.soc.services.coverage import compute_technique_coverage
from caiso.web.soc.services.loading import LoadedRules, load_live_rules, take_rules
from caiso.web.soc.services.privacy import redaction_settings, redactors
from caiso.web.soc.services.rules import rule_states

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
SNAPSHOT_SECONDS = 30.0
COVERAGE_SECONDS = 20.0
CARE_SECONDS = 120.0
IDLE_SECONDS = 0.2
# A quiet stream waits a little longer, so that it does not leave five small files a second.
QUIET_SECONDS = 0.5
QUIET_EVENTS = 500
SLICE = 20_000

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock; only processes read it, everything below is told the time."""
    return datetime.now(UTC)


class DetectorRun:
    """One life of the detector: from the lease to the last committed batch."""

    def __init__(self, *, clock: Clock = utc_now, owner: str = "") -> None:
        self.clock = clock
        self.owner = owner or process_owner()
        self.data = environment().data
        self.memory = TrafficMemory()
        self.fence = 0
        self._snapshot_at = self._coverage_at = self._lease_at = self._care_at = 0.0
        self._covered = 0  # the part that the newest snapshot follows
        self._leaving: deque[tuple[datetime, list[str]]] = deque()  # replaced files and when they may go
        self._unsaved = self.events = 0
        self._redaction: dict[str, list[str]] = {}
        self._dirty = True

    def begin(self) -> bool:
        """Take the lease and bring memory, files and database together; False when another detector is at work."""
        fence = acquire_lease(ingest.LEASE, self.owner, seconds=LEASE_SECONDS, now=self.clock())
        if fence is None:
            return False
        self.fence, self._lease_at = fence, time.monotonic()
        root = Unit.objects.filter(parent=None).order_by("pk").first()
        if root is None:
            return False
        self.root = root
        self.loaded = load_live_rules(self.data / "cache")
        for problem in self.loaded.problems:
            log.error("rule is not used: %s", problem)
        take_rules(self.loaded, now=self.clock())
        self.states = rule_states()
        self.pump = Pump(self.data)
        self.follow_settings()
        parts = queries.parts()
        last = max((part.last_number for part in parts), default=0)
        part_files.remove(
            self.pump.events_root, storage.stale_files(self.pump.events_root, [p.path for p in parts], last=last)
        )
        recovery = self.pump.recover(parts, ingest.committed_offsets(), last_part=last)
        self._covered = recovery.snapshot.part if recovery.snapshot else 0
        self.detector = self._restored(self.loaded, recovery.snapshot.payload if recovery.snapshot else None)
        for part, events in recovery.replay:
            # The repeated signals are known by their ids; this refills the engine's memory only.
            again = Batch.of_part(None, events, {})
            ingest.raise_replayed(
                again, self.detector.process(events), part=part.number, root=self.root, now=self.clock()
            )
            self._keep_lease()
        for batch in recovery.orphans:
            self._commit(batch)
        return True

    def _restored(self, loaded: LoadedRules, payload: bytes | None) -> Detector:
        if payload is None:
            return Detector(loaded.ruleset)
        try:
            return Detector.restore(loaded.ruleset, payload)
        except UnableToRestore:
            log.exception("the engine's memory starts empty")
            return Detector(loaded.ruleset)

    def step(self) -> bool:
        """Take one batch from the log to alerts; False when there was nothing to do."""
        self._keep_lease()
        batch = self.pump.next_batch()
        if batch is not None:
            self._commit(batch)
        now = time.monotonic()
        if self._unsaved and (now - self._snapshot_at >= SNAPSHOT_SECONDS or self._unsaved >= SLICE * 10):
            self.save()
        if self._dirty and now - self._coverage_at >= COVERAGE_SECONDS:
            self._coverage_at, self._dirty = now, False
            compute_technique_coverage(now=self.clock())
        if now - self._care_at >= CARE_SECONDS:
            self._care_at = now
            self.care()
        return batch is not None and len(batch.events) >= QUIET_EVENTS

    def drain(self) -> None:
        """Take everything that waits in the log, without the care and pauses of a long run."""
        while (batch := self.pump.next_batch()) is not None:
            self._commit(batch)

    def care(self) -> None:
        """Join small files, drop what is past its retention, delete what was replaced long enough ago."""
        now, root = self.clock(), self.pump.events_root
        while self._leaving and self._leaving[0][0] <= now:
            part_files.remove(root, self._leaving.popleft()[1])
        settings = environment()
        gone = storage.drop_expired(
            root, self.pump.content, event_days=settings.event_retention_days,
            content_days=settings.content_retention_days, snapshot=self._covered, now=now,
        )  # fmt: skip
        gone += storage.compact_hours(root, queries.parts(), snapshot=self._covered, fence=self.fence, now=now)
        storage.index_old_parts(root, queries.parts())
        if gone:
            self._leaving.append((now + storage.GRACE, gone))
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA optimize")  # without statistics the planner reads whole tables as they grow

    def _commit(self, batch: Batch) -> None:
        signals = self._detect(batch.events)
        batch.wait()  # not inside the transaction: it holds the database's lock
        ingest.commit_batch(batch, signals, fence=self.fence, memory=self.memory, root=self.root, now=self.clock())
        self.pump.committed(batch)
        self.events += len(batch.events)
        self._unsaved += len(batch.events)
        self._dirty = True
        if batch.part is not None:
            self._last_part = batch.part.number

    def _detect(self, events: EventBatch) -> list[Signal]:
        """The batch's signals. One event that trips a mistake of ours must not blind all detection: it is left out and logged.

        In that case the events before it are seen a second time by correlations; a count may then be reached early,
        which is the lesser harm.
        """
        try:
            return self.detector.process(events)
        except Exception:
            log.exception("a batch of %s events could not be matched as a whole", len(events))
        signals: list[Signal] = []
        for event in events:
            try:
                signals += self.detector.process([event])
            except Exception:
                log.exception("event %s could not be matched and is left out of detection", event.get("event.id"))
        return signals

    def save(self) -> None:
        """Keep the engine's memory beside the parts, so that a restart replays little and the log can be trimmed."""
        self._snapshot_at = time.monotonic()
        if self._unsaved:
            self.pump.snapshot(self._last_part, self.detector.snapshot(), label=self.loaded.label)
            self._unsaved = 0
            self._covered = self._last_part

    def follow_settings(self) -> None:
        """Take up what people set about sources; the next batch is read by it."""
        wanted = redaction_settings()
        if wanted != self._redaction:
            self._redaction = wanted
            self.pump.redactors = redactors(wanted)

    def rules_changed(self) -> bool:
        """Whether somebody promoted or demoted a rule since this run began."""
        return rule_states() != self.states

    def _keep_lease(self) -> None:
        if time.monotonic() - self._lease_at < LEASE_SECONDS / 3:
            return
        fence = acquire_lease(ingest.LEASE, self.owner, seconds=LEASE_SECONDS, now=self.clock())
        if fence != self.fence:
            raise ingest.UnableToCommit("another detector holds the lease")
        self._lease_at = time.monotonic()

    def end(self) -> None:
        """Keep the memory and give the lease back, so that a successor need not wait."""
        self.save()
        release_lease(ingest.LEASE, self.owner, now=self.clock())


def run_detector(stop: threading.Event | None = None) -> None:
    """Run until asked to stop; a database that is busy or a lost lease starts the run over from what is durable."""
    stop = stop or _stop_on_signals()
    # A batch makes hundreds of thousands of short tuples and no cycles: collecting after each 700 of them cost a third.
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    while not stop.is_set():
        close_old_connections()
        run = DetectorRun()
        try:
            if not run.begin():
                stop.wait(1.0)
                continue
            _loop(run, stop)
            run.end()
        except (ingest.UnableToCommit, OperationalError) as error:
            log.warning("the detector starts over: %s", error)
            stop.wait(1.0)


def _loop(run: DetectorRun, stop: threading.Event) -> None:
    checked = time.monotonic()
    while not stop.is_set():
        before = run.events
        if not run.step():
            stop.wait(QUIET_SECONDS if run.events != before else IDLE_SECONDS)
        if time.monotonic() - checked >= 2.0:
            checked = time.monotonic()
            run.follow_settings()
            if run.rules_changed():
                return


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
