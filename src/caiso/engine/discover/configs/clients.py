"""Configurations of programs that launch Model Context Protocol servers, and LangGraph's manifest."""

from __future__ import annotations

import re

from caiso.engine.discover.configs.documents import Node
from caiso.engine.discover.configs.sink import Sink, relate
from caiso.engine.discover.ids import url_identity

_LAUNCHERS = (
    "npx",
    "uvx",
    "bunx",
    "pipx",
    "npm",
    "pnpm",
    "yarn",
    "docker",
    "uv",
    "node",
    "python",
    "python3",
    "deno",
    "bun",
)
_VERSION = re.compile(r"(?<=.)@[^/@]+$")


def read_mcp_servers(sink: Sink, root: Node) -> bool:
    """mcpServers (most clients), servers (VS Code), or context_servers (Zed)."""
    servers = root.get("mcpServers") or root.get("mcp", "servers") or root.get("context_servers") or _vscode(root)
    if servers is None or servers.shape != "map":
        return False
    known = [
        (name, entry)
        for name, entry in servers.pairs
        if entry.get("command") or entry.get("url") or entry.get("serverUrl")
    ]
    if not known:
        return False
    client = sink.add(
        "mcp_client",
        sink.path,
        f"mcp_client:{sink.path}",
        servers.line,
        "MCP client configuration",
        attributes={"transports": ["configuration"]},
    )
    for name, entry in known:
        address = entry.value("url") or entry.value("serverUrl")
        launch = url_identity(address) if address else launch_identity(entry)
        server = sink.add(
            "mcp_server",
            name,
            f"mcp_server:{launch or sink.path + '#' + name}",
            entry.line,
            "MCP server in a client configuration",
            attributes={"transport": "http" if address else "stdio", "launch": launch, "configured": True},
        )
        relate(client, "connects_to", server)
        for variable in _variables(entry):
            relate(server, "authenticates_with", sink.credential(variable, entry.line, "environment of an MCP server"))
    return True


def _vscode(root: Node) -> Node | None:
    servers = root.get("servers")
    entries = servers.pairs if servers is not None else ()
    return servers if any(entry.get("command") or entry.get("type") for _, entry in entries) else None


def _variables(entry: Node) -> list[str]:
    environment = entry.get("env")
    return [name for name, _ in environment.pairs] if environment is not None else []


def launch_identity(entry: Node) -> str:
    """The package or script that is started: launcher flags, versions and values of options are left out."""
    command = entry.value("command").rpartition("/")[2]
    arguments = entry.get("args")
    words = [item.text for item in arguments.items] if arguments is not None else []
    if command not in _LAUNCHERS:
        return f"stdio:{command}"
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-e", "--directory", "-v", "--mount", "--env", "--with", "--from", "-p", "--name", "--network"):
            skip = word != "--from"
        elif not word.startswith("-") and word not in ("run", "exec", "dlx", "x", "tool"):
            return f"stdio:{command}:{_VERSION.sub('', word)}"
    return f"stdio:{command}"
