"""What a column holds: how it is shown, read from a person, filtered, sorted, exported and put into JSON."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django.db.models import Case, F, IntegerField, Model, Q, QuerySet, Value, When
from django.db.models.expressions import Expression
from django.http import QueryDict
from django.utils import timezone

from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.presentation import day, moment_title, number, relative

Choices = Sequence[tuple[str, str]]
Plain = str | int | float | bool | date | datetime | None
OPTIONS_SHOWN = 500
NOTHING = "-"
LEVELS = ("critical", "high", "medium", "low", "informational")


class UnableToRead(DomainError):
    """A text is no value of the column."""


@dataclass(slots=True)
class Shown:
    """A value ready for the cell template; `kind` picks the markup."""

    kind: str = "text"
    text: str = ""
    tone: str = ""
    title: str = ""
    iso: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Control:
    """A form control for one value or one filter."""

    type: str
    name: str
    label: str
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    values: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    required: bool = False
    longest: int = 300
    step: str = ""
    help: str = ""


@dataclass(frozen=True)
class Filtered:
    """What a filter asked for: the condition, the words for its chip, and a complaint when it made no sense."""

    condition: Q | None = None
    words: str = ""
    complaint: str = ""


@dataclass(frozen=True)
class Kind:
    """Text that is shown as it is; the base of the others."""

    end: ClassVar[bool] = False
    ranged: ClassVar[bool] = False

    def show(self, value: Any) -> Shown:
        return Shown(text="" if value is None else str(value))

    def export(self, value: Any) -> Plain:
        """The value as a spreadsheet or JSON holds it; `parse` reads it back."""
        return None if value is None else str(value)

    def parse(self, text: str, viewer: Viewer) -> Any:
        """The value that a person wrote; UnableToRead says what was expected."""
        return text.strip()

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        exported = self.export(value)
        return Control("text", name, label, value="" if exported is None else str(exported), required=required)

    def filter_control(self, name: str, label: str, viewer: Viewer, params: QueryDict) -> Control:
        return Control("text", name, label, value=params.get(name, "")[:200])

    def filtered(self, name: str, lookup: str, params: QueryDict, viewer: Viewer) -> Filtered:
        text = params.get(name, "").replace("\x00", "").strip()[:200]
        return Filtered(Q(**{f"{lookup}__icontains": text}), f"contains “{text}”") if text else Filtered()

    def ordering(self, lookup: str) -> Expression | F:
        return F(lookup)


@dataclass(frozen=True)
class Text(Kind):
    """Text up to a length; `multiline` gives a larger box."""

    longest: int = 300
    multiline: bool = False
    mono: bool = False

    def show(self, value: Any) -> Shown:
        text = "" if value is None else str(value)
        return Shown("mono" if self.mono else "text", text, title=text if len(text) > 60 else "")

    def parse(self, text: str, viewer: Viewer) -> str:
        text = text.strip()
        if len(text) > self.longest:
            raise UnableToRead(f"is {len(text)} characters long; at most {self.longest} fit")
        if "\x00" in text:
            raise UnableToRead("holds a null character")
        return text

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        kind = "textarea" if self.multiline else "text"
        return Control(kind, name, label, value=value or "", required=required, longest=self.longest)


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few values; shown as a state with a coloured dot when tones are given, sorted in the order given."""

    choices: Choices | Callable[[Viewer], Choices] = ()
    tones: Mapping[str, str] = field(default_factory=dict)

    def options(self, viewer: Viewer | None) -> tuple[tuple[str, str], ...]:
        chosen = self.choices(viewer) if callable(self.choices) and viewer else self.choices
        return () if callable(chosen) else tuple((str(value), str(label)) for value, label in chosen)

    def label(self, value: Any) -> str:
        return next((label for key, label in self.options(None) if key == str(value)), str(value))

    def show(self, value: Any) -> Shown:
        if value in (None, ""):
            return Shown()
        kind = "tone" if self.tones else "text"
        return Shown(kind, self.label(value), tone=self.tones.get(str(value), "neutral"))

    def parse(self, text: str, viewer: Viewer) -> str:
        wanted = text.strip().casefold()
        for value, label in self.options(viewer):
            if wanted in (value.casefold(), label.casefold()):
                return value
        expected = ", ".join(label for _, label in self.options(viewer)[:12])
        raise UnableToRead(f"“{text.strip()[:80]}” is not one of {expected}")

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        return Control("select", name, label, str(value or ""), self.options(viewer), required=required)

    def filter_control(self, name: str, label: str, viewer: Viewer, params: QueryDict) -> Control:
        return Control("choices", name, label, options=self.options(viewer), values=tuple(params.getlist(name)))

    def filtered(self, name: str, lookup: str, params: QueryDict, viewer: Viewer) -> Filtered:
        labels = dict(self.options(viewer))
        asked = [value for value in params.getlist(name) if value]
        known = [value for value in asked if value in labels]
        complaint = f"“{asked[0][:80]}” is no value of this filter" if asked and not known else ""
        if not known:
            return Filtered(complaint=complaint)
        return Filtered(Q(**{f"{lookup}__in": known}), " or ".join(labels[value] for value in known))

    def ordering(self, lookup: str) -> Expression | F:
        if callable(self.choices):
            return F(lookup)
        ranks = [When(**{lookup: value}, then=Value(rank)) for rank, (value, _) in enumerate(self.choices)]
        return Case(*ranks, default=Value(len(ranks)), output_field=IntegerField())


@dataclass(frozen=True)
class Severity(Choice):
    """critical … informational as a filled badge."""

    choices: Choices | Callable[[Viewer], Choices] = tuple((level, level.capitalize()) for level in LEVELS)

    def show(self, value: Any) -> Shown:
        return Shown("severity", self.label(value), tone=str(value)) if value else Shown()


@dataclass(frozen=True)
class Number(Kind):
    """A number with an optional unit and bounds."""

    end: ClassVar[bool] = True
    ranged: ClassVar[bool] = True
    decimals: int = 0
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def show(self, value: Any) -> Shown:
        if value is None:
            return Shown()
        return Shown(text=number(float(value), self.decimals) + (f" {self.unit}" if self.unit else ""))

    def export(self, value: Any) -> Plain:
        if value is None:
            return None
        return float(value) if self.decimals else int(value)

    def parse(self, text: str, viewer: Viewer) -> float | int:
        try:
            value: float = float(text.strip().replace(" ", "").replace(",", ""))
        except ValueError:
            raise UnableToRead(f"“{text.strip()[:80]}” is not a number") from None
        if not math.isfinite(value) or (not self.decimals and value != int(value)):
            raise UnableToRead(f"“{text.strip()[:80]}” is not a {'number' if self.decimals else 'whole number'}")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise UnableToRead(f"{text.strip()[:80]} is outside {self._bounds()}")
        return value if self.decimals else int(value)

    def _bounds(self) -> str:
        if self.low is None:
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        text = "" if value is None else str(self.export(value))
        step = "any" if self.decimals else "1"
        return Control("number", name, label, text, required=required, step=step)

    def filter_control(self, name: str, label: str, viewer: Viewer, params: QueryDict) -> Control:
        return Control(
            "numbers", name, label, low=params.get(f"{name}_from", "")[:40], high=params.get(f"{name}_to", "")[:40]
        )

    def filtered(self, name: str, lookup: str, params: QueryDict, viewer: Viewer) -> Filtered:
        return between(
            name,
            lookup,
            params,
            lambda text, _: Number(decimals=6).parse(text, viewer),
            words=lambda value: f"{value:g}",
        )


@dataclass(frozen=True)
class Meter(Number):
    """A share from 0 to 100 as a bar."""

    low: float | None = 0
    high: float | None = 100
    unit: str = "%"

    def show(self, value: Any) -> Shown:
        return Shown() if value is None else Shown("meter", str(round(float(value))))


@dataclass(frozen=True)
class Day(Kind):
    """A date; `due` marks days that have passed."""

    ranged: ClassVar[bool] = True
    due: bool = False

    def show(self, value: Any) -> Shown:
        if value is None:
            return Shown()
        late = self.due and value < timezone.localdate()
        return Shown("late" if late else "text", day(value), title="Past due" if late else "")

    def export(self, value: Any) -> Plain:
        return value.isoformat() if value else None

    def parse(self, text: str, viewer: Viewer) -> date:
        for form in ("%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S"):
            try:
                return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a date has no zone
            except ValueError:
                continue
        raise UnableToRead(f"“{text.strip()[:80]}” is not a date such as 2026-11-22")

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        return Control("date", name, label, value.isoformat() if value else "", required=required)

    def filter_control(self, name: str, label: str, viewer: Viewer, params: QueryDict) -> Control:
        return Control(
            "dates", name, label, low=params.get(f"{name}_from", "")[:40], high=params.get(f"{name}_to", "")[:40]
        )

    def filtered(self, name: str, lookup: str, params: QueryDict, viewer: Viewer) -> Filtered:
        return between(name, lookup, params, lambda text, _: Day().parse(text, viewer), words=day)


@dataclass(frozen=True)
class Moment(Day):
    """A date and time, shown relative to now; written and filtered by day in the installation's zone."""

    def show(self, value: Any) -> Shown:
        if value is None:
            return Shown()
        now = timezone.now()
        late = self.due and value < now
        iso = value.astimezone(UTC).isoformat(timespec="seconds")
        return Shown("moment", relative(value, now), tone="bad" if late else "", title=moment_title(value), iso=iso)

    def export(self, value: Any) -> Plain:
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if value else None

    def parse(self, text: str, viewer: Viewer) -> datetime:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            moment = datetime.combine(super().parse(text, viewer), time(23, 59))
        try:
            return timezone.make_aware(moment) if moment.tzinfo is None else moment.astimezone(UTC)
        except OverflowError:
            raise UnableToRead(f"“{text.strip()[:80]}” lies outside the calendar") from None

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        text = timezone.localtime(value).strftime("%Y-%m-%dT%H:%M") if value else ""
        return Control("datetime-local", name, label, text, required=required)

    def filtered(self, name: str, lookup: str, params: QueryDict, viewer: Viewer) -> Filtered:
        def edge(text: str, is_end: bool) -> datetime:  # noqa: FBT001 - local, called by `between` alone
            start = timezone.make_aware(datetime.combine(Day().parse(text, viewer), time()))
            return start + timedelta(days=1, microseconds=-1) if is_end else start

        return between(name, lookup, params, edge, words=day)


@dataclass(frozen=True)
class Flag(Kind):
    """Yes or no."""

    yes: str = "Yes"
    no: str = "No"
    tones: tuple[str, str] = ("good", "neutral")

    def show(self, value: Any) -> Shown:
        if value is None:
            return Shown()
        return Shown("tone", self.yes if value else self.no, tone=self.tones[0 if value else 1])

    def export(self, value: Any) -> Plain:
        return None if value is None else ("yes" if value else "no")

    def parse(self, text: str, viewer: Viewer) -> bool:
        wanted = text.strip().casefold()
        if wanted in {"yes", "true", "1", "y", self.yes.casefold()}:
            return True
        if wanted in {"no", "false", "0", "n", self.no.casefold()}:
            return False
        raise UnableToRead(f"“{text.strip()[:80]}” is neither yes nor no")

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        text = "" if value is None else ("yes" if value else "no")
        return Control("select", name, label, text, (("yes", self.yes), ("no", self.no)), required=True)

    def filter_control(self, name: str, label: str, viewer: Viewer, params: QueryDict) -> Control:
        return Control(
            "choices", name, label, options=(("yes", self.yes), ("no", self.no)), values=tuple(params.getlist(name))
        )

    def filtered(self, name: str, lookup: str, params: QueryDict, viewer: Viewer) -> Filtered:
        asked = {value for value in params.getlist(name) if value in {"yes", "no"}}
        if len(asked) != 1:
            return Filtered()
        wanted = asked == {"yes"}
        return Filtered(Q(**{lookup: wanted}), self.yes if wanted else self.no)


@dataclass(frozen=True)
class Reference(Kind):
    """Another record; `options` gives those that the viewer may choose, `key` names the field that people write.

    The column's lookup must end in the foreign key itself ("owner"), its value in the record ("owner").
    """

    options: Callable[[Viewer], "QuerySet[Any]"] = field(default=lambda viewer: _no_options())
    key: str = "slug"
    name: str = "name"  # the field that the record's text is, so that a list of choices need not make records
    url: Callable[[Any], str] | None = None

    def show(self, value: Any) -> Shown:
        return Shown(text="" if value is None else str(value))

    def export(self, value: Any) -> Plain:
        return None if value is None else str(getattr(value, self.key))

    def parse(self, text: str, viewer: Viewer) -> Model:
        wanted = text.strip()[:300]
        condition = Q(**{self.key: wanted}) if not _is_number_key(self.key) or wanted.isdecimal() else Q(pk__in=[])
        record: Model | None = self.options(viewer).filter(condition).first()
        if record is None:
            raise UnableToRead(f"there is no “{wanted[:80]}” to choose (give its {self.key})")
        return record

    def choices(self, viewer: Viewer) -> tuple[tuple[str, str], ...]:
        asked = (self.options, self.key)  # a list offers the same people as a filter and for its bulk edit
        if asked not in viewer.kept:
            rows = self.options(viewer).values_list(self.key, self.name)[:OPTIONS_SHOWN]
            viewer.kept[asked] = tuple((str(key), str(name)) for key, name in rows)
        found: tuple[tuple[str, str], ...] = viewer.kept[asked]
        return found

    def control(self, name: str, label: str, viewer: Viewer, *, value: Any = None, required: bool = False) -> Control:
        chosen = "" if value is None else str(getattr(value, self.key))
        options = self.choices(viewer)
        if chosen and chosen not in dict(options):
            options = ((chosen, str(value)), *options)
        return Control("select", name, label, chosen, options, required=required)

    def filter_control(self, name: str, label: str, viewer: Viewer, params: QueryDict) -> Control:
        options = ((NOTHING, "Nobody or nothing"), *self.choices(viewer))
        return Control("choices", name, label, options=options, values=tuple(params.getlist(name)))

    def filtered(self, name: str, lookup: str, params: QueryDict, viewer: Viewer) -> Filtered:
        asked = [value.replace("\x00", "")[:300] for value in params.getlist(name) if value][:50]
        if not asked:
            return Filtered()
        condition = Q(**{f"{lookup}__isnull": True}) if NOTHING in asked else Q(pk__in=[])
        keys = [value for value in asked if value != NOTHING and (value.isdecimal() or not _is_number_key(self.key))]
        if keys:
            condition |= Q(**{f"{lookup}__{self.key}__in": keys})
        return Filtered(condition, " or ".join("nobody or nothing" if value == NOTHING else value for value in asked))


@dataclass(frozen=True)
class Tags(Kind):
    """A few short words, read only; the value is any iterable of them."""

    most: int = 3

    def show(self, value: Any) -> Shown:
        words = tuple(str(item) for item in value or ())
        more = (f"+{len(words) - self.most}",) if len(words) > self.most else ()
        return Shown("tags", ", ".join(words), title=", ".join(words), items=words[: self.most] + more)

    def export(self, value: Any) -> Plain:
        return ", ".join(str(item) for item in value or ())


def between(
    name: str, lookup: str, params: QueryDict, read: Callable[[str, bool], Any], *, words: Callable[[Any], str]
) -> Filtered:
    """A range filter from <name>_from and <name>_to; `read(text, is_end)` turns each edge into a value."""
    condition, said = Q(), []
    for suffix, operator, word in (("from", "gte", "from"), ("to", "lte", "to")):
        text = params.get(f"{name}_{suffix}", "").strip()
        if not text:
            continue
        try:
            value = read(text, suffix == "to")
        except UnableToRead as refusal:
            return Filtered(complaint=str(refusal))
        condition &= Q(**{f"{lookup}__{operator}": value})
        said.append(f"{word} {words(value)}")
    return Filtered(condition, " ".join(said)) if said else Filtered()


def _is_number_key(key: str) -> bool:
    return key in {"pk", "id"}


def _no_options() -> "QuerySet[Any]":
    raise TypeError("a Reference needs options: a function from the viewer to the queryset of what may be chosen")
