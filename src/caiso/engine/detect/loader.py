"""Reads rule files: a bad rule is named with file and line, the rest are handed on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final

from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from caiso.engine.detect.condition import SameAs, leaves
from caiso.engine.detect.documents import Document, documents, line_of_word
from caiso.engine.detect.metadata import Metadata, read_metadata
from caiso.engine.detect.pattern import UnableToUsePattern
from caiso.engine.detect.rule import Correlation, Rule, Statistic
from caiso.engine.detect.schema import FIELDS, SESSION_ALIAS
from caiso.engine.detect.sigma_policy import POLICY
from caiso.engine.detect.sigma_reader import (
    MAX_LEAVES,
    UnableToReadRule,
    condition_of,
    correlation_of,
    with_plain_names,
)
from caiso.engine.detect.statistics import read_statistic
from caiso.engine.detect.taxonomy import Taxonomy, load_taxonomies, shipped_taxonomies
from caiso.engine.packs import PackProblem, UnableToCompose, quoted

MAX_FILES: Final = 10_000
SUFFIXES: Final = (".yaml", ".yml")

Problems = list[PackProblem]


@dataclass(slots=True)
class _Loading:
    """What has been read so far."""

    rules: list[Rule] = field(default_factory=list)
    filters: list[tuple[SigmaFilter, Path, Document]] = field(default_factory=list)
    sigma: dict[str, SigmaRule] = field(default_factory=dict)
    insisting: set[str] = field(default_factory=set)  # base rules that say ``emit: true``
    problems: Problems = field(default_factory=list)
    taxonomies: Sequence[Taxonomy] = field(default_factory=shipped_taxonomies)

    def finish(self) -> tuple[tuple[Rule, ...], tuple[PackProblem, ...]]:
        rules = _settled(_filtered(_unique(self), self), self)
        return rules, tuple(sorted(self.problems))


def shipped_rules() -> Path:
    """The folder of the rules that come with the product."""
    return Path(str(resources.files("caiso").joinpath("content/detections")))


def load_rules(
    *folders: Path, texts: Iterable[tuple[Path, bytes]] = ()
) -> tuple[tuple[Rule, ...], tuple[PackProblem, ...]]:
    """Every rule below the folders (or in the files), shipped folder first, and what is wrong with the others.

    ``texts`` are rules that lie in no file, each with a path that names it; they may refer to rules of the folders.
    A folder ``taxonomies`` beside one of them maps log sources other than ours, besides the taxonomies that ship.
    """
    beside = dict.fromkeys(folder.parent for folder in folders if folder.is_dir() and folder != shipped_rules())
    packs, faults = load_taxonomies(*beside)
    loading = _Loading(problems=list(faults), taxonomies=[pack.value for pack in packs])
    for path in _files(folders, loading.problems):
        try:
            source = path.read_bytes()
        except OSError as error:
            loading.problems.append(PackProblem(path, 0, f"cannot be read: {error.strerror}"))
            continue
        _read_source(source, path, loading)
    for path, source in texts:
        _read_source(source, path, loading)
    return loading.finish()


def read_rules(source: bytes, *, path: Path) -> tuple[tuple[Rule, ...], tuple[PackProblem, ...]]:
    """The rules of one text that came from ``path``: an upload, an editor, a test."""
    loading = _Loading()
    _read_source(source, path, loading)
    return loading.finish()


def _read_source(source: bytes, path: Path, loading: _Loading) -> None:
    for document in documents(source):
        if isinstance(document, UnableToCompose):
            loading.problems.extend(PackProblem(path, line, message) for line, message in document.faults)
        else:
            _read_document(document, path, loading)


def _files(folders: Iterable[Path], problems: Problems) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        if folder.is_file():
            found.append(folder)
        elif folder.is_dir():
            inside = folder.resolve()
            for path in sorted(folder.rglob("*")):
                if path.suffix in SUFFIXES and path.is_file():
                    if not path.resolve().is_relative_to(inside):
                        problems.append(PackProblem(path, 0, "is a link to a file outside its folder"))
                        continue
                    found.append(path)
        else:
            problems.append(PackProblem(folder, 0, "is neither a folder nor a file"))
    if len(found) > MAX_FILES:
        problems.append(PackProblem(found[MAX_FILES], 0, f"more than {MAX_FILES} rule files, the others are not read"))
    return found[:MAX_FILES]


def _read_document(document: Document, path: Path, loading: _Loading) -> None:
    problems = loading.problems
    value = document.value
    if not isinstance(value, dict):
        problems.append(PackProblem(path, document.line, "a rule must be a mapping with keys"))
        return
    try:
        if "filter" in value:
            loading.filters.append((SigmaFilter.from_dict(dict(value), **POLICY), path, document))
            return
        metadata, faults = read_metadata(document)
        problems.extend(PackProblem(path, line, message) for line, message in faults)
        if metadata is None:
            return
        rule = _rule(document, path, metadata, loading)
        if rule is None:
            return
    except (SigmaError, UnableToReadRule, UnableToUsePattern) as error:
        problems.append(_problem(error, document, path))
    except (TypeError, AttributeError, LookupError, ValueError, OverflowError, RecursionError) as error:
        # pySigma lets malformed structures through to plain Python errors; the author still needs the rule's name.
        message = f"not a valid Sigma rule ({type(error).__name__}: {quoted(str(error))})"
        problems.append(PackProblem(path, document.line, message))
    else:
        unknown = _unknown_fields(rule, document, path)
        problems.extend(unknown)
        if not unknown:
            loading.rules.append(rule)


def _rule(document: Document, path: Path, metadata: Metadata, loading: _Loading) -> Rule | None:
    value: dict[str, Any] = {key: part for key, part in _mapping(document).items() if key not in ("caiso", "tests")}
    logic: Any
    unanswered: tuple[str, ...] = ()
    if "statistic" in value:
        logic, faults = read_statistic(document.root)
        loading.problems.extend(PackProblem(path, line, message) for line, message in faults)
        if logic is None:
            return None
    elif "correlation" in value:
        correlation = SigmaCorrelationRule.from_dict(with_plain_names(value))
        logic = dataclasses.replace(correlation_of(correlation), unless=metadata.unless, alike=metadata.alike)
    else:
        parsed = SigmaRule.from_dict(value, **POLICY)
        loading.sigma[metadata.id] = parsed
        logic, unanswered = condition_of(parsed, loading.taxonomies)
        if sum(1 for _ in leaves(logic)) > MAX_LEAVES:
            raise UnableToReadRule(f"more than {MAX_LEAVES} values in one rule", hint="detection")
    if metadata.emits:
        loading.insisting.add(metadata.id)
    return Rule(
        id=metadata.id,
        title=str(value["title"]),
        logic=logic,
        path=path,
        line=document.line,
        digest=hashlib.sha256(document.source).hexdigest()[:16],
        uuid=str(value.get("id") or ""),
        description=str(value.get("description") or "").strip(),
        severity=metadata.severity,
        state=metadata.state,
        techniques=metadata.techniques,
        owasp=metadata.owasp,
        falsepositives=tuple(map(str, value.get("falsepositives") or ())),
        references=tuple(map(str, value.get("references") or ())),
        needs=metadata.needs,
        entity=metadata.entity,
        dedup=metadata.dedup,
        response=metadata.response,
        emits=metadata.emits is not False,
        tests=metadata.tests,
        unanswered=unanswered,
    )


def _mapping(document: Document) -> dict[str, Any]:
    value = document.value
    return dict(value) if isinstance(value, dict) else {}


def _problem(error: Exception, document: Document, path: Path) -> PackProblem:
    """Ties an error to the line of the word it quotes, else to the rule's first line."""
    hint = getattr(error, "hint", "")
    message = str(error)
    for word in [hint, *_quoted_words(message)]:
        line = line_of_word(document.root, word) if word else document.line
        if line != document.line:
            return PackProblem(path, line, message)
    return PackProblem(path, document.line, message)


def _quoted_words(message: str) -> list[str]:
    return [part.strip() for part in message.split("'")[1::2]] + [part.strip() for part in message.split('"')[1::2]]


def _unknown_fields(rule: Rule, document: Document, path: Path) -> Problems:
    """Fields neither in the schema nor declared under ``caiso.needs``: most often a slip of the pen."""
    names: list[str] = []
    if isinstance(rule.logic, Correlation):
        aliases = rule.logic.aliases
        names += [name for name in rule.logic.group_by if name not in aliases]
        names += [name for mapping in aliases.values() for name in mapping.values()]
        names += [name for name in rule.logic.value_fields if name not in aliases]
    elif isinstance(rule.logic, Statistic):
        names += [*rule.logic.settings.key_fields, *rule.logic.settings.value_fields]
    else:
        for leaf in leaves(rule.logic):
            names.append(leaf.field)
            if isinstance(leaf, SameAs):
                names.append(leaf.other)
    names += [name for name in rule.dedup if name != SESSION_ALIAS]
    known = {*FIELDS, *rule.needs}
    return [
        PackProblem(
            path,
            line_of_word(document.root, name),
            f"field {quoted(name)} is not in the event schema, expected a schema field or one listed under caiso.needs",
        )
        for name in dict.fromkeys(names)
        if name not in known
    ]


def _unique(loading: _Loading) -> dict[str, Rule]:
    unique: dict[str, Rule] = {}
    for rule in loading.rules:
        first = unique.setdefault(rule.id, rule)
        if first is not rule:
            message = f"rule {quoted(rule.id)} is already defined at {first.path}:{first.line}"
            loading.problems.append(PackProblem(rule.path, rule.line, message))
    return unique


def _filtered(rules: dict[str, Rule], loading: _Loading) -> dict[str, Rule]:
    """Applies Sigma filter documents to the rules that they name."""
    for sigma_filter, path, document in loading.filters:
        targets = sigma_filter.filter.rules
        names = set(rules) if isinstance(targets, str) else {target.reference for target in targets}
        for name in sorted(names):
            rule = rules.get(name) or next((rule for rule in rules.values() if rule.uuid == name), None)
            if rule is None or rule.id not in loading.sigma:
                loading.problems.append(
                    PackProblem(path, document.line, f"filter names {quoted(name)}, expected a loaded rule")
                )
                continue
            filtered = _with_filter(loading.sigma[rule.id], sigma_filter)
            try:
                logic, unanswered = condition_of(filtered, loading.taxonomies)
                rules[rule.id] = dataclasses.replace(rule, logic=logic, unanswered=unanswered)
            except (SigmaError, UnableToReadRule, UnableToUsePattern) as error:
                loading.problems.append(_problem(error, document, path))
    return rules


def _with_filter(rule: SigmaRule, sigma_filter: SigmaFilter) -> SigmaRule:
    target = sigma_filter.filter.rules
    if not isinstance(target, str):
        # pySigma matches a filter to a rule by reference; ours may be by name or by UUID.
        for reference in target:
            reference.rule = rule
    filtered = sigma_filter.apply_on_rule(rule)
    if not isinstance(filtered, SigmaRule):
        raise UnableToReadRule("a filter cannot change a correlation", hint="filter")
    return filtered


def _settled(rules: dict[str, Rule], loading: _Loading) -> tuple[Rule, ...]:
    """Drops what listens to rules that are missing or to itself, and silences base rules that only feed others."""
    by_uuid = {rule.uuid: rule.id for rule in rules.values() if rule.uuid}
    kept = {name: _with_ids(rule, by_uuid) for name, rule in rules.items()}
    changed = True
    while changed:
        changed = False
        for name, rule in list(kept.items()):
            reason = _broken(rule, kept)
            if reason:
                loading.problems.append(PackProblem(rule.path, rule.line, reason))
                del kept[name]
                changed = True
    quiet: set[str] = set()
    for rule in kept.values():
        if not (isinstance(rule.logic, Correlation) and rule.logic.generate):
            quiet.update(rule.heard)
    asked = {name for name, rule in kept.items() if rule.emits and (name not in quiet or name in loading.insisting)}
    return tuple(dataclasses.replace(rule, emits=name in asked) for name, rule in kept.items())


def _with_ids(rule: Rule, by_uuid: Mapping[str, str]) -> Rule:
    logic = rule.logic
    if isinstance(logic, Statistic):
        named = tuple(by_uuid.get(name, name) for name in logic.rules)
        return dataclasses.replace(rule, logic=dataclasses.replace(logic, rules=named))
    if not isinstance(logic, Correlation):
        return rule
    names = tuple(by_uuid.get(name, name) for name in logic.rules)
    unless = tuple(by_uuid.get(name, name) for name in logic.unless)
    aliases = {
        alias: {by_uuid.get(name, name): field for name, field in mapping.items()}
        for alias, mapping in logic.aliases.items()
    }
    return dataclasses.replace(rule, logic=dataclasses.replace(logic, rules=names, aliases=aliases, unless=unless))


def _broken(rule: Rule, rules: Mapping[str, Rule]) -> str:
    for name in rule.heard:
        if name not in rules:
            return f"{rule.kind} refers to rule {quoted(name)}, expected the name of a loaded rule"
    if rule.id in _reached(rule, rules):
        return f"{rule.kind} refers to itself through its rules"
    return ""


def _reached(rule: Rule, rules: Mapping[str, Rule]) -> set[str]:
    seen: set[str] = set()
    waiting = list(rule.heard)
    while waiting:
        name = waiting.pop()
        if name in seen or name not in rules:
            continue
        seen.add(name)
        waiting.extend(rules[name].heard)
    return seen
