"""The worker process: runs jobs in threads, seals the audit trail each second, starts periodic jobs."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import Error, connections
from django.utils import timezone

from caiso.memory import give_back
from caiso.web.base.models import Job
from caiso.web.base.services import jobs, sealing
from caiso.web.base.services.heartbeats import beat, forget
from caiso.web.base.services.leases import process_owner
from caiso.web.base.services.wake import rang

THREADS = 2
LISTEN_SECONDS = 0.2
LOOK_SECONDS = 1.0
CARE_SECONDS = 5.0
PATIENCE_SECONDS = 4.0
log = logging.getLogger(__name__)


def run_worker(stop: threading.Event | None = None, *, threads: int = THREADS, lease: timedelta = jobs.LEASE) -> None:
    """Work until told to stop; without an event of the caller's, SIGTERM and SIGINT tell it."""
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    _Worker(stop, threads=threads, lease=lease).run()


def loudness(job: Job, state: Job.State) -> int:
    """What the clock started and what ended well is no news; a failure always is."""
    if state == Job.State.FAILED:
        return logging.WARNING
    return logging.DEBUG if state == Job.State.DONE and jobs.is_periodic(job) else logging.INFO


class _Worker:
    def __init__(self, stop: threading.Event, *, threads: int, lease: timedelta) -> None:
        self.stop = stop
        self.slots = threads
        self.lease = lease
        self.owner = process_owner()
        self.running: dict[int, threading.Thread] = {}
        self.lock = threading.Lock()
        self.freed = threading.Event()
        self.failures = 0

    def run(self) -> None:
        log.info("worker started", extra={"owner": self.owner})
        due: dict[Callable[[], None], float] = {self._look: 0.0, self._seal: 0.0, self._care: 0.0}
        every: dict[Callable[[], None], float] = {
            self._look: LOOK_SECONDS,
            self._seal: LOOK_SECONDS,
            self._care: min(CARE_SECONDS, self.lease.total_seconds() / 3),
        }
        while not self.stop.is_set():
            now = time.monotonic()
            if self.freed.is_set() or self._rang():
                self.freed.clear()
                due[self._look] = now
            for step, at in due.items():
                if at <= now:
                    self._try(step)
                    due[step] = now + every[step]
            self.freed.wait(LISTEN_SECONDS)
        self._leave()

    def _rang(self) -> bool:
        try:
            return rang()
        except Exception:  # noqa: BLE001 - without the bell the worker looks by itself each second
            return False

    def _try(self, step: Callable[[], None]) -> None:
        """A database that is away for a moment must not end the worker; it is logged and counted."""
        try:
            step()
        except Error:
            self.failures += 1
            log.exception("worker step failed", extra={"failures": self.failures})
            connections.close_all()

    def _look(self) -> None:
        while len(self.running) < self.slots and not self.stop.is_set():
            job = jobs.claim(self.owner, now=timezone.now(), lease=self.lease)
            if job is None:
                return
            thread = threading.Thread(target=self._work, args=(job,), name=f"job-{job.pk}", daemon=True)
            with self.lock:
                self.running[job.pk] = thread
            thread.start()

    def _work(self, job: Job) -> None:
        started = time.monotonic()
        try:
            state = jobs.run(job, lease=self.lease)
            log.log(
                loudness(job, state),
                "job ended",
                extra={
                    "job": job.pk,
                    "kind": job.kind,
                    "state": state,
                    "seconds": round(time.monotonic() - started, 3),
                },
            )
        except Error:
            log.exception("the outcome of a job could not be written; its lease will end", extra={"job": job.pk})
        finally:
            connections.close_all()
            give_back()
            with self.lock:
                self.running.pop(job.pk, None)
            self.freed.set()

    def _seal(self) -> None:
        sealing.seal_pending(owner=self.owner, now=timezone.now())

    def _care(self) -> None:
        now = timezone.now()
        beat(self.owner, kind="worker", now=now)
        jobs.prolong(self.owner, self._ids(), now=now, lease=self.lease)
        jobs.sweep(now=now)
        jobs.enqueue_periodic(now=now)

    def _ids(self) -> list[int]:
        with self.lock:
            return list(self.running)

    def _leave(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._ids() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._try(lambda: jobs.hand_back(self.owner, self._ids(), now=timezone.now()))
        self._try(self._seal)
        self._try(lambda: sealing.release(self.owner, now=timezone.now()))
        self._try(lambda: forget(self.owner))
        log.info("worker stopped", extra={"owner": self.owner})
        connections.close_all()
