"""Bringing the rules that run into the database with the result of their own tests; whoever has an engine asks it for both."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import transaction

from caiso.connect.telemetry.trial.jobs import RuleCard, RuleSources, RulesReport
from caiso.connect.telemetry.trial.parent import UnableToTry
from caiso.engine import detect as engine_detect
from caiso.web.base.models import Setting
from caiso.web.base.services import facts
from caiso.web.soc.models import DetectionRule
from caiso.web.soc.rulebook import rule_sources

log = logging.getLogger(__name__)
PROBLEMS_SETTING = "soc.rule_problems"
TESTS_SETTING = "soc.rule_tests"
ENGINE = Path(engine_detect.__file__).parent
_remembered: dict[str, Any] = {}  # of this process, where the database is new each time


Load = Callable[[RuleSources], RulesReport]
Tested = Callable[[RuleSources], dict[str, list[bool]]]


@dataclass(frozen=True)
class LoadedRules:
    """What there is to say of the rules that an engine took, in the states that people gave them, and what is wrong with the others."""

    cards: tuple[RuleCard, ...]
    problems: tuple[str, ...]
    sources: RuleSources
    digest: str  # of the documents and the engine: what decides whether the rules' own tests pass

    @property
    def label(self) -> str:
        """Names this set of rules; state of another set is taken up rule by rule."""
        return f"{len(self.cards)} rules"

    @property
    def texts(self) -> Mapping[str, str]:
        """Of the rules that lie in no file."""
        return {one.path: one.text for one in self.sources.texts}


def load_live_rules(load: Load) -> LoadedRules:
    """Let an engine read the rules, with the states overridden by what people decided, and compile them."""
    sources = rule_sources()
    try:
        return _load(sources, load)
    except Exception:
        # A text of the workbench must never blind the shipped rules, whatever mistake of ours it trips.
        if not sources.texts:
            raise
        log.exception("the rules of the workbench could not be loaded; the others run without them")
    return _load(msgspec.structs.replace(sources, texts=[]), load)


def _load(sources: RuleSources, load: Load) -> LoadedRules:
    report = load(sources)
    return LoadedRules(tuple(report.cards), tuple(report.problems), sources, _digest(sources))


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
def take_rules(loaded: LoadedRules, *, tested: Tested, now: datetime) -> None:
    """Write every loaded rule and the result of its own tests; rules that left the packs are marked, never deleted."""
    passed = _outcomes(loaded, tested)
    texts = loaded.texts
    known = {row.slug: row for row in DetectionRule.objects.all()}
    shown = [rule for rule in loaded.cards if rule.emits]
    for rule in shown:
        outcomes = passed.get(rule.id, [])
        row = known.get(rule.id) or DetectionRule(slug=rule.id)
        _fill(row, rule, texts)
        row.tests, row.tests_pass, row.tested_at = len(outcomes), bool(outcomes) and all(outcomes), now
        row.save()
    DetectionRule.objects.exclude(slug__in=[rule.id for rule in shown]).exclude(kind="risk").update(is_loaded=False)
    Setting.objects.update_or_create(key=PROBLEMS_SETTING, defaults={"value": _texts(loaded.problems)})
    facts.touched("detection_rules", now=now)


def _outcomes(loaded: LoadedRules, tested: Tested) -> dict[str, list[bool]]:
    """Whether each test of each rule passes; asked again only when rules or engine changed: it takes seconds."""
    row = Setting.objects.filter(key=TESTS_SETTING).first()
    kept = row.value if row else _remembered
    if kept.get("of") == loaded.digest:
        return dict(kept["passed"])
    try:
        passed = tested(loaded.sources)
    except UnableToTry as error:
        log.error("the rules run untested until the next start: %s", error)  # noqa: TRY400 - a refusal, no mistake
        return {}
    _remembered.update({"of": loaded.digest, "passed": passed})
    Setting.objects.update_or_create(key=TESTS_SETTING, defaults={"value": dict(_remembered)})
    return passed


def _fill(row: DetectionRule, rule: RuleCard, texts: Mapping[str, str]) -> None:
    row.title, row.description, row.severity = rule.title[:300], rule.description, rule.severity
    row.state = rule.state
    row.kind = rule.kind
    row.content_only = rule.content_only
    row.techniques, row.owasp = rule.techniques, rule.owasp
    row.needs = rule.needs
    row.false_positives, row.response = rule.falsepositives, rule.response
    own, path = texts.get(rule.path), Path(rule.path)
    row.path = path.name if own is None else rule.path
    row.digest, row.is_loaded, row.error = rule.digest, True, ""
    row.text = (path.read_text() if path.is_file() else "") if own is None else own


def _texts(problems: Iterable[str]) -> list[str]:
    return [problem[:500] for problem in problems][:200]
