"""`caiso backup` and `caiso restore` as a person runs them, on a store of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import clean_environment


def caiso(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(data)
    return subprocess.run(
        [sys.executable, "-m", "caiso.cli.main", *arguments, "--data", str(data)],
        capture_output=True, text=True, timeout=120, env=environment, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared installation with one token."""
    data = tmp_path_factory.mktemp("store") / "data"
    program = "from caiso.cli.platform import boot; from pathlib import Path; import sys; boot(Path(sys.argv[1]), must_exist=False); from caiso.cli.platform.prepare import prepare_store; prepare_store(with_demo=False)"
    environment = clean_environment(data)
    subprocess.run(
        [sys.executable, "-c", program, str(data)], check=True, timeout=120, env=environment, capture_output=True
    )
    assert caiso(data, "token", "create", "gateway", "--scope", "ingest").returncode == 0
    return data


def test_a_backup_restores_whole_elsewhere(store: Path, tmp_path: Path) -> None:
    made = caiso(store, "backup", str(tmp_path / "out"), "--json")
    assert made.returncode == 0, made.stderr
    packed = json.loads(made.stdout)
    assert Path(packed["path"]).stat().st_size == packed["bytes"]
    fresh = tmp_path / "fresh"
    restored = caiso(fresh, "restore", packed["path"], "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["files"] == packed["files"]
    tokens = json.loads(caiso(fresh, "token", "--json").stdout)
    assert [token["name"] for token in tokens] == ["gateway"]
    assert caiso(fresh, "verify-audit", "--json").returncode == 0


def test_restore_refuses_what_is_not_empty_and_what_is_not_whole(store: Path, tmp_path: Path) -> None:
    archive = Path(json.loads(caiso(store, "backup", str(tmp_path), "--json").stdout)["path"])
    refused = caiso(store, "restore", str(archive))
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    damaged = bytearray(archive.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    archive.write_bytes(damaged)
    broken = caiso(tmp_path / "fresh", "restore", str(archive))
    assert broken.returncode == 1
    assert broken.stderr.strip()
    assert not (tmp_path / "fresh" / "caiso.sqlite3").exists()
