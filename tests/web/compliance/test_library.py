"""Packs of the user's own that are wrong are named when they are read, and the rest works."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from caiso.web.compliance import library as compliance
from caiso.web.config.environment import environment
from caiso.web.soc.services import clocks


@pytest.fixture
def own_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    caches = (environment, compliance.library, clocks.clock_library)
    monkeypatch.setenv("CAISO_PACKS", f'["{tmp_path}"]')
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def test_a_broken_pack_is_named_with_its_line_and_the_shipped_ones_work(
    own_packs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in ("controls", "frameworks", "clocks"):
        (own_packs / folder).mkdir()
        (own_packs / folder / "own.yaml").write_text("- 1\n")
    with caplog.at_level(logging.ERROR):
        found = compliance.library()
        rules = clocks.clock_library()
    assert len(found.controls) >= 20
    assert rules.rules
    for folder in ("controls", "frameworks", "clocks"):
        assert f"{own_packs}/{folder}/own.yaml:1: " in caplog.text
