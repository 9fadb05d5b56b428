"""`caiso backup`: the whole installation in one file, while it runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit, note
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir


def backup(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder for the archive; left out: CAISO_BACKUPS, else backups in the data directory."),
    ] = None,
    *,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Copy database, events, content, keys and the audit anchor into one archive with a digest of every file.

    Keep it as safe as the data directory itself: it holds the keys.

    \b
    Example: caiso backup /srv/backups --json
    """
    boot(chosen_data_dir(data))
    from caiso.web.base.services.backup import create_backup
    from caiso.web.config.environment import environment

    target = folder or environment().backups or chosen_data_dir(data) / "backups"
    packed = create_backup(target.resolve(), actor=None, now=datetime.now(UTC), tell=note)
    if as_json:
        emit({"path": packed.path, "bytes": packed.bytes, "sha256": packed.digest, "files": packed.files})
    else:
        typer.echo(f"{packed.path}  {packed.bytes / 1e6:.1f} MB, {packed.files} files, SHA-256 {packed.digest}")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("backup")(backup)
