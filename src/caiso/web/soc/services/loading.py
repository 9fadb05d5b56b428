"""Bringing the rules that run into the database with the result of their own tests; only the detector needs the engine for it."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import transaction

from caiso.connect.telemetry.trial.jobs import RuleSources
from caiso.connect.telemetry.trial.rules import load_sources
from caiso.engine import detect as engine_detect
from caiso.engine.detect.looks import is_content_only
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.rule_tests import needed_fields, run_tests
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.packs import PackProblem
from caiso.web.base.models import Setting
from caiso.web.base.services import facts
from caiso.web.soc.models import DetectionRule
from caiso.web.soc.rulebook import rule_sources

log = logging.getLogger(__name__)
PROBLEMS_SETTING = "soc.rule_problems"
TESTS_SETTING = "soc.rule_tests"
ENGINE = Path(engine_detect.__file__).parent
_remembered: dict[str, Any] = {}  # of this process, where the database is new each time


@dataclass(frozen=True)
class LoadedRules:
    """Rules ready to run, in the states that people gave them, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    problems: tuple[PackProblem, ...]
    ruleset: Ruleset
    digest: str  # of the documents and the engine: what decides whether the rules' own tests pass
    texts: Mapping[Path, str]  # of the rules that lie in no file

    @property
    def label(self) -> str:
        """Names this set of rules; state of another set is taken up rule by rule."""
        return f"{len(self.rules)} rules"


def load_live_rules(cache: Path) -> LoadedRules:
    """Read, override the states by what people decided, and compile."""
    sources = rule_sources()
    try:
        return _load(sources, cache)
    except Exception:
        # A text of the workbench must never blind the shipped rules, whatever mistake of ours it trips.
        if not sources.texts:
            raise
        log.exception("the rules of the workbench could not be loaded; the others run without them")
    return _load(msgspec.structs.replace(sources, texts=[]), cache)


def _load(sources: RuleSources, cache: Path) -> LoadedRules:
    rules, problems = load_sources(sources)
    texts = {Path(one.path): one.text for one in sources.texts}
    return LoadedRules(rules, problems, compile_ruleset(rules, cache), _digest(sources), texts)


def _digest(sources: RuleSources) -> str:
    """Changes with any rule document and with the engine."""
    digest = hashlib.sha256()
    for folder in sources.folders:
        for path in sorted(Path(folder).rglob("*.y*ml")):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for one in sources.texts:
        digest.update(hashlib.sha256(f"{one.path}\n{one.text}".encode("utf-8", "surrogatepass")).digest())
    for path in sorted(ENGINE.rglob("*.py")):
        stat = path.stat()
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


@transaction.atomic
def take_rules(loaded: LoadedRules, *, now: datetime) -> None:
    """Write every loaded rule and the result of its own tests; rules that left the packs are marked, never deleted."""
    passed = _outcomes(loaded)
    known = {row.slug: row for row in DetectionRule.objects.all()}
    shown = [rule for rule in loaded.rules if rule.emits]
    for rule in shown:
        outcomes = passed.get(rule.id, [])
        row = known.get(rule.id) or DetectionRule(slug=rule.id)
        _fill(row, rule, loaded)
        row.tests, row.tests_pass, row.tested_at = len(outcomes), bool(outcomes) and all(outcomes), now
        row.save()
    DetectionRule.objects.exclude(slug__in=[rule.id for rule in shown]).exclude(kind="risk").update(is_loaded=False)
    Setting.objects.update_or_create(key=PROBLEMS_SETTING, defaults={"value": _texts(loaded.problems)})
    facts.touched("detection_rules", now=now)


def _outcomes(loaded: LoadedRules) -> dict[str, list[bool]]:
    """Whether each test of each rule passes; asked again only when rules or engine changed: it takes seconds."""
    row = Setting.objects.filter(key=TESTS_SETTING).first()
    kept = row.value if row else _remembered
    if kept.get("of") == loaded.digest:
        return dict(kept["passed"])
    passed: dict[str, list[bool]] = {}
    for result in run_tests(loaded.rules, loaded.ruleset):
        passed.setdefault(result.rule_id, []).append(result.passed)
    _remembered.update({"of": loaded.digest, "passed": passed})
    Setting.objects.update_or_create(key=TESTS_SETTING, defaults={"value": dict(_remembered)})
    return passed


def _fill(row: DetectionRule, rule: Rule, loaded: LoadedRules) -> None:
    row.title, row.description, row.severity = rule.title[:300], rule.description, rule.severity.value
    row.state = rule.state.value
    row.kind = rule.kind
    row.content_only = is_content_only(rule)
    row.techniques, row.owasp = list(rule.techniques), list(rule.owasp)
    row.needs = list(needed_fields(loaded.rules, rule))
    row.false_positives, row.response = list(rule.falsepositives), rule.response
    own = loaded.texts.get(rule.path)
    row.path = rule.path.name if own is None else str(rule.path)
    row.digest, row.is_loaded, row.error = rule.digest, True, ""
    row.text = (rule.path.read_text() if rule.path.is_file() else "") if own is None else own


def _texts(problems: Iterable[PackProblem]) -> list[str]:
    return [str(problem)[:500] for problem in problems][:200]
