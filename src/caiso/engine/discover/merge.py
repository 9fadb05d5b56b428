"""Merges observations into assets by kind and identity, never by name alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from caiso.engine.discover.collect import Sighting
from caiso.engine.discover.records import Asset, Observation, Relation, Status

_ORDER = {Status.ACTIVE: 0, Status.TEST: 1, Status.INACTIVE: 2}
_EVIDENCE_LIMIT = 200


def merge(sightings: list[Sighting]) -> list[Asset]:
    """The assets, sorted by kind, name and identity."""
    observations = _without_weak(sightings)
    groups: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for observation in observations:
        groups[observation.kind, observation.identity].append(observation)
    assets = [_asset(members) for members in groups.values()]
    known = {asset.identity for asset in assets}
    for asset in assets:
        asset.relations = sorted(relation for relation in asset.relations if relation.target in known)
    return sorted(assets, key=lambda asset: (asset.kind, asset.name.lower(), asset.identity))


def _without_weak(sightings: list[Sighting]) -> list[Observation]:
    """Drop what a stronger sighting of the same group explains; keep its line as evidence if that is unambiguous."""
    levels: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    sample: dict[str, Observation] = {}
    for sighting in sightings:
        if sighting.group and not sighting.group.endswith(":*"):
            kind = sighting.group.split(":", 1)[0]
            sample.setdefault(sighting.observation.identity, sighting.observation)
            levels[sighting.group][sighting.weak].add(sighting.observation.identity)
            levels[f"{kind}:*"][0].add(sighting.observation.identity)
    renamed: dict[str, str] = {}
    kept: list[Observation] = []
    for sighting in sightings:
        observation = sighting.observation
        rivals = _stronger(levels.get(sighting.group, {}), sighting.weak)
        if not rivals:
            kept.append(observation)
        elif len(rivals) == 1:
            target = sample[next(iter(rivals))]
            renamed[observation.identity] = target.identity
            observation.identity, observation.name = target.identity, target.name
            kept.append(observation)
    for observation in kept:
        observation.relations = [
            Relation(relation.type, renamed.get(relation.target, relation.target)) for relation in observation.relations
        ]
    return kept


def _stronger(levels: Mapping[int, set[str]], weak: int) -> set[str]:
    """The identities of the strongest level above the given one."""
    return next((levels[level] for level in sorted(levels) if level < weak and levels[level]), set())


def _asset(members: list[Observation]) -> Asset:
    members.sort(key=lambda item: (_ORDER[item.status], item.evidence))
    first = members[0]
    attributes: dict[str, object] = {}
    for member in members:
        _join_attributes(attributes, member.attributes)
    relations = {relation for member in members for relation in member.relations}
    evidence = sorted({member.evidence for member in members})
    if len(evidence) > _EVIDENCE_LIMIT:
        attributes["evidence_total"] = len(evidence)
        evidence = evidence[:_EVIDENCE_LIMIT]
    return Asset(
        kind=first.kind,
        name=first.name,
        identity=first.identity,
        status=first.status,
        evidence=evidence,
        attributes=dict(sorted(attributes.items())),
        relations=sorted(relations),
    )


def _join_attributes(into: dict[str, object], more: dict[str, object]) -> None:
    """Lists are united; of two different single values the first, from the strongest sighting, stays."""
    for key, value in more.items():
        present = into.get(key)
        if isinstance(present, list) and isinstance(value, list):
            into[key] = sorted({*map(str, present), *map(str, value)})[:100]
        elif present is None:
            into[key] = sorted({str(item) for item in value})[:100] if isinstance(value, list) else value
