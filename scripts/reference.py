"""Writes the pages of docs/ that come from the code and the rules; `python -m scripts.reference` after a change."""

import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from scripts.detections import detections_page

from caiso.cli.main import COMMANDS, LazyGroup, available
from caiso.engine.detect.statistics.build import METHODS
from caiso.engine.detect.statistics.settings import Settings
from caiso.engine.packs import Between
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


STATISTICS = """\
# Statistical rules

Made by `make docs`; do not edit. Beside Sigma rules and correlations a rule document may say `statistic`: it learns what is usual and
fires on what is not. It listens to the matches of its `rules`, as a correlation does, so that a Sigma document chooses the events. How
well each shipped one does stands in [detection-statistics.md](detection-statistics.md).

```yaml
title: Calls far longer than the usual ones
name: sponge-calls
level: medium
falsepositives: [The first long reports of somebody who asked short questions until now]
statistic:
  method: outlier
  rules: [measured-call]
  client: [user.id, api_key.id, service.name]
  value: gen_ai.usage.output_tokens
  deviations: 3.5
  timespan: 10m
caiso: {state: live, entity: [user, api_key, service]}
tests:
  - name: three answers of eight thousand tokens
    fires: true
    defaults: {event.kind: inference, user.id: u1}
    events:
      - {repeat: 80, every: 120, series: {gen_ai.usage.output_tokens: {normal: [300, 90], whole: true}}}
      - {repeat: 4, every: 60, at: 9600, gen_ai.usage.output_tokens: 8100}
```

Everything runs on event time, and the outcome does not depend on how the events were cut into batches. Learning periods count from a
key's first event. Memory is bounded: `keys` says how many keys are kept, the one that was quiet longest goes first, and what went is
counted. A firing carries what it rests on (\"8,100 tokens, usual 180 to 420\"), which the alert shows.

Test events by the hundred: `repeat` copies of a line `every` so many seconds, from second `at`; `series` draws a field (or a `{name}` in
a text) with `normal`, `uniform`, `ramp`, `choice`, `cycle`, `words`, `characters` or `hex` (numbers also as vectors of a `size`),
always the same for the same test. `{n}` is the number of the copy. At most 5,000 events a test.

## For every method

"""


def statistics_page() -> str:
    """The methods of statistical rules with their settings."""
    lines = [STATISTICS + prose(Settings), "", *settings_table(Settings, but=())]
    shared = {field.name for field in dataclasses.fields(Settings)}
    for name, method in sorted(METHODS.items()):
        own = method.settings_type
        about = [cell(method.__doc__ or ""), prose(own)]
        lines += ["", f"## {name}", "", *[text for text in about if text], "", *settings_table(own, but=shared)]
    return "\n".join(lines) + "\n"


def prose(described: type) -> str:
    """What a class says about itself, as Markdown."""
    return cell(described.__doc__ or "").replace("``", "`").replace("group_by", "group-by")


def settings_table(settings: type[Settings], *, but: tuple[str, ...] | set[str]) -> list[str]:
    """The settings of a method; of those that all share only what it gives another default."""
    hints = get_type_hints(settings, include_extras=True)
    rows = []
    for field in dataclasses.fields(settings):
        default = field.default
        if field.name in but and default == Settings.__dataclass_fields__[field.name].default:
            continue
        rows.append(
            f"| `{field.name.replace('_', '-') if field.name == 'group_by' else field.name}` | {setting_words(default)} | {range_words(hints[field.name])} |"
        )
    return ["| setting | default | what may be given |", "|---|---|---|", *rows]


def setting_words(default: object) -> str:
    """A default as one writes it in a rule."""
    if default is dataclasses.MISSING:
        return "must be given"
    if default is None or default == ():
        return "none"
    if isinstance(default, timedelta):
        seconds = int(default.total_seconds())
        size, unit = next(
            (size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0
        )
        return f"`{seconds // size}{unit}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def range_words(hint: Any) -> str:
    """What a setting takes, from its annotation."""
    told = [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Between)]
    if told:
        return " to ".join(bound_words(bound) for bound in (told[0].low, told[0].high))
    if get_origin(hint) is Literal:
        return " or ".join(f"`{one}`" for one in get_args(hint))
    plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    kinds = {str(kind) for kind in (get_args(plain) if get_origin(plain) is not tuple else ("fields",))} or {str(plain)}
    if any("timedelta" in kind for kind in kinds):
        return "1s to 30d"
    if "fields" in kinds:
        return "names"
    if any("bool" in kind for kind in kinds):
        return "true or false"
    return "a number" if any("float" in kind for kind in kinds) else "a name"


def bound_words(bound: float) -> str:
    """A bound as one reads it: whole numbers with commas, others as they are."""
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:g}"


PAGES = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "statistics.md": statistics_page,
    "detections.md": detections_page,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())


if __name__ == "__main__":
    main()
