"""`caiso clocks`: the reporting deadlines that an incident's facts start. Not legal advice."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caiso.cli.output import Data, Json, emit, note, show
from caiso.errors import DomainError

if TYPE_CHECKING:
    from datetime import tzinfo

    from caiso.engine.clocks import Clock, ClockLibrary

app = typer.Typer(
    help="Compute the regulatory deadlines of an incident's facts. Not legal advice.",
    add_completion=False,
    rich_markup_mode=None,
)


class UnableToReadOption(DomainError):
    """An option's value cannot be read."""


@app.callback(invoke_without_command=True)
def clocks(
    ctx: typer.Context,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the rules: what must be reported to whom, within which time, and since when that is law. Not legal advice.

    \b
    Example: caiso clocks --json
    """
    if ctx.invoked_subcommand is not None:
        return
    from caiso.engine.clocks import DISCLAIMER

    rules = [
        {
            "rule": rule.id,
            "title": rule.title,
            "article": rule.article,
            "recipient": rule.recipient,
            "start_event": rule.start_event,
            "amount": rule.amount,
            "unit": rule.unit.value if rule.unit else None,
            "period": f"{rule.amount} {rule.unit.value}" if rule.unit else "without undue delay",
            "legal_state": rule.legal_state.value,
            "applies_from": rule.applies_from.isoformat(),
            "source": rule.source,
            "verified_on": rule.verified_on.isoformat(),
        }
        for rule in _library().rules
    ]
    if json:
        emit({"disclaimer": DISCLAIMER, "rules": rules})
        return
    columns = {"rule": "Rule", "article": "Article", "period": "Period", "start_event": "From", "legal_state": "State"}
    show(rules, columns, as_json=False)
    note(DISCLAIMER)


@app.command("schema")
def schema(
    data: Data = None,
    json: Annotated[bool, typer.Option("--json", help="JSON is what is printed anyway.")] = True,
) -> None:
    """Print the JSON Schema of a facts file for `clocks compute`. Not legal advice.

    \b
    Example: caiso clocks schema
    """
    from caiso.engine.clocks import facts_schema

    emit(facts_schema())


@app.command("compute")
def compute_clocks(
    facts: Annotated[Path, typer.Option("--facts", metavar="FILE", help="JSON or YAML; - reads standard input.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="The moment to look at, such as 2026-11-22T10:00:00Z; else now."),
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--tz", metavar="ZONE", help="IANA time zone instead of the one in the facts.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Compute every clock of the facts: state, deadline and why. What is not law yet is pending. Not legal advice.

    \b
    Example: caiso clocks compute --facts incident.json --as-of 2026-11-22T10:00:00Z --json
    """
    from caiso.engine.clocks import DISCLAIMER, as_data, compute, parse_facts

    known = parse_facts(_read(facts), path=facts)
    now = _moment(as_of)
    found = compute(_library().rules, known, now, _zone(zone))
    if json:
        emit(as_data(found, known, as_of=now))
        return
    show(
        [_row(clock) for clock in found], {"rule": "Rule", "state": "State", "due": "Due", "why": "Why"}, as_json=False
    )
    note(DISCLAIMER)


def _row(clock: "Clock") -> dict[str, object]:
    return {"rule": clock.rule.id, "state": clock.state.value, "due": clock.deadline_at, "why": clock.why}


def _library() -> "ClockLibrary":
    from caiso.cli.frameworks import own_folders
    from caiso.engine.clocks import load_clocks

    library = load_clocks(*own_folders())
    for problem in library.problems:
        note(str(problem))
    return library


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise UnableToReadOption(f"{path}: cannot be read: {error.strerror}") from error


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnableToReadOption(f"--as-of {text!r} is not a time with zone such as 2026-11-22T10:00:00Z")
    return moment.astimezone(UTC)


def _zone(name: str | None) -> "tzinfo | None":
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnableToReadOption(f"--tz {name!r} is not a known IANA time zone") from error
