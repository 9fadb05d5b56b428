"""Plays drill packs through the real decoders, the real normaliser and the engine, with nothing written anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from caiso.connect.telemetry.files.read import read_file
from caiso.connect.telemetry.files.record import Misread, Request
from caiso.connect.telemetry.preparation import Preparation
from caiso.connect.telemetry.records import Encoding, Signal, UnableToDecode
from caiso.connect.telemetry.rehearsal import Rehearsed, rehearse
from caiso.connect.telemetry.trial.jobs import DrillJob, DrillReport, FileTrace, FiredRow, Silence, TraceRow
from caiso.connect.telemetry.trial.rules import label_of, load_sources
from caiso.engine.detect.rule_tests import needed_fields
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.detect.signal import Signal as RuleSignal
from caiso.engine.drill import DrillPack, Trace, load_drills
from caiso.engine.drill.firedrill import PACK_ID, load_atomics
from caiso.engine.drill.play import Fired, Stage, TraceResult, play
from caiso.engine.drill.wire import requests
from caiso.engine.packs import PackProblem
from caiso.errors import DomainError

Tell = Callable[[int, int, str], None]
FILES_PACK: Final = "files"


class UnableToDrill(DomainError):
    """There is nothing to play, or a trace cannot be read."""


def run_drill(job: DrillJob, tell: Tell = lambda done, total, note: None) -> DrillReport:
    """Play every trace of the job; raises ``UnableToDrill`` when there is none."""
    packs, problems = chosen_packs(job)
    rules, broken = load_sources(job.rules)
    problems = [*problems, *broken]
    total = sum(len(pack.traces) for _, pack in packs)
    tell(0, total, "compiling the rules")
    ruleset = compile_ruleset(rules, Path(job.rules.cache) if job.rules.cache else None)
    rows: list[TraceRow] = []
    for folder, pack in packs:
        stage = Stage(rules, ruleset, _events_of(folder), _silenced(job.silences))
        for trace in pack.traces:
            tell(len(rows), total, trace.title)
            result = play(trace, stage)
            needs = {
                name: list(needed_fields(rules, rule))
                for name in result.seen_by
                if (rule := stage.rule(name)) is not None
            }
            rows.append(_row(pack, result, needs))
    tell(total, total, "")
    return DrillReport(rows, len(rules), label_of(rules), [str(problem) for problem in problems])


def chosen_packs(job: DrillJob) -> tuple[list[tuple[Path, DrillPack]], list[PackProblem]]:
    """The packs that the job names, each with the folder that its trace files are in."""
    loaded, found = load_drills(*map(Path, job.folders)) if job.folders else ((), ())
    problems = list(found)
    packs = [(pack.path.parent, pack.value) for pack in loaded if not job.packs or pack.value.id in job.packs]
    if job.atomics and (not job.packs or PACK_ID in job.packs):
        atomics, found = load_atomics(Path(job.atomics))
        problems += found
        packs += [(Path(job.atomics), atomics)] if atomics is not None else []
    packs += [(Path("/"), _files_pack(job.files))] if job.files else []
    unknown = sorted(set(job.packs) - {pack.id for _, pack in packs})
    if unknown or not packs:
        offered = {pack.value.id for pack in loaded} | ({PACK_ID} if job.atomics else set())
        known = ", ".join(sorted(offered)) or "none"
        because = "".join(f"\n{problem}" for problem in problems[:10])
        raise UnableToDrill(f"no drill pack {', '.join(unknown) or 'to play'}; there are: {known}{because}")
    return packs, problems


def _files_pack(files: Sequence[FileTrace]) -> DrillPack:
    traces = tuple(
        Trace(
            id=_slug(file.name),
            title=file.name,
            technique=file.technique or None,
            expects=tuple(file.expects),
            story=f"The telemetry of {file.attack}.",
            twin_story=f"The telemetry of {file.twin}.",
            attack_file=file.attack,
            twin_file=file.twin,
        )
        for file in files
    )
    return DrillPack(id=FILES_PACK, title="Trace files", about="Traces from files.", traces=traces)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "trace"


def _events_of(folder: Path) -> Callable[[Trace, str], Sequence[Mapping[str, object]]]:
    def events_of(trace: Trace, side: str) -> Sequence[Mapping[str, object]]:
        file = getattr(trace, f"{side}_file")
        where = f"{folder / file}" if file else f"trace {trace.id}, {side}"
        try:
            found = rehearse(_bodies(folder / file) if file else _steps(trace, side))
        except UnableToDecode as error:
            raise UnableToDrill(f"{where}: {error}") from error
        _refuse(found, where)
        return list(Preparation().of_merged(found.events))

    return events_of


def _steps(trace: Trace, side: str) -> Iterable[Request]:
    for signal, body in requests(trace, getattr(trace, side), side=side).items():
        yield Request(Signal(signal), Encoding.JSON, body)


def _bodies(path: Path) -> Iterable[Request]:
    for item in read_file(path):
        if isinstance(item, Misread):
            raise UnableToDrill(f"{path}:{item.line}: {item.reason}")
        yield item.request


def _refuse(found: Rehearsed, where: str) -> None:
    """A trace of which a record is refused would prove less than it says."""
    if found.refused:
        raise UnableToDrill(f"{where}: record {found.refused[0].index}: {found.refused[0].reason}")
    if not found.events:
        raise UnableToDrill(f"{where}: holds no record")


def _silenced(silences: Sequence[Silence]) -> Callable[[RuleSignal], str]:
    def silenced(signal: RuleSignal) -> str:
        for one in silences:
            if one.rule == signal.rule_id and all(signal.entity.get(key) == value for key, value in one.entity.items()):
                return one.why
        return ""

    return silenced


def _row(pack: DrillPack, result: TraceResult, needs: dict[str, list[str]]) -> TraceRow:
    trace = result.trace

    def shown(fired: Sequence[Fired]) -> list[FiredRow]:
        return [FiredRow(one.rule, one.state, one.alerts, one.silenced) for one in fired]

    return TraceRow(
        pack=pack.id,
        trace=trace.id,
        title=trace.title,
        outcome=result.outcome.value,
        technique=trace.technique or "",
        techniques=list(trace.techniques),
        owasp=list(trace.owasp),
        expects=list(trace.expects),
        attack=shown(result.attack),
        twin=shown(result.twin),
        why=result.why,
        missing=list(result.missing),
        needs=needs,
        story=trace.story,
        twin_story=trace.twin_story,
    )
