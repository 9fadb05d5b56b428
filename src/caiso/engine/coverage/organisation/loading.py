"""Reads an organisation from YAML: the shipped catalogue, a built-in set-up, or a file of one's own."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from caiso.engine.coverage.organisation.changes import Scenario
from caiso.engine.coverage.organisation.model import Profile
from caiso.engine.coverage.organisation.validate import IN_PROFILE, find_faults, repeated_ids
from caiso.engine.coverage.organisation.whole import COLLECTIONS, Organisation, join, with_real_roles
from caiso.engine.packs import (
    CONTENT,
    Limits,
    Pack,
    PackError,
    PackKind,
    PackProblem,
    load_folder,
    quoted,
    read_pack,
    read_source,
)
from caiso.errors import DomainError

CONTENT_FOLDER = CONTENT / "organisation"
ORGANISATION_LIMITS = Limits(size=20_000_000, nodes=2_000_000)


class UnableToFind(DomainError):
    """No built-in organisation or scenario has this name."""


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """A file with one scenario in it."""

    scenario: Scenario


def check_fragments(packs: Sequence[Pack[Organisation]]) -> list[PackProblem]:
    """What is wrong between the shipped fragments, catalogue alone and each set-up upon it."""
    catalogue = [pack for pack in packs if not pack.value.setup]
    problems = set(_problems_between(catalogue))
    for name in {pack.value.setup for pack in packs if pack.value.setup}:
        problems.update(_problems_between([*catalogue, *(pack for pack in packs if pack.value.setup == name)]))
    return sorted(problems)


ORGANISATION = PackKind(
    name="organisation",
    folder="organisation",
    model=Organisation,
    key=lambda fragment: fragment.id,
    check=check_fragments,
    limits=ORGANISATION_LIMITS,
)
SCENARIO = PackKind(name="scenario", folder="scenario", model=ScenarioFile, key=lambda file: file.scenario.id)
PROFILE = PackKind(name="profile", folder="profile", model=Profile, key=lambda profile: profile.sector)


@cache
def _shipped() -> tuple[Pack[Organisation], ...]:
    packs, problems = load_folder(ORGANISATION, CONTENT_FOLDER)
    if problems:
        raise PackError(problems)
    return packs


@cache
def default_organisation() -> Organisation:
    """The shipped catalogue: duties, roles, competences and findings, with nobody in it."""
    parts = [pack.value for pack in _shipped() if not pack.value.setup]
    return replace(join(parts), id="default", title="Default catalogue")


@cache
def setup_names() -> tuple[str, ...]:
    return tuple(sorted({pack.value.setup for pack in _shipped() if pack.value.setup}))


@cache
def built_in(name: str) -> Organisation:
    """A shipped organisation such as `three-officers`."""
    parts = [pack.value for pack in _shipped() if pack.value.setup == name]
    if not parts:
        known = ", ".join(("default", *setup_names()))
        raise UnableToFind(f"no built-in organisation {quoted(name)}, expected a file or one of {known}")
    return replace(join([default_organisation(), *parts]), id=name, setup=None)


def read_organisation(path: Path) -> Organisation:
    """An organisation from a file; refused whole with every mistake as file:line (PackError)."""
    return _one(path, lambda: read_pack(ORGANISATION, path))


def parse_organisation(source: bytes, *, path: Path) -> Organisation:
    """An organisation from bytes, such as an upload; `path` is how errors call it."""
    return _one(path, lambda: read_source(ORGANISATION, source, path=path))


def read_scenario(path: Path) -> Scenario:
    """A scenario from a file with the one key `scenario`."""
    return _scenario(*read_pack(SCENARIO, path))


def parse_scenario(source: bytes, *, path: Path) -> Scenario:
    """A scenario from bytes; `path` is how errors call it."""
    return _scenario(*read_source(SCENARIO, source, path=path))


def _scenario(pack: Pack[ScenarioFile] | None, problems: Iterable[PackProblem]) -> Scenario:
    if pack is None:
        raise PackError(problems)
    return pack.value.scenario


def parse_fragment(source: bytes, *, path: Path) -> Organisation:
    """Records of an organisation that refer to others which are not among them; only each record itself is checked."""
    pack, problems = read_source(ORGANISATION, source, path=path)
    if pack is None:
        raise PackError(problems)
    return pack.value


def read_profile(path: Path) -> Profile:
    """A profile of an organisation for the reporting-structure advisor."""
    pack, problems = read_pack(PROFILE, path)
    if pack is None:
        raise PackError(problems)
    return pack.value


def find_scenario(organisation: Organisation, name: str) -> Scenario:
    """A scenario that the organisation or the catalogue carries, by id."""
    for scenario in organisation.scenarios:
        if scenario.id == name:
            return scenario
    known = ", ".join(scenario.id for scenario in organisation.scenarios)
    raise UnableToFind(f"no scenario {quoted(name)}, expected a file or one of {known or 'none'}")


def _one(path: Path, read: Callable[[], tuple[Pack[Organisation] | None, Iterable[PackProblem]]]) -> Organisation:
    pack, problems = read()
    if pack is None:
        raise PackError(problems)
    base = [_left(part, pack.value.without) for part in _base(pack, path)]
    found = _problems_between([*base, pack])
    if found:
        raise PackError(sorted(found))
    return with_real_roles(replace(join([*(part.value for part in base), pack.value]), setup=None))


def _left(pack: Pack[Organisation], without: Sequence[str]) -> Pack[Organisation]:
    """The fragment without the collections that the extending file leaves out."""
    # Who is left out cannot hold or stand in.
    names = {*without, *(("holdings", "delegates") if "people" in without else ())}
    nothing: dict[str, tuple[()]] = dict.fromkeys(names, ())
    return replace(pack, value=replace(pack.value, **nothing)) if nothing else pack  # type: ignore[arg-type]


def _base(pack: Pack[Organisation], path: Path) -> list[Pack[Organisation]]:
    name = pack.value.extends
    if name is None:
        return []
    catalogue = [part for part in _shipped() if not part.value.setup]
    if name == "default":
        return catalogue
    if name in setup_names():
        return [*catalogue, *(part for part in _shipped() if part.value.setup == name)]
    known = ", ".join(("default", *setup_names()))
    raise PackError([pack.problem(("extends",), f"extends {quoted(name)} is wrong, expected one of {known}")])


def _problems_between(packs: Sequence[Pack[Organisation]]) -> list[PackProblem]:
    if not packs:
        return []
    problems = [pack.problem(fault.at, fault.message) for pack in packs for fault in repeated_ids(pack.value)]
    origins = _origins(packs)
    for fault in find_faults(join([pack.value for pack in packs])):
        if fault.at[0] == IN_PROFILE:
            told = next(pack for pack in reversed(packs) if pack.value.profile is not None)
            problems.append(told.problem(fault.at, fault.message))
            continue
        collection, index, *rest = fault.at
        pack, place = origins[str(collection)][int(index)]
        problems.append(pack.problem((collection, place, *rest), fault.message))
    return problems


def _origins(packs: Sequence[Pack[Organisation]]) -> dict[str, list[tuple[Pack[Organisation], int]]]:
    """For each record of the joined organisation, the file and the index in it: mirrors `join`."""
    origins: dict[str, list[tuple[Pack[Organisation], int]]] = {}
    for name in COLLECTIONS:
        kept: dict[object, tuple[Pack[Organisation], int]] = {}
        for pack in packs:
            for place, record in enumerate(getattr(pack.value, name)):
                identity = getattr(record, "id", None)
                kept[identity if identity is not None else len(kept)] = (pack, place)
        origins[name] = list(kept.values())
    return origins
