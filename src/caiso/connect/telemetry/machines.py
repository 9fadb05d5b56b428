"""Which machines agents work on, as their own telemetry names them, and what was started there by no person's hand.

A sensor reports every program that is started. What a person, a timer or the system itself starts is administration; on a
machine where an agent works, what a package's set-up or another program starts may be the agent's doing and is matched
like a command of it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from caiso.connect.telemetry.meaning.messages import dump
from caiso.connect.telemetry.table import EventBatch

_HOST: Final = "host.name"
_LINE: Final = "process.command_line"
_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
_MACHINES: Final = 10_000
_WORKING: Final = frozenset(("agent", "tool", "mcp"))
_BY_HAND: Final = re.compile(
    r"(?i)(?:^|[/\\])(?:-?(?:ba|z|fi|da|a|k|tc|c)?sh|powershell|pwsh|cmd|explorer|code|tmux[a-z: ]{0,12}|screen|xterm|[a-z-]{0,20}terminal[a-z-]{0,12}|iterm2?"
    r"|sshd[a-z-]{0,10}|login|su|sudo|doas|cron|crond|anacron|atd|init|systemd[a-z-]{0,20}|launchd|services|svchost|taskeng|wininit|ccmexec|msiexec"
    r"|ansible[a-z-]{0,20}|puppet[a-z-]{0,10}|chef-client|salt-minion|cloud-init|apt|apt-get|dpkg|dnf|yum|rpm|zypper|snapd|brew|amazon-ssm[a-z-]{0,12}|waagent"
    r"|containerd-shim[a-z0-9-]{0,10}|runc[a-z:\[\]0-9 ]{0,12}|tini|dumb-init|jenkins|make|gdm[a-z-]{0,20}|gnome-shell)(?:\.exe)?(?:\s|$|:)"
)


class Machines:
    """Remembers machines, and gives a batch's commands that were started on one of them a call's arguments."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    def with_commands(self, events: EventBatch) -> EventBatch:
        """The batch with arguments for such commands; most batches name no machine, or have no command of one."""
        if _HOST not in events.fields():
            return events
        hosts, kinds, tools = events.column(_HOST), events.column("event.kind"), events.column("gen_ai.tool.name")
        for row, kind in enumerate(kinds):
            host = hosts[row]
            if host and kind in _WORKING and (tools[row] or kind == "agent") and isinstance(host, str):
                self._known[host] = None
        while len(self._known) > _MACHINES:
            self._known.popitem(last=False)
        lines = events.texts.get(_LINE)
        if lines is None or not self._known:
            return events
        given: Sequence[str | None] = events.texts.get(_ARGUMENTS) or [None] * len(events)
        parents = events.column("process.parent")
        rows = [
            row
            for row, line in enumerate(lines)
            if line
            and not given[row]
            and not tools[row]
            and hosts[row] in self._known
            and not _is_by_hand(parents[row])
        ]
        if not rows:
            return events
        whole: list[Any] = list(given)
        for row in rows:
            whole[row] = dump({"command": lines[row]})
        return events.adding({_ARGUMENTS: whole})

    def save(self) -> list[str]:
        """What is remembered; who was first heard of comes first."""
        return list(self._known)

    @classmethod
    def of(cls, saved: Iterable[str]) -> Machines:
        """Take up what ``save`` gave."""
        machines = cls()
        machines._known = OrderedDict.fromkeys(saved)
        return machines


def _is_by_hand(parent: object) -> bool:
    """Whether a person, a timer or the system started it, or nobody tells who did."""
    return not isinstance(parent, str) or not parent or _BY_HAND.search(parent) is not None
