"""The names under which plain records of scanners, registries, trainers, stores of data and annotation tools say the same; nobody has fixed them.

Where several stand in one record, the first that says something counts.
"""

from __future__ import annotations

from typing import Final

TIMES: Final = (
    "timestamp", "time", "ts", "@timestamp", "event_time", "eventTime", "created_at", "detected_at", "occurred_at", "date",
)  # fmt: skip
ACTIONS: Final = (
    "action", "event", "event_type", "eventType", "event_name", "operation", "op", "activity", "type", "verb",
)  # fmt: skip
LABELLERS: Final = (
    "annotator", "annotator_id", "annotated_by", "labeler", "labeller", "labeled_by", "labelled_by", "worker_id",
)  # fmt: skip
WHO: Final = (
    "user", "actor", "principal", "user_id", "username", "initiator", "by", "author", "committer", "committed_by", "performed_by",
    "changed_by", "created_by", "uploaded_by", "submitted_by", "requested_by", "started_by", "triggered_by", "completed_by", "caller",
    "owner", "publisher",
)  # fmt: skip
ADDRESSES: Final = ("source_ip", "client_ip", "src_ip", "ip", "ip_address", "remote_addr", "remote_ip")
SERVICES: Final = (
    "service", "service_name", "app", "application", "source_system", "tool", "component", "system", "cluster", "platform",
)  # fmt: skip
SCANNERS: Final = ("scanner", "scan_engine", "scan_tool", "detector", "checker", "auditor", "engine")
FILES: Final = (
    "file", "path", "artifact", "artifact_uri", "model_file", "object", "uri", "target", "image", "source", "source_uri", "url",
)  # fmt: skip
FILES_OF_VERSIONS: Final = ("artifact_uri", "uri", "source", "path", "artifact", "file", "source_uri")
PACKAGES: Final = ("package", "package_name", "dependency", "library", "component_name")
MODELS: Final = ("model_name", "registered_model", "model", "model_id", "inference_service", "served_model")
DATASETS: Final = (
    "dataset_id", "dataset_name", "dataset", "training_set", "corpus", "knowledge_base", "index",
)  # fmt: skip
PROJECTS: Final = ("project_name", "project")  # a set of data only where somebody labels or writes something in it
SAMPLES: Final = ("sample_id", "item_id", "task_id", "record_id", "document_id", "doc_id")
VERSIONS: Final = ("model_version", "version", "revision", "to_version", "new_version")
DIGESTS: Final = ("digest_loaded", "loaded_digest", "sha256", "digest", "artifact_digest", "hash", "checksum", "sha512")
EXPECTED_DIGESTS: Final = ("digest_expected", "expected_digest", "expected_sha256")
STAGES: Final = ("stage", "to_stage", "new_stage", "target_stage", "alias", "environment", "env")
APPROVALS: Final = (
    "approval_id", "approval", "approved_by", "change_id", "change_ticket", "change_request", "ticket", "approval_ticket",
    "reviewed_by",
)  # fmt: skip
REVIEWS: Final = (
    "review",
    "review_status",
    "approval_status",
    "review_state",
)  # count only where they say that it passed
COMMANDS: Final = ("entrypoint", "command", "cmd", "command_line", "cmdline", "cmd_line", "script")
SETTINGS: Final = ("setting", "config_key", "parameter", "field", "config", "policy", "key", "target", "resource")
OLD: Final = ("old", "old_value", "before", "previous", "from")
NEW: Final = ("new", "new_value", "after", "value", "to")
VERDICTS: Final = (
    "verdict", "result", "outcome", "classification", "safety", "disposition", "status", "risk", "severity", "rating",
)  # fmt: skip
FOUND_COUNTS: Final = (
    "infected_files", "infected", "malicious", "is_malicious", "threats", "issues", "critical", "unsafe_globals",
)  # fmt: skip
SIGNATURES: Final = (
    "signature", "signature_status", "signature_valid", "signature_verified", "signed", "verified_signature",
)  # fmt: skip
LABEL_COUNTS: Final = ("labels", "label_counts", "label_distribution", "class_counts", "class_distribution")
GIVEN_LABELS: Final = ("given_label", "annotator_label", "new_label", "user_label", "corrected_label", "corrected_to")
OWN_LABELS: Final = ("label", "vote", "class")  # count only where a labeller is named
MODEL_LABELS: Final = (
    "model_label", "predicted_label", "model_prediction", "old_label", "prior_label", "previous_label", "original_label", "current_label",
)  # fmt: skip
AGES: Final = (
    "annotator_age_days", "account_age_days", "user_age_days", "author_age_days", "reporter_age_days", "reviewer_age_days",
)  # fmt: skip
BORN: Final = (
    "account_created_at",
    "annotator_created_at",
    "user_created_at",
    "account_created",
    "registered_at",
    "member_since",
)
TITLES: Final = ("title", "page_title", "document_title", "question")
TEXTS: Final = ("text", "content", "body", "chunk", "page_content", "markdown", "answer")
ROWS: Final = ("rows", "row_count", "rows_added", "records", "examples", "samples", "items", "count")
