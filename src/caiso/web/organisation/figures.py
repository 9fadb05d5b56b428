"""Coverage, crossover, deficiencies and chart as the pages show them: computed once, cut to what the viewer may see."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

from caiso.engine.coverage.crossover import CrossoverReport, carried_duties, crossover
from caiso.engine.coverage.deficiencies import DeficiencyReport, by_assumption, deficiencies
from caiso.engine.coverage.figures import Chart, Euler, Upset, euler, layout_chart, upset
from caiso.engine.coverage.figures.sets import UnableToDraw
from caiso.engine.coverage.organisation.model import STAGES
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import RANK, STATES, Coverage
from caiso.web.base.access import Viewer, sees_all, visible
from caiso.web.base.models import Unit
from caiso.web.organisation import queries
from caiso.web.organisation.models import Duty, Role

BEST_FIRST = tuple(reversed(STATES))
MOST_IN_EULER = 4


@dataclass(frozen=True)
class Sight:
    """The computed organisation, and the roles and duties that the viewer may see, by id."""

    view: Coverage
    roles: Mapping[str, Role]
    duties: Mapping[str, Duty]

    def title(self, slug: str) -> str:
        """A role's or duty's title."""
        found = self.roles.get(slug) or self.duties.get(slug)
        return str(found) if found else slug


def sight(viewer: Viewer, *, on: date) -> Sight:
    """What the viewer may see of the computed organisation."""
    view = queries.current_view(on)
    # Only what a figure shows of them; all fields of hundreds of duties would cost more than the figure.
    roles = {role.slug: role for role in visible(Role.objects.only("slug", "title"), viewer)}
    duties = {duty.slug: duty for duty in visible(Duty.objects.only("slug", "title"), viewer)}
    return Sight(view, roles, duties)


def crossover_of(seen: Sight, roles: Iterable[str]) -> CrossoverReport:
    """Overlaps between the roles, with duties in sight only."""
    report = crossover(seen.view.snapshot, [role for role in roles if role in seen.roles])

    def cut(duties: Iterable[str]) -> tuple[str, ...]:
        return tuple(duty for duty in duties if duty in seen.duties)

    return replace(
        report,
        regions=tuple(replace(one, duties=cut(one.duties)) for one in report.regions),
        overlaps=tuple(
            replace(
                one,
                duties=cut(one.duties),
                contested=cut(one.contested),
                records=tuple(record for record in one.records if record.split(":")[1] in seen.duties),
            )
            for one in report.overlaps
        ),
        findings=tuple(
            replace(one, duties=cut(one.duties))
            for one in report.findings
            if all(role in seen.roles for role in one.crossover.roles)
        ),
    )


def carrying_roles(seen: Sight) -> list[str]:
    """Roles in sight that carry a duty, the busiest first."""
    carried = carried_duties(seen.view.snapshot)
    found = [(role, len(duties & set(seen.duties))) for role, duties in carried.items() if role in seen.roles]
    return [role for role, count in sorted(found, key=lambda one: (-one[1], one[0])) if count]


def overlap_figure(seen: Sight, roles: list[str]) -> tuple[Euler | None, Upset | None]:
    """Circles for two to four roles, columns for more; nothing when there is nothing to draw."""
    carried = carried_duties(seen.view.snapshot)
    sets = {role: carried.get(role, frozenset()) & frozenset(seen.duties) for role in roles}
    try:
        if 2 <= len(sets) <= MOST_IN_EULER:
            return _euler(tuple(sets.items())), None
        return None, upset(sets) if len(sets) > MOST_IN_EULER else None
    except UnableToDraw:
        return None, upset(sets)


class _Kept:
    """What was last computed from a view; a view is replaced as a whole whenever somebody changes the organisation."""

    view: Coverage | None = None
    reports: dict[bool, DeficiencyReport]
    chart: Chart | None = None

    def of(self, view: Coverage) -> "_Kept":
        """What is kept about this view."""
        if self.view is not view:
            self.view, self.reports, self.chart = view, {}, None
        return self


_kept = _Kept()


@lru_cache(maxsize=16)
def _euler(sets: tuple[tuple[str, frozenset[str]], ...]) -> Euler:
    """Placing the circles takes a search, so the last ones are kept."""
    return euler(dict(sets))


def deficiencies_of(seen: Sight, *, attested: bool) -> DeficiencyReport:
    """The matrix of the roles and AI security duties in sight; without `attested` by what is assumed of roles alone."""
    kept = _kept.of(seen.view)
    if attested not in kept.reports:
        kept.reports[attested] = deficiencies(seen.view if attested else by_assumption(seen.view))
    report = kept.reports[attested]
    roles = tuple(role for role in report.roles if role in seen.roles)
    duties = tuple(duty for duty in report.duties if duty in seen.duties)
    cells = tuple(cell for cell in report.cells if cell.role in seen.roles and cell.duty in seen.duties)
    findings = tuple(one for one in report.findings if one.deficiency.role in seen.roles)
    return DeficiencyReport(roles, duties, cells, findings)


def chart_of(seen: Sight) -> Chart:
    """Boxes and lines of the roles in sight."""
    whole = seen.view.snapshot.organisation
    if len(seen.roles) < len(whole.roles):
        roles = tuple(role for role in whole.roles if role.id in seen.roles)
        return layout_chart(Snapshot(replace(whole, roles=roles), seen.view.as_of))
    kept = _kept.of(seen.view)
    kept.chart = kept.chart or layout_chart(seen.view.snapshot)
    return kept.chart


def coverage_counts(viewer: Viewer) -> dict[str, Any]:
    """States of the duties in sight: in total, for AI security, by family and by lifecycle stage."""
    rows = list(
        queries.visible_duties(viewer)
        .prefetch_related(None)
        .order_by()
        .values_list("slug", "coverage__state", "family", "is_ai_security", "stages")
    )
    families: dict[str, Counter[str]] = {}
    stages: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
    for _, state, family, _, lifecycle in rows:
        families.setdefault(family, Counter())[state or "unowned"] += 1
        for stage in lifecycle:
            stages.setdefault(stage, Counter())[state or "unowned"] += 1
    return {
        "total": Counter(state or "unowned" for _, state, *_ in rows),
        "ai_security": Counter(state or "unowned" for _, state, _, ai, _ in rows if ai),
        "families": families,
        "stages": {stage: counts for stage, counts in stages.items() if counts},
        "slugs": {slug for slug, *_ in rows},
    }


def coverage_counts_of(seen: Sight) -> dict[str, Any]:
    """The same counts from a computed day."""
    states = [state for state in seen.view.duties if state.duty.id in seen.duties]
    families: dict[str, Counter[str]] = {}
    stages: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
    for state in states:
        families.setdefault(state.duty.family, Counter())[state.state] += 1
        for stage in state.duty.stages:
            stages[stage][state.state] += 1
    return {
        "total": Counter(state.state for state in states),
        "ai_security": Counter(state.state for state in states if state.duty.ai_security),
        "families": families,
        "stages": {stage: counts for stage, counts in stages.items() if counts},
        "slugs": {state.duty.id for state in states},
    }


def not_covered(seen: Sight) -> list[dict[str, Any]]:
    """The duties in sight that nobody fit and free answered for, worst first, with why."""
    found = [state for state in seen.view.duties if state.state != "covered" and state.duty.id in seen.duties]
    return [
        {
            "title": state.duty.title,
            "url": seen.duties[state.duty.id].get_absolute_url(),
            "state": state.state,
            "accountable": [seen.title(role) for role in state.accountable],
            "reason": "; ".join(state.worst.public_reasons),
        }
        for state in sorted(found, key=lambda state: (RANK[state.state], state.duty.title))
    ]


def trend(slugs: set[str]) -> dict[str, Any]:
    """How many of the duties in sight were in each state on each day, for the chart."""
    days = queries.snapshots()
    counts = [Counter(state for slug, state in day.states.items() if slug in slugs) for day in days]
    tones = {"covered": "good", "unqualified": "warn", "unstaffed": "high", "contested": "info", "unowned": "bad"}
    return {
        "labels": [f"{day.on:%-d %b}" for day in days],
        "series": [
            {"name": label, "values": [count[state] for count in counts], "tone": tones[state]}
            for state, label in queries.STATES
        ],
        "unit": "duties",
    }


def systems_in_sight(viewer: Viewer, seen: Sight | None = None) -> list[dict[str, Any]]:
    """AI security duties as each AI system in sight finds them, least covered first; as last computed, or on a day."""
    if seen is None:
        known = queries.latest_totals().get("systems", {})
        found = [(one["unit"], one["title"], one["counts"]) for one in known.values()]
    else:
        systems = seen.view.snapshot.systems
        found = [(systems[name].unit, systems[name].title, dict(one.counts)) for name, one in seen.view.systems.items()]
    return _in_sight(viewer, found)


def units_in_sight(viewer: Viewer, seen: Sight | None = None) -> list[dict[str, Any]]:
    """All duties as each unit in sight finds them, least covered first; as last computed, or on a day."""
    if seen is None:
        found = [(name, one["title"], one["counts"]) for name, one in queries.latest_totals().get("units", {}).items()]
    else:
        units = seen.view.snapshot.units
        found = [(name, units[name].title, dict(one.counts)) for name, one in seen.view.units.items()]
    return _in_sight(viewer, found)


def _in_sight(viewer: Viewer, found: Iterable[tuple[str | None, str, Mapping[str, int]]]) -> list[dict[str, Any]]:
    sees = sight_of_units(viewer)
    shown = [{"title": title, "counts": counts} for unit, title, counts in found if sees(unit)]
    return sorted(shown, key=lambda one: (one["counts"].get("covered", 0), one["title"]))


def sight_of_units(viewer: Viewer) -> Callable[[str | None], bool]:
    """Whether the viewer sees a unit; what lies in none belongs to the whole and is seen with it."""
    units = set(visible(Unit.objects.all(), viewer, lookup="path").values_list("slug", flat=True))
    whole = sees_all(viewer)
    return lambda unit: whole if unit is None else unit in units
