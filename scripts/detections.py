"""The catalogue of detections as a page: entries of the tests' list held against the rules that ship."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.rule import Rule

CATALOGUE = Path(__file__).resolve().parents[1] / "tests" / "content" / "catalogue"
PLAYBOOKS = (
    "prompt-injection-with-exfiltration", "jailbreak-abuse", "agent-tool-misuse", "malicious-mcp-tool", "poisoned-rag",
    "poisoned-training-data", "model-theft", "malicious-model-file", "exposed-ai-credential", "runaway-agent",
    "harmful-output", "drift-harm", "denial-of-wallet", "shadow-ai", "provider-outage",
)  # fmt: skip


def entries() -> list[dict[str, Any]]:
    """The sixty entries as they are written down."""
    found: list[dict[str, Any]] = yaml.safe_load((CATALOGUE / "entries.yaml").read_text())
    return found


def sets() -> list[dict[str, Any]]:
    """The sets of traces, with what each scored when it was new."""
    found: list[dict[str, Any]] = yaml.safe_load((CATALOGUE / "sets.yaml").read_text())
    return found


def traces(which: str) -> dict[int, tuple[int, int]]:
    """How many attacks and twins a set holds for each entry."""
    counts: dict[int, tuple[int, int]] = {}
    for path in sorted((CATALOGUE / which).glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            attacks, twins = counts.get(document["entry"], (0, 0))
            counts[document["entry"]] = (attacks + len(document["attacks"]), twins + len(document["twins"]))
    return counts


def detections_page() -> str:
    """Every entry with its rules, their levels and tests, the traces, and what stays open."""
    rules, problems = load_rules(shipped_rules())
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    known = {rule.id: rule for rule in rules}
    counts = [traces(each["set"]) for each in sets()]
    listed = {name for entry in entries() for name in entry.get("rules", ())}
    lines = [
        "# Detections",
        "",
        "Made by `make docs` from `tests/content/catalogue/entries.yaml` and the rules; do not edit. Kinds: S one event, C correlation,",
        "M statistical. After each rule its level and its own tests (firing/silent); the traces are attacks/benign twins of all sets in",
        "`tests/content/catalogue/`, which `python -m bench.catalogue` plays through the product. What statistical",
        "rules get right and wrong is measured by [their own benches](detection-statistics.md); they need many events.",
        "",
        "| # | entry | ATLAS | kind | rules | playbooks | traces |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in entries():
        own = [known[name] for name in entry.get("rules", ())]
        own_traces = [count[entry["entry"]] for count in counts if entry["entry"] in count]
        cells = (
            entry["entry"], entry["title"], entry["technique"], entry["kind"], _rules(own), _playbooks(own),
            f"{sum(a for a, _ in own_traces)}/{sum(t for _, t in own_traces)}" if own_traces else "",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += _blind()
    lines += ["", "## What stays open", ""]
    lines += [f"- {entry['entry']} {entry['title']}: {entry['open']}." for entry in entries() if entry.get("open")]
    lines += ["", "## Rules beyond the catalogue", ""]
    lines += [
        "Rules about a gateway's or proxy's log read events of kind `http`; [sources](sources.md) says what they are made of.",
        "",
    ]
    lines += ["| rule | what it finds | ATLAS | playbook |", "|---|---|---|---|"]
    lines += [
        f"| {_rules([rule])} | {rule.title} | {', '.join(rule.techniques)} | {rule.response} |"
        for rule in rules
        if rule.emits and rule.id not in listed
    ]
    lines += ["", "## When a rule is wrong", "", "| rule | known false positives |", "|---|---|"]
    lines += [f"| `{rule.id}` | {'; '.join(rule.falsepositives)} |" for rule in rules if rule.emits]
    return "\n".join(lines) + "\n"


def _blind() -> list[str]:
    lines = [
        "", "## How far the rules reach", "",
        "Wording has no end: a rule finds what resembles what its author thought of. So every set after the first was scored once",
        "before any rule was changed for it. An attack counts as found, and a twin as noisy, when some rule speaks at medium level or",
        "above. The later sets are harder on purpose: their twins discuss attacks, their attacks avoid the usual words. Prompts that no",
        "wording gives away are what sequences of actions, and later a classifier, are for.",
        "",
        "| set | found when new | noisy when new | since then |", "|---|---|---|---|",
    ]  # fmt: skip
    for each in sets():
        blind = each.get("blind")
        if blind:
            found = f"{blind['found']} of {blind['attacks']}"
            lines.append(f"| {each['set']} | {found} | {blind['noisy']} of {blind['twins']} | {each['use']} |")
    return lines


def _rules(rules: Iterable[Rule]) -> str:
    return ", ".join(
        f"`{rule.id}` {rule.severity.value} "
        f"({sum(test.fires for test in rule.tests)}/{sum(not test.fires for test in rule.tests)})"
        for rule in rules
    )


def _playbooks(rules: Iterable[Rule]) -> str:
    return ", ".join(dict.fromkeys(rule.response for rule in rules if rule.response))
