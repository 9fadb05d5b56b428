"""The six figures at the top, each with its denominator, its trend and the list that it opens."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse

from caiso.web.base.access import Viewer, visible
from caiso.web.compliance.models import ControlAssessment
from caiso.web.inventory.facts import has_owner
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.organisation.models import Duty
from caiso.web.reports.queries.lists import link, number
from caiso.web.reports.queries.trends import Figure, Trend
from caiso.web.soc import queries as soc
from caiso.web.soc.models import Alert, Incident


@dataclass(frozen=True)
class Tile:
    """One figure. `value` None means not assessed, which is grey and never zero."""

    label: str
    value: object
    of: str
    url: str
    note: str = ""
    tone: str = ""
    change: str = ""
    change_tone: str = ""
    spark: tuple[float | None, ...] = ()


def tiles(viewer: Viewer, found: Mapping[str, Trend]) -> list[Tile]:
    """The figures that the viewer may open."""
    shown = [_systems(viewer, found), _duties(viewer, found), _controls(viewer, found)]
    if viewer.may("soc.view"):
        shown += [_techniques(viewer, found), _alerts(viewer, found), _incidents(viewer, found)]
    return shown


def _systems(viewer: Viewer, found: Mapping[str, Trend]) -> Tile:
    systems = visible(Asset.objects.filter(kind=AssetKind.AI_SYSTEM), viewer).exclude(state=AssetState.RETIRED)
    counts = systems.annotate(answered=has_owner()).aggregate(
        total=Count("pk"), owned=Count("pk", filter=Q(answered=True)), loose=Count("pk", filter=Q(state=AssetState.UNMANAGED))
    )  # fmt: skip
    total, owned, unmanaged = counts["total"], counts["owned"], counts["loose"]
    note = f"{unmanaged} unmanaged" if unmanaged else "all taken on" if total else "none in the inventory"
    change, tone, spark = _share(found[Figure.SYSTEMS], owned, total)
    return Tile(
        "AI systems owned", owned if total else None, f"of {total}", reverse("ai_systems_list"), note,
        "warn" if owned < total else "good", change, tone, spark,
    )  # fmt: skip


def _duties(viewer: Viewer, found: Mapping[str, Trend]) -> Tile:
    duties = visible(Duty.objects.filter(is_ai_security=True), viewer)
    states = dict(duties.order_by().values_list("coverage__state").annotate(n=Count("pk")))
    total, covered = sum(states.values()), states.get("covered", 0)
    worst = ("unowned", "contested", "unstaffed", "unqualified")
    gaps = [f"{states[word]} {word}" for word in worst if states.get(word)]
    change, tone, spark = _share(found[Figure.DUTIES], covered, total)
    return Tile(
        "Duties covered", covered if total else None, f"of {total}", reverse("coverage"),
        ", ".join(gaps[:2]) or "each has an owner", "good" if covered == total else "warn", change, tone, spark,
    )  # fmt: skip


def _controls(viewer: Viewer, found: Mapping[str, Trend]) -> Tile:
    rows = visible(ControlAssessment.objects.filter(control__is_retired=False), viewer)
    states = dict(rows.order_by().values_list("state").annotate(n=Count("pk")))
    total, effective, failing = sum(states.values()), states.get("effective", 0), states.get("failing", 0)
    unknown = states.get("unknown", 0) + states.get("stale", 0)
    words = [f"{failing} failing" if failing else "", f"{unknown} not known" if unknown else ""]
    change, tone, spark = _share(found[Figure.CONTROLS], effective, total)
    return Tile(
        "Controls effective", effective if total > unknown else None, f"of {total}", link("controls_list"),
        ", ".join(filter(None, words)) or "none failing", "bad" if failing else "good", change, tone, spark,
    )  # fmt: skip


def _techniques(viewer: Viewer, found: Mapping[str, Trend]) -> Tile:
    counts = soc.technique_coverage(viewer).aggregate(
        total=Count("pk"), seen=Count("pk", filter=Q(covered=True)),
        blind=Count("pk", filter=Q(has_tested_live_rule=True, covered=False)),
    )  # fmt: skip
    total, covered, blind = counts["total"], counts["seen"], counts["blind"]
    change, tone, spark = _share(found[Figure.TECHNIQUES], covered, total)
    return Tile(
        "Attacks we would see", covered if total else None, f"of {total}",
        link("technique_coverage_list", covered="no") if total else reverse("technique_coverage_list"),
        f"{blind} lack a field" if blind else "techniques on AI systems",
        "good" if covered == total else "warn", change, tone, spark,
    )  # fmt: skip


def _alerts(viewer: Viewer, found: Mapping[str, Trend]) -> Tile:
    counts = soc.open_alerts(viewer).order_by().aggregate(
        total=Count("pk"), new=Count("pk", filter=Q(state=Alert.State.NEW)),
        loud=Count("pk", filter=Q(severity__in=["high", "critical"])),
    )  # fmt: skip
    change, tone, spark = _load(found[Figure.ALERTS], counts["total"])
    return Tile(
        "Open alerts", counts["total"], f"{counts['loud']} high or critical",
        link("alerts_list", state=list(soc.OPEN_ALERTS)),
        f"{number(counts['new'], 'waits', 'wait')} for an analyst" if counts["new"] else "all taken",
        "bad" if counts["new"] else "good", change, tone, spark,
    )  # fmt: skip


def _incidents(viewer: Viewer, found: Mapping[str, Trend]) -> Tile:
    counts = soc.open_incidents(viewer).aggregate(
        total=Count("pk"), critical=Count("pk", filter=Q(severity="critical"))
    )
    total, critical = counts["total"], counts["critical"]
    clocks = soc.alarming_clocks(viewer).count()
    change, tone, spark = _load(found[Figure.INCIDENTS], total)
    return Tile(
        "Open incidents", total, f"{critical} critical", _open(),
        f"{number(clocks, 'legal clock')} running" if clocks else "no legal clock runs",
        "bad" if clocks or critical else "", change, tone, spark,
    )  # fmt: skip


def _open() -> str:
    return link("incidents_list", state=[state for state in Incident.State.values if state != Incident.State.CLOSED])


def _share(trend: Trend, value: int, whole: int) -> tuple[str, str, tuple[float | None, ...]]:
    """How a part of a whole changed; more is better.

    Where the whole changed too, a difference of parts would say the opposite of the line beside it as often as not (ten
    more of a hundred more), so then the shares are told.
    """
    (part, before), days = next(((one, ago) for one, ago in _known(trend) if one[1]), ((0, 0), 0))
    if not days or not whole:
        return "", "", trend.shares
    turn = value * before - part * whole
    words = _words(value - part, days) if before == whole else _turn(part / before, value / whole, days)
    return words, "good" if turn > 0 else "bad" if turn < 0 else "", trend.shares


def _load(trend: Trend, value: int) -> tuple[str, str, tuple[float | None, ...]]:
    """How much more is open; less is better."""
    (_, before), days = next(_known(trend), ((0, value), 0))
    return _words(value - before, days), "bad" if value > before else "good" if value < before else "", trend.wholes


def _known(trend: Trend) -> Iterator[tuple[tuple[int, int], int]]:
    """The kept days, oldest first, with how many days ago each was."""
    last = len(trend.days) - 1
    return ((one, last - index) for index, one in enumerate(trend.days) if one is not None)


def _words(change: int, days: int) -> str:
    if not days:
        return ""
    return f"{change:+d} in {days} d" if change else f"as {days} d ago"


def _turn(before: float, now: float, days: int) -> str:
    """Two shares of 0 to 1 in percent."""
    old, new = round(100 * before), round(100 * now)
    return f"{old} to {new} % in {days} d" if old != new else f"{new} % as {days} d ago"
