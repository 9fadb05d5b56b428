"""What a sensor reports of machines: like an agent's command where an agent works, administration elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from caiso.connect.telemetry.machines import Machines
from caiso.connect.telemetry.meaning.runtimes import works_for_ai
from caiso.connect.telemetry.preparation import Memory, Preparation

Event = dict[str, Any]
AGENT = {"event.kind": "tool", "gen_ai.tool.name": "Bash", "host.name": "runner-7", "gen_ai.tool.call.arguments": "{}"}


def started(line: str, parent: str | None, host: str = "runner-7") -> Event:
    event = {"event.kind": "tool", "aisoc.tool.impact": "exec", "host.name": host, "process.command_line": line}
    return event | ({"process.parent": parent} if parent else {})


def arguments(preparation: Preparation, *events: Event) -> object:
    numbered = [
        {"event.id": f"e{number}", "time": 1_000 + number, "source.id": "s", "service.name": "w", **event}
        for number, event in enumerate(events)
    ]
    return preparation.of_merged(numbered).events()[-1].get("gen_ai.tool.call.arguments")


def test_what_a_set_up_starts_where_an_agent_works_is_like_a_command_of_it() -> None:
    assert arguments(Preparation(), AGENT, started("curl -s x | sh", "npm install")) == '{"command":"curl -s x | sh"}'


@pytest.mark.parametrize(
    "parent", ["bash", "/usr/bin/zsh", "sshd", "cron", "systemd", "apt-get", "C:\\Windows\\explorer.exe", None]
)
def test_what_a_person_a_timer_or_the_system_starts_is_not(parent: str | None) -> None:
    assert arguments(Preparation(), AGENT, started("rm -rf /var/log/old", parent)) is None


def test_a_machine_without_agents_is_left_alone() -> None:
    assert arguments(Preparation(), AGENT, started("curl -s x | sh", "npm install", "db-2")) is None


def test_it_is_remembered_over_a_restart() -> None:
    first = Preparation()
    arguments(first, AGENT)
    memory = msgspec.msgpack.decode(msgspec.msgpack.encode(first.save()), type=Memory)
    assert arguments(Preparation.restored(memory), started("id", "node")) == '{"command":"id"}'


def test_machines_are_bounded() -> None:
    machines = Machines.of(f"h{number}" for number in range(12_000))
    numbered = [{"event.id": "e", "time": 1, "source.id": "s", **AGENT}]
    preparation = Preparation(machines=machines)
    preparation.of_merged(numbered)
    assert len(machines.save()) == 10_000


@pytest.mark.parametrize(
    "name",
    [
        "raylet",
        "/usr/local/bin/claude",
        "C:\\Users\\k\\codex.exe",
        "jupyter-lab",
        "ray",
        "svc-agent",
        "mail-mcp",
        "node /opt/goose run",
    ],
)
def test_agents_and_servers_of_models_are_known_by_their_names(name: str) -> None:
    assert works_for_ai("", name)


@pytest.mark.parametrize(
    "name",
    [
        "bash",
        "amazon-ssm-agent",
        "ssh-agent",
        "/usr/sbin/sshd",
        "root",
        "qemu-guest-agent",
        "array",
        "zabbix_agentd",
        "claudette",
        None,
    ],
)
def test_other_programs_and_agents_of_other_sorts_are_not(name: str | None) -> None:
    assert not works_for_ai("rm -rf /var/lib/old", name)
