"""The result of drills as a layer of the ATLAS Navigator: colours come from what was tested, never from tags of rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from caiso.engine.drill.score import Outcome

LAYER_VERSION: Final = "4.3"
NAVIGATOR_VERSION: Final = "4.6.4"
DOMAIN: Final = "atlas-atlas"
RELEASE: Final = "2026.09"
COLOURS: Final = {
    Outcome.COVERED: "#2e9e5b",
    Outcome.NOISY: "#f5a623",
    Outcome.BLIND: "#8d96a5",
    Outcome.MISSED: "#d93025",
}
_MEANING: Final = {
    Outcome.COVERED: "Covered: the attack alerts, its benign twin does not",
    Outcome.NOISY: "Noisy: the benign twin alerts as well",
    Outcome.BLIND: "Blind: a rule is there, its telemetry is not",
    Outcome.MISSED: "Missed: the attack does not alert",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One technique of the layer; `score` is the share of its tests that were passed, 0 to 100."""

    technique: str
    outcome: Outcome
    score: int
    comment: str
    rules: tuple[str, ...] = ()


def navigator_layer(cells: Iterable[Cell], *, name: str, description: str) -> dict[str, object]:
    """The layer as JSON-ready data, in the format that ATLAS itself publishes."""
    listed = sorted(cells, key=lambda cell: cell.technique)
    parents = {cell.technique.rpartition(".")[0] for cell in listed if cell.technique.count(".") == 2}
    tested = {cell.technique for cell in listed}
    techniques: list[dict[str, object]] = [
        # A parent that was not tested itself is unfolded, so that its tested parts are seen.
        {"techniqueID": parent, "enabled": True, "showSubtechniques": True}
        for parent in sorted(parents - tested)
    ]
    techniques += [
        {
            "techniqueID": cell.technique,
            "score": cell.score,
            "color": COLOURS[cell.outcome],
            "comment": cell.comment,
            "enabled": True,
            "showSubtechniques": cell.technique in parents,
            "metadata": [
                {"name": "outcome", "value": cell.outcome.value},
                *({"name": "rule", "value": rule} for rule in cell.rules),
            ],
        }
        for cell in listed
    ]
    return {
        "name": name,
        "versions": {"layer": LAYER_VERSION, "navigator": NAVIGATOR_VERSION},
        "domain": DOMAIN,
        "description": description,
        "techniques": sorted(techniques, key=lambda row: str(row["techniqueID"])),
        "gradient": {
            "colors": [COLOURS[Outcome.MISSED], "#ffe08a", COLOURS[Outcome.COVERED]],
            "minValue": 0,
            "maxValue": 100,
        },
        "legendItems": [{"label": _MEANING[outcome], "color": colour} for outcome, colour in COLOURS.items()],
        "metadata": [{"name": "atlas_data_version", "value": RELEASE}],
        "showTacticRowBackground": False,
        "selectTechniquesAcrossTactics": True,
    }
