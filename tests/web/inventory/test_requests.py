"""Asking for scans: who may scan what, how a job runs and fails, and what a scan file may hold."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from caiso.connect.source import address
from caiso.engine.discover import ScanResult
from caiso.errors import DomainError
from caiso.web.base.models import Job, Unit, User
from caiso.web.base.services import jobs
from caiso.web.inventory.models import Asset, Scan
from caiso.web.inventory.scanfile import UnableToReadScan, read_scan_file
from caiso.web.inventory.services.assets import create_system
from caiso.web.inventory.services.requests import UnableToScan, import_scan, request_scan
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
REPOSITORY = "https://git.example.org/acme/claims"


@pytest.fixture
def source(tmp_path: Path, settings: object) -> Path:
    """A folder that may be scanned."""
    folder = tmp_path / "allowed" / "claims"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text('from openai import OpenAI\nOpenAI().responses.create(model="gpt-5", input="x")\n')
    settings.SCAN_FOLDERS = [tmp_path / "allowed"]  # type: ignore[attr-defined]  # pytest-django's settings
    return folder


def run(scan: Scan) -> Scan:
    job = jobs.claim("me", now=NOW + timedelta(seconds=1))
    assert job is not None
    jobs.run(job, clock=lambda: NOW + timedelta(seconds=2))
    scan.refresh_from_db()
    return scan


def test_a_folder_is_scanned_by_the_worker(login: Callable[..., User], bank: Unit, source: Path) -> None:
    scan = request_scan(target=str(source), unit=bank, system=None, actor=login("caiso", bank), now=NOW)
    assert (scan.ok, scan.origin) == (None, "folder")
    done = run(scan)
    assert (done.ok, done.error, done.files) == (True, "", 1)
    assert done.found == Asset.objects.count() > 0
    model = Asset.objects.get(kind="hosted_model")
    assert (model.name, model.observations.get().line) == ("gpt-5", 2)
    assert Job.objects.get().state == "done"


def test_only_administrators_and_caisos_scan_folders(login: Callable[..., User], bank: Unit, source: Path) -> None:
    with pytest.raises(UnableToScan, match="only administrators and CAISOs"):
        request_scan(target=str(source), unit=bank, system=None, actor=login("model_owner", bank), now=NOW)


def test_folders_outside_the_allowed_ones_are_refused_in_the_same_words(
    login: Callable[..., User], bank: Unit, source: Path, tmp_path: Path
) -> None:
    officer = login("caiso", bank)
    (tmp_path / "other").mkdir()
    (source / "out").symlink_to(tmp_path / "other")
    said = set()
    for target in (tmp_path / "other", tmp_path / "missing", source / "out", source / ".." / ".." / "other", "/etc"):
        with pytest.raises(UnableToScan) as refusal:
            request_scan(target=str(target), unit=bank, system=None, actor=officer, now=NOW)
        said.add(str(refusal.value))
    assert len(said) == 1, "nobody learns which folders exist"


def test_a_folder_that_left_the_allowed_ones_meanwhile_is_not_read(
    login: Callable[..., User], bank: Unit, source: Path, tmp_path: Path
) -> None:
    scan = request_scan(target=str(source), unit=bank, system=None, actor=login("caiso", bank), now=NOW)
    source.rename(tmp_path / "moved")
    source.symlink_to(tmp_path / "moved")
    done = run(scan)
    assert done.ok is False
    assert "no such folder" in done.error
    assert not Asset.objects.exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://git.example.org/a", "https://host/path"),
        ("file:///etc", "https://host/path"),
        ("ssh://git@git.example.org/a", "https://host/path"),
        ("https://user:secret@git.example.org/a", "user or password"),
        ("https://git.example.org/a?x=1", "no \\?"),
        ("https://git.example.org/", "no repository"),
        ("https://[::1/a", "address"),
        ("relative/folder", "full path"),
    ],
)
def test_addresses_that_may_not_be_fetched_are_refused(
    login: Callable[..., User], bank: Unit, target: str, words: str
) -> None:
    with pytest.raises(DomainError, match=words):
        request_scan(target=target, unit=bank, system=None, actor=login("caiso", bank), now=NOW)
    assert not Scan.objects.exists()


def test_a_name_that_leads_to_a_private_network_fails_the_scan(
    login: Callable[..., User], bank: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.7", 443))]
    monkeypatch.setattr(address.socket, "getaddrinfo", lambda *_, **__: answers)
    done = run(request_scan(target=REPOSITORY, unit=bank, system=None, actor=login("caiso", bank), now=NOW))
    assert done.ok is False
    assert "private network" in done.error


def test_scans_stay_in_the_own_unit(
    login: Callable[..., User], bank: Unit, shop: Unit, claims_scan: ScanResult
) -> None:
    officer = login("caiso", bank)
    foreign = create_system(values={"name": "Shop", "unit": shop}, actor=None, now=NOW)
    with pytest.raises(UnableToScan, match="may not add"):
        request_scan(target=REPOSITORY, unit=shop, system=None, actor=officer, now=NOW)
    with pytest.raises(UnableToScan, match="belongs to"):
        request_scan(target=REPOSITORY, unit=bank, system=foreign, actor=officer, now=NOW)
    data = orjson.dumps(claims_scan.as_dict())
    with pytest.raises(UnableToScan, match="may not add"):
        import_scan(data, place="x", unit=shop, system=None, actor=officer, now=NOW)
    request_scan(target=REPOSITORY, unit=bank, system=None, actor=officer, now=NOW)
    with pytest.raises(UnableToScan, match="already"):
        request_scan(target=REPOSITORY, unit=bank, system=None, actor=officer, now=NOW)


def test_a_scan_file_comes_back_as_it_was_written(claims_scan: ScanResult) -> None:
    read = read_scan_file(orjson.dumps(claims_scan.as_dict()))
    assert read.result.assets == claims_scan.assets


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "virus"}, r"assets\[0\]\.kind: “virus” is not one of"),
        ({"status": "asleep"}, r"assets\[0\]\.status"),
        ({"name": 7}, r"assets\[0\]\.name: expected a text"),
        ({"identity": "x" * 2000}, r"assets\[0\]\.identity: 2000 characters"),
        ({"evidence": []}, "at least one line"),
        ({"evidence": [{"path": "a", "line": -1, "rule": "r", "technique": "t"}]}, r"evidence\[0\]\.line"),
        ({"evidence": [{"path": "a", "rule": "r", "technique": "t", "confidence": 9}]}, "outside 0 to 1"),
        ({"relations": "x"}, r"assets\[0\]\.relations: expected a list"),
    ],
)
def test_a_wrong_field_is_named(claims_scan: ScanResult, change: dict[str, object], words: str) -> None:
    document = orjson.loads(orjson.dumps(claims_scan.as_dict()))
    document["assets"][0] |= change
    with pytest.raises(UnableToReadScan, match=words):
        read_scan_file(orjson.dumps(document))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff\xfe", b'{"assets": 3}', b"[" * 200_000, b'{"assets":' + b"[" * 3000]
)
def test_anything_else_is_refused_and_never_crashes(data: bytes) -> None:
    with pytest.raises(UnableToReadScan):
        read_scan_file(data)
