"""Drill packs: traces of attacks, each with a benign twin, as the telemetry that a sender would emit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from caiso.engine.detect.series import Variation
from caiso.engine.detect.techniques import atlas_ids
from caiso.engine.packs import (
    CONTENT,
    AtlasTechnique,
    Between,
    Doc,
    Fault,
    Length,
    Limits,
    Pack,
    PackKind,
    PackProblem,
    Slug,
    Title,
    Words,
    load_folder,
    quoted,
)

MAX_STEPS: Final = 400
MAX_RECORDS: Final = 20_000
MAX_TRACE_FILE: Final = 16 << 20

Steps = Annotated[tuple["Step", ...], Length(0, MAX_STEPS)]


@dataclass(frozen=True, slots=True)
class Step:
    """One span or log record under the names that senders use; ``repeat`` copies, ``every`` seconds, ``{n}`` is the copy's number."""

    attributes: dict[str, object]
    at: Annotated[float, Between(0, 30 * 86_400), Doc("Seconds since the trace began.")] = 0.0
    span: Annotated[
        str, Length(0, 200), Doc("The span's name; made from operation and tool where it is not given.")
    ] = ""
    log: Annotated[
        str, Length(0, 200), Doc("Makes this a log record with that event name, such as aisoc.registry.")
    ] = ""
    repeat: Annotated[int, Between(1, 5_000)] = 1
    every: Annotated[float, Between(0, 86_400)] = 1.0
    series: Annotated[
        dict[str, Variation], Doc("How attributes vary from copy to copy; {name} in a text is filled in.")
    ] = field(default_factory=dict)
    trace: Annotated[
        int, Between(0, 1_000), Doc("Steps with another number belong to another OpenTelemetry trace.")
    ] = 0
    fails: Annotated[bool, Doc("The span ends with the status error.")] = False


@dataclass(frozen=True, slots=True)
class Trace:
    """An attack and the ordinary work that looks most like it; a drill counts only when the first is seen and the second is not."""

    id: Slug
    title: Title
    story: Annotated[Words, Doc("What the attacker does.")]
    twin_story: Annotated[Words, Doc("Why the twin is ordinary work, although it looks alike.")]
    expects: Annotated[tuple[Slug, ...], Doc("Rules of which one must fire; empty: any rule that alerts.")] = ()
    technique: Annotated[AtlasTechnique | None, Doc("The ATLAS technique that the attack is about.")] = None
    also: Annotated[tuple[AtlasTechnique, ...], Doc("Further techniques that the attack uses.")] = ()
    owasp: tuple[Annotated[str, Length(1, 20)], ...] = ()
    service: Annotated[str, Length(1, 100), Doc("service.name of the sender.")] = "drill"
    defaults: Annotated[dict[str, object], Doc("Attributes that every step has.")] = field(default_factory=dict)
    attack: Steps = ()
    twin: Steps = ()
    attack_file: Annotated[
        str, Length(0, 200), Doc("An OTLP file beside the pack, JSON or protobuf, in place of steps.")
    ] = ""
    twin_file: Annotated[str, Length(0, 200)] = ""

    def faults(self) -> Iterable[Fault]:
        for name in ("attack", "twin"):
            steps, file = getattr(self, name), getattr(self, f"{name}_file")
            if bool(steps) == bool(file):
                yield Fault((name,), f"give steps under {name} or a file under {name}_file, exactly one of them")
            if sum(step.repeat for step in steps) > MAX_RECORDS:
                yield Fault((name,), f"{name} has more than {MAX_RECORDS} records")
        if self.technique and self.technique not in atlas_ids():
            yield Fault(("technique",), f"technique {quoted(self.technique)} is not in ATLAS 2026.09")
        for place, technique in enumerate(self.also):
            if technique not in atlas_ids():
                yield Fault(("also", place), f"technique {quoted(technique)} is not in ATLAS 2026.09")

    @property
    def techniques(self) -> tuple[str, ...]:
        """Every technique of the attack, the one that it is about first."""
        return tuple(dict.fromkeys((*filter(None, [self.technique]), *self.also)))


@dataclass(frozen=True, slots=True)
class DrillPack:
    """A set of traces that belong together."""

    id: Slug
    title: Title
    about: Words
    traces: Annotated[tuple[Trace, ...], Length(1, 500)]
    source: Annotated[str, Length(0, 300), Doc("Where the traces come from, when they are not ours.")] = ""

    def faults(self) -> Iterable[Fault]:
        seen: set[str] = set()
        for place, trace in enumerate(self.traces):
            if trace.id in seen:
                yield Fault(("traces", place, "id"), f"trace {quoted(trace.id)} stands twice in this pack")
            seen.add(trace.id)


def _check(packs: Sequence[Pack[DrillPack]]) -> Iterable[PackProblem]:
    return (problem for pack in packs for problem in _file_problems(pack))


def _file_problems(pack: Pack[DrillPack]) -> Iterable[PackProblem]:
    for place, trace in enumerate(pack.value.traces):
        for name in ("attack_file", "twin_file"):
            written = getattr(trace, name)
            reason = _unusable(pack.path.parent, written) if written else ""
            if reason:
                yield pack.problem(("traces", place, name), f"{name} {quoted(written)} {reason}")


def _unusable(folder: Path, written: str) -> str:
    path = folder / written
    if not path.resolve().is_relative_to(folder.resolve()):
        return "lies outside the pack's folder"
    if not path.is_file():
        return "is not a file"
    if path.stat().st_size > MAX_TRACE_FILE:
        return f"is larger than {MAX_TRACE_FILE} bytes"
    return ""


DRILLS: Final = PackKind(
    name="drill",
    folder="drills",
    model=DrillPack,
    key=lambda pack: pack.id,
    check=_check,
    limits=Limits(size=2_000_000, nodes=200_000, depth=24),
)
DRILL_FOLDER: Final = CONTENT / DRILLS.folder


def drill_kind(rules: Iterable[str]) -> PackKind[DrillPack]:
    """The kind that also checks that every expected rule exists."""
    known = frozenset(rules)

    def check(packs: Sequence[Pack[DrillPack]]) -> Iterable[PackProblem]:
        yield from _check(packs)
        for pack in packs:
            for place, trace in enumerate(pack.value.traces):
                for number, rule in enumerate(trace.expects):
                    if rule not in known:
                        where = ("traces", place, "expects", number)
                        yield pack.problem(where, f"rule {quoted(rule)} is not loaded")

    return dataclasses.replace(DRILLS, check=check)


def load_drills(*folders: Path) -> tuple[tuple[Pack[DrillPack], ...], tuple[PackProblem, ...]]:
    """The packs of the folders, shipped folder first, and what is wrong with the others."""
    return load_folder(DRILLS, *folders)
