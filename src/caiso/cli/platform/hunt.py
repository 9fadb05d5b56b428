"""`caiso hunt`: questions about stored events, in SQL or kept ones."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from caiso.cli.output import Data, Json, emit, note, show
from caiso.cli.platform import OPERATOR, boot
from caiso.cli.progress import progress
from caiso.datadir import chosen_data_dir
from caiso.errors import DomainError

_SHOWN = ("event.kind", "service.name", "user.id", "aisoc.session", "gen_ai.tool.name")


class UnableToAskThis(DomainError):
    """The command line names no question, or two."""


def hunt(
    *,
    sql: Annotated[
        str, typer.Argument(metavar="[SQL]", help='A SELECT over "events"; - reads it from standard input.')
    ] = "",
    saved: Annotated[str, typer.Option(metavar="NAME", help="Ask a saved hunt instead.")] = "",
    unit: Annotated[
        str, typer.Option(metavar="SLUG", help="The unit that keeps the saved hunt, when several do.")
    ] = "",
    hours: Annotated[
        int | None, typer.Option(min=1, max=2208, help="How far back; else 24, or what the saved hunt says.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows of the answer.")] = 1000,
    purpose: Annotated[
        str, typer.Option(help="What for; needed when a saved hunt searches what people wrote, and recorded.")
    ] = "",
    listing: Annotated[bool, typer.Option("--list", help="List the saved hunts and ask nothing.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Ask stored events. The question can read events and nothing else, within bounds of time, memory and rows.

    \b
    Example: caiso hunt 'SELECT "service.name", count(*) FROM events GROUP BY ALL' --hours 168 --json
    """
    boot(chosen_data_dir(data))
    from dataclasses import replace

    from caiso.cli.platform.operator import Operator
    from caiso.web.base.services.audit import Subject
    from caiso.web.soc import hunting
    from caiso.web.soc.models import HuntKind
    from caiso.web.soc.services.hunts import record_hunt

    if listing:
        _list(as_json=as_json)
        return
    if bool(sql) == bool(saved):
        raise UnableToAskThis("give either SQL or --saved NAME")
    question = (
        _kept(saved, unit) if saved else hunting.Question(HuntKind.SQL, 24, sys.stdin.read() if sql == "-" else sql)
    )
    question = replace(question, hours=hours or question.hours)
    question.check()
    if question.reads_content and not purpose.strip():
        raise UnableToAskThis(
            "say with --purpose what for: what people wrote is decrypted, and that goes on the record"
        )
    viewer, now = Operator(), datetime.now(UTC)
    record_hunt(question, purpose=purpose, subject=Subject("HuntRun", "command line"), actor=OPERATOR, now=now)
    with progress("Hunt") as tell:
        if question.reads_content:
            found = hunting.search_here(hunting.content_job(question, viewer, end=now), tell)
            _print_found(found, as_json=as_json)
            return
        answer = hunting.ask_here(hunting.query_job(question, viewer, end=now, rows=rows), tell)
    _print(answer, as_json=as_json)


def _kept(name: str, unit: str) -> Any:
    from caiso.web.soc.models import SavedHunt
    from caiso.web.soc.services.hunts import question_of

    found = SavedHunt.objects.filter(name=name).select_related("unit")
    found = found.filter(unit__slug=unit) if unit else found
    rows = list(found[:20])
    if not rows:
        raise UnableToAskThis(f"there is no saved hunt {name!r}; list them with: caiso hunt --list")
    if len(rows) > 1:
        raise UnableToAskThis(f"{name!r} is kept by {', '.join(row.unit.slug for row in rows)}; choose one with --unit")
    return question_of(rows[0])


def _list(*, as_json: bool) -> None:
    from caiso.web.soc.models import SavedHunt
    from caiso.web.soc.services.hunts import words_of

    rows = [
        {
            "name": row.name,
            "unit": row.unit.slug,
            "kind": row.kind,
            "hours": row.hours,
            "question": words_of(row),
        }
        for row in SavedHunt.objects.select_related("unit").order_by("unit__path", "name")
    ]
    columns = {"name": "NAME", "unit": "UNIT", "kind": "BY", "hours": "HOURS", "question": "QUESTION"}
    show(rows, columns, as_json=as_json, empty="No hunt is kept yet.")


def _print(answer: Any, *, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "columns": answer.columns,
                "types": answer.types,
                "rows": answer.rows,
                "cut": answer.cut,
                "seconds": answer.seconds,
            }
        )
        return
    keys = [f"{at}" for at in range(len(answer.columns))]
    rows = [dict(zip(keys, row, strict=True)) for row in answer.rows]
    show(rows, dict(zip(keys, answer.columns, strict=True)), as_json=False, empty="No event fits.")
    if answer.cut:
        note(f"Shown are {answer.cut}.")


def _print_found(report: Any, *, as_json: bool) -> None:
    from caiso.web.soc.store import events_of_ids

    ids = [one.event_ids[-1] for one in report.found if one.event_ids]
    rows = [
        {"time": datetime.fromtimestamp(int(event["time"]) / 1_000_000, UTC), "event.id": event["event.id"]}
        | {name: event.get(name) for name in _SHOWN}
        for event in events_of_ids(ids)
    ]
    if as_json:
        emit(
            {
                "found": report.signals,
                "texts_read": report.with_content,
                "past_retention": report.content_gone,
                "events": rows,
            }
        )
        return
    show(
        rows,
        {"time": "TIME", "event.id": "EVENT", **{name: name for name in _SHOWN}},
        as_json=False,
        empty="No text fits.",
    )
    note(
        f"{report.signals:,} found in {report.with_content:,} texts; {report.content_gone:,} are past their retention."
    )


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("hunt")(hunt)
