"""`caiso sources`: who sends telemetry, and how much of what the live rules need it carries."""

from datetime import UTC, datetime

import typer

from caiso.cli.output import Data, Json, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir


def sources(*, data: Data = None, as_json: Json = False) -> None:
    """List the sources with their readiness; --json adds for each the rules that go blind and what to switch on.

    \b
    Example: caiso sources --json
    """
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import Operator
    from caiso.web.soc import queries
    from caiso.web.soc.readiness import source_readiness

    now = datetime.now(UTC)
    rows = []
    for source in queries.sources(Operator()).order_by("name"):
        found = source_readiness(source, now=now)
        rows.append(
            {
                "id": source.slug,
                "name": source.name,
                "unit": source.unit.slug,
                "events": source.events,
                "inferences": source.inferences,
                "content_missing": source.content_missing,
                "rejects": source.rejects,
                "last_event_at": source.last_event_at,
                "rules_fed": found.fed,
                "rules_live": len(found.rules),
                "readiness": f"{found.fed} of {len(found.rules)}",
                "techniques_seen": found.seen,
                "techniques": len(found.techniques),
                "requirements_met": found.met,
                "requirements": found.requirements,
                "blind_rules": {one.rule.slug: list(one.missing) for one in found.rules if one.missing},
                "gains": [
                    {
                        "fields": list(gain.fields),
                        "rules": [rule.slug for rule in gain.rules],
                        "techniques": list(gain.techniques),
                        "switch_on": list(gain.steps),
                    }
                    for gain in found.gains
                ],
            }
        )
    columns = {"id": "SOURCE", "name": "NAME", "unit": "UNIT", "events": "EVENTS", "readiness": "LIVE RULES FED"}
    columns |= {"rejects": "REFUSED", "last_event_at": "LAST EVENT (UTC)"}
    show(rows, columns, as_json=as_json, empty="No telemetry arrives yet.")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("sources")(sources)
