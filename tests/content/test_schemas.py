"""The committed JSON Schemas say what the loader says."""

import json

import pytest
from jsonschema import Draft202012Validator

from caiso.cli.packs import shipped_kinds
from caiso.engine.packs import CONTENT, PackKind, compose, schema_bytes, to_plain

KINDS = {kind.name: kind for kind in shipped_kinds()}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_schema_is_current(name: str) -> None:
    committed = (CONTENT / "schemas" / f"{name}.json").read_bytes()
    assert committed == schema_bytes(KINDS[name]), "run `python -m scripts.pack_schemas --write`"


def test_there_is_no_schema_without_a_kind() -> None:
    assert {path.stem for path in (CONTENT / "schemas").iterdir()} == set(KINDS)


@pytest.mark.parametrize("name", ["framework", "control", "clock"])
def test_every_shipped_pack_fits_its_schema(name: str) -> None:
    kind: PackKind[object] = KINDS[name]
    validator = Draft202012Validator(json.loads((CONTENT / "schemas" / f"{name}.json").read_text()))
    packs = sorted((CONTENT / kind.folder).glob("*.yaml"))
    assert packs
    for path in packs:
        errors = [error.message for error in validator.iter_errors(to_plain(compose(path.read_bytes())))]
        assert not errors, path
