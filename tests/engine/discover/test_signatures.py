"""The packs of content/discovery: they load, agree with each other, and a mistake is named by file and line."""

import shutil
from pathlib import Path

import pytest

from caiso.engine.discover.records import KINDS
from caiso.engine.discover.signatures import (
    CONTENT,
    UnableToReadSignatures,
    default_signatures,
    read_signatures,
    script_root,
)


def test_the_packs_that_ship_load() -> None:
    signatures = default_signatures()
    assert signatures.package("pypi", "OpenAI").family == "openai"  # type: ignore[union-attr]
    assert signatures.package("pypi", "langchain_openai").role == "integration"  # type: ignore[union-attr]
    assert signatures.package("pypi", "openairport") is None
    assert len(signatures.providers) > 30


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "packages.yaml",
            "crewai, role: framework",
            "crewai, role: framwork",
            r"packages\.yaml:\d+: role 'framwork' is not one of framework",
        ),
        ("packages.yaml", "provider: openai", "provider: opnai", r"packages\.yaml:\d+: provider 'opnai' is not an id"),
        ("symbols.yaml", "kind: client", "kind: cliant", r"symbols\.yaml:\d+: kind 'cliant' is not one of"),
        (
            "providers.yaml",
            "models: ['claude-']",
            "models: ['claude-(']",
            r"providers\.yaml:\d+: models .* is not regular",
        ),
        ("providers.yaml", "id: anthropic", "id: [", r"providers\.yaml:\d+: not YAML"),
        ("symbols.yaml", "symbols:", "symbol:", r"symbols\.yaml:1: expected a list under symbols"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    shutil.copytree(CONTENT, tmp_path / "packs")
    path = tmp_path / "packs" / file
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UnableToReadSignatures, match=message):
        read_signatures(tmp_path / "packs")


def test_every_kind_is_described() -> None:
    page = (Path(__file__).parents[3] / "docs" / "inventory.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []


@pytest.mark.parametrize(
    ("module", "root"),
    [
        ("openai/helpers/zod", "openai"),
        ("@ai-sdk/openai", "@ai-sdk/openai"),
        ("@a/b/c.js", "@a/b"),
        ("npm:openai@4.1", "openai"),
        ("https://esm.sh/openai@4", "openai"),
    ],
)
def test_script_imports_are_reduced_to_their_package(module: str, root: str) -> None:
    assert script_root(module) == root
