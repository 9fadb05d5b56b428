"""Plain events of scanners, registries, schedulers, trainers and consoles: one flat JSON object that says when, who, what and of what.

There is no standard; read are the commonest names. What an event is about decides its kind, and one that is about nothing that rules ask
for is left to be refused. Only what has a name here is taken over; a text of more than three hundred characters is none of it, but for
the command of a job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import moment, told

Record = dict[str, Any]

_TIMES: Final = (
    "timestamp",
    "time",
    "ts",
    "@timestamp",
    "event_time",
    "eventTime",
    "created_at",
    "detected_at",
    "occurred_at",
    "date",
)
_ACTIONS: Final = ("action", "event", "event_type", "eventType", "event_name", "operation", "activity", "type", "verb")
_WHO: Final = (
    "user", "actor", "user_id", "username", "principal", "by", "author", "performed_by", "changed_by", "created_by", "requested_by",
    "initiator", "submitted_by", "owner", "publisher",
)  # fmt: skip
_ADDRESSES: Final = ("source_ip", "client_ip", "src_ip", "ip", "ip_address", "remote_addr", "remote_ip")
_SERVICES: Final = ("service", "app", "application", "component", "system", "cluster", "platform")
_SCANNERS: Final = ("scanner", "scan_engine", "scan_tool", "detector", "checker", "auditor", "engine")
_FILES: Final = (
    "file",
    "path",
    "artifact",
    "artifact_uri",
    "model_file",
    "object",
    "uri",
    "target",
    "image",
    "source",
    "url",
)
_PACKAGES: Final = ("package", "package_name", "dependency", "library", "component_name")
_MODELS: Final = ("model", "model_name", "model_id", "registered_model")
_DATASETS: Final = ("dataset", "dataset_id", "dataset_name", "training_set", "corpus", "knowledge_base", "index")
_VERSIONS: Final = ("model_version", "version", "revision", "to_version", "new_version")
_DIGESTS: Final = ("sha256", "digest", "hash", "checksum", "sha512")
_STAGES: Final = ("stage", "to_stage", "target_stage", "alias", "environment", "env")
_APPROVALS: Final = (
    "approval",
    "approval_id",
    "change_id",
    "change_ticket",
    "change_request",
    "ticket",
    "approval_ticket",
)
_COMMANDS: Final = ("entrypoint", "command", "cmd", "command_line", "cmdline", "cmd_line", "script")
_SETTINGS: Final = ("setting", "config_key", "parameter", "field", "config", "policy", "key", "target", "resource")
_OLD: Final = ("old", "old_value", "before", "previous", "from")
_NEW: Final = ("new", "new_value", "after", "value", "to")
_VERDICTS: Final = (
    "verdict",
    "result",
    "outcome",
    "classification",
    "safety",
    "disposition",
    "status",
    "risk",
    "severity",
    "rating",
)
_COUNTS: Final = (
    "infected_files",
    "infected",
    "malicious",
    "is_malicious",
    "threats",
    "issues",
    "critical",
    "unsafe_globals",
)
_SIGNATURES: Final = (
    "signature",
    "signature_status",
    "signature_valid",
    "signature_verified",
    "signed",
    "verified_signature",
)

_NAMED = re.compile(
    r"(?i)modelscan|picklescan|fickling|modelaudit|clamav|yara|guardian|virustotal|pip-?audit|socket\b|trivy|grype|snyk|malware|antivirus"
)
_SCANS = re.compile(r"(?i)scan|finding|malware|audit")
_TRAINS = re.compile(r"(?i)train|fine.?tun|fit\b|learn|nightly_update|weights?_update|model_update|distil")
_KEEPS = re.compile(
    r"(?i)promot|deploy|regist|transition|approv|releas|stag|alias|load|publish|roll|sign|upload|creat|delet|serv|pull|download|push|instal|upgrad|updat|add"
)
_JOBS = re.compile(r"(?i)job|task|run|exec|submit|start|launch|process|spawn|schedul|cron")
_WEAKNESSES = re.compile(
    r"(?i)vulnerab|\bcves?\b|cve-[0-9]|advisor|ghsa|licen[cs]e|pip-?audit|trivy|grype|snyk|\bosv\b|npm.audit|sbom|outdated"
)
_MALWARE = re.compile(r"(?i)malicious|malware|infected|trojan|backdoor|poison")
_BAD = re.compile(r"(?i)malicious|malware|infected|dangerous|unsafe|threat|trojan|backdoor|critical|poison")
_WORSE_THAN_NOTHING = re.compile(r"(?i)suspicious|high|warn|fail|vulnerab|unknown|medium|error|does not parse")
_GOOD = re.compile(
    r"(?i)^(?:clean|ok|pass(?:ed)?|safe|benign|none|success(?:ful)?|low|info(?:rmational)?|innocuous|no (?:issues|threats|findings)[a-z ]{0,10})$"
)
_SPOKEN: Final = (
    "messages",
    "choices",
    "usage",
    "prompt",
    "response",
    "completion",
    "attributes",
    "resource",
    "resourceSpans",
    "resourceLogs",
)
_LONGEST: Final = 300
_LONGEST_COMMAND: Final = 4_000
_MOST: Final = 64
_VALID: Final = {True: "valid", False: "invalid", "true": "valid", "false": "invalid"}


def is_one(document: Record) -> bool:
    """A flat object with a time and something that happened to something rules know; our own field names are read elsewhere."""
    return _is_flat(document) and _text(document, *_TIMES) is not None and bool(_kind(document))


def is_scan(document: Record) -> bool:
    """The same of what a scanner found."""
    return _is_flat(document) and _text(document, *_TIMES) is not None and _is_scan(document)


def _is_flat(document: Record) -> bool:
    if "event.kind" in document or any(name in document for name in _SPOKEN):
        return False  # one of ours, or of a model that speaks: what was said would be lost
    return not any("." in name for name in document)


def read(document: Record) -> Record:
    """One event; raises ``UnableToAccept``."""
    kind = _kind(document)
    action = _text(document, *_ACTIONS)
    package, file = _package(document), _text(document, *_FILES)
    scans = kind == "registry" and _is_scan(document)
    command = _text(document, *_COMMANDS, most=_LONGEST_COMMAND) if kind == "tool" else None
    who = _who(document)
    return told(
        time=moment(document, *_TIMES),
        name=action or "scan",
        event__kind=kind,
        action="scan" if scans else action,
        service__name=_text(document, *_SERVICES),
        user__id=who,
        writer=who if kind in ("training", "data_access") else None,
        client__address=_text(document, *_ADDRESSES),
        host__name=_text(document, "host", "hostname", "node"),
        model__id=_text(document, *_MODELS),
        model__version=_text(document, *_VERSIONS) if _text(document, *_MODELS) else None,
        dataset__id=_text(document, *_DATASETS),
        rows=_whole(document, "rows", "records", "examples", "samples", "count"),
        artifact__uri=package or _joined(document, file) or _text(document, *_MODELS) if kind == "registry" else None,
        artifact__digest=_text(document, *_DIGESTS),
        artifact__format=_text(document, "format", "file_format"),
        artifact__globals=_globals(document.get("globals", document.get("imports"))),
        artifact__signature=_signature(document),
        finding__verdict=_verdict(document) if scans else None,
        finding__source=_scanner(document) if scans else None,
        registry__stage=_text(document, *_STAGES) if kind == "registry" else None,
        config__target=_text(document, *_SETTINGS) if kind == "config" else None,
        config__old=_text(document, *_OLD) if kind == "config" else None,
        config__new=_text(document, *_NEW) if kind == "config" else None,
        aisoc__approval__id=_text(document, *_APPROVALS),
        aisoc__tool__impact="exec" if command else None,
        gen_ai__tool__name=action if command else None,
        gen_ai__tool__call__arguments={"command": command} if command else None,
        error__type="failure" if str(document.get("status")).lower() in ("failed", "failure", "denied") and not scans else None,
        event__uid=_text(document, "id", "event_id", "uuid", "request_id"),
    )  # fmt: skip


def _kind(document: Record) -> str:
    action = _text(document, *_ACTIONS) or ""
    if _is_scan(document):
        return "registry"
    if not action:
        return ""
    if _text(document, *_COMMANDS, most=_LONGEST_COMMAND) and _JOBS.search(action):
        return "tool"
    about_data, about_model = _text(document, *_DATASETS), _text(document, *_MODELS)
    if _TRAINS.search(action) and (about_data or about_model):
        return "training"
    if about_data:
        return "data_access"
    if _KEEPS.search(action) and (
        about_model or _package(document) or _text(document, "image", "artifact", "artifact_uri")
    ):
        return "registry"
    changed = _text(document, *_NEW) is not None and _text(document, *_OLD) is not None
    return "config" if changed and _text(document, *_SETTINGS) else ""


def _is_scan(document: Record) -> bool:
    scans = _scanner(document) or _SCANS.search(_text(document, *_ACTIONS) or "")
    about = _text(document, *_FILES) or _text(document, *_MODELS) or _package(document)
    return bool(scans and about and _verdict(document))


def _scanner(document: Record) -> str | None:
    named = _text(document, *_SCANNERS)
    tool = None if named else _text(document, "tool", "product", "name", "vendor")
    return named or (tool if tool and _NAMED.search(tool) else None)


def _verdict(document: Record) -> str | None:
    """``malicious``, ``suspicious`` or ``clean``; counts of what was found weigh more than words."""
    counts = [document[name] for name in _COUNTS if isinstance(document.get(name), bool | int | float)]
    said = [str(document[name])[:_LONGEST] for name in _VERDICTS if isinstance(document.get(name), str | bool)]
    inner = next(
        (
            document[name]
            for name in ("globals", "findings", "issues", "results", "threats")
            if isinstance(document.get(name), list)
        ),
        None,
    )
    listed = (
        [str(one.get("safety", one.get("severity", ""))) for one in inner[:_MOST] if isinstance(one, Mapping)]
        if isinstance(inner, list)
        else []
    )
    if _WEAKNESSES.search(" ".join((*document, str(_scanner(document)), _text(document, *_ACTIONS) or ""))):
        # Known weaknesses of honest packages, however grave, are no attack.
        return (
            "malicious"
            if any(_MALWARE.search(word) for word in (*said, *listed))
            else "suspicious"
            if any(counts) or said
            else None
        )
    if any(counts) or any(_BAD.search(word) for word in (*said, *listed)):
        return "malicious"
    if not said and not counts:
        return None
    if all(_GOOD.match(word.strip()) for word in said):
        return "clean"
    return "suspicious" if any(_WORSE_THAN_NOTHING.search(word) for word in said) else "clean"


def _text(document: Record, *names: str, most: int = _LONGEST) -> str | None:
    """The first of these that is a single value of no great length."""
    for name in names:
        value = document.get(name)
        if (
            isinstance(value, str | int | float)
            and not isinstance(value, bool)
            and value != ""
            and len(str(value)) <= most
        ):
            return str(value)
    return None


def _whole(document: Record, *names: str) -> int | None:
    return next(
        (int(value) for name in names if isinstance(value := document.get(name), int) and not isinstance(value, bool)),
        None,
    )


def _who(document: Record) -> str | None:
    for name in _WHO:
        value = document.get(name)
        if isinstance(value, Mapping):
            found = _text(dict(value), "name", "email", "id", "login", "username")
            if found:
                return found
    return _text(document, *_WHO)


def _package(document: Record) -> str | None:
    name = _text(document, *_PACKAGES)
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
    expected, found = _text(document, *(f"expected_{name}" for name in _DIGESTS)), _text(document, *_DIGESTS)
    if expected and found and expected.lower() != found.lower():
        return "mismatch"
    value = next((document[name] for name in _SIGNATURES if document.get(name) is not None), None)
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in _VALID):
        return _VALID[value if isinstance(value, bool) else value.lower()]
    return value.lower() if isinstance(value, str) and len(value) <= 24 else None
