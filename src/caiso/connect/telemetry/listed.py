"""Tells of an MCP server whether the house's own list of allowed servers holds it, where such a list is reported.

A list comes as a configuration event whose target names it. Of the newest one its hosts and the names of its servers are
remembered; a single entry is no list but was added to one. A server at another named host is not on it, and neither is one that bears the name of a listed server and answers
from elsewhere, also on the machine itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from caiso.connect.telemetry.meaning.messages import load
from caiso.connect.telemetry.table import EventBatch

LISTED: Final = "aisoc.server.listed"  # no: the list of allowed servers has neither its host; posing: but its name

_TARGET: Final = "config.target"
_LIST = re.compile(r"(?i)(?:allow|approved|permitted)[_ -]?(?:ed)?[_ -]?(?:list|(?:mcp[_ -]?)?servers)")
_OF_SERVERS = re.compile(r"(?i)mcp|server|connector|tool")
_HOST = re.compile(r"(?i)^(?:[a-z]{2,6}://)?((?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24})(?::[0-9]{1,5})?(?:/|$)")
_LOCAL = re.compile(r"(?i)^(?:localhost|127\.|::1|\[::1\]|0\.0\.0\.0)")
_FETCHED = re.compile(
    r"(?i)(?:^|[/\\\s])(?:npx|bunx|uvx|pipx|pnpm dlx|yarn dlx|docker run)(?:\.cmd)?\s"
)  # from a public registry, at each start
_MEETING: Final = frozenset(("initialize", "tools/list"))  # once for each session
_MOST: Final = 500
_NAME_CHARS: Final = 64
_CHARS: Final = 20_000


class Listed:
    """Remembers the newest list, and says of a batch's servers which are not on it."""

    def __init__(self, hosts: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self.hosts, self.names = set(hosts), set(names)

    def with_unlisted(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; nearly all batches have none."""
        fields = events.fields()
        if _TARGET not in fields and not (self.hosts and "mcp.method.name" in fields):
            return events
        kinds, methods = events.column("event.kind"), events.column("mcp.method.name")
        targets, lists = events.column(_TARGET), events.column("config.new")
        addresses, servers = events.column("server.address"), events.column("mcp.server.name")
        commands = events.column("mcp.server.command")
        found: list[str | None] = [None] * len(events)
        for row, kind in enumerate(kinds):
            if kind == "config" and targets[row]:
                self._note(str(targets[row]), lists[row])
            elif self.hosts and methods[row] in _MEETING and addresses[row]:
                found[row] = self._missing(str(addresses[row]).lower(), str(servers[row] or "").lower(), commands[row])
        return events.adding({LISTED: found}) if any(found) else events

    def _note(self, target: str, given: object) -> None:
        if not (_LIST.search(target) and _OF_SERVERS.search(target)):
            return
        hosts: set[str] = set()
        names: set[str] = set()
        for name, value in _entries(load(given)):
            if host := _HOST.match(value):
                hosts.add(host[1].lower())
                names.update([name[:_NAME_CHARS].lower()] if name else ())
        if len(hosts) == 1 and self.hosts:  # one that was added
            self.hosts, self.names = self.hosts | hosts, self.names | names
        elif 1 < len(hosts) <= _MOST:
            self.hosts, self.names = hosts, names

    def _missing(self, address: str, server: str, command: object) -> str | None:
        """What is amiss with a server, if anything; of local ones with a name of their own only those fetched at each start count."""
        host = _HOST.match(address)
        if host is None and not _LOCAL.match(address):
            return None
        if host is not None and host[1].lower() in self.hosts:
            return None
        if server in self.names:
            return "posing"
        fetched = self.names and command and _FETCHED.search(str(command))
        return "no" if host is not None or fetched else None

    def save(self) -> tuple[list[str], list[str]]:
        """What is remembered."""
        return sorted(self.hosts), sorted(self.names)


def _entries(given: Any) -> Iterable[tuple[str, str]]:
    """Name and value of each entry of a list, in whichever shape it comes."""
    if isinstance(given, dict):
        inner = next(iter(given.values())) if len(given) == 1 else None
        if isinstance(inner, dict | list):
            return _entries(inner)
        return [pair for name, value in given.items() for pair in _entry(str(name), value)]
    if isinstance(given, list):
        return [pair for one in given for pair in _entry(_own_name(one), one)]
    return [("", one) for one in re.split(r"[\s,;]+", given[:_CHARS])] if isinstance(given, str) else []


def _entry(name: str, value: Any) -> list[tuple[str, str]]:
    """One entry: an address, or an object that holds it."""
    values = value.values() if isinstance(value, dict) else (value,)
    return [(name, one) for one in values if isinstance(one, str)]


def _own_name(one: Any) -> str:
    return str(one.get("name") or one.get("id") or "") if isinstance(one, dict) else ""
