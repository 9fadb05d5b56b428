"""A server is held against the newest list of allowed servers that was reported, and against nothing where none was."""

from __future__ import annotations

from typing import Any

import pytest

from caiso.connect.telemetry.preparation import Preparation

Event = dict[str, Any]


def allowed(new: object, target: str = "mcp/allowlist") -> Event:
    return {
        "event.kind": "config",
        "action": "set_allowlist",
        "config.target": target,
        "config.new": new,
        "writer": "it",
    }


def met(host: str, name: str = "kit") -> Event:
    return {"event.kind": "mcp", "mcp.method.name": "tools/list", "server.address": host, "mcp.server.name": name}


def verdicts(preparation: Preparation, *events: Event) -> list[object]:
    batch = preparation.of_merged(events)
    return list(batch.column("aisoc.server.listed")) if "aisoc.server.listed" in batch.fields() else [None] * len(batch)


@pytest.mark.parametrize(
    "new",
    [
        '{"crm": "mcp.crm.example", "wiki": "https://wiki.example/mcp"}',
        '{"servers": [{"name": "crm", "url": "https://mcp.crm.example/v1"}, {"name": "wiki", "url": "https://wiki.example"}]}',
        '{"servers": {"crm": {"url": "https://mcp.crm.example"}, "wiki": {"url": "wiki.example:8443"}}}',
    ],
)
def test_who_is_not_on_the_list_is_told(new: str) -> None:
    seen = verdicts(
        Preparation(), allowed(new), met("mcp.crm.example", "crm"), met("wiki.example", "wiki"), met("kit.example"), met("kit.example", "crm"),
        met("localhost", "crm"), met("localhost", "files"),
    )  # fmt: skip
    assert seen == [None, None, None, "no", "posing", "posing", None]


def test_a_list_without_names_holds_hosts() -> None:
    assert verdicts(
        Preparation(), allowed("mcp.crm.example, wiki.example"), met("wiki.example"), met("kit.example")
    ) == [None, None, "no"]


def test_the_newest_list_counts() -> None:
    preparation = Preparation()
    verdicts(
        preparation,
        allowed('{"crm": "mcp.crm.example", "wiki": "wiki.example"}'),
        allowed('{"crm": "new.crm.example", "wiki": "wiki.example"}'),
    )
    assert verdicts(preparation, met("new.crm.example", "crm"), met("mcp.crm.example", "crm")) == [None, "posing"]


def test_a_single_entry_is_added() -> None:
    assert verdicts(Preparation(), allowed('{"crm": "mcp.crm.example"}'), met("kit.example")) == [None, None]
    both = allowed('{"crm": "mcp.crm.example", "wiki": "wiki.example"}')
    seen = verdicts(
        Preparation(), both, allowed('{"kit": "kit.example"}'), met("kit.example"), met("crm.example", "sums")
    )
    assert seen == [None, None, None, "no"]


@pytest.mark.parametrize(
    "event", [allowed("none"), allowed(None), allowed(7), allowed('{"a": "b.example"}', "mcp/timeout")]
)
def test_where_no_list_is_reported_nothing_is_told(event: Event) -> None:
    assert verdicts(Preparation(), event, met("kit.example")) == [None, None]


def test_a_list_outlives_a_restart() -> None:
    before = Preparation()
    verdicts(before, allowed('{"crm": "mcp.crm.example", "wiki": "wiki.example"}'))
    assert verdicts(Preparation.restored(before.save()), met("kit.example")) == ["no"]
