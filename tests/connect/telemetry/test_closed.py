"""What a closed repository holds is told when it is written into another."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from caiso.connect.telemetry.closed import CROSSED, Closed
from caiso.connect.telemetry.table import EventBatch

Event = dict[str, Any]
LISTED = json.dumps(
    {"items": [{"full_name": "kim/pacer", "private": False}, {"full_name": "kim/salaries", "private": True}]}
)
SECRET = "The new salary of the head of sales is not announced yet"


def call(arguments: object, result: str = "ok", *, impact: str = "write", key: str = "c") -> Event:
    return {
        "event.kind": "mcp", "aisoc.session": key, "aisoc.tool.impact": impact,
        "gen_ai.tool.call.arguments": json.dumps(arguments), "content.untrusted": result,
    }  # fmt: skip


LISTING = call({"query": "user:kim"}, LISTED, impact="read")
READ = call({"owner": "kim", "repo": "salaries", "path": "a.md"}, f"# salaries\n{SECRET}.", impact="read")


def written(content: str, **target: str) -> Event:
    return call({"owner": "kim", "repo": "pacer", "content": content, **target})


def told(*events: Event, closed: Closed | None = None) -> object:
    texts = {
        name: [event.get(name) for event in events]
        for name in ("gen_ai.tool.call.arguments", "content.untrusted", "content.user")
    }
    bare = [
        {"event.id": f"e{number}", "time": number, **{k: v for k, v in event.items() if k not in texts}}
        for number, event in enumerate(events)
    ]
    batch = (closed or Closed()).with_crossings(EventBatch.of_events(bare, texts))
    return batch.column(CROSSED)[-1] if CROSSED in batch.fields() else None


@pytest.mark.parametrize("content", ["See also kim/salaries", f"About: {SECRET}."])
def test_a_name_or_a_line_of_a_closed_repository_in_another(content: str) -> None:
    assert told(LISTING, READ, written(content)) == "closed"


@pytest.mark.parametrize(
    "events",
    [
        (READ, written("See also kim/salaries")),
        (LISTING, READ, written("A line with the link to kim/csv")),
        (LISTING, READ, written(f"{SECRET}.", repo="salaries")),
        (LISTING, READ, call({"owner": "kim", "repo": "pacer", "query": "kim/salaries"}, impact="read")),
        (LISTING, {"event.kind": "inference", "aisoc.session": "c", "content.user": "Link kim/salaries there."}, written("kim/salaries")),
        (LISTING, call({"owner": "kim", "repo": "pacer", "content": "kim/salaries"}, key="d")),
        (LISTING, call("no object"), call({"repo": 7, "content": "kim/salaries"})),
    ],
    ids=["not listed", "nothing of it", "into itself", "read", "the user named it", "another conversation", "no target"],
)  # fmt: skip
def test_the_rest_stays_silent(events: tuple[Event, ...]) -> None:
    assert told(*events) is None


def test_a_restart_between_changes_nothing() -> None:
    closed = Closed()
    told(LISTING, READ, closed=closed)
    saved = msgspec.json.decode(msgspec.json.encode(closed.save()), type=list[tuple[str, list[int], list[int]]])
    assert told(written("See also kim/salaries"), closed=Closed.of(saved)) == "closed"
