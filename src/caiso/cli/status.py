"""`caiso status`: what runs on a data directory, without asking any of the processes."""

import json
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit, note
from caiso.cli.supervisor import is_locked
from caiso.datadir import chosen_data_dir


def status(
    *,
    data: Data = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the exit code.")] = False,
) -> None:
    """Say whether the platform runs, and each process; exit code 1 when it does not run or one is down.

    \b
    Example: caiso status --data ./data --json
    """
    folder = chosen_data_dir(data)
    state: dict[str, object] = {"running": is_locked(folder), "data": str(folder)}
    path = folder / "state" / "supervisor.json"
    if state["running"] and path.exists():
        state |= json.loads(path.read_text())
    processes = state.get("processes")
    known = processes if isinstance(processes, dict) else {}
    well = bool(known) and all(process["running"] for process in known.values())
    if as_json:
        emit(state)
    elif not quiet:
        _print(state, known)
    if not well:
        raise typer.Exit(1)


def _print(state: dict[str, object], processes: dict[str, dict[str, object]]) -> None:
    if not state["running"]:
        note(f"caiso does not run on {state['data']}")
        return
    typer.echo(f"caiso runs on {state['data']}, process {state.get('pid')}, at {state.get('url')}")
    for name, process in processes.items():
        word = f"process {process['pid']}" if process["running"] else f"down (exit {process['last_exit']})"
        typer.echo(f"  {name:10} {word}, restarted {process['restarts']} times")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("status")(status)
