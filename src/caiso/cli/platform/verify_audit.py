"""`caiso verify-audit`: walk the chain of the audit trail."""

from datetime import UTC, datetime

import typer

from caiso.cli.output import Data, Json, emit, note
from caiso.cli.platform import boot
from caiso.cli.supervisor import is_locked
from caiso.datadir import chosen_data_dir


def verify_audit(*, data: Data = None, as_json: Json = False) -> None:
    """Prove that nobody changed, removed, added or moved a record; exit code 1 names the first that does not fit.

    \b
    Example: caiso verify-audit --json
    """
    folder = chosen_data_dir(data)
    boot(folder)
    from caiso.web.base.services.sealing import run_verification

    if not is_locked(folder):  # nothing runs, so what commands wrote since the last stop waits for its seal
        from caiso.cli.platform.prepare import seal_now

        seal_now("command line")
    found = run_verification(now=datetime.now(UTC))
    if as_json:
        emit({"ok": found.ok, "records": found.records, "finding": found.finding, "record": found.record})
    elif found.ok:
        typer.echo(f"The audit trail is whole: {found.records} records.")
    else:
        note(f"The audit trail is broken after {found.records} records: {found.finding}")
    if not found.ok:
        raise typer.Exit(1)


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("verify-audit")(verify_audit)
