"""Finds where roles overlap: duties that several carry, and topics that they share without sharing a duty."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from caiso.engine.coverage.organisation.catalogue import Crossover
from caiso.engine.coverage.snapshot import Snapshot

LARGEST_GROUP = 3
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a pair or triple of roles has in common; Jaccard is shared by joined, 0 when none has anything.

    `contested` are the shared duties for which two of them are accountable in the same scope.
    """

    roles: tuple[str, ...]
    duties: tuple[str, ...]
    jaccard: float
    topics: tuple[str, ...]
    topic_jaccard: float
    contested: tuple[str, ...]
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """The duties and topics that exactly these of the compared roles have: one field of a Venn figure, or one UpSet column."""

    roles: tuple[str, ...]
    duties: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CrossoverFinding:
    """Whether a crossover that the framework describes exists here; found when every topic of it is shared."""

    crossover: Crossover
    found: bool
    shared: tuple[str, ...]
    missing: tuple[str, ...]
    duties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CrossoverReport:
    """Overlaps (largest first), the regions of the compared roles, and the framework's crossovers."""

    roles: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    regions: tuple[Region, ...]
    findings: tuple[CrossoverFinding, ...]

    def overlap(self, *roles: str) -> Overlap:
        """By roles in any order; raises KeyError for roles that were not compared or share nothing."""
        wanted = tuple(sorted(roles))
        return {overlap.roles: overlap for overlap in self.overlaps}[wanted]


def carried_duties(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """By role, the duties for which it is responsible or accountable."""
    found: dict[str, set[str]] = defaultdict(set)
    for duty, assignments in snapshot.assignments.items():
        for assignment in assignments:
            if assignment.kind in "RA":
                found[assignment.role].add(duty)
    return {role: frozenset(duties) for role, duties in found.items()}


def topics_of_roles(snapshot: Snapshot, carried: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """By role, the topics of the duties it is accountable for and of its focus in governance, risk and compliance.

    Helping with another role's duty is an overlap of duties already and adds no topic.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for duty, assignments in snapshot.assignments.items():
        for assignment in assignments:
            if assignment.kind == "A" and duty in carried.get(assignment.role, ()):
                found[assignment.role].update(snapshot.duties[duty].topics)
    for focus in snapshot.organisation.focuses:
        if focus.role in snapshot.roles:
            found[focus.role].update(focus.topics)
    return {role: frozenset(topics) for role, topics in found.items()}


def crossover(snapshot: Snapshot, roles: Sequence[str] | None = None) -> CrossoverReport:
    """Compare the given roles, or all that carry anything; pairs and triples that share nothing are left out
    unless at most six roles are compared."""
    duties = carried_duties(snapshot)
    topics = topics_of_roles(snapshot, duties)
    compared = tuple(sorted(set(roles) if roles is not None else set(duties) | set(topics)))
    groups = _groups(compared, duties, topics)
    overlaps = [_overlap(snapshot, group, duties=duties, topics=topics) for group in groups]
    overlaps.sort(key=lambda overlap: (-len(overlap.duties), -len(overlap.topics), overlap.roles))
    findings = tuple(
        _finding(snapshot, known, duties=duties, topics=topics) for known in snapshot.organisation.crossovers
    )
    return CrossoverReport(compared, tuple(overlaps), _regions(compared, duties, topics), findings)


def _groups(
    compared: Sequence[str], duties: Mapping[str, frozenset[str]], topics: Mapping[str, frozenset[str]]
) -> list[tuple[str, ...]]:
    if len(compared) <= 6:
        return [group for size in range(2, LARGEST_GROUP + 1) for group in combinations(compared, size)]
    # Built from what is shared: all triples of 150 roles would be half a million, nearly all empty.
    holders: dict[str, list[str]] = defaultdict(list)
    for role in compared:
        for item in duties.get(role, ()):
            holders[f"duty:{item}"].append(role)
        for item in topics.get(role, ()):
            holders[f"topic:{item}"].append(role)
    found: set[tuple[str, ...]] = set()
    for item, sharing in holders.items():
        # A topic on which dozens work says nothing about a triple; duties always do.
        largest = LARGEST_GROUP if item.startswith("duty:") or len(sharing) <= 12 else 2
        for size in range(2, largest + 1):
            found.update(combinations(sharing, size))
    return sorted(found)


def _overlap(
    snapshot: Snapshot,
    group: tuple[str, ...],
    *,
    duties: Mapping[str, frozenset[str]],
    topics: Mapping[str, frozenset[str]],
) -> Overlap:
    shared, joined = _shared(duties, group)
    shared_topics, joined_topics = _shared(topics, group)
    contested, records = [], []
    for duty in sorted(shared):
        owners: dict[str, set[str]] = defaultdict(set)
        for assignment in snapshot.assignments[duty]:
            if assignment.role in group and assignment.kind in "RA":
                records.append(assignment.record)
                if assignment.kind == "A":
                    owners[assignment.scope].add(assignment.role)
        if any(len(found) > 1 for found in owners.values()):
            contested.append(duty)
    return Overlap(
        roles=group,
        duties=tuple(sorted(shared)),
        jaccard=len(shared) / len(joined) if joined else 0.0,
        topics=tuple(sorted(shared_topics)),
        topic_jaccard=len(shared_topics) / len(joined_topics) if joined_topics else 0.0,
        contested=tuple(contested),
        records=tuple(records),
    )


def _shared(held: Mapping[str, frozenset[str]], group: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    first, *others = [held.get(role, _NOTHING) for role in group]
    return first.intersection(*others), first.union(*others)


def _regions(
    compared: Sequence[str], duties: Mapping[str, frozenset[str]], topics: Mapping[str, frozenset[str]]
) -> tuple[Region, ...]:
    by_roles: dict[tuple[str, ...], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for place, held in enumerate((duties, topics)):
        holders: dict[str, list[str]] = defaultdict(list)
        for role in compared:
            for item in held.get(role, ()):
                holders[item].append(role)
        for item in sorted(holders):
            by_roles[tuple(holders[item])][place].append(item)
    regions = [Region(roles, tuple(found[0]), tuple(found[1])) for roles, found in by_roles.items()]
    return tuple(sorted(regions, key=lambda region: (len(region.roles), region.roles)))


def _finding(
    snapshot: Snapshot,
    known: Crossover,
    *,
    duties: Mapping[str, frozenset[str]],
    topics: Mapping[str, frozenset[str]],
) -> CrossoverFinding:
    shared, _ = _shared(topics, known.roles)
    both, _ = _shared(duties, known.roles)
    missing = tuple(topic for topic in known.topics if topic not in shared)
    present = all(role in snapshot.roles for role in known.roles)
    return CrossoverFinding(
        crossover=known,
        found=present and not missing,
        shared=tuple(topic for topic in known.topics if topic in shared),
        missing=missing,
        duties=tuple(sorted(both)),
    )
