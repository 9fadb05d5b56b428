"""What telemetry of AI must carry, as others demand it: content that groups the fields which rules need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final

from caiso.engine.detect.schema import FIELDS, TEXT_FIELDS
from caiso.engine.packs import CONTENT, Doc, Fault, Length, PackKind, Slug, Title, Words, load_folder, quoted

FOLDER: Final = CONTENT / "telemetry"

# What the normaliser finds out by itself, and from which fields: an attack must not have happened for it to count as arriving.
DERIVED: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    "content.revealed": tuple(frozenset({name}) for name in sorted(TEXT_FIELDS - {"content.revealed"})),
    "content.missing": (frozenset({"gen_ai.request.model"}),),
    "content.system_leak": (frozenset({"content.system", "content.output"}),),
    "content.disguised_links": (frozenset({"content.output"}),),
    "content.images_named": (frozenset({"content.output", "content.system"}),),
    "content.images_carrying": (frozenset({"content.output"}),),
    "content.addresses_completed": (frozenset({"content.output"}),),
    "content.addresses_imitating": (frozenset({"content.output"}),),
    "content.copied_untrusted": (
        frozenset({"content.untrusted", "content.output"}),
        frozenset({"content.untrusted", "gen_ai.tool.call.arguments"}),
    ),
    "gen_ai.output.citations.unresolved": (
        frozenset({"gen_ai.output.citations"}),
        frozenset({"content.output", "content.user"}),
    ),
    "aisoc.egress.planted": (frozenset({"content.untrusted", "gen_ai.tool.call.arguments"}),),
    "content.personal_records": (frozenset({"content.output"}),),
    "content.people_listed": (frozenset({"content.output"}),),
    "content.withheld_told": (frozenset({"content.system", "content.output"}),),
    "content.cap_exceeded": (frozenset({"content.system", "gen_ai.tool.call.arguments"}),),
    "content.spelt_out": (frozenset({"content.output"}),),
    "aisoc.tool.orders": (frozenset({"gen_ai.tool.definitions"}),),
    "aisoc.server.listed": (frozenset({"config.target", "config.new", "server.address"}),),
    "aisoc.tool.redefined": (frozenset({"gen_ai.tool.definitions"}),),
    "aisoc.flow.destination": (frozenset({"content.untrusted", "gen_ai.tool.call.arguments"}),),
    "aisoc.flow.carries": (frozenset({"content.untrusted", "gen_ai.tool.call.arguments"}),),
    "aisoc.flow.stored": (
        frozenset({"content.untrusted", "content.memory"}),
        frozenset({"content.untrusted", "gen_ai.tool.call.arguments"}),
    ),
    "aisoc.flow.history": (frozenset({"content.output", "content.history"}),),
    "aisoc.flow.asked": (frozenset({"content.user", "content.untrusted"}),),
    "aisoc.flow.crossed": (frozenset({"content.untrusted", "gen_ai.tool.call.arguments"}),),
    "aisoc.flow.portal": (frozenset({"content.output"}),),
    "aisoc.flow.people": (frozenset({"content.output", "user.id"}),),
    "aisoc.flow.mandate": (frozenset({"content.tool_calls", "gen_ai.tool.name"}),),
    "aisoc.tool.impact": (frozenset({"gen_ai.tool.name"}),),
    "aisoc.egress.host": (frozenset({"gen_ai.tool.name", "gen_ai.tool.call.arguments"}),),
    "process.command_line": (frozenset({"gen_ai.tool.name", "gen_ai.tool.call.arguments"}),),
    "config.effect": (frozenset({"config.target", "config.new"}),),
}
_Name = Annotated[str, Length(1, 120)]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One demand; it is met when any of its fields arrives."""

    id: _Name
    title: Title
    fields: Annotated[tuple[_Name, ...], Length(1, 20), Doc("Our names of the fields; one that arrives is enough.")]
    switch_on: Annotated[Words, Doc("What a sender does so that it arrives.")]


@dataclass(frozen=True, slots=True)
class Component:
    """The part of an AI system that the demands are about."""

    id: _Name
    title: Title
    requirements: Annotated[tuple[Requirement, ...], Length(1, 100)]


@dataclass(frozen=True, slots=True)
class TelemetryRequirements:
    """The demands of one publication, in our own words."""

    id: Slug
    title: Title
    source: Annotated[str, Length(1, 300)]
    about: Words
    components: Annotated[tuple[Component, ...], Length(1, 50)]

    def faults(self) -> Iterable[Fault]:
        for at, component in enumerate(self.components):
            seen: set[str] = set()
            for index, one in enumerate(component.requirements):
                where = ("components", at, "requirements", index)
                if one.id in seen:
                    yield Fault((*where, "id"), f"{quoted(one.id)} stands twice in {component.id}")
                seen.add(one.id)
                for number, name in enumerate(one.fields):
                    if name not in FIELDS:
                        yield Fault((*where, "fields", number), f"{quoted(name)} is no field of our events")


REQUIREMENTS: Final = PackKind("telemetry", "telemetry", TelemetryRequirements, lambda pack: pack.id)


@cache
def shipped_requirements() -> tuple[TelemetryRequirements, ...]:
    """The demands that come with the product."""
    packs, problems = load_folder(REQUIREMENTS, FOLDER)
    if problems:
        raise ValueError(str(problems[0]))
    return tuple(pack.value for pack in packs)


def with_derived(arriving: frozenset[str]) -> frozenset[str]:
    """These fields, and those that the normaliser makes of them."""
    return arriving | {name for name, ways in DERIVED.items() if any(way <= arriving for way in ways)}
