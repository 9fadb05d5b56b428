"""Logs of clouds and platforms that serve models arrive under our names; what cannot be read is refused with its field."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.connect.telemetry.records import RawRecord, Refusal
from tests.connect.telemetry import logs
from tests.connect.telemetry.test_shapes import decode, event, has, reason

KEY = "arn:aws:iam::123456789012:user/svc-offers"


def invocation(**more: Any) -> dict[str, Any]:
    """One call as Bedrock's model invocation log has it."""
    return {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "timestamp": "2026-11-20T09:12:44Z", "accountId": "123456789012",
        "identity": {"arn": KEY}, "region": "eu-central-1", "requestId": "915a6a04", "operation": "Converse",
        "modelId": "eu.anthropic.claude-haiku-4-5-v1:0",
        "input": {"inputContentType": "application/json", "inputTokenCount": 35, "cacheReadInputTokenCount": 12, "inputBodyJson": {
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "What is on the page?"}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "fetch", "input": {"url": "https://a.example"}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "A page about bees."}]}}]},
            ],
            "inferenceConfig": {"maxTokens": 300, "temperature": 0.2},
            "toolConfig": {"tools": [{"toolSpec": {"name": "fetch"}}]},
        }},
        "output": {"outputContentType": "application/json", "outputTokenCount": 446, "outputBodyJson": {
            "output": {"message": {"role": "assistant", "content": [{"text": "Bees."}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 35, "outputTokens": 446, "totalTokens": 481},
        }},
        **more,
    }  # fmt: skip


def native(asked: dict[str, Any], answered: Any, **more: Any) -> dict[str, Any]:
    return invocation(
        operation="InvokeModel", input={"inputBodyJson": asked}, output={"outputBodyJson": answered}, **more
    )


def test_an_invocation_of_bedrock_is_a_call_with_who_what_and_content() -> None:
    found = event(invocation())
    assert has(
        found, event__kind="inference", user__id="svc-offers", service__name="svc-offers", gen_ai__provider__name="aws.bedrock",
        gen_ai__request__model="eu.anthropic.claude-haiku-4-5-v1:0", gen_ai__usage__input_tokens=35, gen_ai__usage__output_tokens=446,
        gen_ai__usage__cache_read__input_tokens=12, content__system="Be brief.", content__untrusted="A page about bees.",
        content__output="Bees.", gen_ai__request__max_tokens=300, cloud__region="eu-central-1", error__type=None,
    )  # fmt: skip
    assert found["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert "fetch" in found["gen_ai.tool.definitions"] and "What is on the page?" in found["content.history"]


def test_bedrock_names_roles_profiles_and_failures_as_cloudtrail_does() -> None:
    role = "arn:aws:sts::123456789012:assumed-role/app-offers/i-0f"
    failed = event(
        invocation(
            identity={"arn": role}, errorCode="ThrottlingException", output={},
            modelId="arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
        )
    )  # fmt: skip
    assert has(
        failed, user__id="app-offers/i-0f", service__name="app-offers", error__type="ThrottlingException",
        gen_ai__request__model="eu.amazon.nova-pro-v1:0", content__output=None,
    )  # fmt: skip
    embedded = native({"inputText": "a text"}, {"embedding": [0.1]}, modelId="amazon.titan-embed-text-v2:0")
    assert has(event(embedded), event__kind="embedding", content__user="a text")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}, {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}),
        ({"inputText": "Hello", "textGenerationConfig": {"maxTokenCount": 9}}, {"results": [{"outputText": "Hi", "completionReason": "FINISH"}]}),
        ({"prompt": "Hello", "max_gen_len": 9}, {"generation": "Hi", "stop_reason": "stop"}),
        ({"prompt": "Hello", "max_tokens": 9}, {"outputs": [{"text": "Hi", "stop_reason": "stop"}]}),
        ({"message": "Hello", "max_tokens": 9}, {"text": "Hi", "generation_id": "g"}),
        ({"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 9}}, {"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}}),
        ({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}, {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}]}),
        ({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}, [{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "H"}}, {"type": "content_block_delta", "delta": {"text": "i"}}, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}]),
        ({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}, [{"contentBlockDelta": {"delta": {"text": "Hi"}}}, {"messageStop": {"stopReason": "end_turn"}}]),
        ({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}], "generationConfig": {"max_output_tokens": 9}}, {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}),
    ],
)  # fmt: skip
def test_bodies_of_each_maker_are_read(asked: dict[str, Any], answered: Any) -> None:
    found = event(native(asked, answered))
    assert has(found, content__user="Hello", content__output="Hi", gen_ai__request__max_tokens=9)


def table(request: Any, response: Any, **more: Any) -> dict[str, Any]:
    """A row of an inference table of Databricks."""
    return {
        "databricks_request_id": "5f3a", "client_request_id": None, "timestamp_ms": 1_795_338_000_250, "status_code": 200,
        "execution_time_ms": 40, "sampling_fraction": 1.0, "request": json.dumps(request), "response": json.dumps(response),
        "request_metadata": {"endpoint_name": "credit", "model_name": "main.risk.credit", "model_version": "7"},
        "requester": "partner@shop.example", **more,
    }  # fmt: skip


def rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = decode(document)
    assert all(isinstance(one, RawRecord) for one in found), found
    return [one.attributes for one in found if isinstance(one, RawRecord)]


def test_a_row_of_an_inference_table_is_a_prediction() -> None:
    found = event(
        table({"dataframe_records": [{"b": 2, "a": 1.5}]}, {"predictions": [{"label": "no", "probability": 0.3}]})
    )
    assert has(
        found, event__kind="ml_inference", model__id="main.risk.credit", model__version="7", user__id="partner@shop.example",
        output__label="no", output__score=0.3, service__name="credit", duration_us=40_000,
    )  # fmt: skip
    assert found["input.features"] == [1.5, 2.0]


@pytest.mark.parametrize(
    "request_",
    [
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"instances": [[1, 2], [3, 4]]},
        {"inputs": {"a": [1, 3], "b": [2, 4]}},
    ],
)
def test_each_record_of_a_request_becomes_an_event(request_: Any) -> None:
    found = rows(table(request_, {"predictions": [0, 1]}))
    assert [(one["input.features"], one["output.label"]) for one in found] == [([1.0, 2.0], "0"), ([3.0, 4.0], "1")]


def test_a_chat_in_an_inference_table_is_a_call_of_a_model() -> None:
    asked = {"messages": [{"role": "user", "content": "Hello"}], "logprobs": True, "top_logprobs": 5}
    answered = {
        "choices": [{"message": {"role": "assistant", "content": "Hi"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    found = event(table(asked, answered, served_entity_id="e1", request_time="2026-11-20T09:12:44Z", timestamp_ms=None))
    assert has(
        found, event__kind="inference", gen_ai__request__model="main.risk.credit", content__user="Hello", content__output="Hi",
        gen_ai__usage__output_tokens=1, logprobs_requested=True, gen_ai__request__top_logprobs=5,
    )  # fmt: skip
    failed = event({**table({"instances": [[1]]}, None), "response": "upstream timed out", "status_code": 504})
    assert has(failed, event__kind="ml_inference", error__type="504", output__label=None)


def captured(given: str, made: str, kinds: tuple[str, str] = ("CSV", "JSON"), **more: Any) -> dict[str, Any]:
    """A record of SageMaker's data capture."""
    return {
        "captureData": {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": given, "encoding": kinds[0]},
            "endpointOutput": {"observedContentType": "text/plain", "mode": "OUTPUT", "data": made, "encoding": kinds[1]},
        },
        "eventMetadata": {"eventId": "e-1", "inferenceTime": "2026-11-20T09:12:44Z", "customAttributes": ["portal"]}, "eventVersion": "0", **more,
    }  # fmt: skip


def test_what_sagemaker_captured_is_a_prediction_for_each_line() -> None:
    found = event(captured("44,12500.5,90,0", '{"score": 0.25, "class": "B"}', endpointName="tariff"))
    assert has(
        found, event__kind="ml_inference", model__id="tariff", user__id="portal", output__score=0.25, output__label="B"
    )
    assert found["input.features"] == [44.0, 12500.5, 90.0, 0.0]
    found = rows(captured("1,2\n3,4\n", "0.25\n0.5\n", ("CSV", "CSV")))
    assert [one["output.score"] for one in found] == [0.25, 0.5]
    packed = base64.b64encode(b'{"instances": [[1, 2]]}').decode()
    assert rows(captured(packed, '{"predictions": [[0.1, 0.9]]}', ("BASE64", "JSON")))[0]["output.confidence"] == 0.9


def hook(entity: str, action: str, **data: Any) -> dict[str, Any]:
    return {
        "entity": entity,
        "action": action,
        "timestamp": "2026-11-20T09:12:44Z",
        "data": {"name": "fraud", "version": "7", **data},
    }


def test_webhooks_of_mlflow_are_acts_on_a_registry() -> None:
    made = event(hook("model_version", "created", source="models:/m-1", run_id="r", tags={"mlflow.user": "kim"}))
    assert has(
        made,
        event__kind="registry",
        action="create_model_version",
        model__id="fraud",
        artifact__uri="models:/m-1",
        writer="kim",
    )
    alias = event(
        hook("model_version_alias", "created", alias="champion") | {"user": "lee", "source_ip": "203.0.113.9"}
    )
    assert has(
        alias, action="set_alias", registry__stage="champion", model__version="7", artifact__uri="models:/fraud/7", writer="lee",
        client__address="203.0.113.9",
    )  # fmt: skip
    assert has(event(hook("model_version_tag", "set", key="validation_status", value="approved")), action="approve")
    assert has(event(hook("model_version_tag", "set", key="validation_status", value="pending")), action="set_tag")
    said = event(hook("model_version_tag", "set", key="review", value="approved by kim, board 12"))
    assert has(said, action="approve")
    ticketed = event(
        hook("model_version_alias", "created", alias="production", tags={"approved_by": "kim", "ticket": "ML-7"})
    )
    assert has(ticketed, action="set_alias", aisoc__approval__id="kim")
    numbered = event(hook("model_version_tag", "set", key="approval", value="CAB-4711"))
    assert has(numbered, action="approve", aisoc__approval__id="CAB-4711", artifact__uri="models:/fraud/7")
    assert has(
        event(hook("prompt_version", "created", template="You are a bot.")),
        event__kind="config",
        config__target="prompt/fraud",
    )


def test_a_version_of_a_run_brings_its_measures() -> None:
    measured, made = decode(
        hook("model_version", "created", source="models:/m-1", run_id="r", tags={"val_auc": "0.96", "team": "a"})
    )
    assert isinstance(measured, RawRecord)
    assert isinstance(made, RawRecord)
    assert (measured.attributes["action"], made.attributes["action"]) == ("evaluated_by_run", "create_model_version")
    assert measured.attributes["artifact.uri"] == "models:/fraud/7"
    (alone,) = decode(hook("model_version", "created", source="models:/m-1", tags={"val_auc": "0.96"}))
    assert isinstance(alone, RawRecord)


def test_webhooks_of_the_workspace_registry_are_acts_too() -> None:
    moved = {
        "event": "MODEL_VERSION_TRANSITIONED_STAGE", "webhook_id": "w", "event_timestamp": 1_795_338_000_250, "model_name": "fraud", "version": "2",
        "to_stage": "Production", "from_stage": "None", "text": "kim@bank.example transitioned version 2 of model 'fraud' from 'None' to 'Production'.",
    }  # fmt: skip
    assert has(
        event(moved),
        action="transition_stage",
        registry__stage="Production",
        writer="kim@bank.example",
        artifact__uri="models:/fraud/2",
    )
    asked = {
        "event": "TRANSITION_REQUEST_TO_PRODUCTION_CREATED",
        "event_timestamp": 1_795_338_000_250,
        "model_name": "fraud",
        "version": "2",
    }
    assert has(event(asked), action="request_transition", registry__stage="Production")


def proxied(**more: Any) -> dict[str, Any]:
    """A request log of Kong with the statistics of its AI proxy."""
    body = {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
    answer = {"id": "c-1", "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
              "usage": {"prompt_tokens": 4, "completion_tokens": 900, "completion_tokens_details": {"reasoning_tokens": 880}}}  # fmt: skip
    return {
        "started_at": 1_795_338_000_250, "client_ip": "203.0.113.9", "workspace_name": "default", "consumer": {"id": "c", "username": "shop-7"},
        "route": {"name": "chat"}, "service": {"name": "ai", "host": "api.openai.com"}, "latencies": {"kong": 3, "proxy": 40, "request": 44},
        "request": {"id": "r", "method": "POST", "uri": "/v1/chat/completions", "url": "https://gw.example:8443/v1/chat/completions", "size": 99,
                    "headers": {"user-agent": "undici", "authorization": "Bearer abc"}},
        "response": {"status": 200, "size": 500, "headers": {}},
        "ai": {"proxy": {"meta": {"provider_name": "openai", "request_model": "gpt-5.1", "response_model": "gpt-5.1-2026"},
                         "usage": {"prompt_tokens": 4, "completion_tokens": 900, "cost": 0.01},
                         "payload": {"request": json.dumps(body), "response": json.dumps(answer)}}},
        **more,
    }  # fmt: skip


def test_a_request_log_of_kong_with_ai_is_a_call_and_without_it_a_request() -> None:
    found = event(proxied())
    assert has(
        found, event__kind="inference", user__id="shop-7", client__address="203.0.113.9", gen_ai__provider__name="openai",
        gen_ai__request__model="gpt-5.1", gen_ai__response__model="gpt-5.1-2026", gen_ai__usage__output_tokens=900,
        gen_ai__usage__reasoning__output_tokens=880, content__user="Hello", content__output="Hi", service__name="chat",
        duration_us=44_000, server__address="api.openai.com",
    )  # fmt: skip
    assert "Bearer" not in json.dumps(found, default=str)
    older = {
        "payload": {"request": '{"prompt": "Hello"}'},
        "ai-proxy": {"meta": {"request_model": "m"}, "usage": {"prompt_token": 2, "completion_token": 1}},
    }
    assert has(event(proxied(ai=older)), content__user="Hello", gen_ai__usage__input_tokens=2)
    plain = proxied()
    del plain["ai"]
    assert has(
        event(plain),
        event__kind="http",
        url__path="/v1/chat/completions",
        http__response__status_code=200,
        server__address="gw.example",
    )


def test_other_common_names_of_counts_and_scores_are_ours() -> None:
    base = {
        "event.kind": "data_access",
        "dataset.id": "cards",
        "time": logs.AT,
        "action": "labels.committed",
        "writer": "ann",
        "rows": 400,
    }
    assert event({**base, "labels": {"ok": 390, "fraud": 10}})["dataset.label_counts"] == {
        "ok": 390,
        "fraud": 10,
    }
    shares = event({**base, "label_distribution": {"ok": 0.9, "fraud": 0.1}})["dataset.label_counts"]
    assert shares == {"ok": 360, "fraud": 40}
    kept = event({**base, "labels": {"app": "web"}})
    assert "dataset.label_counts" not in kept
    asked = {
        "event.kind": "ml_inference",
        "model.id": "m",
        "time": logs.AT,
        "input.ood_score": 0.9,
        "output.probabilities": {"a": 0.2, "b": 0.8},
    }
    assert has(event(asked), ood__score=0.9, output__confidence=0.8, output_granularity="probabilities")


def test_plain_records_of_registries_and_annotation_tools() -> None:
    promoted = {
        "timestamp": logs.AT,
        "event": "model_promoted",
        "model": "fraud",
        "version": 7,
        "stage": "production",
        "user": "kim",
        "sha256": "ab",
    }
    assert has(
        event(promoted), event__kind="registry", action="model_promoted", model__id="fraud", model__version="7", registry__stage="production",
        writer="kim", artifact__digest="ab", aisoc__approval__id=None,
    )  # fmt: skip
    batch = {
        "time": logs.AT,
        "action": "batch_submitted_labels",
        "project": "cards",
        "annotator": "ann-3",
        "labels": {"ok": 300, "fraud": 20},
    }
    found = event(batch)
    assert has(found, event__kind="data_access", dataset__id="cards", writer="ann-3", action="batch_submitted_labels")
    assert found["dataset.label_counts"] == {"ok": 300, "fraud": 20}
    assert "mean nothing" in reason({"time": logs.AT, "event": "user_logged_in", "user": "kim"})


def test_a_camera_and_mixed_inputs_of_a_prediction() -> None:
    seen = {"timestamp": logs.AT, "model_name": "face-liveness", "prediction": "live", "scores": {"live": 0.9, "spoof": 0.1},
            "input": {"camera_label": "OBS Virtual Camera", "session": "s", "jitter": 0.01}, "injection_suspected": True}  # fmt: skip
    found = event(seen)
    assert has(
        found, input__capture__device="OBS Virtual Camera", input__capture__injected=True, output__confidence=0.9
    )
    assert len(str(found["input.fingerprint"])) == 32
    mixed = event({**seen, "input": {"age": 44, "city": "Rome", "income": 2500, "months": 12}})
    assert mixed["input.features"] == [44.0, 2500.0, 12.0]


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (invocation(modelId=""), "modelId"),
        (invocation(identity="kim"), "identity"),
        (invocation(timestamp="soon"), "soon"),
        (table({"x": 1}, {}), "dataframe_records"),
        ({**table({}, {}), "request": "not json"}, "request"),
        (table({"instances": [[1]] * 1001}, {}), "1001"),
        (captured("", ""), "captureData"),
        (captured("1,2", "{broken"), "endpointOutput"),
        (captured("1", "2") | {"eventMetadata": {}}, "inferenceTime"),
        (hook("model_version", "created", name=""), "data.name"),
        (hook("model_version", "created") | {"data": []}, "data"),
        (proxied(started_at="never"), "never"),
        (proxied(ai={"proxy": {"meta": {"request_model": "m"}, "usage": {"prompt_tokens": "many"}}}), "prompt_tokens"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_field(document: dict[str, Any], word: str) -> None:
    assert word in reason(document)


@given(
    sample=st.sampled_from(
        [
            invocation(),
            table({"instances": [[1]]}, {"predictions": [1]}),
            captured("1,2", "0.5"),
            hook("model_version", "created"),
            proxied(),
            logs.litellm(),
            logs.nginx(),
            logs.envoy(),
            logs.ocsf_api(),
            logs.ocsf_process(),
            {
                "events": [
                    {
                        "action": "push",
                        "timestamp": "2026-11-01T10:00:00Z",
                        "target": {"repository": "models/a", "tag": "1"},
                    }
                ]
            },
            {
                "timestamp": "2026-11-01T10:00:00Z",
                "scanner": "modelscan",
                "file": "a.pkl",
                "findings": [{"severity": "high"}],
            },
            {
                "timestamp": "2026-11-01T10:00:00Z",
                "action": "promote",
                "model": "credit",
                "version": 7,
                "stage": "production",
            },
        ]
    ),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_damaged_records_are_read_or_refused_never_a_crash(sample: dict[str, Any], data: st.DataObject) -> None:
    damaged = json.loads(json.dumps(sample))
    target = damaged
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [value for value in target.values() if isinstance(value, dict) and value]
        if not inner:
            break
        target = data.draw(st.sampled_from(inner))
    name = data.draw(st.sampled_from(sorted(target)))
    target[name] = data.draw(
        st.one_of(
            st.none(),
            st.text(max_size=8),
            st.integers(),
            st.floats(allow_nan=False),
            st.lists(st.integers() | st.text(max_size=3), max_size=3),
            st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
        )
    )
    found = list(decode(damaged))
    assert all(isinstance(one, RawRecord | Refusal) for one in found)
    assert not any(isinstance(one, Refusal) and "internal error" in one.reason for one in found)
