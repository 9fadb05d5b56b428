"""`caiso rules`: list, test and compile detection rules, from files alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caiso.cli.output import Data, Json, emit, note, show

if TYPE_CHECKING:
    from caiso.engine.detect.rule import Rule
    from caiso.engine.packs import PackProblem

app = typer.Typer(help="List, test and compile detection rules.", no_args_is_help=False, invoke_without_command=True)

Folders = Annotated[
    list[Path] | None,
    typer.Argument(help="Rule folders or files; else the rules that ship.", show_default=False),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Keep compiled pattern databases here.", show_default=False),
]


@app.callback()
def rules(context: typer.Context, data: Data = None, as_json: Json = False) -> None:
    """List the detection rules that ship; see the sub-commands for testing and compiling.

    \b
    Example: caiso rules --json
    """
    if context.invoked_subcommand is None:
        _list([], as_json=as_json)


@app.command("list")
def list_rules(folders: Folders = None, data: Data = None, as_json: Json = False) -> None:
    """List rules with severity, state, techniques and needed fields.

    \b
    Example: caiso rules list ./my-rules
    """
    _list(folders or [], as_json=as_json)


@app.command("test")
def test_rules(folders: Folders = None, cache: Cache = None, data: Data = None, as_json: Json = False) -> None:
    """Run the tests that stand beside each rule; fails when one does not do what it promises, or a file is wrong.

    \b
    Example: caiso rules test ./my-rules --json
    """
    from caiso.engine.detect.rule_tests import run_tests, untested
    from caiso.engine.detect.ruleset import compile_ruleset

    loaded, problems = _load(folders or [])
    results = run_tests(loaded, compile_ruleset(loaded, cache))
    failed = [result for result in results if not result.passed]
    if as_json:
        emit(
            {
                "rules": len(loaded),
                "tests": len(results),
                "failed": [
                    {"rule": result.rule_id, "test": result.test, "fires": result.fires, "fired": result.fired}
                    for result in failed
                ],
                "untested": untested(loaded),
                "unanswered": {rule.id: list(rule.unanswered) for rule in loaded if rule.unanswered},
                "problems": [_problem(problem) for problem in problems],
            }
        )
    else:
        for result in failed:
            told = "stayed silent, should fire" if result.fires else "fired, should stay silent"
            note(f"{result.rule_id}: {result.test}: {told}")
        for name in untested(loaded):
            note(f"{name}: fewer than two firing and two silent tests")
        for rule in loaded:
            if rule.unanswered:
                note(
                    f"{rule.id}: alternatives by {', '.join(rule.unanswered)} are left out, our events have no such field"
                )
        _tell(problems)
        typer.echo(f"{len(results) - len(failed)} of {len(results)} tests of {len(loaded)} rules passed.")
    if failed or problems:
        raise typer.Exit(1)


@app.command("compile")
def compile_rules(folders: Folders = None, cache: Cache = None, data: Data = None, as_json: Json = False) -> None:
    """Compile rules and say what it costs: patterns per field, which engine, rules that look at every event.

    \b
    Example: caiso rules compile ./my-rules
    """
    from caiso.engine.detect.ruleset import compile_ruleset

    loaded, problems = _load(folders or [])
    begun = time.perf_counter()
    ruleset = compile_ruleset(loaded, cache)
    summary = {
        "rules": len(loaded),
        "correlations": len(ruleset.correlations),
        "engine": ruleset.backend,
        "seconds": round(time.perf_counter() - begun, 3),
        "patterns": {name: len(scanner.patterns) for name, scanner in ruleset.scanners.items()},
        "second_engine": {
            name: len(scanner.databases.refused)
            for name, scanner in ruleset.scanners.items()
            if scanner.databases and scanner.databases.refused
        },
        "every_event": [ruleset.base[number].id for number in ruleset.dense],
        "problems": [_problem(problem) for problem in problems],
    }
    if as_json:
        emit(summary)
    else:
        patterns = sum(len(scanner.patterns) for scanner in ruleset.scanners.values())
        typer.echo(
            f"{len(loaded)} rules, {patterns} patterns over {len(ruleset.scanners)} fields, "
            f"{ruleset.backend}, {summary['seconds']} s."
        )
        for name in ruleset.dense:
            note(f"{ruleset.base[name].id} looks at every event; give it a field that must be there")
        _tell(problems)
    if problems:
        raise typer.Exit(1)


def _load(folders: list[Path]) -> tuple[tuple[Rule, ...], tuple[PackProblem, ...]]:
    from caiso.engine.detect.loader import load_rules, shipped_rules

    return load_rules(*folders) if folders else load_rules(shipped_rules())


def _list(folders: list[Path], *, as_json: bool) -> None:
    from caiso.engine.detect.rule_tests import needed_fields

    loaded, problems = _load(folders)
    rows = [
        {
            "id": rule.id,
            "title": rule.title,
            "severity": rule.severity.value,
            "state": rule.state.value,
            "kind": "correlation" if rule.is_correlation else "event",
            "emits": rule.emits,
            "techniques": list(rule.techniques),
            "owasp": list(rule.owasp),
            "needs": list(needed_fields(loaded, rule)),
            "response": rule.response,
            "tests": len(rule.tests),
            "file": str(rule.path),
            "line": rule.line,
        }
        for rule in loaded
    ]
    columns = {"id": "Rule", "severity": "Severity", "state": "State", "kind": "Kind", "techniques": "Techniques"}
    show(rows if as_json else [row for row in rows if row["emits"]], columns, as_json=as_json)
    _tell(problems)
    if problems:
        raise typer.Exit(1)


def _tell(problems: tuple[PackProblem, ...]) -> None:
    for problem in problems:
        note(str(problem))


def _problem(problem: PackProblem) -> dict[str, object]:
    return {"file": str(problem.path), "line": problem.line, "message": problem.message}
