"""Reads the atomic tests of agent-firedrill: attack traces with benign twins as YAML. Nothing of the package is imported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

from caiso.engine.detect.techniques import atlas_ids
from caiso.engine.drill.packs import DrillPack, Step, Trace
from caiso.engine.packs import Between, Length, PackProblem, Reader, UnableToCompose, compose

PACK_ID: Final = "firedrill"
_UNSPECIFIED: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Span:
    """A span of an atomic."""

    attrs: dict[str, object]
    at: Annotated[float, Between(0, 30 * 86_400)] = 0.0
    name: str = ""
    repeat: Annotated[int, Between(1, 5_000)] = 1
    every: Annotated[float, Between(0, 86_400)] = 1.0
    trace: Annotated[int, Between(0, 1_000)] = 0


@dataclass(frozen=True, slots=True)
class _Atomic:
    """One file."""

    id: Annotated[str, Length(1, 80)]
    name: Annotated[str, Length(1, 200)]
    description: Annotated[str, Length(1, 4000)]
    attack: Annotated[tuple[_Span, ...], Length(1, 400)]
    benign: Annotated[tuple[_Span, ...], Length(1, 400)]
    atlas: tuple[str, ...] = ()
    owasp_asi: tuple[str, ...] = ()
    owasp_llm: tuple[str, ...] = ()
    severity: str = "medium"
    benign_note: str = ""
    detection_note: str = ""
    defaults: dict[str, object] = field(default_factory=dict)


def installed_atomics() -> Path | None:
    """Where the package agent-firedrill keeps its atomics, if it is installed; looking it up runs none of its code."""
    spec = find_spec("firedrill")
    folders = [Path(place) / "atomics" for place in (spec.submodule_search_locations or ())] if spec else []
    return next((folder for folder in folders if folder.is_dir()), None)


def looks_like_atomics(folder: Path) -> bool:
    """Whether a folder holds atomics rather than packs of ours: the first file says so."""
    first = next(iter(_files(folder)), None)
    return first is not None and re.search(rb"(?m)^benign:", first.read_bytes()[:200_000]) is not None


def load_atomics(folder: Path) -> tuple[DrillPack | None, tuple[PackProblem, ...]]:
    """Every atomic below the folder as one pack, and what is wrong with the others."""
    traces: dict[str, Trace] = {}
    problems: list[PackProblem] = []
    for path in _files(folder):
        trace, found = _read(path)
        problems += found
        if trace is not None and traces.setdefault(trace.id, trace) is not trace:
            problems.append(PackProblem(path, 1, f"atomic {trace.id} stands twice"))
    if not traces:
        return None, tuple(problems) or (PackProblem(folder, 0, "holds no atomic tests"),)
    pack = DrillPack(
        id=PACK_ID,
        title="agent-firedrill",
        about="Attack traces with benign twins by the authors of agent-firedrill, played as they are.",
        traces=tuple(traces[name] for name in sorted(traces)),
        source="agent-firedrill, MIT licence",
    )
    return pack, tuple(problems)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".yml", ".yaml") and path.is_file())[:2_000]


def _read(path: Path) -> tuple[Trace | None, list[PackProblem]]:
    try:
        root = compose(path.read_bytes())
    except UnableToCompose as error:
        return None, [PackProblem(path, line, message) for line, message in error.faults]
    except OSError as error:
        return None, [PackProblem(path, 0, f"cannot be read: {error.strerror}")]
    reader = Reader()
    atomic = reader.read(_Atomic, root)
    if atomic is None:
        return None, [PackProblem(path, line, message) for line, message in sorted(set(reader.faults))]
    unknown = [name for name in atomic.atlas if name not in atlas_ids()]
    problems = [PackProblem(path, 1, f"technique {name} is not in ATLAS 2026.09 and is left out") for name in unknown]
    return _trace(atomic, [name for name in atomic.atlas if name in atlas_ids()]), problems


def _trace(atomic: _Atomic, techniques: list[str]) -> Trace:
    return Trace(
        id=_UNSPECIFIED.sub("-", atomic.id.lower()).strip("-"),
        title=atomic.name,
        technique=techniques[0] if techniques else None,
        also=tuple(techniques[1:]),
        owasp=(*atomic.owasp_asi, *atomic.owasp_llm),
        story=" ".join(atomic.description.split()),
        twin_story=" ".join(atomic.benign_note.split()) or "Ordinary work of the same kind.",
        service="firedrill",
        defaults=dict(atomic.defaults),
        attack=tuple(_steps(atomic.attack)),
        twin=tuple(_steps(atomic.benign)),
    )


def _steps(spans: Iterable[_Span]) -> Iterable[Step]:
    for span in spans:
        attributes: Mapping[str, Any] = span.attrs
        yield Step(
            attributes=dict(attributes),
            at=span.at,
            span=span.name,
            repeat=span.repeat,
            every=span.every,
            trace=span.trace,
        )
