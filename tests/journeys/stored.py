"""Prints what an installation holds, read through caiso's own reader: python -m tests.journeys.stored DATA."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from caiso.cli.platform import boot


def main(data: Path) -> None:
    """Counts by event id, signals and alerts, as JSON."""
    boot(data)
    from caiso.connect.telemetry.reader import MAX_PAGE, EventFilter, EventReader
    from caiso.web.soc import queries
    from caiso.web.soc.models import Alert, Signal, WalOffset

    events: Counter[str] = Counter()
    spans: Counter[str] = Counter()
    parts = queries.parts()
    with EventReader(data / "events") as reader:
        for part in parts:
            offset, more = 0, True
            while more:
                page = reader.page([part], EventFilter(), limit=MAX_PAGE, offset=offset)
                events.update(str(event["event.id"]) for event in page.events)
                spans.update(str(event["span_id"]) for event in page.events)
                offset, more = offset + MAX_PAGE, page.more
    found = {
        "events": events,
        "spans": spans,
        "parts": [[part.number, part.last_number, part.rows] for part in parts],
        "signals": [
            [signal.uid, signal.rule.slug, signal.entity.get("conversation", "")]
            for signal in Signal.objects.select_related("rule")
        ],
        "alerts": [
            [alert.rule.slug, alert.conversation_id, alert.signal_count]
            for alert in Alert.objects.select_related("rule")
        ],
        "positions": {row.writer: [row.segment, row.offset] for row in WalOffset.objects.all()},
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
