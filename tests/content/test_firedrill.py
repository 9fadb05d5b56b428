"""The traces of agent-firedrill, a peer: attacks with benign twins that we did not write."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import firedrill
from firedrill.atomics import load_atomics
from firedrill.events import to_otlp

from caiso.connect.telemetry.normalise import merge_content, normalise
from caiso.connect.telemetry.otlp import decode_request
from caiso.connect.telemetry.records import Encoding, RawRecord, Signal
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from tests.content.traces import LOUD


@cache
def compiled() -> Ruleset:
    rules, problems = load_rules(shipped_rules())
    assert problems == ()
    return compile_ruleset(rules, backend="re2")


def loud(events: Any) -> list[str]:
    """The rules that speak at medium level or above on a trace, sent as OTLP."""
    found = []
    for record in decode_request(Signal.TRACES, Encoding.JSON, json.dumps(to_otlp(events)).encode()):
        assert isinstance(record, RawRecord), record
        made = normalise(record, source_id="drill", ingest_us=record.start_ns // 1000 + 1_000_000)
        found.append(merge_content(made.event, made.segments))
    return [signal.rule_id for signal in Detector(compiled()).process(found) if signal.severity in LOUD]


def test_at_least_sixteen_of_seventeen_are_covered_and_none_is_noisy() -> None:
    atomics = load_atomics(Path(firedrill.__file__).parent / "atomics")
    assert len(atomics) == 17
    missed = [atomic.id for atomic in atomics if not loud(atomic.attack)]
    noisy = [atomic.id for atomic in atomics if loud(atomic.benign)]
    assert len(missed) <= 1
    assert noisy == []
