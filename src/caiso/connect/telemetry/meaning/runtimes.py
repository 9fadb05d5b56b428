"""Whether a process on a machine works for an agent or a server of models, as its user, program and ancestors tell."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Programs of agents, and servers and tools of models.
_PROGRAMS: Final = (
    r"litellm|vllm|sglang|raylet|ollama|triton(?:server)?|torchserve|bentoml|mlflow|jupyter[a-z-]{0,12}|langflow|flowise|dify"
    r"|n8n|gradio|streamlit|comfyui|open-?webui|llama[.-]?cpp|llama-server|text-generation[a-z-]{0,20}|tgi|kserve|seldon"
    r"|langgraph|crewai|autogen|openclaw|clawdbot|moltbot|nanobot|claude(?:-code)?|codex(?:-cli)?|gemini(?:-cli)?|cursor(?:-agent)?"
    r"|copilot|windsurf|aider|goose|opencode|openhands|qwen(?:-code)?|kiro(?:-cli)?|amp|crush|droid|lm-?studio|localai|dgl|huggingface[a-z-]{0,12}"
    r"|[a-z0-9_-]{0,20}mcp[-_]?server[a-z0-9_-]{0,20}|mcp-[a-z0-9_-]{1,24}|[a-z0-9_-]{1,24}-mcp"
)
_PROGRAM: Final = re.compile(rf"(?i)(?:^|[/\\\s@])(?:{_PROGRAMS})(?:\.exe|\.cmd|\.app)?(?:$|[\s:/\\@])")
_USER: Final = re.compile(
    r"(?i)^(?:svc[-_.]?|app[-_.]?|srv[-_.]?)?(?:(?:ai|llm|model|coding|code|research|support)?[-_.]?agents?|ray|jovyan|llm[a-z0-9_-]{0,20}|mcp[a-z0-9_-]{0,20}|copilot)$"
)


def works_for_ai(command: str, *names: str | None) -> bool:
    """Whether a command line, or one of the users and programs that it descends from, is of an agent or a server of models."""
    return _is_of_ai(command[:400]) or any(name is not None and _is_of_ai(name[:400]) for name in names)


@lru_cache(maxsize=4096)
def _is_of_ai(name: str) -> bool:
    return _PROGRAM.search(name) is not None or _USER.match(name) is not None
