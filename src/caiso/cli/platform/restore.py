"""`caiso restore`: an installation back from its archive; needs no running product and no Django."""

from pathlib import Path
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit, note
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

    \b
    Example: caiso restore backups/caiso-20261122T090000Z.tar --data ./restored
    """
    folder = chosen_data_dir(data)
    from caiso.web.base.archive import restore as bring_back

    manifest = bring_back(archive, folder, force=force)
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
    if manifest.database != "sqlite":
        note(f"The database is in {folder}/database.dump: load it with pg_restore before `caiso up`.")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("restore")(restore)
