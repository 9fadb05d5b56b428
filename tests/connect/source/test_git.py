"""Cloning: addresses that are refused, and a hostile repository that runs nothing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from caiso.connect.source import git
from caiso.connect.source.git import UnableToClone, clone, is_url

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def run(*words: str, cwd: Path) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words], cwd=cwd, check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "origin"
    root.mkdir()
    run("init", "-q", "-b", "main", cwd=root)
    (root / "a.py").write_text("import openai\n")
    run("add", ".", cwd=root)
    run("commit", "-qm", "one", cwd=root)
    return root


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% /tmp/x",
        "http://example.org/a.git",
        "git://example.org/a.git",
        "https://-oProxyCommand=x/a",
        "ssh://-oProxyCommand=x/a",
        "--upload-pack=touch",
        "https://example.org/a b",
        "https://example.org/../../x",
        "user@-host:x",
        "file://relative",
        "https://example.org/a\n--config",
        "fd::17",
    ],
)
def test_an_address_that_could_run_something_is_refused(address: str) -> None:
    with pytest.raises(UnableToClone), clone(address):
        pass


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://x.example/a", True),
        ("git@x.example:a/b", True),
        ("ext::sh", True),
        ("src", False),
        ("./a:b", False),
        ("C:\\x", False),
        ("/a/b", False),
    ],
)
def test_an_address_is_told_from_a_path(text: str, url: bool) -> None:
    assert is_url(text) is url


@needs_git
def test_a_clone_holds_the_newest_commit_and_goes_away(repository: Path) -> None:
    with clone(repository.as_uri()) as tree:
        assert (tree.path / "a.py").exists() and len(tree.commit) == 40
        kept = tree.path
    assert not kept.exists()


@needs_git
def test_a_hostile_repository_runs_nothing(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "ran"
    home = tmp_path / "home"
    hooks = home / "template" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {marker}\n")
    (hooks / "post-checkout").chmod(0o755)
    # A person's own settings hold a filter and a template; the repository asks for both, and for a submodule.
    (home / ".gitconfig").write_text(
        f'[filter "evil"]\n\tsmudge = touch {marker}; cat\n[init]\n\ttemplateDir = {home}/template\n[protocol "ext"]\n\tallow = always\n'
    )
    monkeypatch.setenv("HOME", str(home))
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    (repository / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c "touch% {marker}"\n')
    (repository / "link").symlink_to("/etc/passwd")
    run("-c", "filter.evil.smudge=cat", "-c", "filter.evil.clean=cat", "add", ".", cwd=repository)
    run("commit", "-qm", "two", cwd=repository)
    with clone(repository.as_uri()) as tree:
        assert (tree.path / "a.py").read_text() == "import openai\n"
        assert not (tree.path / "link").is_symlink()
    assert not marker.exists()


@needs_git
def test_size_and_time_are_limited(repository: Path) -> None:
    with pytest.raises(UnableToClone, match="larger than 10 bytes"), clone(repository.as_uri(), max_bytes=10):
        pass
    with pytest.raises(UnableToClone, match="did not arrive"), clone(repository.as_uri(), timeout_s=0.0):
        pass


@needs_git
def test_a_failure_names_no_address(tmp_path: Path) -> None:
    with pytest.raises(UnableToClone) as refused, clone(f"file://{tmp_path}/user-secret-name"):
        pass
    assert "file://" not in str(refused.value)


@needs_git
def test_nothing_stays_behind_after_a_refusal(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(git.tempfile, "tempdir", str(place))
    with pytest.raises(UnableToClone), clone(repository.as_uri(), max_bytes=10):
        pass
    assert list(place.iterdir()) == []
