"""Says whether a change of configuration makes a protection weaker or stronger, from its name and both values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.meaning.messages import load

_MAX_KEYS: Final = 64
_WORD = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_SPLIT = re.compile(r"[\s,;|]+")

# A policy about how a text looks protects nothing.
_LOOKS: Final = frozenset(
    ("format", "formatting", "formatter", "style", "indent", "theme", "layout", "font", "prettier", "eslint")
)
_OF_LOOKS: Final = frozenset(("policy", "policies", "content"))
# More of these is less protection: what is let through, skipped, or trusted without a look.
_PERMITTING: Final = frozenset(
    ("allow", "allowed", "allowlist", "whitelist", "auto", "bypass", "skip", "dangerously", "dangerous", "trust",
     "trusted", "unsafe", "exempt", "exemption", "exclude", "excluded", "tools", "tool", "permission", "permissions",
     "scope", "scopes", "grant", "grants", "capabilities", "yolo", "anonymous", "public")
)  # fmt: skip
# More of these is more protection.
_PROTECTING: Final = frozenset(
    ("guardrail", "guardrails", "guard", "filter", "filters", "moderation", "approval", "approvals", "require", "requires",
     "required", "safety", "block", "blocked", "blocklist", "blacklist", "deny", "denied", "denylist", "logging",
     "log", "logs", "audit", "telemetry", "tracing", "trace", "sandbox", "verify", "verification", "signature",
     "signatures", "mfa", "review", "reviewers", "oversight", "redaction", "masking", "pii", "injection", "jailbreak",
     "retention", "capture", "confirmation", "confirm", "policy", "policies", "isolation", "encryption", "detection",
     "toxicity", "classifier", "watermark", "content", "human", "security", "tls")
)  # fmt: skip
_LIMITING: Final = frozenset(("limit", "limits", "max", "maximum", "budget", "quota", "ceiling", "threshold", "cutoff"))
_SCALE: Final = (  # from letting everything through to letting nothing through
    ("off", "false", "disabled", "disable", "none", "no", "never", "removed", "deleted", "null", "bypass", "bypasspermissions", "unrestricted", "open"),
    ("allow", "allow_all", "permissive", "permit", "accept", "auto", "yolo", "anyone", "public"),
    ("log", "log_only", "logonly", "monitor", "monitoring", "audit", "observe", "report", "detect", "shadow", "count", "dry_run", "dryrun", "passive"),
    ("warn", "warning", "flag", "alert", "low", "minimal", "relaxed", "acceptedits"),
    ("medium", "default", "mask", "redact", "anonymize", "review", "ask", "prompt", "moderate"),
    ("high", "block", "deny", "reject", "enforce", "enforced", "enforcing", "on", "true", "enabled", "enable", "yes", "always", "required", "active", "blocking"),
    ("strict", "maximum", "quarantine", "paranoid", "plan"),
)  # fmt: skip
_SWITCHES: Final = frozenset(
    (
        "off",
        "on",
        "false",
        "true",
        "disabled",
        "enabled",
        "disable",
        "enable",
        "no",
        "yes",
        "none",
        "null",
        "never",
        "always",
    )
)
_RANK: Final = {word: rank for rank, words in enumerate(_SCALE) for word in words}


def effect_of(target: object, old: object, new: object) -> str:
    """``weaker`` or ``stronger`` where a protection changed in one direction, else empty."""
    name = str(target or "")[:512].lower()
    before, after = _plain(old), _plain(new)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [key for key in before if key in after and before[key] != after[key]][:_MAX_KEYS]
        effects = {effect_of(f"{name} {key}", before[key], after[key]) for key in keys}
        return "weaker" if "weaker" in effects else "stronger" if "stronger" in effects else ""
    words = set(_WORD.findall(name))
    if words & _LOOKS:
        words -= _OF_LOOKS
    permitting = bool(words & _PERMITTING)
    if not permitting and not words & (_PROTECTING | _LIMITING):
        return ""
    if permitting and words & {"block", "blocked", "deny", "denied", "blocklist", "denylist", "blacklist", "require"}:
        permitting = False
    if (
        permitting
        and not (_is_switch(before) and _is_switch(after))
        and _rank(before) is not None
        and _rank(after) is not None
    ):
        permitting = False  # "ask" is stricter than "bypass", whatever is being permitted
    step = _compared(words, before, after)
    if not step:
        return ""
    return "weaker" if (step > 0) == permitting else "stronger"


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value in _SWITCHES)


def _plain(value: object) -> Any:
    loaded = load(value)
    if isinstance(loaded, str):
        return loaded.strip().strip("\"'").lower()
    return loaded


def _compared(words: set[str], before: Any, after: Any) -> int:
    """Above zero: more of what the name names; below zero: less; zero: cannot be said."""
    low, high = _number(before), _number(after)
    if low is not None and high is not None:
        turned = -1 if words & _LIMITING else 1  # a higher threshold or limit lets more through
        return turned * ((high > low) - (high < low))
    first, second = _rank(before), _rank(after)
    if first is not None and second is not None:
        return (second > first) - (second < first)
    if first is None and before in (None, "", []) and second is not None:
        return -1 if second < _RANK["warn"] else 0
    had, has = _items(before), _items(after)
    if had is None or has is None or had == has:
        return 0
    return 1 if has > had else -1 if has < had else 0


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _rank(value: Any) -> int | None:
    if isinstance(value, bool):
        value = "true" if value else "false"
    return _RANK.get(value) if isinstance(value, str) else None


def _items(value: Any) -> frozenset[str] | None:
    if isinstance(value, list):
        return frozenset(str(item).lower() for item in value[:1024])
    if isinstance(value, str) and (_SPLIT.search(value) or value == ""):
        return frozenset(part for part in _SPLIT.split(value) if part)
    return None
