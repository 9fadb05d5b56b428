"""Keys of the installation, made once and kept readable by their owner only."""

import os
import secrets
from pathlib import Path


def read_or_make_key(data: Path, name: str, *, bytes_: int = 48) -> str:
    """The key `name` under DATA/keys, made on first use with mode 0600.

    Two processes may start at once: the file is completed under a private name and then linked,
    so that both read the same whole key.
    """
    folder = data / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_urlsafe(bytes_))
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
