"""`caiso audit`: who did what, newest first."""

from typing import Annotated

import typer

from caiso.cli.output import Data, Json, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir


def audit(
    *,
    subject: Annotated[str | None, typer.Option(help="Only this kind of record, such as Incident.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this login did.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many records.")] = 100,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the audit trail, newest first.

    \b
    Example: caiso audit --limit 20 --json
    """
    boot(chosen_data_dir(data))
    from caiso.web.base.models import AuditRecord

    records = AuditRecord.objects.order_by("-id")
    if subject:
        records = records.filter(subject_type=subject)
    if actor:
        records = records.filter(actor_label=actor)
    rows = [
        {
            "sequence": record.sequence,
            "at": record.at,
            "actor": record.actor_label,
            "verb": record.verb,
            "subject": f"{record.subject_type} {record.subject_id}",
            "label": record.subject_label,
            "changes": record.changes,
            "seal": record.seal,
        }
        for record in records[:limit]
    ]
    columns = {"sequence": "NO.", "at": "AT (UTC)", "actor": "WHO", "verb": "DID", "subject": "TO", "label": "NAMED"}
    show(rows, columns, as_json=as_json)


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("audit")(audit)
