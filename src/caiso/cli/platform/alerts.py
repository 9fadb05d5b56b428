"""`caiso alerts`: what analysts must look at."""

from typing import Annotated

import typer

from caiso.cli.output import Data, Json, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir


def alerts(
    *,
    state: Annotated[str | None, typer.Option(help="new, acknowledged, escalated or closed; else all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many alerts.")] = 500,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the alerts, the most urgent first.

    \b
    Example: caiso alerts --state new --json
    """
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import Operator, one_of
    from caiso.web.soc import queries
    from caiso.web.soc.models import Alert

    found = queries.alerts(Operator())
    if state:
        found = found.filter(state=one_of(state, Alert.State.values, "alert state"))
    rows = [
        {
            "id": alert.pk,
            "rule": alert.rule.slug,
            "title": alert.title,
            "technique": alert.technique,
            "techniques": alert.techniques,
            "owasp": alert.owasp,
            "severity": alert.severity,
            "score": alert.score,
            "state": alert.state,
            "verdict": alert.verdict or None,
            "canary": alert.is_canary,
            "asset": alert.asset.name if alert.asset else None,
            "asset_identity": alert.asset.identity if alert.asset else None,
            "unit": alert.unit.slug,
            "source": alert.source.name if alert.source else None,
            "conversation_id": alert.conversation_id or None,
            "trace_id": alert.trace_id or None,
            "user_id": alert.subject_user or None,
            "agent": alert.agent or None,
            "service": alert.service or None,
            "model": alert.model or None,
            "signals": alert.signal_count,
            "first_event_at": alert.first_event_at,
            "last_event_at": alert.last_event_at,
            "created_at": alert.created_at,
            "incident": alert.incident.reference if alert.incident else None,
            "demo": alert.is_demo,
        }
        for alert in found.order_by("-score", "-pk")[:limit]
    ]
    columns = {"id": "ID", "score": "SCORE", "severity": "SEVERITY", "state": "STATE", "rule": "RULE"}
    columns |= {"technique": "TECHNIQUE", "asset": "ASSET", "user_id": "USER", "last_event_at": "LAST SEEN (UTC)"}
    show(rows, columns, as_json=as_json, empty="No alerts.")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("alerts")(alerts)
