"""Writes docs/commands.md and docs/settings.md from the code; `python -m scripts.reference` after a change."""

import json
from pathlib import Path
from typing import Any

from caiso.cli.main import COMMANDS, LazyGroup, available
from caiso.web.config.environment import Environment

DOCS = Path(__file__).resolve().parents[1] / "docs"


def commands_page() -> str:
    """Every command with its options and example."""
    lines = [
        "# Commands",
        "",
        "Made by `make docs`; do not edit. Noun then verb; a bare noun lists. Every command takes `--data DIR` (else `CAISO_DATA`,",
        "else the per-user default) and `--json`: then standard output holds JSON alone, and progress and refusals go to standard",
        "error. Exit codes: 0 done, 1 failed or refused, 2 wrong usage.",
    ]
    known = available()
    for section, mounts in COMMANDS.items():
        present = [name for name in mounts if name in known]
        if present:
            lines += ["", f"## {section}"]
        for name in present:
            lines += described(("caiso", name), load(name))
    return "\n".join(lines) + "\n"


def load(name: str) -> Any:
    """The click command of that name."""
    return LazyGroup(name="caiso").get_command(None, name)


def described(words: tuple[str, ...], command: Any) -> list[str]:
    """One command as Markdown, then its verbs."""
    arguments = [p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument"]
    lines = ["", f"### `{' '.join([*words, *arguments])}`", "", *help_lines(command.help or "")]
    options = [
        p for p in command.params if p.param_type_name == "option" and not {"--data", "--json", "--help"} & set(p.opts)
    ]
    if options:
        lines += ["", "| option | meaning |", "|---|---|"]
        lines += [f"| `{option_words(p)}` | {cell(p.help or '')} |" for p in options]
    for verb, below in sorted(getattr(command, "commands", {}).items()):
        lines += described((*words, verb), below)
    return lines


def help_lines(text: str) -> list[str]:
    """The help with its examples as code."""
    lines: list[str] = []
    for line in text.replace("\b\n", "").splitlines():
        if line.startswith("Example:"):
            lines += ["```", line.removeprefix("Example:").strip(), "```"]
        else:
            lines.append(line.replace("<", "&lt;"))
    return lines


def option_words(option: Any) -> str:
    """`--name METAVAR`, or both words of a switch."""
    words = "/".join([*option.opts, *option.secondary_opts])
    return words if option.is_flag else f"{words} {option.metavar or str(option.name).upper()}"


def cell(text: str) -> str:
    """The text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def settings_page() -> str:
    """Every setting with its default."""
    lines = [
        "# Settings",
        "",
        "Made by `make docs`; do not edit. Each is an environment variable; lists and numbers are written as JSON.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Environment.model_fields.items():
        lines.append(f"| `CAISO_{name.upper()}` | {default_words(name, field)} | {cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def default_words(name: str, field: Any) -> str:
    """The default as one writes it in the environment."""
    if name == "data":
        return "the per-user data directory"
    default = field.get_default(call_default_factory=True)
    if default in (None, ""):
        return "empty"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


PAGES = {"commands.md": commands_page, "settings.md": settings_page}


def main() -> None:
    """Write both pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())


if __name__ == "__main__":
    main()
