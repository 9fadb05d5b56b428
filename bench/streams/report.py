"""Writes what was measured: the page of the documentation, and the figures that the rules' pages show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def write_reports(rows: list[Row], real: list[Row], root: Path) -> None:
    """docs/detection-statistics.md and content/statistics/error-rates.json."""
    (root / "docs" / "detection-statistics.md").write_text(page(rows, real))
    kept = {row["rule"]: _kept(row) for row in rows} | _only_real(real, {row["rule"] for row in rows})
    kept = dict(sorted(kept.items()))
    written = {"about": "Measured by bench/statistics.py --docs; not to be typed.", "rules": kept}
    file = root / "src" / "caiso" / "content" / "statistics" / "error-rates.json"
    file.write_text(json.dumps(written, indent=1) + "\n")


def _kept(row: Row) -> Row:
    days, alarms = row["benign_days"], row["false_alarms_per_day"]
    return {
        "digest": row["digest"], "detected": round(row["detected"], 4), "attacks": row["attacks"],
        "wrong": f"{alarms:.2f} false alarms a day over {days:,.0f} days of ordinary traffic",
        "median_events": row["median_events"], "evaded_by": row["evaded_by"],
    }  # fmt: skip


def _only_real(real: list[Row], made: set[str]) -> dict[str, Row]:
    """Rules that are measured on real data alone: all attacks of the same ordinary clients together."""
    kept: dict[str, Row] = {}
    for rule in {row["rule"] for row in real} - made:
        rows = [row for row in real if row["rule"] == rule and row["attacks"]]
        attacks, found = sum(row["attacks"] for row in rows), sum(row["found"] for row in rows)
        kept[rule] = {
            "digest": rows[0]["digest"], "detected": round(found / attacks, 4), "attacks": attacks,
            "wrong": f"{rows[0]['flagged']:,} of {rows[0]['clients']:,} ordinary texts were flagged",
            "median_events": rows[0]["median_events"], "evaded_by": rows[0]["evaded_by"],
        }  # fmt: skip
    return kept


def page(rows: list[Row], real: list[Row]) -> str:
    """The whole page."""
    lines = [
        "# Error rates of the statistical detectors", "",
        "Made by `python -m bench.statistics --docs`; nothing here is typed by hand, and a test fails when a rule changed since.",
        "Made traffic is not your traffic: take the figures as a comparison of settings, not as a promise. What a rule needs, which paper it",
        "follows and what it takes for normal stands in its document in `src/caiso/content/detections/statistics/`.", "",
        "## At the settings that ship", "",
        "An attack counts as found when the rule fires on one of its events. False alarms are firings on ordinary traffic, a day of a whole",
        "installation of the size described below. Events until found are the attack's own, the middle of those that were found.", "",
        "| Rule | Found | False alarms a day | Events until found | Evaded by |", "|---|---|---|---|---|",
        *(line(row) for row in sorted(rows, key=lambda row: row["rule"])), "",
    ]  # fmt: skip
    if real:
        lines += _real(real)
    lines += ["## The trade-off of each rule", ""]
    for row in sorted(rows, key=lambda row: row["rule"]):
        lines += _points(row)
    return "\n".join(lines) + "\n"


def line(row: Row) -> str:
    found = f"{row['detected']:.0%} of {row['attacks']}"
    alarms = f"{row['false_alarms_per_day']:.2f} over {row['benign_days']:.0f} days"
    after = "none" if row["median_events"] is None else f"{row['median_events']:,}"
    return f"| {row['rule']} | {found} | {alarms} | {after} | {row['evaded_by']} |"


def _points(row: Row) -> list[str]:
    lines = [
        f"### {row['rule']}", "",
        f"Attacks: {row['attacks_are']}. Ordinary: {row['ordinary']} ({row['benign_events']:,} events in {row['benign_days']:.0f} days).", "",
    ]  # fmt: skip
    if len(row["points"]) > 1:
        lines += [f"| {row['vary']} | Found | False alarms a day | Events until found |", "|---|---|---|---|"]
        for point in row["points"]:
            mark = f"**{point['value']:g}**" if point["ships"] else f"{point['value']:g}"
            after = "none" if point["median_events"] is None else f"{point['median_events']:,}"
            lines.append(f"| {mark} | {point['detected']:.0%} | {point['false_alarms_per_day']:.2f} | {after} |")
        lines.append("")
    return lines


_MODELS = [
    "Data sets that scikit-learn ships, models fitted on half of each, clients that ask for samples of the other half (a few hundred",
    "queries each, no sample twice), and attacks of the Adversarial Robustness Toolbox or of the papers named, run against the model through",
    "its answers alone. A false alarm here is a benign client on which the rule fires at all.",
]
_TEXTS = [
    "Suffixes of tokens of GPT-2's vocabulary behind ordinary texts, and ordinary texts alone. Attacks on real models were not part of the",
    "run that made this page.",
]


def _real(real: list[Row]) -> list[str]:
    models = any(row["data"] != "GPT-2 tokens" and not row["data"].startswith("texts: ") for row in real)
    lines = ["## On real data", "", *(_MODELS if models else _TEXTS), ""]
    lines += [
        "| Data, model | Attack | Rule | Found | Queries until found | Benign clients flagged |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in real:
        after = "none" if row["median_events"] is None else f"{row['median_events']:,}"
        lines.append(
            f"| {row['data']} | {row['attack']} | {row['rule']} | {row['found']} of {row['attacks']} | {after} | "
            f"{row['flagged']} of {row['clients']} |"
        )
    return [*lines, ""]
