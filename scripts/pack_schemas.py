"""Checks that content/schemas is current and that every pack fits its schema; `--write` makes the schemas again."""

import subprocess
import sys
from pathlib import Path

from caiso.cli.packs import shipped_kinds
from caiso.engine.packs import CONTENT, schema_bytes

SCHEMAS = CONTENT / "schemas"


def stale() -> list[Path]:
    """The schema files that differ from what the dataclasses say, and those of no kind."""
    wanted = {SCHEMAS / f"{kind.name}.json": schema_bytes(kind) for kind in shipped_kinds()}
    differing = [path for path, content in wanted.items() if not path.exists() or path.read_bytes() != content]
    return [*differing, *(path for path in sorted(SCHEMAS.glob("*")) if path not in wanted)]


def write() -> None:
    """Make every schema again."""
    SCHEMAS.mkdir(exist_ok=True)
    for kind in shipped_kinds():
        (SCHEMAS / f"{kind.name}.json").write_bytes(schema_bytes(kind))


def validate() -> int:
    """Hold every pack against its schema by a tool that is not ours."""
    failed = 0
    for kind in shipped_kinds():
        packs = sorted((CONTENT / kind.folder).rglob("*.yaml"))
        if packs:
            schema = SCHEMAS / f"{kind.name}.json"
            command = [Path(sys.executable).with_name("check-jsonschema"), "--schemafile", schema, *packs]
            failed |= subprocess.run(command, check=False).returncode
    return failed


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    old = stale()
    for path in old:
        print(f"{path}: is not current; run `python -m scripts.pack_schemas --write`")
    sys.exit(1 if old else validate())
