"""A store is prepared again exactly when something that preparation looks at has changed."""

import sqlite3
from pathlib import Path

import pytest

from caiso.cli.preparation import fingerprint, forget, recall, remember

TOLD = {
    "logins": [
        {"email": "admin@example.org", "password": "shown-once", "role": "administrator"},
        {"email": "demo@example.org", "password": "demo-word", "role": "CAISO", "demo": True},
    ]
}


@pytest.fixture(autouse=True)
def _sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with its database in a file, whatever these tests run on."""
    monkeypatch.delenv("CAISO_DATABASE_URL", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A data directory whose database says that one migration was applied."""
    with sqlite3.connect(tmp_path / "caiso.sqlite3") as connection:
        connection.execute("CREATE TABLE django_migrations (app TEXT, name TEXT)")
        connection.execute("INSERT INTO django_migrations VALUES ('base', '0001_initial')")
    connection.close()
    return tmp_path


def test_an_unchanged_store_needs_no_preparation(store: Path) -> None:
    assert recall(store) is None
    remember(store, TOLD)
    assert recall(store) is not None


def test_only_the_demo_password_is_kept_and_only_for_the_owner(store: Path) -> None:
    remember(store, TOLD)
    path = store / "state" / "prepared.json"
    assert "shown-once" not in path.read_text()
    assert recall(store) == {"logins": [TOLD["logins"][1]]}
    assert path.stat().st_mode & 0o077 == 0


def test_an_older_database_put_in_place_is_prepared(store: Path) -> None:
    remember(store, TOLD)
    with sqlite3.connect(store / "caiso.sqlite3") as connection:
        connection.execute("DELETE FROM django_migrations")
    connection.close()
    assert recall(store) is None


def test_a_new_version_prepares_again(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(store, TOLD)
    monkeypatch.setattr("caiso.__version__", "99.0")
    assert recall(store) is None


def test_a_database_elsewhere_is_always_asked(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(store, TOLD)
    monkeypatch.setenv("CAISO_DATABASE_URL", "postgresql://db/caiso")
    assert fingerprint(store) is None
    assert recall(store) is None


def test_a_store_without_a_database_is_prepared(tmp_path: Path) -> None:
    assert recall(tmp_path) is None
    remember(tmp_path, TOLD)
    assert recall(tmp_path) is None


def test_a_damaged_note_is_no_note(store: Path) -> None:
    remember(store, TOLD)
    (store / "state" / "prepared.json").write_text('{"fingerprint": ')
    assert recall(store) is None


def test_forgetting_prepares_again(store: Path) -> None:
    remember(store, TOLD)
    forget(store)
    forget(store)
    assert recall(store) is None
