"""`caiso drill`: attacks with benign twins against the rules as they are deployed."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caiso.cli.output import Data, Json, emit, note, show
from caiso.cli.progress import progress
from caiso.datadir import chosen_data_dir
from caiso.errors import DomainError

if TYPE_CHECKING:
    from caiso.connect.telemetry.trial.jobs import DrillJob, DrillReport, TraceRow


class UnableToChoose(DomainError):
    """What was named is neither a pack, nor a folder of packs, nor a trace with its twin."""


def drill(
    *,
    pack: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PACK]...",
            help="Pack ids, firedrill, folders of packs or of firedrill atomics, or one OTLP file; else every installed pack.",
            show_default=False,
        ),
    ] = None,
    twin: Annotated[
        Path | None, typer.Option(help="The OTLP file of the benign twin, when PACK is the file of an attack.")
    ] = None,
    technique: Annotated[str, typer.Option(help="The ATLAS technique of that attack, such as AML.T0086.")] = "",
    expects: Annotated[
        list[str] | None, typer.Option(help="A rule that must see it; may be repeated. Else any rule may.")
    ] = None,
    layer: Annotated[Path | None, typer.Option(help="Also write the result as an ATLAS Navigator layer.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail unless every trace is covered.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the packs and play nothing.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Play attacks with benign twins through the live configuration; nothing reaches the event store or the alerts.

    Covered: the attack alerts, its twin does not. Noisy: the twin alerts as well. Missed: the attack does not alert.
    Blind: a rule is there, but what it needs does not arrive. Results are kept and count in technique coverage.

    \b
    Example: caiso drill firedrill --json
    """
    place = chosen_data_dir(data)
    live = bool(os.environ.get("CAISO_DATABASE_URL")) or (place / "caiso.sqlite3").exists()
    if live:
        from caiso.cli.platform import boot

        boot(place)
    else:
        note(f"{place} holds no installation: the rules are played as they ship, and nothing is kept.")
    if listing:
        _list(as_json=as_json)
        return
    job = _job(pack or [], twin=twin, technique=technique, expects=expects or [], live=live)
    scope: dict[str, Any] = {}
    with progress("Drill") as tell:
        if live:
            from caiso.cli.platform.drills import play_and_keep

            report, scope = play_and_keep(job, tell)
        else:
            from caiso.connect.telemetry.trial.drill import run_drill

            report = run_drill(job, tell)
    if layer is not None:
        _write_layer(report, layer)
    if as_json:
        emit(_payload(report, scope))
    else:
        _print(report, scope)
    if strict and any(row.outcome != "covered" for row in report.rows):
        raise typer.Exit(1)


def _job(names: list[str], *, twin: Path | None, technique: str, expects: list[str], live: bool) -> DrillJob:
    import msgspec

    from caiso.connect.telemetry.trial.jobs import FileTrace
    from caiso.engine.drill.firedrill import looks_like_atomics

    files = [Path(name) for name in names if Path(name).is_file()]
    folders = [Path(name) for name in names if Path(name).is_dir()]
    packs = [name for name in names if not Path(name).exists()]
    if twin is not None and len(files) != 1:
        raise UnableToChoose("--twin goes with exactly one file of an attack")
    if files and twin is None:
        raise UnableToChoose(
            f"{files[0]}: name the telemetry of a benign twin with --twin; without one nobody knows the noise"
        )
    if twin is not None and not twin.is_file():
        raise UnableToChoose(f"{twin}: is not a file")
    job = _deployed(packs, live=live)
    if not packs and names:
        job = msgspec.structs.replace(job, folders=[], atomics="")
    atomics = next((folder for folder in folders if looks_like_atomics(folder)), None)
    if atomics is not None:
        job = msgspec.structs.replace(job, atomics=str(atomics.absolute()))
    own = [str(folder.absolute()) for folder in folders if folder != atomics]
    traces = [
        FileTrace(file.name, str(file.absolute()), str(twin.absolute()), _known(technique), expects)
        for file in files
        if twin is not None
    ]
    return msgspec.structs.replace(job, folders=[*job.folders, *own], files=traces)


def _known(technique: str) -> str:
    from caiso.engine.detect.techniques import atlas_ids

    if technique and technique not in atlas_ids():
        raise UnableToChoose(f"technique {technique} is not in ATLAS 2026.09")
    return technique


def _deployed(packs: list[str], *, live: bool) -> DrillJob:
    if live:
        from caiso.cli.platform.drills import deployed_job

        return deployed_job(packs)
    from caiso.connect.telemetry.trial.jobs import DrillJob, RuleSources
    from caiso.engine.detect.loader import shipped_rules
    from caiso.engine.drill.firedrill import PACK_ID, installed_atomics
    from caiso.engine.drill.packs import DRILL_FOLDER

    atomics = installed_atomics()
    if PACK_ID in packs and atomics is None:
        raise UnableToChoose("agent-firedrill is not installed here; add it with: pip install agent-firedrill")
    wanted = atomics is not None and (not packs or PACK_ID in packs)
    return DrillJob(
        rules=RuleSources([str(shipped_rules())]),
        folders=[str(DRILL_FOLDER)],
        packs=packs,
        atomics=str(atomics) if wanted else "",
    )


def _list(*, as_json: bool) -> None:
    from caiso.engine.drill.firedrill import installed_atomics, load_atomics
    from caiso.engine.drill.packs import DRILL_FOLDER, load_drills

    packs, problems = load_drills(DRILL_FOLDER)
    found = [pack.value for pack in packs]
    if (atomics := installed_atomics()) is not None and (imported := load_atomics(atomics)[0]) is not None:
        found.append(imported)
    rows = [
        {"id": pack.id, "title": pack.title, "traces": len(pack.traces), "source": pack.source or "caiso"}
        for pack in found
    ]
    show(rows, {"id": "PACK", "traces": "TRACES", "title": "TITLE", "source": "SOURCE"}, as_json=as_json)
    for problem in problems:
        note(str(problem))


def _worst_first(row: TraceRow) -> tuple[int, str, str]:
    from caiso.engine.drill import WORST_FIRST, Outcome

    return WORST_FIRST.index(Outcome(row.outcome)), row.pack, row.trace


def _print(report: DrillReport, scope: dict[str, Any]) -> None:
    columns = {"outcome": "OUTCOME", "technique": "TECHNIQUE", "trace": "TRACE", "seen": "SEEN BY", "why": "WHY NOT"}
    rows = [
        {
            "outcome": row.outcome,
            "technique": row.technique,
            "trace": f"{row.pack}/{row.trace}",
            "seen": row.seen_by,
            "why": row.why,
        }
        for row in sorted(report.rows, key=_worst_first)
    ]
    show(rows, columns, as_json=False)
    counts = Counter(row.outcome for row in report.rows)
    total = len(report.rows)
    typer.echo(
        f"\n{total} traces against {report.rules} rules: {counts['covered']} covered, {counts['noisy']} noisy, "
        f"{counts['missed']} missed, {counts['blind']} blind."
    )
    if scope:
        typer.echo(scope["told"])
    for problem in report.problems[:20]:
        note(problem)


def _payload(report: DrillReport, scope: dict[str, Any]) -> dict[str, Any]:
    import msgspec

    counts = Counter(row.outcome for row in report.rows)
    return {
        "total": len(report.rows),
        **{outcome: counts[outcome] for outcome in ("covered", "noisy", "missed", "blind")},
        "rules": report.rules,
        "techniques": _techniques(report.rows),
        "traces": [msgspec.to_builtins(row) | {"seen_by": row.seen_by} for row in report.rows],
        "systems": scope.get("systems", []),
        "run": scope.get("run"),
        "problems": report.problems,
    }


def _techniques(rows: list[TraceRow]) -> list[dict[str, Any]]:
    from caiso.engine.drill import worst

    by_technique: dict[str, list[TraceRow]] = {}
    for row in rows:
        for technique in row.techniques:
            by_technique.setdefault(technique, []).append(row)
    return [
        {
            "technique": technique,
            "outcome": worst(row.outcome for row in found).value,
            "traces": len(found),
            "covered": sum(row.outcome == "covered" for row in found),
            "rules": sorted({rule for row in found for rule in row.seen_by}),
        }
        for technique, found in sorted(by_technique.items())
    ]


def _write_layer(report: DrillReport, path: Path) -> None:
    import json

    from caiso.engine.drill import Outcome
    from caiso.engine.drill.layer import Cell, navigator_layer

    cells = [
        Cell(
            technique=row["technique"],
            outcome=Outcome(row["outcome"]),
            score=round(100 * row["covered"] / row["traces"]),
            comment=f"{row['covered']} of {row['traces']} traces covered",
            rules=tuple(row["rules"]),
        )
        for row in _techniques(report.rows)
    ]
    made = navigator_layer(
        cells, name="caiso drill", description="Attacks with benign twins, played against the rules."
    )
    path.write_text(json.dumps(made, indent=2) + "\n")
    note(f"Layer written to {path}.")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("drill")(drill)
