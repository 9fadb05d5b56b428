"""`caiso incidents`: cases, where they stand, and the legal deadlines that run."""

from typing import Annotated

import typer

from caiso.cli.output import Data, Json, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir


def incidents(
    *,
    state: Annotated[str | None, typer.Option(help="Only this state, such as triage or contained.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the incidents, newest first, with their reporting clocks.

    \b
    Example: caiso incidents --json
    """
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import Operator, one_of
    from caiso.web.soc import queries
    from caiso.web.soc.models import Incident

    found = queries.incidents(Operator()).prefetch_related("clocks", "alerts")
    if state:
        found = found.filter(state=one_of(state, Incident.State.values, "incident state"))
    rows = []
    for incident in found.order_by("-pk"):
        clocks = list(incident.clocks.all())
        waiting = [
            clock.deadline_at for clock in clocks if clock.deadline_at and clock.state in queries.ALARMING_CLOCKS
        ]
        rows.append(
            {
                "reference": incident.reference,
                "title": incident.title,
                "severity": incident.severity,
                "state": incident.state,
                "technique": incident.technique or None,
                "asset": incident.asset.name if incident.asset else None,
                "unit": incident.unit.slug,
                "lead": incident.lead.name if incident.lead else None,
                "opened_at": incident.opened_at,
                "contained_at": incident.contained_at,
                "closed_at": incident.closed_at,
                "alerts": [alert.pk for alert in incident.alerts.all()],
                "next_deadline_at": min(waiting, default=None),
                "clocks": [
                    {
                        "rule": clock.rule,
                        "title": clock.title,
                        "state": clock.state,
                        "started_at": clock.started_at,
                        "deadline_at": clock.deadline_at,
                        "met_at": clock.met_at,
                        "reason": clock.reason,
                    }
                    for clock in clocks
                ],
                "demo": incident.is_demo,
            }
        )
    columns = {"reference": "REF", "severity": "SEVERITY", "state": "STATE", "title": "TITLE", "asset": "ASSET"}
    columns |= {"lead": "LEAD", "opened_at": "OPENED (UTC)", "next_deadline_at": "NEXT DEADLINE (UTC)"}
    show(rows, columns, as_json=as_json, empty="No incidents.")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("incidents")(incidents)
