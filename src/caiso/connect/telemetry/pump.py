"""The detector's half of exactly-once: log to numbered parts, with everything a restart needs to give the same alerts.

One batch goes through these steps, and a crash between any two is repaired by ``recover``:

1. ``next_batch`` reads frames after the offsets, normalises, and lets a thread append content (synced) and write part N
   (synced, linked); ``Batch.wait`` says when.
   The part's appearance fixes which events there are and their order; its metadata holds the log ranges it used up
   and the refused records. A crash before it leaves only blobs in the content store that nothing refers to.
2. The caller matches ``batch.events`` and commits signals, the part's row and ``batch.offsets`` in ONE transaction.
   A crash before it leaves an *orphan*: a part with no row. ``recover`` hands it back as it is and moves the offsets
   over its ranges, so the log is not read a second time and its events cannot come twice or in another order.
3. ``committed`` tells the pump. From time to time ``snapshot`` stores the detector's memory as of a part, and
   only then the log before that part is trimmed.

One batch may be read ahead: while the caller matches batch N, batch N + 1 is normalised and written. A crash then
leaves two orphans, which are handed back in their order.

After a restart the detector is restored from the newest snapshot and processes the parts after it again, in order;
the signals it repeats have the same ids and are suppressed by their unique id.

Where replayed text comes from: rules match content, and parts hold none. Content is synced *before* the part that
refers to it, so for every part its text can be read back from the content store; the log is not needed for it. Text
whose retention ended while the detector was down stays away (its event is replayed without it): deleting a key wins
over repeating a match. Retention is counted in days and snapshots in minutes, so this takes a long outage.

Duplicates: a client that missed our answer sends again, and its records carry the same deterministic ids. Ids that
stand among the last ``dedup_window`` accepted ones are dropped and counted, not marked: a marked copy would still
count in every window, chart and bill. Ids seen are a function of the parts alone (the window is rebuilt from them), so
a restart decides as the first run would have. Two equal log lines in one request are no retry; the second gets an
id of its own.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from caiso.connect.telemetry import parts as part_files
from caiso.connect.telemetry.bulk.revealing import rule_texts
from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.draft import Draft
from caiso.connect.telemetry.keys import KeyRing, make_folder
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.parts import PartInfo, Range, Reject
from caiso.connect.telemetry.records import LIMITS, Envelope, Limits, UnableToDecode, unpack_envelope
from caiso.connect.telemetry.redaction import Redactor
from caiso.connect.telemetry.redrive import keep_requests
from caiso.connect.telemetry.state import Snapshot, StateStore
from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.wal import Damage, Frame, Position, WalReader
from caiso.errors import DomainError

log = logging.getLogger(__name__)

_NO_SOURCE: Final = "unknown"
_AHEAD: Final = 2  # batches that may be taken and not committed


class UnableToContinue(DomainError):
    """The pump was asked for a batch while two before it are neither committed nor recovered."""


@dataclass(frozen=True, slots=True)
class PumpSettings:
    """How much goes into one batch and how long ids are remembered."""

    batch_bytes: int = 16 << 20
    dedup_window: int = 500_000
    limits: Limits = LIMITS


Written = tuple[PartInfo | None, tuple[Reject, ...]]


class Batch:
    """One step: its events with their content, the offsets after it, and the part, which a thread may still write.

    ``part`` (None when nothing was accepted) and ``rejects`` wait for that thread; while it compresses and syncs, the
    events can be matched already.
    """

    def __init__(
        self,
        written: Future[Written],
        events: EventBatch,
        offsets: dict[str, Position],
        *,
        duplicates: int = 0,
        orphan: bool = False,
    ) -> None:
        self.written = written
        self.events = events
        self.offsets = offsets
        self.duplicates = duplicates
        self.orphan = orphan

    @classmethod
    def of_part(cls, part: PartInfo | None, events: EventBatch, offsets: dict[str, Position]) -> Batch:
        """A batch whose part was written in an earlier life."""
        written: Future[Written] = Future()
        written.set_result((part, part.rejects if part else ()))
        return cls(written, events, offsets, duplicates=part.duplicates if part else 0, orphan=part is not None)

    def wait(self) -> None:
        """Return when the part is durable; raises what kept it from becoming so."""
        self.written.result()

    @property
    def part(self) -> PartInfo | None:
        return self.written.result()[0]

    @property
    def rejects(self) -> tuple[Reject, ...]:
        return self.written.result()[1]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a restarted detector does, in this order: restore the snapshot, process ``replay``, commit each orphan."""

    snapshot: Snapshot | None
    replay: Iterator[tuple[PartInfo, EventBatch]]
    orphans: list[Batch]
    warnings: list[str]


class _Window:
    """The last accepted event ids, exactly; 64 bits of each."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._order: deque[int] = deque()
        self._known: set[int] = set()

    def is_new(self, event_id: str) -> bool:
        """Whether an id is not among them; it then becomes the latest."""
        key = _key(event_id)
        if key in self._known:
            return False
        self._known.add(key)
        self._order.append(key)
        if len(self._order) > self._size:
            self._known.discard(self._order.popleft())
        return True

    def add(self, keys: Sequence[int]) -> None:
        self._order.extend(keys)
        self._known.update(keys)
        while len(self._order) > self._size:
            self._known.discard(self._order.popleft())


def _key(event_id: str) -> int:
    return int(event_id[:16], 16)


def _with_refs(table: pa.Table, refs: Sequence[str | None]) -> pa.Table:
    place = table.schema.get_field_index("content.ref")
    return table.set_column(place, table.schema.field(place), pa.array(refs, pa.string()))


class Pump:
    """Moves the log into parts, one batch at a time. Call ``recover`` first; then loop over ``next_batch``."""

    def __init__(self, data_dir: Path, *, settings: PumpSettings | None = None) -> None:
        self._settings = settings or PumpSettings()
        self.events_root = make_folder(data_dir / "events")
        self.content = ContentStore(data_dir)
        self._damage: list[Damage] = []
        self._wal = WalReader(data_dir / "wal", KeyRing(data_dir / "keys", "wal"), on_damage=self._damage.append)
        self._state = StateStore(data_dir / "state", KeyRing(data_dir / "keys", "state"))
        self.redactors: Mapping[str, Redactor] = {}  # by source; set by whoever knows the settings
        self._offsets: dict[str, Position] = {}
        self._after_part: dict[int, dict[str, Position]] = {}  # offsets after each part that no snapshot covers
        self._seen = _Window(self._settings.dedup_window)
        self._last_part = 0
        self._open: list[Batch] = []  # taken and not committed, in order
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="part")
        self._ready = False

    # -- restart ------------------------------------------------------------------------------------------------

    def recover(
        self, committed: Sequence[PartInfo], offsets: Mapping[str, Position], *, last_part: int = 0
    ) -> Recovery:
        """Bring files and database together.

        ``committed`` are all part rows, ``offsets`` those of the last transaction, ``last_part`` the highest number
        ever committed: rows may be gone by retention, and a number that is used again would meet an old snapshot.
        """
        ordered = sorted(committed, key=lambda part: part.number)
        self._offsets = dict(offsets)
        self._last_part = max((part.last_number for part in ordered), default=0)
        self._last_part = last_committed = max(self._last_part, last_part)
        self.close()
        self._after_part = {self._last_part: dict(offsets)}
        warnings = [
            f"half-written file {path} deleted"
            for path in part_files.clean(self.events_root, known=[p.path for p in ordered])
        ]
        self._remember(ordered)
        orphans = self._orphans(warnings)
        snapshot, broken = self._state.newest(upto=last_committed)
        warnings += [f"snapshot {name} is not readable; an older one is used" for name in broken]
        after = snapshot.part if snapshot else 0
        replay = ((part, self._read_back(part)) for part in ordered if part.last_number > after)
        self._ready = True
        for warning in warnings:
            log.warning(warning)
        return Recovery(snapshot, replay, orphans, warnings)

    def _remember(self, ordered: Sequence[PartInfo]) -> None:
        """Rebuild the window of ids from the newest parts that fill it."""
        self._seen = _Window(self._settings.dedup_window)
        chosen: list[PartInfo] = []
        rows = 0
        for part in reversed(ordered):
            if rows >= self._settings.dedup_window:
                break
            chosen.append(part)
            rows += part.rows
        for part in reversed(chosen):
            self._seen.add([_key(event_id) for event_id in part_files.read_ids(self.events_root, part.path)])

    def _orphans(self, warnings: list[str]) -> list[Batch]:
        found: list[Batch] = []
        for part in part_files.list_parts(self.events_root, after=self._last_part):
            fits = part.number == self._last_part + 1 and all(
                self._offsets.get(r.writer, Position()) == r.start for r in part.ranges
            )
            if not fits:
                # Its records are still in the log, because the log is trimmed only behind committed parts.
                aside = self.events_root / f"{part.path}.stale"
                (self.events_root / part.path).replace(aside)
                warnings.append(f"{part.path} does not follow what was committed; set aside as {aside.name}")
                continue
            self._offsets.update({r.writer: r.end for r in part.ranges})
            self._last_part = part.number
            self._seen.add([_key(event_id) for event_id in part_files.read_ids(self.events_root, part.path)])
            found.append(Batch.of_part(part, self._read_back(part), dict(self._offsets)))
        return found

    def _read_back(self, part: PartInfo) -> EventBatch:
        """Return a part's events with the content that is still readable."""
        table = part_files.read_part(self.events_root, part.path)
        texts: list[Sequence[Segment]] = [()] * table.num_rows
        ids, refs = table.column("event.id").to_pylist(), table.column("content.ref").to_pylist()
        rows = [row for row, ref in enumerate(refs) if ref is not None]
        for row, found in zip(rows, self.content.try_many([(refs[row], ids[row]) for row in rows]), strict=True):
            if isinstance(found, DomainError):
                log.warning("event %s is replayed without its content: %s", ids[row], found)
            else:
                texts[row] = found
        return EventBatch(_with_refs(table, [None] * table.num_rows), rule_texts(texts))  # as the first run saw it

    # -- one batch ----------------------------------------------------------------------------------------------

    def next_batch(self) -> Batch | None:
        """Return the next batch, whose part a thread writes, or None when the log has nothing new.

        It may be asked for while the one before is not committed yet, but not after two such (``UnableToContinue``).
        """
        if not self._ready:
            raise UnableToContinue("recover comes before the first batch")
        if len(self._open) >= _AHEAD:
            raise UnableToContinue(f"{_AHEAD} batches before were not committed; commit them, or recover")
        if any(batch.written.done() and batch.written.exception() for batch in self._open):
            raise UnableToContinue("the batch before could not be written; recover")
        if any(not len(batch.events) for batch in self._open):
            return None  # its offsets stand nowhere yet, and no part may begin behind them
        ranges, envelopes = self._read()
        if not envelopes and not any(not damage.torn for damage in self._damage):
            self._damage.clear()
            return None  # offsets stay: a part's ranges must begin where the last transaction ended
        self._ready = False  # should anything below fail, only ``recover`` knows how far it came
        draft = Draft(self._seen.is_new, self._settings.limits, self.redactors)
        draft.take(envelopes)
        batch = self._write(draft, ranges, envelopes[0][1].ingest_us if envelopes else 0)
        self._open.append(batch)
        self._offsets = dict(batch.offsets)
        self._ready = True
        return batch

    def _read(self) -> tuple[list[Range], list[tuple[Frame, Envelope]]]:
        """Return what to take: whole frames of one hour of arrival, in the order of each writer."""
        writers = self._wal.writers()
        share = max(1 << 20, self._settings.batch_bytes // max(1, len(writers)))
        found: dict[str, tuple[Position, list[tuple[Frame, Envelope]]]] = {}
        for writer in writers:
            frames, end = self._wal.read(writer, self._offsets.get(writer, Position()), max_bytes=share)
            found[writer] = (end, list(self._opened(frames)))
        firsts = [read[0][1].ingest_us for _, read in found.values() if read]
        hour = part_files.hour_of(min(firsts)) if firsts else ""
        ranges: list[Range] = []
        taken: list[tuple[Frame, Envelope]] = []
        for writer, (end, read) in found.items():
            start = self._offsets.get(writer, Position())
            cut = next((i for i, (_, e) in enumerate(read) if part_files.hour_of(e.ingest_us) != hour), len(read))
            until = end if cut == len(read) else read[cut][0].start
            if until != start:
                ranges.append(Range(writer, start, until))
                taken += read[:cut]
        return self._bounded(ranges, taken)

    def _opened(self, frames: Sequence[Frame]) -> Iterator[tuple[Frame, Envelope]]:
        for frame in frames:
            try:
                yield frame, unpack_envelope(frame.payload)
            except UnableToDecode as error:
                self._damage.append(Damage(frame.writer, frame.start, str(error)))

    def _bounded(
        self, ranges: list[Range], taken: list[tuple[Frame, Envelope]]
    ) -> tuple[list[Range], list[tuple[Frame, Envelope]]]:
        """Cut after so many bytes that the batch cannot grow far beyond its bound of events."""
        size = 0
        for index, (frame, _) in enumerate(taken):
            size += len(frame.payload)
            if size > self._settings.batch_bytes and index + 1 < len(taken):
                kept = taken[: index + 1]
                return self._until(ranges, kept), kept
        return ranges, taken

    def _until(self, ranges: list[Range], kept: list[tuple[Frame, Envelope]]) -> list[Range]:
        ends = {frame.writer: frame.end for frame, _ in kept}
        return [Range(r.writer, r.start, ends[r.writer]) for r in ranges if r.writer in ends]

    def _write(self, draft: Draft, ranges: list[Range], hour_us: int) -> Batch:
        table, segments = draft.events()
        self._last_part += bool(table.num_rows)
        written = self._writing.submit(
            self._write_out,
            self._last_part,
            table,
            segments,
            draft,
            ranges,
            part_files.hour_of(hour_us),
            self._damaged(),
        )
        texts = rule_texts(segments)
        offsets = {**self._offsets, **{r.writer: r.end for r in ranges}}
        return Batch(written, EventBatch(table, texts), offsets, duplicates=draft.duplicates)

    def _write_out(  # noqa: PLR0917 - all of a batch, handed over to the writing thread
        self,
        number: int,
        table: pa.Table,
        segments: list[list[Segment]],
        draft: Draft,
        ranges: list[Range],
        hour: str,
        damaged: tuple[Reject, ...],
    ) -> Written:
        """Content first, then the part that refers to it; each is synced."""
        day = date.fromisoformat(hour[:10])
        table, rejects = self._store(table, segments, draft.rejects, day)
        kept = {name: one for name, one in draft.requests.items() if one.source_id not in self.redactors}
        rejects = keep_requests(self.content, kept, rejects, day)
        rejects += damaged
        if not table.num_rows:
            return None, rejects
        part = part_files.write_part(
            self.events_root,
            number,
            table,
            hour=hour,
            ranges=ranges,
            rejects=rejects,
            duplicates=draft.duplicates,
        )
        return part, rejects

    def _store(
        self, table: pa.Table, segments: list[list[Segment]], refused: list[tuple[Reject, str]], day: date
    ) -> tuple[pa.Table, tuple[Reject, ...]]:
        """Append content and the beginnings of refused records; both come back with their references."""
        by_source: dict[str, list[tuple[str, Sequence[Segment], int]]] = {}
        sources, ids = table.column("source.id").to_pylist(), table.column("event.id").to_pylist()
        for row, own in enumerate(segments):
            if own:
                by_source.setdefault(sources[row], []).append((ids[row], own, row))
        for number, (reject, excerpt) in enumerate(refused):
            if reject.source_id in self.redactors:
                excerpt, _ = self.redactors[reject.source_id].redact(excerpt)
            if excerpt:
                own = [Segment("reject", excerpt)]
                by_source.setdefault(reject.source_id, []).append((reject.id, own, -1 - number))
        refs: list[str | None] = [None] * table.num_rows
        rejects = [reject for reject, _ in refused]
        for source_id, items in by_source.items():
            found = self.content.append(source_id, day, [(name, own) for name, own, _ in items])
            for ref, (_, _, target) in zip(found, items, strict=True):
                if target >= 0:
                    refs[target] = ref
                else:
                    rejects[-1 - target] = msgspec.structs.replace(rejects[-1 - target], ref=ref)
        return _with_refs(table, refs), tuple(rejects)

    def _damaged(self) -> tuple[Reject, ...]:
        """Report log bytes that could not be read; a torn end was never acknowledged and is only logged."""
        found: list[Reject] = []
        for damage in self._damage:
            log.warning(
                "log of %s, segment %s at %s: %s",
                damage.writer,
                damage.start.segment,
                damage.start.offset,
                damage.reason,
            )
            if not damage.torn:
                place = f"{damage.writer}/{damage.start.segment}/{damage.start.offset}/damage"
                name = hashlib.blake2b(place.encode(), digest_size=16).hexdigest()
                reason = f"write-ahead log {damage.writer}, segment {damage.start.segment}: {damage.reason}"
                found.append(Reject(name, _NO_SOURCE, "", 0, 0, reason))
        self._damage.clear()
        return tuple(found)

    # -- after the caller's transaction -------------------------------------------------------------------------

    def committed(self, batch: Batch) -> None:
        """Tell that the batch's transaction is durable; batches are committed in their order."""
        if batch.part is not None:
            self._after_part[batch.part.number] = dict(batch.offsets)
        if batch in self._open:
            self._open.remove(batch)

    def snapshot(self, part: int, payload: bytes, *, label: str = "") -> int:
        """Store the detector's memory as of a committed part, then trim the log; returns the bytes that this freed."""
        self.keep(part, [payload], label=label)
        return self.kept(part)

    def keep(self, part: int, payload: Iterable[bytes], *, label: str = "") -> None:
        """The first half of it, which touches nothing else of the pump: another thread may do it.

        What ``payload`` raises goes to the caller, and the snapshot before stays the newest.
        """
        self._state.save(part, label, payload)

    def kept(self, part: int) -> int:
        """The second half, once the first is done: trim the log."""
        covered = self._after_part.get(part)
        freed = self._wal.trim(covered) if covered else 0
        self._after_part = {number: offsets for number, offsets in self._after_part.items() if number > part}
        return freed

    def close(self) -> None:
        """Return when nothing writes any more, whatever became of the batches that were taken."""
        wait([batch.written for batch in self._open])
        self._open = []
