"""The `caiso` command: noun then verb; a command's module is imported only when that command is used."""

import importlib
import inspect
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

from caiso import __version__
from caiso.cli.output import note
from caiso.errors import DomainError


@dataclass(frozen=True)
class Mount:
    """One command: where it lives and what it does; `--help` is written from this without importing the module."""

    module: str
    help: str
    attribute: str = "app"


COMMANDS: dict[str, dict[str, Mount]] = {
    "Run": {
        "up": Mount("caiso.cli.up", "Start the platform: pages, API, jobs and detection."),
        "edge": Mount("caiso.cli.edge", "Start only the ingest and inspection edge."),
        "status": Mount("caiso.cli.status", "Say what is running on the data directory."),
    },
    "See and decide": {
        "assets": Mount("caiso.cli.platform.assets", "List the AI assets of the inventory."),
        "alerts": Mount("caiso.cli.platform.alerts", "List the alerts of the queue."),
        "incidents": Mount("caiso.cli.platform.incidents", "List the incidents and where they stand."),
        "controls": Mount("caiso.cli.platform.controls", "List the controls with their state; check them again."),
        "frameworks": Mount("caiso.cli.frameworks", "List the frameworks, show their requirements."),
        "drill": Mount("caiso.cli.drill", "Play attacks with benign twins against the deployed rules."),
        "sources": Mount("caiso.cli.platform.sources", "List the telemetry sources and what the rules miss from each."),
        "hunt": Mount("caiso.cli.platform.hunt", "Ask stored events, in SQL or with a saved hunt."),
        "organisation": Mount("caiso.cli.organisation", "Show who answers for what, and where nobody does."),
    },
    "Work on files": {
        "replay": Mount("caiso.cli.platform.replay", "Give files of telemetry to the detector, each record once."),
        "scan": Mount("caiso.cli.scan", "Find the AI assets in a folder or repository."),
        "rules": Mount("caiso.cli.rules", "List, test and compile detection rules."),
        "clocks": Mount("caiso.cli.clocks", "Compute the regulatory deadlines of an incident's facts."),
        "check-packs": Mount("caiso.cli.packs", "Check every content pack, and folders of your own."),
    },
    "Administer": {
        "user": Mount("caiso.cli.platform.users", "List logins, create one."),
        "token": Mount("caiso.cli.platform.tokens", "List, create and revoke the keys of machines."),
        "demo": Mount("caiso.cli.platform.demo", "Load or remove the demo organisation."),
        "audit": Mount("caiso.cli.platform.audit", "List who did what."),
        "verify-audit": Mount("caiso.cli.platform.verify_audit", "Prove that nobody altered the audit trail."),
        "backup": Mount("caiso.cli.platform.backup", "Copy the installation into one file while it runs."),
        "restore": Mount("caiso.cli.platform.restore", "Bring an installation back from a back-up."),
    },
}


class LazyGroup(TyperGroup):
    """A command group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(available())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        mount = available().get(cmd_name)
        if mount is None:
            return None
        return as_command(getattr(importlib.import_module(mount.module), mount.attribute), name=cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        known = available()
        for section, mounts in COMMANDS.items():
            rows = [(name, mount.help) for name, mount in mounts.items() if name in known]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)
        with formatter.section("Options"):
            formatter.write_dl([("--version", "Print the version."), ("--help", "Print this page.")])
        formatter.write_paragraph()
        formatter.write_text("Example: caiso up --data ./data --port 8000")
        formatter.write_text("Each command tells more with --help, takes --data DIR, and prints JSON with --json.")


def available() -> dict[str, Mount]:
    """The commands whose module is installed."""
    return {
        name: mount
        for mounts in COMMANDS.values()
        for name, mount in mounts.items()
        if find_spec(mount.module) is not None
    }


def as_command(target: object, *, name: str) -> Any:
    """A click command from a typer app or from a plain function."""
    if not isinstance(target, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(target)  # type: ignore[type-var]
        target = single
    target.pretty_exceptions_enable = False
    target._add_completion = False
    bare = target.registered_callback.callback if target.registered_callback else None
    if bare is not None and bare.__doc__:
        target.info.help = inspect.getdoc(bare)  # what the bare noun does, with its example
    command = typer.main.get_command(target)
    command.name = name
    return command


app = typer.Typer(cls=LazyGroup, name="caiso", add_completion=False, rich_markup_mode=None, no_args_is_help=True)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"caiso {__version__}")
        raise typer.Exit


@app.callback()
def caiso(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """The operating platform of a Chief AI Security Officer."""


def run() -> None:
    """Run the command line; 0 = done, 1 = failed or refused, 2 = wrong usage."""
    app.pretty_exceptions_enable = False
    try:
        app(prog_name="caiso")
    except DomainError as refusal:
        note(f"caiso: {refusal}")
        sys.exit(1)
    except Exception as error:
        if type(error).__module__ != "django.db.utils":  # named by text: importing Django here would cost every start
            raise
        note(f"caiso: the database refused: {error}. A store of another version is brought up to date by: caiso up")
        sys.exit(1)


if __name__ == "__main__":
    run()
