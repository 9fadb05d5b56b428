"""Where an installation keeps everything that it stores; light, so that the command line starts fast."""

import os
from pathlib import Path


def default_data_dir() -> Path:
    """The per-user default: $XDG_DATA_HOME/caiso, else ~/.local/share/caiso."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "caiso"


def chosen_data_dir(option: Path | None) -> Path:
    """The directory that a command works on: `--data`, else CAISO_DATA, else the per-user default."""
    if option is not None:
        return option.absolute()
    named = os.environ.get("CAISO_DATA")
    return Path(named).absolute() if named else default_data_dir()
