"""PostgreSQL's own programs for a back-up: writing a database into a file, and a file into an empty database; no Django."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from caiso.errors import DomainError

TAIL = 500
INSTALL = "install PostgreSQL's client programs (Debian: apt-get install postgresql-client)"


class UnableToDump(DomainError):
    """The database could not be written into a file."""


class UnableToLoad(DomainError):
    """The file could not be written into the database; the database is as it was."""


@dataclass(frozen=True)
class Server:
    """Where a database is. The password goes by the environment, never by the command line that others can read."""

    name: str
    host: str = ""
    port: str = ""
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, url: str) -> "Server":
        """From a postgresql://user:password@host:port/name address."""
        parts = urlparse(url)
        return cls(
            name=unquote(parts.path.lstrip("/")),
            host=parts.hostname or "",
            port=str(parts.port or ""),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    @property
    def flags(self) -> list[str]:
        """Host, port and user for a program of PostgreSQL's."""
        where = {"--host": self.host, "--port": self.port, "--username": self.user}
        return [text for flag, value in where.items() if value for text in (flag, value)]

    @property
    def words(self) -> str:
        """The database as a person would name it, without the password."""
        return f"database {self.name!r} on {self.host or 'the local socket'}"

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run one of PostgreSQL's programs against the server."""
        return subprocess.run(  # noqa: S603 - a program found on PATH with arguments of our own settings
            [program, *self.flags, *arguments],
            env=os.environ | {"PGPASSWORD": self.password},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def dump(server: Server, target: Path, *, snapshot: str) -> None:
    """Write the database as an exported snapshot shows it."""
    program = shutil.which("pg_dump")
    if program is None:
        raise UnableToDump(f"pg_dump is not installed: {INSTALL}, or back up the server itself")
    wanted = ("--format=custom", f"--snapshot={snapshot}", f"--file={target}")
    done = server.run(program, *wanted, server.name)
    if done.returncode:
        raise UnableToDump(f"pg_dump failed: {_end(done.stderr)}")


def load(server: Server, source: Path) -> None:
    """Write a dump into an empty database, whole or not at all."""
    program, asker = shutil.which("pg_restore"), shutil.which("psql")
    if program is None or asker is None:
        raise UnableToLoad(f"pg_restore and psql are needed to load the database: {INSTALL}")
    count = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    asked = server.run(asker, "--no-psqlrc", "--tuples-only", "--no-align", f"--command={count}", server.name)
    if asked.returncode:
        raise UnableToLoad(f"cannot reach the {server.words}: {_end(asked.stderr)}")
    if tables := int(asked.stdout):
        raise UnableToLoad(
            f"the {server.words} holds {tables} tables already: name an empty one in CAISO_DATABASE_URL (createdb makes it)"
        )
    whole = ("--no-owner", "--no-privileges", "--no-comments", "--exit-on-error", "--single-transaction")
    done = server.run(program, *whole, f"--dbname={server.name}", str(source))
    if done.returncode:
        raise UnableToLoad(f"pg_restore failed, nothing was loaded: {_end(done.stderr)}")


def _end(said: bytes) -> str:
    return said.decode(errors="replace").strip()[-TAIL:]
