"""Measures how far AI and security work apart: signatures, doubled processes, meeting regulations, tools."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from caiso.engine.coverage.organisation.records import RequirementLink
from caiso.engine.coverage.organisation.whole import Organisation
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import scopes_of_system

RISK_DUTY = "ai-risk-treatment"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a system's last risk acceptance; `both` is None when there is none, or an owner is not named."""

    system: str
    acceptance: str | None
    both: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class JointSigning:
    """Share of systems whose security and AI owners both signed, of those for which it can be said."""

    signatures: tuple[Signature, ...]

    @property
    def known(self) -> int:
        return sum(1 for signature in self.signatures if signature.both is not None)

    @property
    def share(self) -> float | None:
        joint = sum(1 for signature in self.signatures if signature.both)
        return joint / self.known if self.known else None


@dataclass(frozen=True, slots=True)
class DoubledProcess:
    """Processes of a kind that serve one requirement for one system; `conflicting` when they say different things."""

    kind: str
    requirement: str
    system: str | None
    processes: tuple[str, ...]
    owners: tuple[str, ...]
    conflicting: bool


@dataclass(frozen=True, slots=True)
class RegulationPair:
    """Two regulations and how many of their requirements overlap or conflict."""

    left: str
    right: str
    overlaps: tuple[str, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToolReport:
    """Which capabilities no tool covers, which several cover, and what each domain's tools cost a year."""

    gaps: tuple[str, ...]
    overlaps: tuple[tuple[str, tuple[str, ...]], ...]
    undecided: tuple[str, ...]
    cost: dict[Literal["security", "governance", "shared"], float]
    covered: int
    capabilities: int


def joint_signing(snapshot: Snapshot) -> JointSigning:
    """For each AI system, whether both of its owners signed the newest acceptance up to the day."""
    newest: dict[str, tuple[str, Sequence[str]]] = {}
    for acceptance in sorted(snapshot.organisation.acceptances, key=lambda record: (record.on, record.id)):
        if acceptance.on <= snapshot.as_of:
            newest[acceptance.system] = (acceptance.id, acceptance.signed_by)
    signatures = []
    for system in snapshot.systems.values():
        security = system.security_owner or _security_owner(snapshot, system.id)
        owners = [owner for owner in (security, system.ai_owner) if owner]
        found = newest.get(system.id)
        if found is None:
            signatures.append(Signature(system.id, None, None, "no risk acceptance is on record"))
        elif len(owners) < 2:
            signatures.append(Signature(system.id, found[0], None, "an owner for security or for AI is not named"))
        else:
            missing = [owner for owner in owners if owner not in found[1]]
            reason = f"not signed by {', '.join(missing)}" if missing else f"signed by {' and '.join(owners)}"
            signatures.append(Signature(system.id, found[0], not missing, reason))
    return JointSigning(tuple(signatures))


def _security_owner(snapshot: Snapshot, system: str) -> str | None:
    """The role that answers for reducing the risks of the system, where nobody is named as its owner for security."""
    _, owners = snapshot.accountable(RISK_DUTY, scopes_of_system(snapshot, system))
    roles = {owner.role for owner in owners}
    return roles.pop() if len(roles) == 1 else None


def doubled_processes(organisation: Organisation) -> tuple[DoubledProcess, ...]:
    """Two policies or two assessments for one requirement and system; one for all systems doubles each system's own."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, process in enumerate(organisation.processes):
        groups[process.kind, process.requirement].append(place)
    found = []
    for (kind, requirement), places in groups.items():
        processes = [organisation.processes[place] for place in places]
        systems = {process.system for process in processes}
        for system in sorted(systems, key=lambda name: name or ""):
            here = [process for process in processes if process.system in (system, None)]
            # Where only the general ones apply, they are reported once under no system.
            own = any(process.system == system for process in here)
            if len(here) > 1 and own:
                outcomes = {process.outcome for process in here if process.outcome}
                found.append(
                    DoubledProcess(
                        kind,
                        requirement,
                        system,
                        tuple(process.id for process in here),
                        tuple(sorted({process.owner for process in here if process.owner})),
                        conflicting=len(outcomes) > 1,
                    )
                )
    return tuple(sorted(found, key=lambda double: (not double.conflicting, double.requirement, double.system or "")))


def regulation_pairs(links: Sequence[RequirementLink]) -> tuple[RegulationPair, ...]:
    """Pairs of regulations, most conflicts first; the order within a pair does not matter."""
    pairs: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: {"overlap": [], "conflict": []})
    for link in links:
        left, right = sorted((link.left, link.right))
        pairs[left, right][link.relation].append(link.id)
    found = [
        RegulationPair(left, right, tuple(kinds["overlap"]), tuple(kinds["conflict"]))
        for (left, right), kinds in pairs.items()
    ]
    return tuple(sorted(found, key=lambda pair: (-len(pair.conflicts), -len(pair.overlaps), pair.left, pair.right)))


def tool_report(organisation: Organisation) -> ToolReport:
    """What the register of tools covers, lacks, doubles and costs."""
    by_capability: dict[str, list[str]] = defaultdict(list)
    cost: dict[Literal["security", "governance", "shared"], float] = {"security": 0.0, "governance": 0.0, "shared": 0.0}
    for tool in organisation.tools:
        cost[tool.domain] += tool.annual_cost
        for capability in tool.capabilities:
            by_capability[capability].append(tool.id)
    known = [capability.id for capability in organisation.capabilities]
    return ToolReport(
        gaps=tuple(name for name in known if name not in by_capability),
        overlaps=tuple((name, tuple(tools)) for name, tools in by_capability.items() if len(tools) > 1),
        undecided=tuple(tool.id for tool in organisation.tools if tool.decided_on is None),
        cost=cost,
        covered=sum(1 for name in known if name in by_capability),
        capabilities=len(known),
    )
