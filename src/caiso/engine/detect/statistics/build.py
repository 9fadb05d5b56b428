"""The statistical methods by name, and how a rule document asks for one."""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from typing import Any, Final

from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.rule import Rule, Statistic
from caiso.engine.detect.statistics.descent import Descent
from caiso.engine.detect.statistics.distillation import Distillation
from caiso.engine.detect.statistics.dominance import Dominance
from caiso.engine.detect.statistics.drift import Drift
from caiso.engine.detect.statistics.extraction import Extraction
from caiso.engine.detect.statistics.firstseen import FirstSeen
from caiso.engine.detect.statistics.inversion import Inversion
from caiso.engine.detect.statistics.labellers import Labellers
from caiso.engine.detect.statistics.labels import Labels
from caiso.engine.detect.statistics.manyshot import Manyshot
from caiso.engine.detect.statistics.membership import Membership
from caiso.engine.detect.statistics.observer import Observer
from caiso.engine.detect.statistics.outlier import Outlier
from caiso.engine.detect.statistics.settings import Settings
from caiso.engine.detect.statistics.share import ShareOf
from caiso.engine.detect.statistics.similarity import Similarity
from caiso.engine.detect.statistics.suffix import Suffix
from caiso.engine.detect.statistics.sweep import Sweep
from caiso.engine.detect.statistics.volume import Volume
from caiso.engine.packs import Node, Reader, line_at, quoted
from caiso.engine.packs.compose import Mapping, Scalar

METHODS: Final[Table[str, type[Observer[Any, Any]]]] = {
    "descent": Descent,
    "distillation": Distillation,
    "dominance": Dominance,
    "drift": Drift,
    "extraction": Extraction,
    "first-seen": FirstSeen,
    "inversion": Inversion,
    "labellers": Labellers,
    "labels": Labels,
    "many-shot": Manyshot,
    "membership": Membership,
    "outlier": Outlier,
    "share": ShareOf,
    "similarity": Similarity,
    "suffix": Suffix,
    "sweep": Sweep,
    "volume": Volume,
}
_WITH_UNDERSCORE: Final = re.compile(r"\bgroup_by\b")

Fault = tuple[int, str]


def observer_for(rule: Rule, logic: Statistic, limits: Limits) -> Observer[Any, Any]:
    """The observer of a rule, its memory empty."""
    return METHODS[logic.method](rule, logic, limits)


def read_statistic(root: Node) -> tuple[Statistic | None, list[Fault]]:
    """The ``statistic`` block of a rule document, or at least one fault with its line."""
    node = root.get("statistic") if isinstance(root, Mapping) else None
    if not isinstance(node, Mapping):
        return None, [(line_at(root, ("statistic",)), "statistic must be a mapping with method and rules")]
    found = node.get("method")
    name = found.text if isinstance(found, Scalar) else ""
    method = METHODS.get(name)
    if method is None:
        return None, [(line_at(node, ("method",)), f"method {quoted(name)}, expected one of {', '.join(METHODS)}")]
    reader = Reader()
    settings: Settings | None = reader.read(method.settings_type, _renamed(node))
    if settings is None:
        return None, [(line, _WITH_UNDERSCORE.sub("group-by", message)) for line, message in reader.faults]
    return Statistic(method=name, rules=settings.rules, settings=settings, group_by=settings.group_by), []


def _renamed(node: Mapping) -> Mapping:
    """Sigma writes ``group-by``, Python cannot."""
    entries = tuple(
        (Scalar("group_by", key.plain, key.line) if key.text == "group-by" else key, value)
        for key, value in node.entries
    )
    return Mapping(entries, node.line)
