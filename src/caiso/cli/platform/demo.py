"""`caiso demo`: the demo organisation, loaded or removed with one command."""

from datetime import UTC, datetime

import typer

from caiso.cli.output import Data, Json, Progress, emit, note
from caiso.cli.platform import boot
from caiso.cli.preparation import forget
from caiso.datadir import chosen_data_dir

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def demo(ctx: typer.Context, data: Data = None, as_json: Json = False) -> None:
    """Say whether the demo organisation is in the installation.

    \b
    Example: caiso demo --json
    """
    if ctx.invoked_subcommand is not None:
        return
    boot(chosen_data_dir(data))
    from caiso.web.reports.services.demo.remove import is_loaded

    loaded = is_loaded()
    if as_json:
        emit({"loaded": loaded})
    else:
        typer.echo("The demo is loaded." if loaded else "No demo is loaded.")


@app.command()
def load(data: Data = None, as_json: Json = False) -> None:
    """Load the demo organisation and print its logins; stop `caiso up` first, because the demo's past is detected anew.

    \b
    Example: caiso demo load
    """
    folder = chosen_data_dir(data)
    boot(folder)
    from caiso.cli.platform.prepare import load_demo_logins

    progress = Progress()
    try:
        logins = load_demo_logins(tell=progress)
    finally:
        progress.end()
    forget(folder)
    if as_json:
        emit({"logins": logins})
        return
    for login in logins:
        typer.echo(f"{login['email']}  {login['password']}  ({login['role']})")


@app.command()
def remove(data: Data = None, as_json: Json = False) -> None:
    """Remove everything of the demo; your own data stays.

    \b
    Example: caiso demo remove
    """
    folder = chosen_data_dir(data)
    boot(folder)
    from caiso.web.reports.services.demo.remove import remove_demo

    removed = remove_demo(actor=None, now=datetime.now(UTC))
    forget(folder)
    if as_json:
        emit({"removed": removed})
    else:
        note(", ".join(f"{count} {what}" for what, count in removed.items()) + " removed.")
