"""Walking a folder: links, vendored folders, pipes and limits."""

import os
from pathlib import Path

import pytest

from caiso.connect.source import folder


def write(path: Path, text: str = "x = 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def paths(root: Path) -> list[str]:
    return sorted(file.path for file in folder.read(root).files)


def test_files_are_listed_by_relative_path(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b.py")
    assert paths(tmp_path) == ["a/b.py"]
    assert folder.read(tmp_path).files[0].read(3) == b"x ="


def test_a_single_file_is_a_tree_of_one(tmp_path: Path) -> None:
    assert paths(write(tmp_path / "a.py")) == ["a.py"]


def test_links_are_never_followed_and_counted(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path / "secret.py", "SECRET")
    write(root / "a.py")
    (root / "loop").symlink_to(root)
    (root / "out.py").symlink_to(tmp_path / "secret.py")
    (root / "outside").symlink_to(tmp_path)
    listing = folder.read(root)
    assert [file.path for file in listing.files] == ["a.py"]
    assert listing.skipped["symbolic link"] == 3


def test_a_link_that_takes_a_files_place_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path / "secret.py", "SECRET")
    target = write(root / "a.py")
    listing = folder.read(root)
    target.unlink()
    target.symlink_to(tmp_path / "secret.py")
    with pytest.raises(OSError):
        listing.files[0].read(10)


def test_vendored_folders_are_left_out_unless_they_are_the_root(tmp_path: Path) -> None:
    for name in ("node_modules", ".venv", "site-packages", ".git", "vendor"):
        write(tmp_path / name / "p" / "a.py")
    write(tmp_path / "env" / "pyvenv.cfg")
    write(tmp_path / "env" / "a.py")
    listing = folder.read(tmp_path)
    assert listing.files == [] and listing.skipped["vendored or generated folder"] == 6
    assert paths(tmp_path / "site-packages") == ["p/a.py"]


def test_binary_minified_and_large_files_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    write(tmp_path / "a.min.js")
    with (tmp_path / "big.py").open("wb") as stream:
        stream.truncate(folder.MAX_TEXT + 1)
    with (tmp_path / "big.safetensors").open("wb") as stream:
        stream.truncate(folder.MAX_TEXT + 1)
    listing = folder.read(tmp_path)
    assert [file.path for file in listing.files] == ["big.safetensors"]
    assert dict(listing.skipped) == {"binary or data file": 1, "minified file": 1, "large file": 1}


def test_a_pipe_does_not_hang_the_walk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.py")
    listing = folder.read(tmp_path)
    assert listing.files == [] and listing.skipped["not a plain file"] == 1


def test_the_file_limit_is_kept(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / f"{number}.py")
    listing = folder.read(tmp_path, max_files=3)
    assert len(listing.files) == 3 and listing.skipped["file limit reached"] == 2


def test_a_missing_path_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(folder.UnableToReadFolder, match="cannot be read"):
        folder.read(tmp_path / "none")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(folder.UnableToReadFolder):
        folder.read(tmp_path / "loop")
