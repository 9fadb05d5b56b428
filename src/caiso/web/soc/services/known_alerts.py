"""What a batch's signals must know of the alerts that are there: read once for all of them, and kept up to date.

A storm brings thousands of signals in one transaction. To ask the database of each of them where it belongs and which
other rules fired costs ten times as much as to write it. The answers here are those that the database would give had
every signal before been written already, so it does not matter how the stream was cut into batches.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from caiso.engine.detect.signal import Signal as EngineSignal
from caiso.web.soc.models import Alert, DetectionRule

if TYPE_CHECKING:
    from django.db.models import QuerySet

# A signal that comes this long after the alert's last one is news again, not a repetition.
QUIET_PERIOD = timedelta(hours=4)
DAY = timedelta(days=1)
ABOUT = {"conversation_id": ("conversation", 200), "subject_user": ("user", 200), "agent": ("agent", 200)}
MOST_ASKED = 500  # values in one query


@dataclass(eq=False)
class Known:
    """An alert that signals may belong to; ``place`` orders alerts by when they came, ``changed`` waits to be written."""

    alert: Alert
    place: int
    changed: set[str] = field(default_factory=set)

    @property
    def is_new(self) -> bool:
        """Whether the database has never seen it."""
        return self.alert.pk is None

    def change(self, **values: object) -> None:
        """Set fields, to be written with the rest of the batch."""
        for name, value in values.items():
            setattr(self.alert, name, value)
        self.changed.update(values)


Talk = tuple[bool, str, str, str]  # canary, conversation, trace where there is none, technique


class KnownAlerts:
    """The open alerts of these signals' groups and conversations."""

    def __init__(self, signals: Sequence[EngineSignal]) -> None:
        self._groups: dict[str, list[Known]] = defaultdict(list)
        self._talks: dict[Talk, list[Known]] = defaultdict(list)
        self._places = 0
        self.all: list[Known] = []
        if signals:
            for alert in sorted(self._read(signals), key=lambda alert: alert.pk):
                self.add(alert)

    def _read(self, signals: Sequence[EngineSignal]) -> Iterable[Alert]:
        first = min(moment(min(signal.first_time_us, signal.time_us)) for signal in signals) - QUIET_PERIOD
        open_ = Alert.objects.filter(last_event_at__gte=first).exclude(state=Alert.State.CLOSED).select_related("rule")
        found = {alert.pk: alert for alert in _in(open_, "group_key", {signal.group_key for signal in signals})}
        talks = {talk_of(signal) for signal in signals} - {None}
        told = open_.exclude(rule__kind="risk").filter(technique__in={talk[3] for talk in talks if talk})
        for rows, column, values in (
            (told, "conversation_id", {talk[1] for talk in talks if talk and talk[1]}),
            (told.filter(conversation_id=""), "trace_id", {talk[2] for talk in talks if talk and not talk[1]}),
        ):
            found |= {alert.pk: alert for alert in _in(rows, column, values)}
        return found.values()

    def add(self, alert: Alert) -> Known:
        """Note an alert; the next signals may belong to it."""
        known = Known(alert, self._places)
        self._places += 1
        self.all.append(known)
        self._groups[alert.group_key].append(known)
        if alert.rule.kind != "risk" and (alert.conversation_id or alert.trace_id):
            trace = "" if alert.conversation_id else alert.trace_id
            self._talks[alert.is_canary, alert.conversation_id, trace, alert.technique].append(known)
        return known

    def regroup(self, known: Known, group_key: str) -> None:
        """The alert is told by another rule now."""
        known.change(group_key=group_key)
        self._groups[group_key].append(known)

    def of_group(self, signal: EngineSignal) -> Known | None:
        """The latest open alert of the signal's group."""
        since = moment(signal.time_us) - QUIET_PERIOD
        own = (
            known
            for known in self._groups.get(signal.group_key, ())
            if known.alert.group_key == signal.group_key and known.alert.last_event_at >= since
        )
        return max(own, key=lambda known: known.place, default=None)

    def in_talk(self, signal: EngineSignal, *, since: datetime) -> Iterator[Known]:
        """The open alerts about the signal's technique in its conversation, or its trace where there is none; the oldest first."""
        talk = talk_of(signal)
        if talk is not None:
            yield from (known for known in self._talks.get(talk, ()) if known.alert.last_event_at >= since)


def talk_of(signal: EngineSignal) -> Talk | None:
    """What alerts that tell of the same as the signal have in common with it."""
    talk, trace = signal.entity.get("conversation", "")[:200], signal.entity.get("trace", "")[:64]
    if not (talk or trace) or not signal.techniques:
        return None
    return signal.state == "canary", talk, "" if talk else trace, signal.techniques[0]


class FiredRules:
    """Which rules fired within a day for the same user, conversation or agent, by the alerts of any state."""

    def __init__(self, signals: Sequence[EngineSignal]) -> None:
        self._counts: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        self._edges: dict[tuple[str, str], list[tuple[datetime, int, int]]] = defaultdict(list)
        self._here: dict[tuple[str, str], dict[int, list[Known]]] = defaultdict(lambda: defaultdict(list))
        self._taken: set[Known] = set()
        if not signals:
            return
        times = [moment(signal.time_us) for signal in signals]
        self._first, self._last = max(times) - DAY, min(times) + DAY  # within a day of every signal
        for column, (kind, length) in ABOUT.items():
            values = {signal.entity.get(kind, "")[:length] for signal in signals} - {""}
            self._read(column, values, min(times) - DAY, max(times) + DAY)

    def _read(self, column: str, values: set[str], since: datetime, until: datetime) -> None:
        rows = Alert.objects.exclude(
            rule__kind="risk"
        ).order_by()  # risk is added up from signals: it is no rule of its own
        if self._first <= self._last:
            sure = rows.filter(last_event_at__gte=self._first, last_event_at__lte=self._last)
            for some in _chunks(values):
                found = sure.filter(**{f"{column}__in": some}).values_list(column, "rule").annotate(Count("pk"))
                for value, rule, count in found:
                    self._counts[column, value][rule] = count
        not_sure = Q(last_event_at__lt=self._first) | Q(last_event_at__gt=self._last)
        edges = rows.filter(last_event_at__gte=since, last_event_at__lte=until).filter(not_sure)
        if self._first > self._last:
            edges = rows.filter(last_event_at__gte=since, last_event_at__lte=until)
        for some in _chunks(values):
            told = edges.filter(**{f"{column}__in": some})
            for value, at, rule, pk in told.values_list(column, "last_event_at", "rule", "pk"):
                self._edges[column, value].append((at, rule, pk))

    def take(self, known: Known) -> None:
        """Look at this alert itself from now on: it is new, or about to change."""
        if known in self._taken:
            return
        self._taken.add(known)
        alert = known.alert
        for column in ABOUT:
            key = column, getattr(alert, column)
            if not key[1]:
                continue
            if not known.is_new and self._first <= alert.last_event_at <= self._last:
                if key in self._counts:
                    self._counts[key][alert.rule_id] -= 1
            elif not known.is_new and key in self._edges:
                self._edges[key] = [edge for edge in self._edges[key] if edge[2] != alert.pk]
        self.note(known)

    def note(self, known: Known) -> None:
        """Count this alert, which was taken, under the rule that it has now."""
        for column in ABOUT:
            if value := getattr(known.alert, column):
                self._here[column, value][known.alert.rule_id].append(known)

    def others(self, signal: EngineSignal, rule: DetectionRule) -> int:
        """How many other rules than the signal's own fired."""
        last = moment(signal.time_us)
        since, until = last - DAY, last + DAY
        found: set[int] = set()
        for column, (kind, length) in ABOUT.items():
            key = column, signal.entity.get(kind, "")[:length]
            found.update(number for number, count in self._counts.get(key, {}).items() if count > 0)
            found.update(number for at, number, _ in self._edges.get(key, ()) if since <= at <= until)
            for number, alerts in self._here.get(key, {}).items():
                # The latest first: it is nearly always near, and then the thousands before it are not looked at.
                near = (known for known in reversed(alerts) if since <= known.alert.last_event_at <= until)
                if any(known.alert.rule_id == number for known in near):
                    found.add(number)
        found.discard(rule.pk)
        return len(found)


def moment(time_us: int) -> datetime:
    """A time of the engine as the database has it."""
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)


def _in(rows: "QuerySet[Alert]", column: str, values: Iterable[str]) -> Iterator[Alert]:
    for some in _chunks(values):
        yield from rows.filter(**{f"{column}__in": some})


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), MOST_ASKED):
        yield ordered[start : start + MOST_ASKED]
