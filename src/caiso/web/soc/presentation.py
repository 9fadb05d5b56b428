"""How security operations put values into words."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.timezone import localtime

from caiso.engine.detect.techniques import atlas_techniques

WORDS = {True: "yes", False: "no"}


def time_left(deadline: datetime | None, *, now: datetime) -> str:
    """ "58 h 12 min left", "3 h overdue", "5 days left": exact enough to act on; without a deadline, without undue delay."""
    if deadline is None:
        return "without undue delay"
    gap = deadline - now
    word = "left" if gap > timedelta() else "overdue"
    minutes = int(abs(gap).total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60
    if days > 4:
        return f"{days} days {word}"
    return f"{hours} h {minutes % 60} min {word}" if hours else f"{minutes} min {word}"


def technique_name(technique: str) -> str:
    """The name that ATLAS gives a technique, after that of the one it is a part of; empty where it knows none."""
    names = atlas_techniques()
    own, parent = names.get(technique, ""), technique.rpartition(".")[0]
    return f"{names[parent]}: {own}" if own and parent in names else own


def technique_words(techniques: str | Iterable[str]) -> str:
    """ "AML.T0086 Exfiltration via AI Agent Tool Invocation"; several with commas."""
    ids = [techniques] if isinstance(techniques, str) else list(techniques)
    return ", ".join(f"{one} {technique_name(one)}".strip() for one in ids if one)


def said(value: object) -> str:
    """A determined value as a person would say it."""
    if isinstance(value, bool):
        return WORDS[value]
    if isinstance(value, list):
        return ", ".join(map(str, value))
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value).replace("_", " ")
    return f"{moment:%-d %b %Y %H:%M %Z}".strip()


_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")


def readable(text: str) -> str:
    """A sentence of the engine with its ISO moments as a person writes them, in the installation's zone."""

    def shown(match: re.Match[str]) -> str:
        moment = localtime(datetime.fromisoformat(match.group().replace("Z", "+00:00")))
        return f"{moment:%-d %b %Y %H:%M %Z}"

    return _ISO.sub(shown, text)
