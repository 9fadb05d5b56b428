"""Joins small parts into larger ones: ``python -m caiso.connect.telemetry.joining CPU_SECONDS ADDRESS_BYTES``.

A process of its own, because parts are sorted in memory: whoever reads the log meanwhile would stand still, and keep
that memory for good. A part that is joined at least doubles, so that an event is written a few times in all, not
anew with each look at its hour.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from caiso.connect.telemetry import parts as part_files
from caiso.connect.telemetry.parts import PartInfo, UnableToReadPart, UnableToWritePart
from caiso.connect.telemetry.trial.parent import JOINING, Bounds, UnableToTry, run_trial
from caiso.connect.telemetry.trial.speak import serve

log = logging.getLogger(__name__)

FEWEST: Final = 8  # parts; fewer are in nobody's way
MOST_ROWS: Final = 250_000  # of a part that others were joined into: what one job sorts in memory
MOST_JOB_ROWS: Final = 2_000_000
_SMALL_ROWS: Final = 2_000
_NICE: Final = 10  # reading the log goes first
_BOUNDS: Final = Bounds(seconds=600, cpu_seconds=600)

Tell = Callable[[int, int, str], None]
Joined = tuple[list[str], PartInfo]  # the paths of the parts that were joined, and what they became


class JoinJob(msgspec.Struct, frozen=True):
    """Neighbours to join, by their paths below the folder of events; all are covered by the snapshot at a part."""

    root: str
    runs: list[list[str]]
    snapshot: int


class JoinReport(msgspec.Struct, frozen=True):
    """What became of them; a run that cannot be joined is named with the reason."""

    joined: list[Joined]
    broken: dict[str, str]


def runs_of(parts: Iterable[PartInfo], *, snapshot: int) -> list[list[PartInfo]]:
    """Which neighbours of one hour to join, each list in their order.

    A joined part covers a range of numbers, so only neighbours are joined. From the newest backward each part must be
    no larger than those after it together: what a row stands in at least doubles with each time that it is written.
    """
    hours: dict[str, list[PartInfo]] = defaultdict(list)
    for part in parts:
        if part.last_number <= snapshot:
            hours[part.hour].append(part)
    return [run for group in hours.values() for run in _runs_of_hour(sorted(group, key=lambda part: part.number))]


def _runs_of_hour(group: Sequence[PartInfo]) -> list[list[PartInfo]]:
    found: list[list[PartInfo]] = []
    end = len(group)
    while end >= FEWEST:
        begin, rows = end, 0
        while begin and rows + group[begin - 1].rows <= MOST_ROWS:
            if group[begin - 1].rows > max(rows, _SMALL_ROWS):
                break
            begin -= 1
            rows += group[begin].rows
        if end - begin >= FEWEST:
            found.append(list(group[begin:end]))
            end = begin
        else:
            end -= 1
    return found


def join(job: JoinJob, tell: Tell = lambda done, total, note: None) -> JoinReport:
    """Write the joined parts; those that they replace stay."""
    os.nice(_NICE)
    root, report = Path(job.root), JoinReport([], {})
    for number, run in enumerate(job.runs):
        tell(number, len(job.runs), run[0])
        try:
            infos = [part_files.read_info(root, path) for path in run]
            report.joined.append((run, part_files.compact(root, infos, snapshot=job.snapshot)))
        except (UnableToReadPart, UnableToWritePart, OSError) as error:
            report.broken[run[0]] = str(error)[:300]
    return report


class Joiner:
    """Has parts joined beside what its owner does, one job at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="join")
        self._job: Future[JoinReport] | None = None
        self._closed = False

    def begin(self, parts: Iterable[PartInfo], *, snapshot: int) -> None:
        """Start a job, if there is anything to join and none runs."""
        if self._job is not None:
            return
        runs: list[list[str]] = []
        rows = 0
        for run in runs_of(parts, snapshot=snapshot):
            rows += sum(part.rows for part in run)
            if runs and rows > MOST_JOB_ROWS:
                break
            runs.append([part.path for part in run])
        if runs:
            self._job = self._thread.submit(self._run, JoinJob(str(self._root), runs, snapshot))

    def _run(self, job: JoinJob) -> JoinReport:
        return run_trial(job, JoinReport, tell=self._tell, bounds=_BOUNDS, child=JOINING)

    def _tell(self, done: int, total: int, note: str) -> None:
        if self._closed:
            raise UnableToTry("the detector ends")

    def finished(self, *, wait: bool = False) -> list[Joined]:
        """What the job that ended meanwhile has joined; the caller swaps the rows in its database."""
        if self._job is None or not (wait or self._job.done()):
            return []
        job, self._job = self._job, None
        try:
            report = job.result()
        except UnableToTry as error:
            log.warning("small parts were not joined: %s", error)
            return []
        for path, why in report.broken.items():
            log.warning("%s and its neighbours were not joined: %s", path, why)
        return report.joined

    def close(self) -> None:
        """Stop the job that runs; what it had written nobody names, and the next start deletes it."""
        self._closed = True
        if self._job is not None:
            with contextlib.suppress(UnableToTry):
                self._job.result()
        self._thread.shutdown()


if __name__ == "__main__":
    serve(JoinJob, join)
