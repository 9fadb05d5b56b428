"""`caiso replay`: telemetry that lies in files, into the running platform or its log."""

from pathlib import Path
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit, note
from caiso.cli.platform import OPERATOR, boot
from caiso.cli.progress import progress
from caiso.datadir import chosen_data_dir
from caiso.errors import DomainError

_NAMED = 20


class UnableToReplayThese(DomainError):
    """The command line names no file, or two ways to treat times."""


def replay(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files, or folders whose files are read in the order of their names."),
    ],
    source: Annotated[
        str, typer.Option(metavar="NAME", help="Source that they count as, by id or name; made where it is new.")
    ],
    unit: Annotated[str | None, typer.Option(help="Unit of a new source; else the whole organisation.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Move all times so that the newest record is of now.")] = False,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1_000_000,
            help="Play the records as they came, so many times as fast, with the times of now.",
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give files of telemetry to the detector: OTLP (JSON, protobuf), NDJSON, LiteLLM, nginx, Envoy and OCSF, also packed by gzip.

    It goes the same way as live telemetry, and waits in the log where the platform does not run. The same file again adds nothing.
    Records keep their times unless told otherwise. What is refused is named by file and line.

    \b
    Example: caiso replay access.json.gz --source gateway --now --json
    """
    boot(chosen_data_dir(data))
    from datetime import UTC, datetime

    from caiso.cli.platform.operator import unit_of
    from caiso.web.soc.services.replay import Pace, replay_files, source_for_replay

    if now and speed is not None:
        raise UnableToReplayThese("give --now or --speed, not both: each says which times the records get")
    paths = [path for named in files for path in _files(named)]
    chosen = source_for_replay(source, unit=unit_of(unit), actor=OPERATOR, now=datetime.now(UTC))
    with progress("Replay") as tell:
        played = replay_files(paths, chosen, pace=Pace(now, speed or 0.0), actor=OPERATOR, tell=tell)
    rejected = [one for file in played for one in file.rejected]
    records = sum(file.records for file in played)
    if as_json:
        emit(
            {
                "source": chosen.slug,
                "records": records,
                "rejected": [{"file": one.file, "line": one.line, "reason": one.reason} for one in rejected],
                "files": [
                    {
                        "file": file.file,
                        "sha256": file.digest,
                        "records": file.records,
                        "rejected": len(file.rejected),
                        "played_before": file.played_before,
                        "moved_seconds": file.moved_us / 1_000_000,
                    }
                    for file in played
                ],
            }
        )
    else:
        for file in played:
            before = " (was replayed before, adds nothing)" if file.played_before else ""
            typer.echo(f"{file.file}: {file.records:,} records, {len(file.rejected):,} refused{before}")
        for one in rejected[:_NAMED]:
            note(f"{one.file}:{one.line}: {one.reason}")
        if len(rejected) > _NAMED:
            note(f"and {len(rejected) - _NAMED:,} more; --json names all of them")
    if rejected and not records:
        raise typer.Exit(1)


def _files(named: Path) -> list[Path]:
    if named.is_dir():
        found = sorted(path for path in named.rglob("*") if path.is_file())
        if not found:
            raise UnableToReplayThese(f"{named}: holds no file")
        return found
    if not named.is_file():
        raise UnableToReplayThese(f"{named}: is not a file")
    return [named]


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("replay")(replay)
