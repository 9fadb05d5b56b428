"""How far time has come for each source of events: what lets a window be judged without asking a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from caiso.engine.detect.batch import Batch


@dataclass(slots=True)
class SourceClocks:
    """Per source the latest event time, and when that event arrived; microseconds.

    Sources lag differently: one sends within a second, another uploads yesterday's log. Time therefore moves for each
    by its own events; while a source is silent, by as much as has passed at the edge since it was last heard.
    """

    latest: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)
    now: int = 0  # the latest arrival of any source

    def advance(self, batch: Batch, times: Callable[[], Sequence[int]], newest: int) -> None:
        """Take in a batch as a whole; ``times`` gives the times of its events, and ``newest`` is the latest of them."""
        if not len(batch):
            return
        sources, arrivals = batch.column("source.id"), batch.column("ingest_time")
        if sources.count(sources[0]) == len(sources):
            self._note(_name(sources[0]), newest, arrivals[-1])
        else:
            for source, time_us, arrival in zip(sources, times(), arrivals, strict=True):
                self._note(_name(source), time_us, arrival)
        if arrivals.count(None) < len(arrivals):
            self.now = max(self.now, *(arrival for arrival in set(arrivals) if type(arrival) is int), 0)

    def marks(self, batch: Batch, times: Sequence[int]) -> tuple[list[str], list[int]]:
        """For each row its source and how far that source's time has come once the row has arrived."""
        sources = [_name(source) for source in batch.column("source.id")]
        latest = dict(self.latest)
        marks = []
        for source, time_us in zip(sources, times, strict=True):
            mark = latest[source] = max(latest.get(source, time_us), time_us)
            marks.append(mark)
        return sources, marks

    def _note(self, source: str, time_us: int, arrival: object) -> None:
        if time_us >= self.latest.get(source, time_us):
            self.latest[source] = time_us
            if type(arrival) is int:
                self.arrived[source] = arrival

    def estimate(self, source: str) -> int:
        """A source's time at the end of the batch."""
        silent = self.now - self.arrived[source] if source in self.arrived else 0
        return self.latest.get(source, 0) + max(0, silent)


def _name(source: object) -> str:
    return "" if source is None else str(source)
