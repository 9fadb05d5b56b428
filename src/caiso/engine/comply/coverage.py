"""What a framework's requirements gain from controls: computed over chains of links, and never inflated."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from caiso.engine.comply.controls import Control
from caiso.engine.comply.frameworks import Framework, Requirement, framework_key
from caiso.engine.comply.relations import Relation, ReviewStatus, chain
from caiso.engine.comply.states import ControlState

MAX_HOPS = 4


class RequirementState(StrEnum):
    """`partial` never adds up to `satisfied`, however many partial contributions there are."""

    SATISFIED = "satisfied"
    PARTIAL = "partial"
    FAILING = "failing"
    NOT_APPLICABLE = "not_applicable"
    UNASSESSED = "unassessed"


@dataclass(frozen=True, slots=True)
class RequirementMapping:
    """A link between requirements of two frameworks, read from `framework` to `to_framework`."""

    framework: str
    version: str
    requirement: str
    to_framework: str
    to_version: str
    to_requirement: str
    relation: Relation
    strength: int
    rationale: str
    status: ReviewStatus = ReviewStatus.UNREVIEWED


@dataclass(frozen=True, slots=True)
class Step:
    """One hop of a derivation: to which requirement, by which relation, and why."""

    requirement: tuple[str, str]
    relation: Relation
    rationale: str
    status: ReviewStatus


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one control gives to one requirement, with every step between them."""

    control: str
    state: ControlState
    relation: Relation
    strength: int
    reviewed: bool
    path: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class RequirementCoverage:
    """A leaf's state from reviewed links (`claim`) and from all links (`indication`), with all contributions."""

    requirement: str
    claim: RequirementState
    indication: RequirementState
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of `total` assessable requirements are in each state; not applicable ones leave the denominator."""

    states: Mapping[RequirementState, int]
    total: int

    @property
    def applicable(self) -> int:
        return self.total - self.states.get(RequirementState.NOT_APPLICABLE, 0)

    @property
    def satisfied(self) -> int:
        return self.states.get(RequirementState.SATISFIED, 0)

    @property
    def unassessed(self) -> int:
        return self.states.get(RequirementState.UNASSESSED, 0)


@dataclass(frozen=True, slots=True)
class FrameworkCoverage:
    """Every assessable requirement of a framework, in the framework's order."""

    framework: str
    requirements: tuple[RequirementCoverage, ...]
    _index: Mapping[str, RequirementCoverage] = field(repr=False, compare=False)

    def of(self, requirement: str) -> RequirementCoverage | None:
        return self._index.get(requirement)

    def tally(self, node: Requirement | None = None, *, claims_only: bool = True) -> Tally:
        """Counts for the whole framework, or for the leaves below one node."""
        leaves = self.requirements
        if node is not None:
            wanted = {leaf.id for leaf in node.walk()}
            leaves = tuple(leaf for leaf in leaves if leaf.requirement in wanted)
        states = Counter(leaf.claim if claims_only else leaf.indication for leaf in leaves)
        return Tally(dict(states), len(leaves))


_Target = tuple[str, str]


def framework_coverage(
    framework: Framework,
    controls: Iterable[Control],
    states: Mapping[str, ControlState],
    *,
    mappings: Iterable[RequirementMapping] = (),
) -> FrameworkCoverage:
    """Follow links from controls, and mappings between frameworks, to each assessable requirement.

    `states` gives each control's state by id; a control that is not in it has not been assessed.
    """
    onward: dict[_Target, list[RequirementMapping]] = {}
    for mapping in mappings:
        onward.setdefault((framework_key(mapping.framework, mapping.version), mapping.requirement), []).append(mapping)
    found: dict[str, list[Contribution]] = {}
    for control in controls:
        state = states.get(control.id, ControlState.UNKNOWN)
        for target, contribution in _contributions(control, state, onward):
            if target[0] == framework.key:
                found.setdefault(target[1], []).append(contribution)
    leaves = tuple(_leaf(node, found.get(node.id, [])) for node in framework.walk() if node.assessable)
    return FrameworkCoverage(framework.key, leaves, {leaf.requirement: leaf for leaf in leaves})


def _contributions(
    control: Control, state: ControlState, onward: Mapping[_Target, list[RequirementMapping]]
) -> Iterator[tuple[_Target, Contribution]]:
    for link in control.links:
        if link.relation is Relation.NONE or link.status is ReviewStatus.DISPUTED:
            continue
        target = (framework_key(link.framework, link.version), link.requirement)
        first = Contribution(
            control=control.id,
            state=state,
            relation=link.relation,
            strength=link.strength,
            reviewed=link.status is ReviewStatus.REVIEWED,
            path=(Step(target, link.relation, link.rationale, link.status),),
        )
        yield from _follow(target, first, onward, {target})


def _follow(
    target: _Target,
    so_far: Contribution,
    onward: Mapping[_Target, list[RequirementMapping]],
    visited: set[_Target],
) -> Iterator[tuple[_Target, Contribution]]:
    yield target, so_far
    if len(so_far.path) >= MAX_HOPS:
        return
    for mapping in onward.get(target, ()):
        following = (framework_key(mapping.to_framework, mapping.to_version), mapping.to_requirement)
        relation = chain(so_far.relation, mapping.relation)
        if following in visited or relation is Relation.NONE or mapping.status is ReviewStatus.DISPUTED:
            continue
        longer = Contribution(
            control=so_far.control,
            state=so_far.state,
            relation=relation,
            strength=min(so_far.strength, mapping.strength),
            reviewed=so_far.reviewed and mapping.status is ReviewStatus.REVIEWED,
            path=(*so_far.path, Step(following, mapping.relation, mapping.rationale, mapping.status)),
        )
        yield from _follow(following, longer, onward, visited | {following})


def _leaf(node: Requirement, contributions: list[Contribution]) -> RequirementCoverage:
    ordered = tuple(sorted(contributions, key=lambda one: (not one.relation.covers, -one.strength, one.control)))
    failing = any(one.state is ControlState.FAILING for one in ordered)
    reviewed = tuple(one for one in ordered if one.reviewed)
    return RequirementCoverage(
        requirement=node.id,
        # A failure counts against a claim even when nobody reviewed the link it comes by.
        claim=_state(reviewed, any_failing=failing),
        indication=_state(ordered, any_failing=failing),
        contributions=ordered,
    )


def _state(contributions: tuple[Contribution, ...], *, any_failing: bool) -> RequirementState:
    """Satisfied needs a control that covers it all and works, and none beside it that is known not to work."""
    given = [one for one in contributions if one.state is not ControlState.NOT_APPLICABLE]
    if not given:
        return RequirementState.NOT_APPLICABLE if contributions else RequirementState.UNASSESSED
    effective = [one for one in given if one.state is ControlState.EFFECTIVE]
    if effective:
        whole = any(one.relation.covers for one in effective)
        return RequirementState.SATISFIED if whole and not any_failing else RequirementState.PARTIAL
    failing = any(one.state is ControlState.FAILING for one in given)
    return RequirementState.FAILING if failing else RequirementState.UNASSESSED
