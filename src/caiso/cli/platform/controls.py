"""`caiso controls`: what our controls prove, and why."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from caiso.cli.output import Data, Json, emit, note, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir

if TYPE_CHECKING:
    from caiso.web.compliance.models import Control, ControlAssessment

app = typer.Typer(help="List the controls; check them again.", add_completion=False, rich_markup_mode=None)
WORST_FIRST = ("failing", "stale", "unknown", "effective")


@app.callback(invoke_without_command=True)
def controls(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only controls in this state, such as failing.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the controls with their state in each scope and the records that caused it.

    \b
    Example: caiso controls --state failing --json
    """
    if ctx.invoked_subcommand is not None:
        return
    boot(chosen_data_dir(data))
    from caiso.web.compliance.models import Control

    found = Control.objects.filter(is_retired=False).prefetch_related(
        "assessments__outcomes", "assessments__asset", "assessments__unit", "links__requirement__framework"
    )
    rows = [row for control in found.order_by("slug") if state in (None, (row := _row(control))["state"])]
    columns = {
        "control": "CONTROL",
        "state": "STATE",
        "title": "TITLE",
        "reason": "WHY",
        "evaluated_at": "CHECKED (UTC)",
    }
    show(rows, columns, as_json=as_json, empty="No controls.")


@app.command()
def check(data: Data = None, as_json: Json = False) -> None:
    """Ask every check again, now.

    \b
    Example: caiso controls check
    """
    boot(chosen_data_dir(data))
    from caiso.web.compliance.services.evaluation import evaluate_controls

    written = evaluate_controls(now=datetime.now(UTC))
    if as_json:
        emit({"assessments": written})
    else:
        note(f"{written} assessments written.")


def _row(control: "Control") -> dict[str, object]:
    assessments = [_assessment(one) for one in control.assessments.all()]
    states = [str(one["state"]) for one in assessments]
    worst = next((state for state in WORST_FIRST if state in states), states[0] if states else "unknown")
    cause = next(
        (one for one in assessments if one["state"] == worst), {"reason": "not assessed", "evaluated_at": None}
    )
    return {
        "control": control.slug,
        "title": control.title,
        "family": control.family,
        "state": worst,
        "reason": cause["reason"],
        "evaluated_at": cause["evaluated_at"],
        "owner_role": control.owner_role or None,
        "techniques": control.techniques,
        "requirements": [f"{link.requirement.framework.slug} {link.requirement.ref}" for link in control.links.all()],
        "assessments": assessments,
    }


def _assessment(one: "ControlAssessment") -> dict[str, object]:
    return {
        "scope": one.scope_key or "organisation",
        "unit": one.unit.slug,
        "asset": one.asset.name if one.asset else None,
        "state": one.state,
        "implementation": one.implementation,
        "reason": one.reason,
        "since": one.since,
        "evaluated_at": one.evaluated_at,
        "valid_until": one.valid_until,
        "checks": [
            {
                "check": outcome.check_id,
                "state": outcome.state,
                "reason": outcome.reason,
                "value": outcome.value,
                "numerator": outcome.numerator,
                "denominator": outcome.denominator,
                "collection": outcome.collection,
                "records": outcome.records,
            }
            for outcome in one.outcomes.all()
        ],
    }
