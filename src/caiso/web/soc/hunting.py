"""What a hunt asks, of which events, and what a process of its own is handed for it; nothing is written here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from caiso.connect.telemetry.query.filters import Filter, check_filter, filter_rule, filter_sql, words
from caiso.connect.telemetry.query.jobs import MAX_SQL, MOST_ROWS, Answer, QueryJob, UnableToAsk
from caiso.connect.telemetry.trial.jobs import PartFile, RuleSources, RuleText, ScanJob, ScanReport
from caiso.connect.telemetry.trial.parent import QUERY, Bounds, Tell, run_trial
from caiso.web.base.access import Viewer
from caiso.web.config.environment import environment
from caiso.web.soc import queries, store
from caiso.web.soc.models import HuntKind, HuntRun

LONGEST_HOURS = 92 * 24
PERIODS = (
    (1, "Last hour"),
    (24, "Last day"),
    (168, "Last 7 days"),
    (720, "Last 30 days"),
    (LONGEST_HOURS, "Last 92 days"),
)
ROWS = 1_000
SECONDS = 60.0
MEMORY_MB = 512
KEPT_FINDS = 500
_RULE = "found-by-this-hunt"
_ASKING = Bounds(seconds=SECONDS + 20, cpu_seconds=int(SECONDS) + 30, address_bytes=4 << 30)
_READING = Bounds(seconds=3600, cpu_seconds=3600)


@dataclass(frozen=True)
class Question:
    """What somebody asks: SQL, or conditions."""

    kind: HuntKind
    hours: int
    sql: str = ""
    filter: Filter | None = None

    @property
    def reads_content(self) -> bool:
        """Whether what people wrote has to be decrypted."""
        return self.filter is not None and self.filter.reads_content

    @property
    def words(self) -> str:
        """The question as one line."""
        return words(self.filter) if self.filter is not None else " ".join(self.sql.split())

    def check(self) -> None:
        """Raise ``UnableToAsk`` where it can be seen without asking that there is no answer."""
        if not 1 <= self.hours <= LONGEST_HOURS:
            raise UnableToAsk(f"the period has 1 to {LONGEST_HOURS} hours")
        if self.kind == HuntKind.FILTER:
            check_filter(self.filter or Filter([]))
        elif not self.sql.strip():
            raise UnableToAsk("write a SELECT over events")
        elif len(self.sql) > MAX_SQL:
            raise UnableToAsk(f"the statement has {len(self.sql):,} characters, at most {MAX_SQL:,} are read")


def query_job(question: Question, viewer: Viewer, *, end: datetime, rows: int = ROWS) -> QueryJob:
    """The statement with the files and feeds that the viewer may ask."""
    sql, parameters = filter_sql(question.filter) if question.filter is not None else (question.sql, [])
    start_us, end_us = _period(question, end)
    return QueryJob(
        sql=sql,
        parameters=parameters,
        events=str(environment().data / "events"),
        paths=[part.path for part in queries.parts(start_us=start_us, end_us=end_us)],
        start_us=start_us,
        end_us=end_us,
        feeds=store.feeds_with(viewer, "soc.view"),
        rows=min(rows, MOST_ROWS),
        seconds=SECONDS,
        memory_mb=MEMORY_MB,
    )


def content_job(question: Question, viewer: Viewer, *, end: datetime) -> ScanJob:
    """Conditions on content as a rule over stored events; text is decrypted only where the viewer may read it."""
    start_us, end_us = _period(question, end)
    text = filter_rule(question.filter or Filter([]), slug=_RULE, title="Hunt")
    return ScanJob(
        rules=RuleSources([], texts=[RuleText("hunt.yaml", text)], cache=str(environment().data / "cache")),
        wanted=[_RULE],
        data=str(environment().data),
        parts=[PartFile(part.path, part.rows) for part in queries.parts(start_us=start_us, end_us=end_us)],
        start_us=start_us,
        end_us=end_us,
        feeds=store.feeds_with(viewer, "soc.content"),
        content_feeds=store.feeds_with(viewer, "soc.content"),
        keep=KEPT_FINDS,
    )


def ask_here(job: QueryJob, tell: Tell) -> Answer:
    """Ask in a process of its own; ``tell`` may raise, which ends it."""
    return run_trial(job, Answer, tell=tell, bounds=_ASKING, child=QUERY)


def search_here(job: ScanJob, tell: Tell) -> ScanReport:
    """Search content in a process of its own."""
    return run_trial(job, ScanReport, tell=tell, bounds=_READING)


def _period(question: Question, end: datetime) -> tuple[int, int]:
    start = end - timedelta(hours=question.hours)
    return int(start.timestamp() * 1_000_000), int(end.timestamp() * 1_000_000)


def may_see_answer(run: HuntRun, viewer: Viewer) -> bool:
    """Whether the viewer may still see every app whose events the answer may hold."""
    permission = "soc.content" if run.reads_content else "soc.view"
    now = store.feeds_with(viewer, permission)
    if now is None:
        return True
    return run.scope is not None and {tuple(pair) for pair in run.scope} <= set(now)
