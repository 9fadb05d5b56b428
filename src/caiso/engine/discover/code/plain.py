"""Go, Ruby and Rust by text rules: comments are blanked first, then only unmistakable forms count."""

from __future__ import annotations

import re
from collections.abc import Iterator

from caiso.engine.discover.collect import Findings, observe
from caiso.engine.discover.ids import place
from caiso.engine.discover.records import Evidence, Observation, Status
from caiso.engine.discover.secrets import credential_name
from caiso.engine.discover.signatures import Provider, Signatures

_COMMENTS = {
    "go": re.compile(r"/\*.*?\*/|//[^\n]*|(\"(?:\\.|[^\"\\\n])*\"|`[^`]*`)", re.DOTALL),
    "rs": re.compile(r"/\*.*?\*/|//[^\n]*|(\"(?:\\.|[^\"\\])*\")", re.DOTALL),
    "rb": re.compile(
        r"^=begin.*?^=end|(?<![\w\"'])#(?!\{)[^\n]*|(\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')",
        re.DOTALL | re.MULTILINE,
    ),
}
_STRING = re.compile(r"[\"'`]([^\"'`\n]{2,200})[\"'`]")
_GO_MODEL = re.compile(r"\b(anthropic|openai)\.((?:Chat)?Model[A-Z]\w+|GPT\w+)")
_CLIENTS = {
    "go": {
        "anthropic": re.compile(r"\banthropic\.NewClient\("),
        "openai": re.compile(r"\bopenai\.NewClient(?:WithConfig)?\("),
        "google": re.compile(r"\bgenai\.NewClient\("),
        "ollama": re.compile(r"\bollama\.(?:New|ClientFromEnvironment)\(|\bapi\.ClientFromEnvironment\("),
    },
    "rb": {
        "anthropic": re.compile(r"\bAnthropic::Client\.new"),
        "openai": re.compile(r"\bOpenAI::Client\.new"),
        "google": re.compile(r"\bGemini\.new"),
    },
    "rs": {
        "openai": re.compile(r"\basync_openai::|openai::Client::new"),
        "anthropic": re.compile(r"\banthropic(?:_sdk)?::Client"),
        "ollama": re.compile(r"\bOllama::(?:new|default)\("),
    },
}
_SDK_IMPORT = {
    "go": re.compile(r"github\.com/(?:modelcontextprotocol/go-sdk|mark3labs/mcp-go|metoro-io/mcp-golang)"),
    "rb": re.compile(r"require\s+[\"'](?:mcp|fast_mcp|model_context_protocol)[\"']|\bMCP::"),
    "rs": re.compile(r"\buse\s+(?:rmcp|rust_mcp_sdk|mcp_core)\b|\brmcp::"),
}
_SERVER = {
    "go": re.compile(r"\bmcp\.NewServer\(|\bserver\.NewMCPServer\(|\bmcp_golang\.NewServer\("),
    "rb": re.compile(r"\bMCP::Server\.new|\bFastMcp::Server\.new|\bFastMcp\.mount_in_rails"),
    "rs": re.compile(r"\bimpl\s+ServerHandler\s+for\s+(\w+)"),
}
_CLIENT = {
    "go": re.compile(
        r"\bmcp\.NewClient\(|\bmcp\.CommandTransport\{|\bclient\.New(?:Stdio|SSE|StreamableHttp)?MCPClient\("
    ),
    "rb": re.compile(r"\bMCP::Client(?:::\w+)?\.new"),
    "rs": re.compile(
        r"\bTokioChildProcess::new\(|\bRoleClient\b.*|\bStreamableHttpClientTransport::|\bSseClientTransport::"
    ),
}
_NAME_NEAR = re.compile(r"(?:\b[Nn]ame:?\s*[:=]?\s*|Implementation::new\(\s*|NewMCPServer\(\s*)\"([^\"\n]{1,100})\"")
_TOOLS = {
    "go": re.compile(
        r"&?mcp\.Tool\{\s*Name:\s*\"([^\"]+)\"|\bmcp\.NewTool\(\s*\"([^\"]+)\"|\.RegisterTool\(\s*\"([^\"]+)\""
    ),
    "rb": re.compile(
        r"^\s*class\s+(\w+)\s*<\s*(?:MCP::Tool|FastMcp::Tool|ActionTool::Base)\b|\.define_tool\(\s*name:\s*\"([^\"]+)\"",
        re.MULTILINE,
    ),
    "rs": re.compile(
        r"#\[tool(?:\((?:[^()\"]|\"(?:\\.|[^\"\\])*\"|\([^()]*\))*\))?\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn\s+(\w+)"
    ),
}
_RUBY_NAME = re.compile(r"tool_name\s+[\"']([^\"']+)[\"']")
_LANGUAGES = {"go": "go", "rb": "ruby", "rs": "rust"}


def read_plain(path: str, data: bytes, findings: Findings, signatures: Signatures, status: Status) -> None:
    """Record what a Go, Ruby or Rust file shows."""
    ending = path.rpartition(".")[2]
    text = _COMMENTS[ending].sub(lambda match: match[1] or _blank(match[0]), data.decode("utf-8", "replace"))
    if not (
        _SDK_IMPORT[ending].search(text)
        or any(
            mark in text
            for mark in ("_KEY", "_TOKEN", "gpt-", "claude-", "gemini-", "NewClient", "Client.new", "openai", "llama")
        )
    ):
        return
    if ending == "rs":
        # Inline test modules are tests wherever the file lies.
        text = re.split(r"#\[cfg\(test\)\]", text)[0]
    _Plain(path, text, findings, signatures=signatures, status=status).run()


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


class _Plain:
    def __init__(self, path: str, text: str, findings: Findings, *, signatures: Signatures, status: Status) -> None:
        self.path = path
        self.ending = path.rpartition(".")[2]
        self.text = text
        self.findings = findings
        self.signatures = signatures
        self.status = status

    def run(self) -> None:
        models = list(self._models())
        self._credentials()
        self._providers()
        if not _SDK_IMPORT[self.ending].search(self.text):
            return
        server = self._server()
        self._client(models)
        self._tools(server)

    def _add(
        self,
        kind: str,
        name: str,
        identity: str,
        offset: int,
        *,
        rule: str,
        attributes: dict[str, object] | None = None,
        confidence: float = 0.8,
    ) -> Observation:
        line = self.text.count("\n", 0, offset) + 1
        evidence = Evidence(self.path, line, rule, "text", confidence)
        group = f"hosted_model:{(attributes or {}).get('provider')}" if kind == "hosted_model" else ""
        return self.findings.add(
            observe(kind, name, identity, evidence, status=self.status, attributes=attributes), group=group
        )

    def _models(self) -> Iterator[Observation]:
        for match in _STRING.finditer(self.text):
            provider = self.signatures.provider_of_model(match[1])
            if provider is None or " " in match[1] or "/" in match[1] or match[1].startswith("models/"):
                continue
            if re.match(r"^[a-z0-9][\w.:-]*\d[\w.:-]*$", match[1]):
                yield self._model(match[1], provider, match.start())
        for match in _GO_MODEL.finditer(self.text) if self.ending == "go" else ():
            provider = self.signatures.providers[match[1]]
            yield self._model(match[2], provider, match.start())

    def _model(self, name: str, provider: Provider, offset: int) -> Observation:
        observation = self._add(
            "hosted_model",
            name,
            f"{provider.id}/{name}",
            offset,
            rule="model id in code",
            attributes={
                "provider": provider.id,
                "model_id": name,
                "role": ["embedding" if "embed" in name else "chat"],
            },
        )
        self._provider(provider, offset)
        return observation

    def _provider(self, provider: Provider, offset: int) -> None:
        self._add(
            "provider",
            provider.name,
            f"provider:{provider.id}",
            offset,
            rule="client or model of a provider",
            attributes={"provider": provider.id},
        )

    def _providers(self) -> None:
        for identifier, pattern in _CLIENTS[self.ending].items():
            match = pattern.search(self.text)
            provider = self.signatures.providers.get(identifier)
            if match and provider is not None:
                self._provider(provider, match.start())
        for match in _STRING.finditer(self.text):
            if match[1].startswith("http"):
                provider = self.signatures.provider_of_url(match[1])
                if provider is not None:
                    self._provider(provider, match.start())

    def _credentials(self) -> None:
        for match in _STRING.finditer(self.text):
            owner = credential_name(match[1], self.signatures)
            if owner:
                self._add(
                    "credential_reference",
                    match[1],
                    f"credential:{match[1]}",
                    match.start(),
                    rule="credential named in code",
                    attributes={"service": owner},
                )

    def _server(self) -> Observation | None:
        match = _SERVER[self.ending].search(self.text)
        if match is None:
            return None
        near = _NAME_NEAR.search(self.text, match.start())
        name = near[1] if near and near.start() - match.start() < 1500 else (match[1] if match.groups() else "server")
        return self._add(
            "mcp_server",
            name,
            f"mcp_server:{place(self.path, name)}",
            match.start(),
            rule="MCP server constructed",
            attributes={"language": _LANGUAGES[self.ending]},
        )

    def _client(self, models: list[Observation]) -> None:
        matches = list(_CLIENT[self.ending].finditer(self.text))
        if not matches:
            return
        # The type parameter of a session appears before any client exists: prefer the transport.
        first = next((match for match in matches if not match[0].startswith("RoleClient")), matches[0])
        folders = self.path.split("/")
        name = "/".join(folders[-2:]).rsplit(".", 1)[0] if folders[-2:-1] != ["src"] else "/".join(folders[:-2][-1:])
        observation = self._add(
            "mcp_client",
            name or self.path,
            f"mcp_client:{self.path}",
            first.start(),
            rule="MCP client constructed",
            attributes={"language": _LANGUAGES[self.ending]},
        )
        found = [model.identity for model in models]
        self.findings.edge(observation, "uses_model", lambda: found)

    def _tools(self, server: Observation | None) -> None:
        for match in _TOOLS[self.ending].finditer(self.text):
            name = next((group for group in match.groups() if group), "")
            if self.ending == "rb" and name[:1].isupper():
                following = re.search(r"^class\s", self.text[match.end() :], re.MULTILINE)
                end = match.end() + following.start() if following else len(self.text)
                given = _RUBY_NAME.search(self.text, match.end(), end)
                name = given[1] if given else name
            if not name:
                continue
            tool = self._add(
                "tool",
                name,
                f"tool:{place(self.path, name)}",
                match.start(),
                rule="tool registered on an MCP server",
                attributes={"framework": "mcp", "language": _LANGUAGES[self.ending]},
            )
            if server is not None:
                owner = server.identity
                self.findings.edge(tool, "part_of", lambda owner=owner: [owner])  # type: ignore[misc]
