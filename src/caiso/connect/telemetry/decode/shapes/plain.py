"""Plain events of scanners, registries, stores of data, annotation tools, schedulers, trainers and consoles: one flat JSON object each.

There is no standard; read are the commonest names (``plain_names``). What an event is about decides its kind, and one that is about
nothing that rules ask for is left to be refused. Only what has a name here is taken over; a text of more than three hundred characters is
none of it, but for the command of a job.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import plain_names as names
from caiso.connect.telemetry.decode.shapes import plain_packages as packages
from caiso.connect.telemetry.decode.shapes.values import moment, told
from caiso.connect.telemetry.decode.times import nanoseconds
from caiso.connect.telemetry.records import UnableToAccept

Record = dict[str, Any]

_NAMED = re.compile(
    r"(?i)modelscan|picklescan|fickling|modelaudit|clamav|yara|guardian|virustotal|pip-?audit|socket\b|trivy|grype|snyk|malware|antivirus"
)
_WEAKNESSES = re.compile(
    r"(?i)vulnerab|\bcves?\b|cve-[0-9]|advisor|ghsa|licen[cs]e|pip-?audit|trivy|grype|snyk|\bosv\b|npm.audit|sbom|outdated"
)
_MALWARE = re.compile(r"(?i)malicious|malware|infected|trojan|backdoor|poison")
_LISTS: Final = ("globals", "findings", "issues", "results", "threats")
_SCANS = re.compile(r"(?i)scan|finding|malware|audit")
_TRAINS = re.compile(r"(?i)train|fine.?tun|fit\b|learn|nightly_update|weights?_update|model_update|distil")
_KEEPS = re.compile(
    r"(?i)promot|deploy|regist|transition|approv|releas|stag|alias|load|publish|roll|sign|upload|creat|delet|serv|pull|download|push|instal|upgrad|updat|add"
)
_OF_VERSIONS = re.compile(
    r"(?i)(?:regist|promot|transition|stage|alias|deploy|rollout|approv|review|download|pull|push|upload|export|load|delete|archive|scan|sign)"
)
_OF_DATA = re.compile(
    r"(?i)(?:label|annotat|write|written|append|insert|ingest|upload|overwrit|import|commit|update|delete|replace|read|download|version|merge)"
)
_JOBS = re.compile(r"(?i)job|task|run|exec|submit|start|launch|process|spawn|schedul|cron")
_BAD = re.compile(r"(?i)malicious|malware|infected|dangerous|unsafe|threat|trojan|backdoor|critical|poison")
_WORSE_THAN_NOTHING = re.compile(r"(?i)suspicious|high|warn|fail|vulnerab|unknown|medium|error|does not parse")
_GOOD = re.compile(
    r"(?i)^(?:clean|ok|pass(?:ed)?|safe|benign|none|success(?:ful)?|low|info(?:rmational)?|innocuous|no (?:issues|threats|findings)[a-z ]{0,10})$"
)
_PASSED = re.compile(r"(?i)(?:approved?|accepted|passed|signed[ _-]off|released)(?:[^a-z]|$)")
_NOT_YET = re.compile(
    r"(?i)(?:none|no|false|n/?a|nil|null|pending|open|requested|rejected|denied|declined|missing|unreviewed|skipped|waived)"
)
_SPOKEN: Final = (
    "messages", "choices", "usage", "prompt", "response", "completion", "attributes", "resource", "resourceSpans", "resourceLogs",
)  # fmt: skip
_LONGEST: Final = 300
_LONGEST_COMMAND: Final = 4_000
_LONGEST_PAGE: Final = 20_000
_MOST: Final = 64
_DAY_NS: Final = 86_400 * 10**9
_FEW_WORDS: Final = 8
_SHORTEST_ANSWER: Final = 40
_SINGLE: Final = frozenset((str, int, float))
_VALID: Final = {True: "valid", False: "invalid", "true": "valid", "false": "invalid"}
_UNSIGNED: Final = ("absent", "unsigned", "not signed", "not_signed")
_QUESTION = re.compile(r"\s{0,8}([^?\uff1f\n]{8,240})[?\uff1f]")  # also as wide as Chinese and Japanese write it
_WORDS = re.compile(r"\w+")


def is_one(document: Record) -> bool:
    """A flat object with a time and something that happened to something rules know; our own field names are read elsewhere."""
    return _is_flat(document) and _text(document, *names.TIMES) is not None and bool(_kind(document))


def is_scan(document: Record) -> bool:
    """The same of what a scanner found, which may look like the prediction of a model."""
    return _is_flat(document) and _text(document, *names.TIMES) is not None and _is_scan(document)


def _is_flat(document: Record) -> bool:
    if "event.kind" in document or any(name in document for name in _SPOKEN):
        return False  # one of ours, or of a model that speaks: what was said would be lost
    return not any("." in name for name in document)


def read(document: Record) -> Record:
    """One event; raises ``UnableToAccept``."""
    kind = _kind(document)
    action = _text(document, *names.ACTIONS) or _decision(document)
    scans = kind == "registry" and _is_scan(document)
    who = _text(document, "writer", *names.LABELLERS) or _who(document)
    return {
        **told(
            time=moment(document, *names.TIMES),
            name=action or "scan",
            event__kind=kind,
            action="scan" if scans else _act(document, kind, action),
            service__name=_text(document, *names.SERVICES),
            user__id=who,
            user__age_days=_age(document),
            writer=who if kind in ("training", "data_access") or (kind == "registry" and not scans) else None,
            client__address=_text(document, *names.ADDRESSES),
            user_agent__original=_text(document, "user_agent"),
            host__name=_text(document, "host", "hostname", "node"),
            aisoc__approval__id=_approval(document),
            error__type="failure" if _failed(document) and not scans else None,
            event__uid=_text(document, "id", "event_id", "uuid", "request_id"),
        ),
        **_about(document, kind),
        **(_scanned(document) if scans else {}),
    }


def _act(document: Record, kind: str, action: str | None) -> str | None:
    """What was done; labels by somebody who labels are data, whatever the tool calls handing them in."""
    labels = kind == "data_access" and _text(document, *names.LABELLERS) is not None
    return f"{action}.labels" if labels and not re.search(r"(?i)label|annotat", action or "") else action


def _about(document: Record, kind: str) -> Record:
    """What it was done to."""
    named = _model(document) | told(dataset__id=_text(document, *names.DATASETS))
    if kind == "registry" and _is_package(document):
        doubts = packages.doubts(document, moment(document, *names.TIMES))
        return named | _artifact(document, kind) | told(artifact__doubt=doubts)
    if kind == "registry":
        return named | _artifact(document, kind)
    if kind in ("training", "data_access"):
        return named | _artifact(document, kind) | _data(document)
    if kind == "tool":
        command = _text(document, *names.COMMANDS, most=_LONGEST_COMMAND)
        return named | told(
            aisoc__tool__impact="exec",
            gen_ai__tool__name=_text(document, *names.ACTIONS),
            gen_ai__tool__call__arguments={"command": command},
        )
    return named | told(
        config__target=_text(document, *names.SETTINGS),
        config__old=_text(document, *names.OLD),
        config__new=_text(document, *names.NEW),
    )


def _decision(document: Record) -> str | None:
    """What a proxy in front of an index of packages did with one."""
    decision = _text(document, "decision")
    return f"package_{decision}" if decision else None


def _model(document: Record) -> Record:
    model = _text(document, *names.MODELS)
    return told(model__id=model, model__version=_text(document, *names.VERSIONS) if model else None)


def _artifact(document: Record, kind: str) -> Record:
    if _is_version(document):
        place = _text(document, *names.FILES_OF_VERSIONS)
    elif kind == "registry":
        place = _package(document) or _joined(document, _text(document, *names.FILES))
    else:
        place = _text(document, "artifact_uri", "uri", "path", "file", "source_uri")
    return told(
        artifact__uri=place,
        artifact__digest=_text(document, *names.DIGESTS),
        artifact__format=_text(document, "format", "file_format"),
        artifact__globals=_globals(document.get("globals", document.get("imports"))),
        artifact__signature=_signature(document),
        registry__stage=_text(document, *names.STAGES) if kind == "registry" else None,
        bytes=_whole(document, "bytes", "size_bytes"),
    )


def _data(document: Record) -> Record:
    counts = next((document[name] for name in names.LABEL_COUNTS if isinstance(document.get(name), Mapping)), None)
    numbers = counts and all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in counts.values())
    version = ("dataset_version",) if _text(document, *names.MODELS) else ("dataset_version", "version")
    return told(
        dataset__id=_text(document, *names.DATASETS, *names.PROJECTS),
        dataset__version=_text(document, *version),
        dataset__label_counts=dict(counts) if counts and numbers else None,
        rows=_whole(document, *names.ROWS),
        sample__id=_text(document, *names.SAMPLES),
        sample__label=_label(document),
        finding__verdict=_agreement(document),
        input__fingerprint=_question_page(document),
    )


def _label(document: Record) -> str | None:
    """The label that somebody gave to one record."""
    own = names.OWN_LABELS if _text(document, *names.LABELLERS) else ()
    return _text(document, *names.GIVEN_LABELS, *own)


def _age(document: Record) -> int | None:
    """How many whole days the account has been there."""
    days = _whole(document, *names.AGES)
    since = next((document[name] for name in names.BORN if document.get(name)), None)
    if days is not None or since is None:
        return days
    try:
        return max(0, (nanoseconds(moment(document, *names.TIMES)) - nanoseconds(since)) // _DAY_NS)
    except UnableToAccept:
        return None


def _agreement(document: Record) -> str | None:
    """Whether a label that somebody gave is the one that the model or the last labeller gave."""
    said = document.get("agrees", document.get("agrees_with_model"))
    given, before = _label(document), _text(document, *names.MODEL_LABELS)
    if not isinstance(said, bool):
        if given is None or before is None:
            return None
        said = given == before
    return "agrees" if said else "disagrees"


def _question_page(document: Record) -> str | None:
    """A mark that near-equal texts share which open with the same question, and pieces of one page do not; None without a question.

    Half of it is the question, the other half the smallest of the hashes of all words after it: texts that share nine words of ten have
    the same smallest one nine times of ten.
    """
    title, page = (_written(document, *fields)[:_LONGEST_PAGE] for fields in (names.TITLES, names.TEXTS))
    inside = _QUESTION.match(page)
    asked = inside or _QUESTION.match(title)
    if asked is None:
        return None
    said = page[inside.end() if inside else 0 :].lower()
    words = set(_WORDS.findall(said))
    if len(words) < _FEW_WORDS:  # or of a language that does not part them
        words = {said[place : place + 2] for place in range(len(said) - 1)}
    if len(said) < _SHORTEST_ANSWER:
        return None
    question = " ".join(_WORDS.findall(asked[1].lower()))
    least = min(hashlib.blake2b(word.encode(), digest_size=8).hexdigest() for word in words)
    return f"{hashlib.blake2b(question.encode(), digest_size=8).hexdigest()}{least}"


def _written(document: Record, *fields: str) -> str:
    return next((value for name in fields if isinstance(value := document.get(name), str)), "")


def _kind(document: Record) -> str:
    action = _text(document, *names.ACTIONS) or ""
    if _is_scan(document):
        return "registry"
    if not action:
        return "registry" if _package(document) and _text(document, "decision") else ""
    if _is_package(document) or _is_version(document):
        return "registry"
    about_data, about_model = _text(document, *names.DATASETS), _text(document, *names.MODELS)
    if _is_write(document, action):
        return "data_access"
    if _text(document, *names.COMMANDS, most=_LONGEST_COMMAND) and _JOBS.search(action):
        return "tool"
    if _TRAINS.search(action) and (about_data or about_model):
        return "training"
    if about_data:
        return "data_access"
    if _KEEPS.search(action) and (
        about_model or _package(document) or _text(document, "image", "artifact", "artifact_uri")
    ):
        return "registry"
    changed = _text(document, *names.NEW) is not None and _text(document, *names.OLD) is not None
    return "config" if changed and _text(document, *names.SETTINGS) else ""


def _is_package(document: Record) -> bool:
    """Somebody took a package of which the record says where it comes from."""
    return _package(document) is not None and packages.told(document)


def _is_version(document: Record) -> bool:
    """An act on one version of a model, told by its stage, address or digest."""
    beside = _text(document, *names.STAGES, *names.FILES_OF_VERSIONS, *names.DIGESTS) is not None
    named = beside and _text(document, *names.MODELS) is not None and _text(document, *names.VERSIONS) is not None
    return named and _OF_VERSIONS.search(_text(document, *names.ACTIONS) or "") is not None


def _is_write(document: Record, action: str) -> bool:
    """Somebody writes, labels or reads a set of data, or something in a project."""
    named = _text(document, *names.DATASETS, *names.PROJECTS) is not None
    someone = _text(document, "writer", *names.LABELLERS) or _who(document)
    return named and someone is not None and _OF_DATA.search(action) is not None


def _is_scan(document: Record) -> bool:
    scans = _scanner(document) or _SCANS.search(_text(document, *names.ACTIONS) or "")
    about = _text(document, *names.FILES) or _text(document, *names.MODELS) or _package(document)
    return bool(scans and about and _verdict(document))


def _scanner(document: Record) -> str | None:
    named = _text(document, *names.SCANNERS)
    tool = None if named else _text(document, "tool", "product", "name", "vendor")
    return named or (tool if tool and _NAMED.search(tool) else None)


def _scanned(document: Record) -> Record:
    place = _package(document) or _joined(document, _text(document, *names.FILES)) or _text(document, *names.MODELS)
    return told(finding__verdict=_verdict(document), finding__source=_scanner(document), artifact__uri=place)


def _verdict(document: Record) -> str | None:
    """``malicious``, ``suspicious`` or ``clean``; counts of what was found weigh more than words."""
    counts = [document[name] for name in names.FOUND_COUNTS if isinstance(document.get(name), bool | int | float)]
    said = [str(document[name])[:_LONGEST] for name in names.VERDICTS if isinstance(document.get(name), str | bool)]
    inner: list[Any] = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), [])
    listed = [str(one.get("safety", one.get("severity", ""))) for one in inner[:_MOST] if isinstance(one, Mapping)]
    words = (*said, *listed)
    if _WEAKNESSES.search(" ".join((*document, str(_scanner(document)), _text(document, *names.ACTIONS) or ""))):
        # Known weaknesses of honest packages, however grave, are no attack.
        if any(map(_MALWARE.search, words)):
            return "malicious"
        return "suspicious" if any(counts) or said else None
    if any(counts) or any(map(_BAD.search, words)):
        return "malicious"
    if not said and not counts:
        return None
    if all(_GOOD.match(word.strip()) for word in said):
        return "clean"
    return "suspicious" if any(map(_WORSE_THAN_NOTHING.search, said)) else "clean"


def _approval(document: Record) -> str | None:
    """Who or what approved it: a number or name, or a review that says that it passed; what is asked for or refused is none."""
    given = _text(document, *names.APPROVALS)
    if given and not _NOT_YET.fullmatch(given.strip()):
        return given
    review = _text(document, *names.REVIEWS)
    return review if review and _PASSED.match(review.strip()) else None


def _failed(document: Record) -> bool:
    return str(document.get("status")).lower() in ("failed", "failure", "denied")


def _text(document: Record, *fields: str, most: int = _LONGEST) -> str | None:
    """The first of these that is a single value of no great length."""
    for name in fields:
        if name in document:  # most are not, and asking costs least
            value = document[name]
            if value.__class__ in _SINGLE and value != "" and len(text := str(value)) <= most:
                return text
    return None


def _whole(document: Record, *fields: str) -> int | None:
    return next(
        (int(value) for name in fields if isinstance(value := document.get(name), int) and not isinstance(value, bool)),
        None,
    )


def _who(document: Record) -> str | None:
    for name in names.WHO:
        value = document.get(name)
        if value.__class__ is dict:
            found = _text(value, "name", "email", "id", "login", "username")
            if found:
                return found
    return _text(document, *names.WHO)


def _package(document: Record) -> str | None:
    name = _text(document, *names.PACKAGES) or packages.component(document)
    if name is None:
        changed = document.get("packages_changed", document.get("packages"))
        name = (
            next((one for one in changed if isinstance(one, str) and len(one) <= _LONGEST), None)
            if isinstance(changed, list)
            else None
        )
        return f"pkg:{name}" if name else None
    version = _text(document, "package_version", "version")
    return f"pkg:{name}@{version}" if version else f"pkg:{name}"


def _joined(document: Record, file: str | None) -> str | None:
    """A file's place: below its source, where both are told."""
    source = _text(document, "source", "repo", "repository", "bucket")
    return f"{source.rstrip('/')}/{file}" if source and file and source != file and "://" not in file else file


def _globals(given: Any) -> list[str] | None:
    """Functions that a serialised file names: as texts, or as module and name."""
    found = []
    for one in given[:_MOST] if isinstance(given, list) else ():
        if isinstance(one, str):
            found.append(one[:_LONGEST])
        elif isinstance(one, Mapping) and one.get("name"):
            found.append(f"{one.get('module') or ''}.{one['name']}"[:_LONGEST])
    return found or None


def _signature(document: Record) -> str | None:
    """What became of a signature; a file that is not the one expected fails, whatever else is said."""
    expected, found = _text(document, *names.EXPECTED_DIGESTS), _text(document, *names.DIGESTS)
    if expected and found and expected != found:
        return "mismatch"
    value = next((document[name] for name in names.SIGNATURES if document.get(name) is not None), None)
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in _VALID):
        return _VALID[value if isinstance(value, bool) else value.lower()]
    if isinstance(value, str) and value.lower() in _UNSIGNED:
        return "unsigned"
    return value.lower() if isinstance(value, str) and len(value) <= 24 else None
