"""Runs rules over stored events: what they would have found, how often, and at what cost. Reads only.

Content is decrypted here, in the process of the trial, and goes no further: what comes back are ids and offsets.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from caiso.connect.telemetry.bulk.revealing import rule_texts
from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.parquet import pq
from caiso.connect.telemetry.preparation import Preparation
from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.trial.jobs import Found, PartFile, ScanJob, ScanReport
from caiso.connect.telemetry.trial.rules import load_sources, with_what_they_hear
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.detect.signal import Signal
from caiso.errors import DomainError

Tell = Callable[[int, int, str], None]
_BATCH: Final = 4_000
_SEPARATOR: Final = "\x1f"


class UnableToScan(DomainError):
    """The rules cannot be read, or a file of events cannot."""


class _Tally:
    """Signals as they come: kept up to a bound, and grouped into alerts as the live path groups them."""

    def __init__(self, job: ScanJob) -> None:
        self._job = job
        self._wanted = frozenset(job.wanted)
        self._last: dict[str, int] = {}
        self.found: list[Found] = []
        self.by_rule: Counter[str] = Counter()
        self.days: Counter[str] = Counter()
        self.alerts = 0

    def take(self, signals: Sequence[Signal]) -> None:
        for signal in signals:
            if signal.rule_id not in self._wanted:
                continue
            self.by_rule[signal.rule_id] += 1
            last = self._last.get(signal.group_key)
            if last is None or signal.time_us - last > self._job.quiet_us:
                self.alerts += 1
                self.days[datetime.fromtimestamp(signal.time_us / 1_000_000, UTC).date().isoformat()] += 1
            self._last[signal.group_key] = max(last or 0, signal.time_us)
            if len(self.found) < self._job.keep:
                ids, spans = list(signal.event_ids), list(signal.matches)
                self.found.append(Found(signal.rule_id, signal.time_us, ids, spans, dict(signal.entity)))


def run_scan(job: ScanJob, tell: Tell = lambda done, total, note: None) -> ScanReport:
    """Read the parts in their order, decrypt what may be decrypted, and run the rules."""
    rules, problems = load_sources(job.rules)
    chosen = with_what_they_hear(rules, set(job.wanted))
    if not chosen:
        raise UnableToScan("; ".join(map(str, problems[:5])) or "there is no such rule")
    total = sum(part.rows for part in job.parts)
    tell(0, total, "compiling the rules")
    detector = Detector(compile_ruleset(chosen, Path(job.rules.cache) if job.rules.cache else None))
    reader, preparation = _Content(job), Preparation()
    tally = _Tally(job)
    done = events = 0
    spent = 0.0
    for part in job.parts:
        for rows, batch in _batches(job, part):
            done += rows
            if batch.num_rows:
                merged = reader.with_content(batch)
                before = time.process_time()
                signals = detector.process(preparation.of(merged))
                spent += time.process_time() - before
                tally.take(signals)
                events += batch.num_rows
            tell(done, total, f"{events:,} events, {sum(tally.by_rule.values()):,} signals")
    return ScanReport(
        events=events,
        with_content=reader.read,
        content_gone=reader.gone,
        signals=sum(tally.by_rule.values()),
        alerts=tally.alerts,
        alerts_by_day=dict(sorted(tally.days.items())),
        cpu_us=round(spent / events * 1_000_000, 2) if events else None,
        found=tally.found,
        by_rule=dict(tally.by_rule),
    )


def _batches(job: ScanJob, part: PartFile) -> Iterator[tuple[int, pa.Table]]:
    """(rows read, events in scope), some thousands at a time."""
    feeds = _pairs(job.feeds)
    try:
        with pq.ParquetFile(Path(job.data) / "events" / part.path) as file:
            for batch in file.iter_batches(_BATCH):
                table = pa.Table.from_batches([batch]).replace_schema_metadata(None)
                time = table.column("time")
                inside = pc.and_(pc.greater_equal(time, job.start_us), pc.less(time, job.end_us))
                table = table.filter(inside)
                yield batch.num_rows, table if feeds is None else table.filter(_in_feeds(table, feeds))
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise UnableToScan(f"{part.path}: {error}") from error


def _in_feeds(table: pa.Table, feeds: frozenset[str]) -> pa.Array:
    """Which events come from one of the feeds."""
    sources, services = table.column("source.id").to_pylist(), table.column("service.name").to_pylist()
    # A separator that no name can hold, so that two names cannot be cut differently.
    pairs = (f"{source or ''}{_SEPARATOR}{service or ''}" for source, service in zip(sources, services, strict=True))
    return pa.array([pair in feeds for pair in pairs], pa.bool_())


def _pairs(feeds: list[tuple[str, str]] | None) -> frozenset[str] | None:
    return None if feeds is None else frozenset(f"{source}{_SEPARATOR}{service}" for source, service in feeds)


class _Content:
    """Decrypts the text of events that whoever asks may read; what is past its retention stays away."""

    def __init__(self, job: ScanJob) -> None:
        self._store = ContentStore(Path(job.data))
        self._feeds = _pairs(job.content_feeds)
        self.read = self.gone = 0

    def with_content(self, table: pa.Table) -> EventBatch:
        """The events as rules see them."""
        count = table.num_rows
        refs, ids = table.column("content.ref").to_pylist(), table.column("event.id").to_pylist()
        allowed = [True] * count if self._feeds is None else _in_feeds(table, self._feeds).to_pylist()
        rows = [row for row in range(count) if refs[row] is not None and allowed[row]]
        segments: list[Sequence[Segment]] = [()] * count
        for row, found in zip(rows, self._store.try_many([(refs[row], ids[row]) for row in rows]), strict=True):
            if isinstance(found, DomainError):
                self.gone += 1
                continue
            self.read += 1
            segments[row] = found
        return EventBatch(table, rule_texts(segments))
