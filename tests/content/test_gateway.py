"""Rules about a gateway's log find attacks in the lines that nginx, Envoy and senders of OCSF write, and leave ordinary work alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from caiso.connect.telemetry.decode import ndjson
from caiso.connect.telemetry.normalise import merge_content, normalise
from caiso.connect.telemetry.records import LIMITS, RawRecord
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.rule import Statistic
from tests.content.shipped import compiled, shipped
from tests.content.traces import LOUD

START = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()
SOURCES = ("gateway-access.yaml", "gateway-exposure.yaml")
TRACES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("gateway.yaml").read_text())
ATTACKS = [(each["rule"], trace) for each in TRACES for trace in each["attacks"]]
TWINS = [(each["rule"], trace) for each in TRACES for trace in each["twins"]]


def lines(trace: Mapping[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Every request of a trace with its moment, as the product of the trace writes it."""
    found, now = [], 0.0
    for step in trace["steps"]:
        each = {**trace.get("with", {}), **step}
        start = float(each.get("at", now))
        for copy in range(each.get("repeat", 1)):
            now = start + copy * float(each.get("every", 1))
            request = {
                key: value.replace("{n}", str(copy)) if isinstance(value, str) else value for key, value in each.items()
            }
            found.append((START + now, request))
        now += 1
    for number, (moment, request) in enumerate(sorted(found, key=lambda pair: pair[0])):
        yield moment, LOGS[trace["log"]](number, moment, request)


def nginx(number: int, moment: float, of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "time_iso8601": datetime.fromtimestamp(moment, UTC).isoformat(), "remote_addr": of.get("from", "-"),
        "remote_user": of.get("user", ""), "request_method": of["method"], "request_uri": of["path"], "scheme": "https",
        "host": of.get("host", "models.example"), "status": str(of["status"]), "body_bytes_sent": str(of.get("bytes", 512)),
        "request_time": "0.02", "http_user_agent": of.get("agent", "client/1"), "request_id": f"r{number}",
        "mcp_session_id": of.get("session", ""),
    }  # fmt: skip


def envoy(number: int, moment: float, of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start_time": datetime.fromtimestamp(moment, UTC).isoformat(), "method": of["method"], "path": of["path"],
        "response_code": of["status"], "response_flags": "-", "bytes_sent": of.get("bytes", 512), "duration": 20,
        "user_agent": of.get("agent", "client/1"), "request_id": f"r{number}", "authority": of.get("host", "models.example"),
        "upstream_cluster": "outbound|80||models", "downstream_remote_address": f"{of['from']}:51044",
        "mcp_session_id": of.get("session"),
    }  # fmt: skip


def ocsf(number: int, moment: float, of: Mapping[str, Any]) -> dict[str, Any]:
    path, _, query = of["path"].partition("?")
    host = of.get("host", "models.example")
    url = {"url_string": f"https://{host}{of['path']}", "hostname": host, "path": path, "query_string": query}
    return {
        "class_uid": 4002, "category_uid": 4, "activity_id": 3, "time": int(moment * 1000), "metadata": {"uid": f"r{number}"},
        "src_endpoint": {"ip": of["from"]}, "actor": {"user": {"name": of["user"]}} if "user" in of else None,
        "http_request": {"http_method": of["method"], "user_agent": of.get("agent", "client/1"), "url": url},
        "http_response": {"code": of["status"], "body_length": of.get("bytes", 512)},
    }  # fmt: skip


LOGS = {"nginx": nginx, "envoy": envoy, "ocsf": ocsf}


def loud(trace: Mapping[str, Any]) -> set[str]:
    events = []
    for moment, line in lines(trace):
        (record,) = ndjson.decode(json.dumps(line).encode(), LIMITS)
        assert isinstance(record, RawRecord), record
        made = normalise(record, source_id="gateway", ingest_us=int(moment * 1e6) + 1_000_000)
        assert made.event["event.kind"] == "http"
        events.append(merge_content(made.event, made.segments))
    return {signal.rule_id for signal in Detector(compiled()).process(events) if signal.severity in LOUD}


@pytest.mark.parametrize(("rule", "trace"), ATTACKS, ids=[f"{rule}: {trace['name']}" for rule, trace in ATTACKS])
def test_attacks_are_found(rule: str, trace: Mapping[str, Any]) -> None:
    assert rule in loud(trace)


@pytest.mark.parametrize(("rule", "trace"), TWINS, ids=[f"{rule}: {trace['name']}" for rule, trace in TWINS])
def test_benign_twins_stay_quiet(rule: str, trace: Mapping[str, Any]) -> None:
    assert loud(trace) == set()


def test_every_rule_of_a_gateway_has_two_attacks_and_two_twins() -> None:
    counted = {each["rule"] for each in TRACES if len(each["attacks"]) >= 2 and len(each["twins"]) >= 2}
    asked = {
        rule.id
        for rule in shipped()
        if rule.path.name in SOURCES and rule.emits and not isinstance(rule.logic, Statistic)
    }
    assert asked == counted
