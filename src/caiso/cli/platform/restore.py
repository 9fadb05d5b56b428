"""`caiso restore`: an installation back from its archive; needs no running product and no Django."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit
from caiso.cli.preparation import forget
from caiso.datadir import chosen_data_dir


def restore(
    archive: Annotated[Path, typer.Argument(help="File made by `caiso backup`.", exists=True, dir_okay=False)],
    *,
    force: Annotated[bool, typer.Option("--force", help="Put what is in the data directory aside, inside it.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Compare every digest, then put the archive in place of the data directory, whole or not at all.

    An archive of an installation on PostgreSQL needs CAISO_DATABASE_URL to name an empty database, which it fills.

    \b
    Example: caiso restore backups/caiso-20261122T090000Z.tar --data ./restored
    """
    folder = chosen_data_dir(data)
    from caiso.web.base import postgres
    from caiso.web.base.archive import restore as bring_back

    url = os.environ.get("CAISO_DATABASE_URL", "")
    load = partial(postgres.load, postgres.Server.of(url)) if url else None
    manifest = bring_back(archive, folder, force=force, load=load)
    forget(folder)
    if as_json:
        emit(
            {
                "data": str(folder),
                "made_at": manifest.made_at,
                "version": manifest.version,
                "files": len(manifest.files),
            }
        )
        return
    typer.echo(f"Restored {len(manifest.files)} files of {manifest.made_at} into {folder}")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("restore")(restore)
