"""Chooses the rules for a configuration file by its path and content."""

from __future__ import annotations

import re
from collections.abc import Callable

from caiso.engine.discover.collect import Findings
from caiso.engine.discover.configs import clients, deploy, notebook, recipes
from caiso.engine.discover.configs.documents import Node, load_json, load_yaml
from caiso.engine.discover.configs.sink import Sink, relate
from caiso.engine.discover.ids import place
from caiso.engine.discover.records import Status
from caiso.engine.discover.signatures import Signatures

_ENVIRONMENT = re.compile(
    r"(?:^|/)(?:\.env(?:\.[\w.-]+)?|[\w.-]*\.env(?:\.(?:example|sample|template|dist))?|env\.(?:example|sample|template)|(?:example|sample)\.env)$"
)
_DOCKER = re.compile(r"(?:^|/)(?:[\w.-]*\.)?(?:Dockerfile|Containerfile)(?:\.[\w.-]+)?$", re.IGNORECASE)
_MARKS = (
    b"model",
    b"image",
    b"mcpServers",
    b"dataset",
    b"backstory",
    b"uses:",
    b"llm",
    b"_KEY",
    b"_TOKEN",
    b"servers",
)
_LONG = 400_000
MANIFEST_GRAPH = "graph of a LangGraph manifest"
ReadNotebook = Callable[[str, bytes, list[int]], bool]


def is_config(path: str) -> bool:
    name = path.rpartition("/")[2]
    return (
        name.endswith((".yaml", ".yml", ".json", ".jsonc", ".ipynb", ".sh", ".bash", ".slurm", ".sbatch"))
        or name in ("README.md", "Modelfile", "Makefile", "Procfile")
        or bool(_ENVIRONMENT.search(path))
        or bool(_DOCKER.search(path))
    )


def read_config(
    path: str,
    data: bytes,
    findings: Findings,
    *,
    signatures: Signatures,
    status: Status,
    read_notebook: ReadNotebook,
) -> None:
    """Record what one configuration file shows; raises ValueError where it is broken."""
    sink = Sink(path, findings, signatures, status)
    name = path.rpartition("/")[2]
    if name.endswith(".ipynb"):
        _notebook(sink, data, read_notebook)
        return
    text = data.decode("utf-8-sig", "replace")
    if name.endswith((".yaml", ".yml")):
        _yaml(sink, data, text)
    elif name.endswith((".json", ".jsonc")):
        _json(sink, data, text)
    elif _ENVIRONMENT.search(path):
        deploy.read_environment(sink, text)
    elif _DOCKER.search(path):
        deploy.read_dockerfile(sink, text)
    elif name == "README.md":
        _card(sink, text)
    elif name == "Modelfile":
        _modelfile(sink, text)
    else:
        deploy.read_script(sink, text)


def _yaml(sink: Sink, data: bytes, text: str) -> None:
    if len(data) > _LONG or not any(mark in data for mark in _MARKS):
        return
    if "{{" in text and re.search(r"^\s*\{\{-?", text, re.MULTILINE):
        # A template of Helm or Jinja: its lines are not YAML until rendered.
        return
    for root in load_yaml(text):
        if root.shape == "map":
            _mapping(sink, root, text)


def _mapping(sink: Sink, root: Node, text: str) -> None:
    if ".github/workflows/" in f"/{sink.path}":
        deploy.read_workflow(sink, root, text)
        return
    if recipes.read_recipe(sink, root) or recipes.read_gateway(sink, root):
        return
    if recipes.read_crew(sink, root) or clients.read_mcp_servers(sink, root):
        return
    deploy.read_images(sink, root)
    recipes.read_model_keys(sink, root)


def _json(sink: Sink, data: bytes, text: str) -> None:
    name = sink.path.rpartition("/")[2]
    if name == "langgraph.json":
        _langgraph(sink, load_json(text))
    elif b"mcpServers" in data or b"context_servers" in data or name in ("mcp.json", ".mcp.json"):
        clients.read_mcp_servers(sink, load_json(text))
    elif name in ("config.json", "adapter_config.json") and (
        b"model_type" in data or b"base_model_name_or_path" in data
    ):
        _hub_config(sink, load_json(text))
    elif b"model_name_or_path" in data and len(data) < _LONG:
        recipes.read_recipe(sink, load_json(text))


def _langgraph(sink: Sink, root: Node) -> None:
    graphs = root.get("graphs")
    for name, value in graphs.pairs if graphs is not None else ():
        target = value.text or value.value("path")
        file, _, symbol = target.partition(":")
        folder = sink.path.rpartition("/")[0]
        path = "/".join(part for part in [folder, file.removeprefix("./")] if part)
        sink.add(
            "agent",
            name,
            f"agent:{place(path, symbol or name)}",
            value.line,
            MANIFEST_GRAPH,
            attributes={"framework": "langgraph"},
        )


def _hub_config(sink: Sink, root: Node) -> None:
    base = root.get("base_model_name_or_path") or root.get("_name_or_path")
    if base is not None and base.text:
        sink.model(base.text, base.line, "base of saved weights", role=["base"])


def _card(sink: Sink, text: str) -> None:
    """The front matter of a model or dataset card."""
    if not text.startswith("---\n"):
        return
    head = text[4:20_000].split("\n---", 1)[0]
    if not re.search(
        r"^(base_model|datasets|pipeline_tag|library_name|model_name|task_categories)\s*:", head, re.MULTILINE
    ):
        return
    for root in load_yaml(head):
        for key in ("base_model", "datasets"):
            value = root.get(key)
            for item in (value.items or (value,)) if value is not None else ():
                if not item.text:
                    continue
                if key == "base_model":
                    sink.model(item.text, item.line + 1, "base model of a card", role=["base"])
                else:
                    sink.dataset(item.text, item.line + 1, "dataset of a card")


def _modelfile(sink: Sink, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"^FROM\s+([\w.:/-]+)\s*$", line)
        if match and not match[1].startswith((".", "/")):
            sink.any_model(f"ollama/{match[1]}", number, "base of an Ollama Modelfile")


def _notebook(sink: Sink, data: bytes, read_notebook: ReadNotebook) -> None:
    code, numbers = notebook.code_of(data)
    before = len(sink.findings.sightings)
    commands = notebook.commands_of(data)
    deploy.read_commands(sink, commands)
    deploy.read_installs(sink, commands)
    used = read_notebook(sink.path, code, numbers)
    if used or len(sink.findings.sightings) > before:
        made = sink.add(
            "notebook", sink.path.rpartition("/")[2], f"notebook:{sink.path}", 0, "notebook that uses AI packages"
        )
        for sighting in sink.findings.sightings[before:-1]:
            if sighting.observation.kind in ("hosted_model", "model", "dataset", "vector_store", "agent"):
                relate(made, "uses", sighting.observation)
