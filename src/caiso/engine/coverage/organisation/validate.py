"""Finds references to nothing, circles, reversed dates and contradictions in an organisation, each at its place."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from caiso.engine.coverage.organisation.model import Holding, Period, ReportingLine, active
from caiso.engine.coverage.organisation.whole import COLLECTIONS, Organisation
from caiso.engine.packs import Fault, quoted

# (collection, field) -> the collection in which the value, or each value, must be an id.
REFERENCES: dict[tuple[str, str], str] = {
    ("units", "parent"): "units",
    ("systems", "unit"): "units",
    ("systems", "security_owner"): "roles",
    ("systems", "ai_owner"): "roles",
    ("duties", "requires"): "competences",
    ("duties", "topics"): "topics",
    ("roles", "competences"): "competences",
    ("people", "unit"): "units",
    ("holdings", "person"): "people",
    ("holdings", "role"): "roles",
    ("delegates", "person"): "people",
    ("delegates", "delegate"): "people",
    ("delegates", "role"): "roles",
    ("delegates", "duties"): "duties",
    ("assignments", "duty"): "duties",
    ("assignments", "role"): "roles",
    ("assignments", "unit"): "units",
    ("assignments", "system"): "systems",
    ("lines", "from_"): "roles",
    ("lines", "to"): "roles",
    ("templates", "role"): "roles",
    ("focuses", "role"): "roles",
    ("focuses", "topics"): "topics",
    ("crossovers", "roles"): "roles",
    ("crossovers", "topics"): "topics",
    ("deficiencies", "role"): "roles",
    ("deficiencies", "duties"): "duties",
    ("deficiencies", "competences"): "competences",
    ("definition", "role"): "roles",
    ("definition", "duties"): "duties",
    ("scorecard", "role"): "roles",
    ("scorecard", "competence"): "competences",
    ("points", "criterion"): "criteria",
    ("points", "superior"): "roles",
    ("profile_rules", "criterion"): "criteria",
    ("profile_rules", "superior"): "roles",
    ("alternatives", "role"): "roles",
    ("alternatives", "solid"): "roles",
    ("alternatives", "dotted"): "roles",
    ("alternatives", "contacts"): "roles",
    ("advantages", "criterion"): "criteria",
    ("authority_checks", "with_roles"): "roles",
    ("authority_records", "role"): "roles",
    ("authority_records", "with_roles"): "roles",
    ("authority_records", "check"): "authority_checks",
    ("trainings", "competence"): "competences",
    ("tools", "capabilities"): "capabilities",
    ("tools", "owner"): "roles",
    ("processes", "system"): "systems",
    ("processes", "owner"): "roles",
    ("acceptances", "system"): "systems",
    ("acceptances", "signed_by"): "roles",
    ("needs", "unit"): "units",
    ("needs", "competence"): "competences",
    ("scorecard_evidence", "person"): "people",
    ("scorecard_evidence", "item"): "scorecard",
}
# A record of these may stand in another record: (collection, field holding them, the same rules as this collection).
NESTED: tuple[tuple[str, str, str], ...] = (
    ("templates", "assignments", "assignments"),
    ("templates", "lines", "lines"),
)
_NOUNS = {"people": "person", "duties": "duty", "criteria": "criterion", "scorecard": "scorecard item"}
IN_PROFILE = "profile"


def find_faults(organisation: Organisation) -> list[Fault]:
    """Every mistake between records; `at` is (collection, index, field ...), or (profile, field ...)."""
    known = {name: {getattr(item, "id", "") for item in getattr(organisation, name)} for name in COLLECTIONS}
    faults = list(_references(organisation, known))
    faults += _nested_references(organisation, known)
    faults += _skills(organisation, known["competences"])
    faults += _periods(organisation)
    faults += _contradictions(organisation)
    faults += _weights(organisation, known["criteria"])
    faults += _unit_circles(organisation)
    faults += _line_circles(organisation)
    return faults


def repeated_ids(organisation: Organisation) -> Iterator[Fault]:
    """The same id twice in one file; over several files the later one is meant to replace the earlier."""
    for name in COLLECTIONS:
        seen: set[str] = set()
        for index, item in enumerate(getattr(organisation, name)):
            identity = getattr(item, "id", None)
            if identity is None:
                continue
            if identity in seen:
                yield Fault((name, index, "id"), f"{_noun(name)} {quoted(identity)} stands twice in {name}")
            seen.add(identity)


def _noun(collection: str) -> str:
    return _NOUNS.get(collection, collection.removesuffix("s").replace("_", " "))


def _references(organisation: Organisation, known: Mapping[str, set[str]]) -> Iterator[Fault]:
    for (collection, name), target in REFERENCES.items():
        for index, item in enumerate(getattr(organisation, collection)):
            yield from _unknown((collection, index, name), getattr(item, name), target, known=known[target])


def _nested_references(organisation: Organisation, known: Mapping[str, set[str]]) -> Iterator[Fault]:
    for collection, field, like in NESTED:
        rules = [(name, target) for (owner, name), target in REFERENCES.items() if owner == like]
        for index, item in enumerate(getattr(organisation, collection)):
            for place, inner in enumerate(getattr(item, field)):
                for name, target in rules:
                    at = (collection, index, field, place, name)
                    yield from _unknown(at, getattr(inner, name), target, known=known[target])


def _unknown(at: tuple[str | int, ...], value: object, target: str, *, known: set[str]) -> Iterator[Fault]:
    if value is None:
        return
    many = isinstance(value, tuple | dict)
    names: Iterable[object] = value if isinstance(value, tuple | dict) else (value,)
    for place, name in enumerate(names):
        if name not in known:
            step: tuple[str | int, ...] = () if not many else ((str(name) if isinstance(value, dict) else place),)
            field = str(at[-1]).rstrip("_")
            yield Fault((*at, *step), f"{field}: unknown {_noun(target)} {quoted(str(name))}")


def _skills(organisation: Organisation, competences: set[str]) -> Iterator[Fault]:
    for index, person in enumerate(organisation.people):
        seen: set[str] = set()
        for place, skill in enumerate(person.skills):
            at = ("people", index, "skills", place, "competence")
            if skill.competence not in competences:
                yield Fault(at, f"competence: unknown competence {quoted(skill.competence)}")
            if skill.competence in seen:
                yield Fault(at, f"competence: {quoted(skill.competence)} stands twice among the skills of {person.id}")
            seen.add(skill.competence)


def _periods(organisation: Organisation) -> Iterator[Fault]:
    for name in ("holdings", "delegates", "assignments", "lines"):
        for index, item in enumerate(getattr(organisation, name)):
            yield from _reversed((name, index), item)
    for index, person in enumerate(organisation.people):
        for place, period in enumerate(person.absences):
            yield from _reversed(("people", index, "absences", place), period)


def _reversed(at: tuple[str | int, ...], item: Period | Holding) -> Iterator[Fault]:
    if item.since_on and item.until_on and item.until_on < item.since_on:
        yield Fault((*at, "until_on"), f"until_on {item.until_on} is before since_on {item.since_on}")


def _contradictions(organisation: Organisation) -> Iterator[Fault]:
    """Records that are sound one by one and say together, or in themselves, what cannot be."""
    for index, item in enumerate(organisation.assignments):
        if item.unit and item.system:
            yield Fault(("assignments", index, "system"), "system: give either a unit or a system, not both")
    for index, delegate in enumerate(organisation.delegates):
        if delegate.person == delegate.delegate:
            yield Fault(("delegates", index, "delegate"), "delegate: nobody stands in for themselves")
    for index, line in enumerate(organisation.lines):
        if line.from_ == line.to and line.kind == "dotted":
            yield Fault(("lines", index, "to"), f"to: role {quoted(line.to)} does not answer to itself")
    yield from _held_twice(organisation)
    yield from _drawn_twice(organisation)


def _held_twice(organisation: Organisation) -> Iterator[Fault]:
    """Two holdings of one role by one person on a common day would count the person's week twice."""
    earlier: dict[tuple[str, str], list[Holding]] = defaultdict(list)
    for index, held in enumerate(organisation.holdings):
        known = earlier[held.person, held.role]
        if any(_meet(held, other) for other in known):
            message = f"role: person {quoted(held.person)} holds role {quoted(held.role)} twice at once"
            yield Fault(("holdings", index, "role"), message)
        known.append(held)


def _drawn_twice(organisation: Organisation) -> Iterator[Fault]:
    """A dotted line beside a solid or dotted one between the same roles; two solid ones are told apart from this."""
    earlier: dict[tuple[str, str], list[ReportingLine]] = defaultdict(list)
    for index, line in enumerate(organisation.lines):
        known = earlier[line.from_, line.to]
        if any("dotted" in (line.kind, other.kind) and _meet(line, other) for other in known):
            message = f"to: role {quoted(line.from_)} answers to {quoted(line.to)} twice at once"
            yield Fault(("lines", index, "to"), message)
        known.append(line)


def _meet(one: Holding | ReportingLine, other: Holding | ReportingLine) -> bool:
    return (one.since_on or date.min) <= (other.until_on or date.max) and (other.since_on or date.min) <= (
        one.until_on or date.max
    )


def _weights(organisation: Organisation, criteria: set[str]) -> Iterator[Fault]:
    for name in organisation.profile.weights if organisation.profile else ():
        if name not in criteria:
            yield Fault((IN_PROFILE, "weights", name), f"weights: unknown criterion {quoted(name)}")


def _unit_circles(organisation: Organisation) -> Iterator[Fault]:
    parents = {unit.id: unit.parent for unit in organisation.units}
    for index, unit in enumerate(organisation.units):
        circle = _circle(unit.id, parents)
        if circle and unit.id == min(circle):
            yield Fault(("units", index, "parent"), f"parent: units form a circle: {' > '.join(circle)} > {circle[0]}")


def _line_circles(organisation: Organisation) -> Iterator[Fault]:
    """Solid lines are checked on every day on which one begins, since a circle may exist for a while only."""
    solid = [(index, line) for index, line in enumerate(organisation.lines) if line.kind == "solid"]
    days = {line.since_on or date.min for _, line in solid}
    told: set[tuple[int, str]] = set()
    for day in sorted(days):
        now = [(index, line) for index, line in solid if active(line, day)]
        for index, message in _faults_of_day(now):
            if (index, message) not in told:
                told.add((index, message))
                yield Fault(("lines", index, "to"), message)


def _faults_of_day(lines: list[tuple[int, ReportingLine]]) -> Iterator[tuple[int, str]]:
    superiors = {line.from_: line.to for _, line in lines}
    counts = Counter(line.from_ for _, line in lines)
    for index, line in lines:
        if counts[line.from_] > 1 and superiors[line.from_] == line.to:
            yield index, f"to: role {quoted(line.from_)} has two solid lines at once"
        circle = _circle(line.from_, superiors)
        if circle and line.from_ == min(circle):
            yield index, f"to: solid lines form a circle: {' > '.join(circle)} > {circle[0]}"


def _circle(start: str, parents: Mapping[str, str | None]) -> list[str]:
    """The circle through `start`, or nothing."""
    path = [start]
    here = parents.get(start)
    while here is not None and here not in path:
        path.append(here)
        here = parents.get(here)
    return path if here == start else []
