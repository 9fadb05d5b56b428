"""Reads what a rule says about itself: level, deployment state, techniques, needed fields and its own tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from caiso.engine.detect.documents import Document
from caiso.engine.detect.rule import DeployState, RuleTest, Severity
from caiso.engine.detect.series import MAX_TEST_EVENTS, TestEvents, read_lines
from caiso.engine.detect.techniques import atlas_techniques
from caiso.engine.packs import Length, Reader, line_at, quoted, to_plain
from caiso.engine.packs.compose import Listing, Mapping, Node, Scalar

_ATLAS_TAG: Final = re.compile(r"atlas\.(aml\.t\d{4}(?:\.\d{3})?)")
_OWASP_TAG: Final = re.compile(r"owasp\.((?:llm|asi|ml)(?:0[1-9]|10))\.(20\d\d)")
_OWASP_YEARS: Final = {"llm": ("2025", "2026"), "asi": ("2026",), "ml": ("2023",)}
_STATUS_STATE: Final = {"stable": DeployState.LIVE, "test": DeployState.CANARY}
_RULE_ID: Final = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*|[0-9a-fA-F-]{36}")

Fault = tuple[int, str]


@dataclass(frozen=True, slots=True)
class CaisoBlock:
    """The ``caiso:`` block of a rule document."""

    state: Literal["shadow", "canary", "live", ""] = ""
    entity: tuple[
        Literal[
            "conversation", "trace", "user", "api_key", "agent", "service", "model", "mcp_session", "source", "dataset"
        ],
        ...,
    ] = ()
    response: str = ""
    needs: tuple[Annotated[str, Length(1, 120)], ...] = ()
    dedup: tuple[Annotated[str, Length(1, 120)], ...] = ()
    unless: tuple[str, ...] = ()  # for correlations: rules whose match in the span before keeps it silent
    alike: bool = False  # for correlations: texts that nearly agree are grouped together
    emit: bool | None = None  # None: yes, unless it only feeds correlations


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the rule says about itself, checked."""

    id: str
    severity: Severity
    state: DeployState
    techniques: tuple[str, ...]
    owasp: tuple[str, ...]
    needs: tuple[str, ...]
    entity: tuple[str, ...]
    dedup: tuple[str, ...]
    response: str
    emits: bool | None
    unless: tuple[str, ...]
    alike: bool
    tests: tuple[RuleTest, ...]


def read_metadata(document: Document) -> tuple[Metadata | None, list[Fault]]:
    """The metadata, or at least one fault with its line."""
    root = document.root
    value = document.value
    faults: list[Fault] = []
    if not isinstance(root, Mapping) or not isinstance(value, dict):
        return None, [(document.line, "a rule must be a mapping with keys")]
    name = str(value.get("name") or value.get("id") or "")
    if not _RULE_ID.fullmatch(name) or len(name) > 80:
        faults.append(
            (line_at(root, ("name",)), f"name {quoted(name)}, expected a slug such as tool-reads-credentials")
        )
    if not isinstance(value.get("title"), str) or not value["title"].strip():
        faults.append((line_at(root, ("title",)), "title is missing, expected one line of text"))
    severity = _severity(value, root, faults)
    block = _block(root, faults)
    techniques, owasp = _tags(root.get("tags"), faults)
    tests = _tests(root.get("tests"), name, faults)
    if faults or block is None:
        return None, faults
    return (
        Metadata(
            id=name,
            severity=severity,
            state=_state(block.state, value),
            techniques=techniques,
            owasp=owasp,
            needs=block.needs,
            entity=block.entity,
            dedup=block.dedup,
            response=block.response,
            emits=block.emit,
            unless=block.unless,
            alike=block.alike,
            tests=tests,
        ),
        [],
    )


def _severity(value: dict[str, object], root: Node, faults: list[Fault]) -> Severity:
    level = value.get("level", "medium")
    known = [severity.value for severity in Severity]
    if level not in known:
        faults.append((line_at(root, ("level",)), f"level {quoted(str(level))}, expected one of {', '.join(known)}"))
        return Severity.MEDIUM
    return Severity(str(level))


def _state(state: str, value: dict[str, object]) -> DeployState:
    return DeployState(state) if state else _STATUS_STATE.get(str(value.get("status")), DeployState.SHADOW)


def _block(root: Mapping, faults: list[Fault]) -> CaisoBlock | None:
    node = root.get("caiso")
    if node is None:
        return CaisoBlock()
    reader = Reader()
    block = reader.read(CaisoBlock, node)
    faults.extend(reader.faults)
    return block


def _tags(node: Node | None, faults: list[Fault]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    techniques: list[str] = []
    owasp: list[str] = []
    items = node.items if isinstance(node, Listing) else ()
    for item in items:
        text = item.text.lower() if isinstance(item, Scalar) else ""
        if text.startswith("atlas."):
            found = _ATLAS_TAG.fullmatch(text)
            technique = found[1].upper() if found else ""
            if technique not in atlas_techniques():
                faults.append(
                    (
                        item.line,
                        f"tag {quoted(text)}, expected a technique of ATLAS 2026.09 such as atlas.aml.t0051.000",
                    )
                )
            techniques.append(technique)
        elif text.startswith("owasp."):
            found = _OWASP_TAG.fullmatch(text)
            if not found or found[2] not in _OWASP_YEARS[found[1].rstrip("0123456789")]:
                faults.append((item.line, f"tag {quoted(text)}, expected list and year such as owasp.llm01.2025"))
                continue
            owasp.append(f"{found[1].upper()}:{found[2]}")
    return tuple(dict.fromkeys(techniques)), tuple(dict.fromkeys(owasp))


def _tests(node: Node | None, rule: str, faults: list[Fault]) -> tuple[RuleTest, ...]:
    if node is None:
        return ()
    if not isinstance(node, Listing):
        faults.append((node.line, "tests must be a list of name, fires, events"))
        return ()
    tests = []
    for item in node.items:
        test = _test(item, rule, faults)
        if test is not None:
            tests.append(test)
    return tuple(tests)


def _test(node: Node, rule: str, faults: list[Fault]) -> RuleTest | None:
    value = to_plain(node)
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("fires"), bool)
        or not isinstance(value.get("name"), str)
    ):
        faults.append((node.line, "a test needs name (text), fires (true or false) and events (a list)"))
        return None
    events, defaults = value.get("events"), value.get("defaults") or {}
    if not isinstance(events, list) or not events or not isinstance(defaults, dict):
        faults.append((node.line, "a test needs at least one event under events"))
        return None
    given = node.get("events") if isinstance(node, Mapping) else None
    lines, wrong = read_lines(given, defaults) if given is not None else ([], [])
    if wrong:
        faults.extend(wrong)
        return None
    name = value["name"]
    made = TestEvents(lines, f"{rule}/{name}")
    if len(made) > MAX_TEST_EVENTS:
        faults.append((node.line, f"a test has {len(made)} events, expected at most {MAX_TEST_EVENTS}"))
        return None
    return RuleTest(name, value["fires"], made)
