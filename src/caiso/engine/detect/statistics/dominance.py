"""RAG dominance: a new document, or one by a writer who wrote little else, stands at the top of many different queries.

PoisonedRAG (Zou et al. 2024) plants a few texts that are retrieved for chosen questions. A document that has been there
for long and answers many queries is popular; one that is new and does so at once is suspicious. Where people ask few
different things, fewer queries are enough if ever other documents stand beside it: a page about one new subject has the
same neighbours each time. A poisoner who waits until the document is old, or who aims at one rare question only, is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

import msgspec

from caiso.engine.detect.correlation.keys import key_part
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Settings, Share, microseconds
from caiso.engine.detect.statistics.values import documents, hash64, number, span_text
from caiso.engine.packs import Between

_DOCUMENTS = 5_000
_WRITERS = 2_000
_QUERIES_OF_DOCUMENT = 400
_IDS = ("id", "document.id", "doc_id", "document_id", "source")
_WRITER = ("writer", "author", "created_by", "owner")
_FEW_SHARE = 0.6  # of the different queries, where few are enough
_NEIGHBOURS = 64
_CREATED = ("created", "created_at", "date", "timestamp")


@dataclass(frozen=True, kw_only=True)
class DominanceSettings(Settings):
    """``top`` results of each query count; ``fresh`` is how long a document is new, from when it was first retrieved."""

    value: FieldName = "gen_ai.retrieval.documents"
    query: FieldName = "gen_ai.retrieval.query.text"
    top: Annotated[int, Between(1, 20)] = 3
    share: Share = 0.3
    queries: Annotated[int, Between(5, 400)] = 20
    window: Annotated[int, Between(10, 1_000)] = 60
    fresh: timedelta = timedelta(days=2)
    settled: Annotated[int, Between(0, 10_000)] = 30  # queries before the first document can be called new
    rare: Annotated[int, Between(0, 100)] = 2  # a writer of so few documents is a rare one
    few: Annotated[int, Between(0, 400)] = (
        8  # queries that are enough beside as many other documents; 0: they never are
    )
    timespan: timedelta = timedelta(days=1)
    keys: Annotated[int, Between(1, 2_000)] = 200

    naming: ClassVar[tuple[str, ...]] = ("value", "query")
    lasting: ClassVar[tuple[str, ...]] = ("timespan", "quiet", "fresh")

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if self.queries > self.window:
            yield "queries", f"queries {self.queries} is more than window {self.window}"


class Document(msgspec.Struct, array_like=True):
    """When a document was first retrieved, whether it was there from the start, and the different queries it topped."""

    first: int
    old: bool
    writer: str = ""
    queries: dict[int, int] = {}
    beside: list[int] = []  # other documents that came with it, as long as it may be new


class DominanceState(State):
    """One collection: its documents, how many each writer has, the last different queries."""

    documents: dict[str, Document] = {}  # noqa: RUF012
    writers: dict[str, int] = {}  # noqa: RUF012
    recent: dict[int, int] = {}  # noqa: RUF012
    count: int = 0
    reported: dict[str, int] = {}  # noqa: RUF012


class Sample(msgspec.Struct):
    """The query, and the best results as (id, writer, created)."""

    query: int
    results: list[tuple[str, str, int]]


class Dominance(Observer[DominanceSettings, DominanceState]):
    """New or rare-writer documents at the top of many queries."""

    settings_type = DominanceSettings
    state_type = DominanceState

    def sample(self, columns: Columns, row: int) -> Sample | None:
        asked = columns[self.settings.query][row]
        part = None if asked is None else key_part(self.settings.query, asked)
        results = []
        for item in documents(columns[self.settings.value][row], most=self.settings.top):
            name = _first(item, _IDS)
            if name:
                results.append((name[:120], _first(item, _WRITER)[:80], _created(item)))
        if not results:
            return None
        return Sample(hash64(part) if part else -1, results)

    def observe(self, state: DominanceState, seen: Seen) -> Facts | None:
        settings, sample = self.settings, seen.sample
        state.count += 1
        query = sample.query if sample.query >= 0 else state.count  # without its text each query counts as another
        state.recent.pop(query, None)
        state.recent[query] = seen.time_us
        while len(state.recent) > settings.window:
            del state.recent[next(iter(state.recent))]
        found: Facts | None = None
        for name, writer, created in sample.results:
            document = self._document(state, name, writer, created, seen.time_us)
            document.queries.pop(query, None)
            document.queries[query] = seen.time_us
            if len(document.queries) > _QUERIES_OF_DOCUMENT:
                del document.queries[next(iter(document.queries))]
            if not document.old:
                _note_beside(document, name, sample.results)
            found = found or self._judge(state, name, document, seen)
        return found

    def _document(self, state: DominanceState, name: str, writer: str, created: int, now: int) -> Document:
        document = state.documents.pop(name, None)
        if document is None:
            fresh = microseconds(self.settings.fresh)
            # What a document says of its own age can only make it younger: a poisoner writes that field, too.
            old = state.count <= self.settings.settled and not (created and now - created <= fresh)
            document = Document(now, old, writer)
            if writer:
                state.writers[writer] = state.writers.get(writer, 0) + 1
                if len(state.writers) > _WRITERS:
                    del state.writers[next(iter(state.writers))]
            if len(state.documents) >= _DOCUMENTS:
                del state.documents[next(iter(state.documents))]
        state.documents[name] = document
        return document

    def _judge(self, state: DominanceState, name: str, document: Document, seen: Seen) -> Facts | None:
        settings = self.settings
        is_new = not document.old and seen.time_us - document.first <= microseconds(settings.fresh)
        is_rare = bool(document.writer) and settings.rare > 0 and state.writers.get(document.writer, 0) <= settings.rare
        is_rare = is_rare and len(state.writers) > 2 and not document.old
        if not (is_new or is_rare) or name in state.reported:
            return None
        topped = [query for query in document.queries if query in state.recent]
        many = len(topped) >= settings.queries and len(topped) >= settings.share * len(state.recent)
        if not many and not self._is_everywhere(document, len(topped), len(state.recent)):
            return None
        note(state, seen)
        state.reported[name] = seen.time_us
        if len(state.reported) > _DOCUMENTS:
            del state.reported[next(iter(state.reported))]
        facts: dict[str, str | int] = {
            "document": name,
            "tops": f"{len(topped)} of the last {len(state.recent)} different queries",
            "first retrieved": f"{span_text(seen.time_us - document.first)} ago",
        }
        if document.writer:
            facts["writer"] = f"{document.writer}, {state.writers.get(document.writer, 0)} documents here"
        return facts

    def _is_everywhere(self, document: Document, topped: int, recent: int) -> bool:
        few = self.settings.few
        return 0 < few <= min(topped, len(document.beside)) and topped >= _FEW_SHARE * recent


def _note_beside(document: Document, name: str, results: Iterable[tuple[str, str, int]]) -> None:
    for other, _, _ in results:
        number_of = hash64(other)
        if other != name and len(document.beside) < _NEIGHBOURS and number_of not in document.beside:
            document.beside = [*document.beside, number_of]


def _first(item: Any, names: Iterable[str]) -> str:
    return next((str(item[name]) for name in names if item.get(name) not in (None, "")), "")


def _created(item: Any) -> int:
    """When the document says it was made, in microseconds; 0 when it does not, or not in a way we read."""
    value = next((item[name] for name in _CREATED if item.get(name) not in (None, "")), None)
    seconds = number(value)
    if seconds is not None and not isinstance(value, str):
        while seconds > 1e11:
            seconds /= 1000
        return int(seconds * 1_000_000)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)
