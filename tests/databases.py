"""Databases for installations that tests start: a file each, or a database each on the server that the tests were given."""

import atexit
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

SERVER = os.environ.get("CAISO_TEST_DATABASE_URL", "")
_of: dict[Path, str] = {}


def installed_in(data: Path) -> dict[str, str]:
    """What the environment of an installation in that directory says of its database; nothing on SQLite."""
    if not SERVER:
        return {}
    if data.resolve() not in _of:
        _of[data.resolve()] = _create()
    return {"CAISO_DATABASE_URL": _of[data.resolve()]}


def copy_installed(source: Path, target: Path) -> None:
    """Give the installation in `target` a copy of the database of the one in `source`, which nobody may be using."""
    if SERVER:
        _of[target.resolve()] = _create(like=installed_in(source)["CAISO_DATABASE_URL"])


@contextmanager
def fresh_database() -> Iterator[str]:
    """The address of an empty database on the tests' server, dropped at the end; empty where the tests run on SQLite."""
    url = _create() if SERVER else ""
    try:
        yield url
    finally:
        if url:
            _drop(url)


def _create(like: str = "") -> str:
    name = f"test_{secrets.token_hex(6)}"
    template = f' TEMPLATE "{_name(like)}"' if like else ""
    _run(f'CREATE DATABASE "{name}"{template}')
    return urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))


def _drop(url: str) -> None:
    _run(f'DROP DATABASE IF EXISTS "{_name(url)}" WITH (FORCE)')


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _run(statement: str) -> None:
    import psycopg

    with psycopg.connect(SERVER, autocommit=True) as link:
        link.execute(statement)


@atexit.register
def _drop_all() -> None:
    for url in _of.values():
        _drop(url)
