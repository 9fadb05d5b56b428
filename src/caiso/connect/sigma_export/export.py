"""Finds an interpreter that has pySigma's back ends and lets it convert rules; says plainly when there is none.

The back ends pin an older pySigma than we may run on, so they work in a process of their own, ours or another environment's.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import orjson

from caiso.errors import DomainError

TARGETS: Final = ("splunk", "elasticsearch", "esql")
_CHILD: Final = Path(__file__).with_name("convert.py")
_SECONDS: Final = 60
_MOST_OUTPUT: Final = 20 << 20
EXTRA: Final = "caiso[soc-export]"


class UnableToExport(DomainError):
    """The extra is missing, or a back end cannot say what the rule says."""


@dataclass(frozen=True, slots=True)
class Query:
    """One rule in the words of another system."""

    rule: str
    text: str


def interpreter(named: Path | None) -> Path:
    """The Python that converts: the one that was named, else ours if the extra is installed beside us."""
    if named is not None:
        if not named.is_file():
            raise UnableToExport(f"CAISO_EXPORT_PYTHON names {named}, which is not a file")
        return named
    if _has("sigma.backends.splunk") and _has("sigma.backends.elasticsearch"):
        return Path(sys.executable)
    raise UnableToExport(
        f"export to Splunk and Elasticsearch needs the optional extra {EXTRA}. Its back ends ask for an older pySigma; "
        f"where that is unwanted, install it into an environment of its own and name its Python in CAISO_EXPORT_PYTHON"
    )


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def convert(documents: Sequence[Mapping[str, object]], *, target: str, python: Path) -> list[Query]:
    """Sigma documents, correlations with their rules among them, as queries; raises ``UnableToExport``."""
    if target not in TARGETS:
        raise UnableToExport(f"target {target!r}, expected one of {', '.join(TARGETS)}")
    asked = orjson.dumps({"target": target, "documents": list(documents)}, default=str)
    try:
        done = subprocess.run(  # noqa: S603 - our own script, run by the interpreter that the operator named
            [python, "-I", _CHILD], input=asked, capture_output=True, timeout=_SECONDS, check=False, env={"PATH": ""}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnableToExport(f"{python}: {error}") from error
    return _answer(done.stdout[:_MOST_OUTPUT], done.stderr, target)


def _answer(printed: bytes, errors: bytes, target: str) -> list[Query]:
    try:
        answer = orjson.loads(printed)
    except orjson.JSONDecodeError as error:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise UnableToExport(f"the back end for {target} failed: {last[0][:300]}") from error
    if answer.get("missing"):
        raise UnableToExport(f"the named Python lacks {answer['missing']}; install {EXTRA} there")
    if answer.get("refused"):
        raise UnableToExport(f"{target} cannot say this: {answer['refused']}")
    return [Query(str(one["rule"]), str(one["query"])) for one in answer["queries"]]
