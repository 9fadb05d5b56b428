"""Gathers observations while a tree is read, with the edges that only the whole tree can settle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from caiso.engine.discover.records import Evidence, Observation, Relation, Status


@dataclass(slots=True)
class Sighting:
    """An observation with its place in a group: a weaker one gives way to stronger ones of the group.

    0 is certain of its identity, 1 guesses it (a client without a collection), 2 only suggests (a container image).
    A group that ends in :* yields to every group of its kind.
    """

    observation: Observation
    group: str = ""
    weak: int = 0


@dataclass(slots=True)
class Edge:
    """A relation whose target is known only after every file has been read."""

    source: Observation
    type: str
    targets: Callable[[], list[str]]


@dataclass(slots=True)
class Findings:
    """All sightings of a scan, and the identities that expressions and functions were given."""

    sightings: list[Sighting] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    expressions: dict[int, str] = field(default_factory=dict)
    functions: dict[tuple[str, str], str] = field(default_factory=dict)
    frameworks_used: set[str] = field(default_factory=set)
    by_path: dict[str, list[Observation]] = field(default_factory=dict)
    servers: list[Observation] = field(default_factory=list)

    def add(
        self,
        observation: Observation,
        *,
        group: str = "",
        weak: int = 0,
    ) -> Observation:
        self.sightings.append(Sighting(observation, group, weak))
        self.by_path.setdefault(observation.evidence.path, []).append(observation)
        if observation.kind == "mcp_server":
            self.servers.append(observation)
        return observation

    def in_file(self, path: str) -> list[Observation]:
        """What was seen in one file so far."""
        return self.by_path.get(path, [])

    def edge(self, source: Observation, kind: str, targets: Callable[[], list[str]]) -> None:
        self.edges.append(Edge(source, kind, targets))

    def settle(self) -> None:
        """Turn waiting edges into relations."""
        for edge in self.edges:
            for target in edge.targets():
                relation = Relation(edge.type, target)
                if target != edge.source.identity and relation not in edge.source.relations:
                    edge.source.relations.append(relation)
        self.edges.clear()


def observe(
    kind: str,
    name: str,
    identity: str,
    evidence: Evidence,
    *,
    status: Status = Status.ACTIVE,
    attributes: dict[str, object] | None = None,
) -> Observation:
    """An observation with its text bounded: names come from scanned files."""
    return Observation(
        kind=kind,
        name=name[:300],
        identity=identity[:600],
        evidence=evidence,
        status=status,
        attributes={key: value for key, value in (attributes or {}).items() if value not in (None, "", [], {})},
    )
