"""Signals, the alerts they make, and suppressions."""

from typing import Any, ClassVar

from django.db import models
from django.urls import get_script_prefix

from caiso.web.base.textindex import TextIndex

SEVERITIES: tuple[tuple[str, str], ...] = (
    ("informational", "Informational"),
    ("low", "Low"),
    ("medium", "Medium"),
    ("high", "High"),
    ("critical", "Critical"),
)


class UtcDay(models.Func):
    """The day of a moment in UTC, as an index can hold it: without parameters, and without Django's own functions for SQLite."""

    template = "(SUBSTR(%(expressions)s, 1, 10))"
    output_field = models.CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """The date itself: its text depends on a setting, so that no index can hold it."""
        return self.as_sql(compiler, connection, template="((%(expressions)s AT TIME ZONE 'UTC')::date)", **context)


class UtcHour(models.Func):
    """The hour of a moment in UTC, such as "2026-11-18 09", to count by."""

    template = "(SUBSTR(%(expressions)s, 1, 13))"
    output_field = models.CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """A database with a type for moments writes it itself."""
        template = "TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"
        return self.as_sql(compiler, connection, template=template, **context)


class Alert(models.Model):
    """What an analyst must look at: one or more signals of one rule about one entity."""

    class State(models.TextChoices):
        """Where the analyst stands."""

        NEW = "new", "New"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        ESCALATED = "escalated", "Escalated"
        CLOSED = "closed", "Closed"

    class Verdict(models.TextChoices):
        """What it turned out to be; feeds the rule's precision."""

        NONE = "", "No verdict"
        TRUE = "true", "True positive"
        BENIGN = "benign", "Benign true positive"
        FALSE = "false", "False positive"

    # Rule, entity and window: a second signal with the same key raises the count, not a second alert.
    group_key = models.CharField(max_length=200)  # what the engine bounds it to
    rule = models.ForeignKey("soc.DetectionRule", on_delete=models.PROTECT, related_name="alerts")
    title = models.CharField(max_length=300)
    severity = models.CharField(max_length=14, choices=SEVERITIES)
    score = models.PositiveSmallIntegerField(default=0)
    score_reasons = models.JSONField(default=list)
    state = models.CharField(max_length=14, choices=State.choices, default=State.NEW)
    verdict = models.CharField(max_length=8, choices=Verdict.choices, blank=True, default=Verdict.NONE)
    verdict_reason = models.TextField(blank=True)
    is_canary = models.BooleanField(default=False)
    technique = models.CharField(max_length=20, blank=True)
    techniques = models.JSONField(default=list)
    owasp = models.JSONField(default=list)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="alerts")
    source = models.ForeignKey("soc.Source", null=True, on_delete=models.SET_NULL, related_name="alerts")
    asset = models.ForeignKey("inventory.Asset", null=True, on_delete=models.SET_NULL, related_name="alerts")
    incident = models.ForeignKey("soc.Incident", null=True, on_delete=models.SET_NULL, related_name="alerts")
    assignee = models.ForeignKey("base.Person", null=True, on_delete=models.SET_NULL, related_name="alerts")
    conversation_id = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)
    subject_user = models.CharField(max_length=200, blank=True)
    api_key = models.CharField(max_length=200, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    service = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200, blank=True)
    entity = models.JSONField(default=dict)
    # What the rule measured, such as {"queries": 1214, "usual": "30 to 60"}; of the latest signal.
    facts = models.JSONField(default=dict)
    # Of an alert about an entity's risk: the signals that added to it, with what each added.
    contributions = models.JSONField(default=list)
    signal_count = models.PositiveIntegerField(default=0)
    first_event_at = models.DateTimeField()
    last_event_at = models.DateTimeField()
    created_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    is_demo = models.BooleanField(default=False)

    text_index: ClassVar = TextIndex(
        "soc_alert",
        ("title", "service", "subject_user", "technique", "conversation_id", "trace_id", "agent", "api_key"),
    )

    class Meta:
        ordering: ClassVar = ["-score", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["state", "-score", "-id"]),
            models.Index(fields=["-score", "-last_event_at", "id", "unit"]),  # the list as it opens
            models.Index(fields=["-last_event_at", "unit"]),  # what is new, asked each second while a page is open
            # The posture page counts from these alone, without reading a row.
            models.Index(fields=["state", "unit", "severity", "asset"], name="alert_of_state"),
            models.Index(UtcDay("created_at"), "severity", "unit", name="alert_day_and_severity"),
            models.Index(fields=["asset", "state", "severity", "unit"], name="alert_of_asset"),
            models.Index(fields=["group_key", "-id"]),
            # Similar alerts, and how many rules fired about the same one: asked for each new alert.
            models.Index(fields=["conversation_id", "-last_event_at"]),
            models.Index(fields=["subject_user", "-last_event_at"]),
            models.Index(fields=["agent", "-last_event_at"]),
            models.Index(fields=["rule", "-last_event_at"]),
            models.Index(fields=["trace_id"]),
            # The list in the order of other columns, or of one verdict or severity: a sort of all rows would read the whole table first.
            models.Index(fields=["title", "id", "unit"], name="alert_by_title"),
            models.Index(fields=["technique", "id", "unit"], name="alert_by_technique"),
            models.Index(fields=["signal_count", "id", "unit"], name="alert_by_signals"),
            models.Index(fields=["verdict", "unit"], name="alert_by_verdict"),
            models.Index(fields=["severity", "unit"], name="alert_by_severity"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        # Not reversed: the detector, which tells people of alerts, would load every page and the API for that.
        return f"{get_script_prefix()}alerts/{self.pk}/"


class Signal(models.Model):
    """One hit of a rule. Its id is computed from rule and events, so that a replay can never write it twice."""

    uid = models.CharField(max_length=32, unique=True)
    # Null for shadow rules, for suppressed signals and outside of a canary's share: counted, never an alert.
    alert = models.ForeignKey("soc.Alert", null=True, on_delete=models.CASCADE, related_name="signals")
    suppression = models.ForeignKey("soc.Suppression", null=True, on_delete=models.SET_NULL, related_name="signals")
    rule = models.ForeignKey("soc.DetectionRule", on_delete=models.PROTECT, related_name="signal_rows")
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8)
    at = models.DateTimeField(db_index=True)
    first_at = models.DateTimeField()
    event_ids = models.JSONField(default=list)
    matches = models.JSONField(default=list)
    entity = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    part = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["at", "id"]

    def __str__(self) -> str:
        return self.uid


class Suppression(models.Model):
    """Signals that make no alert until a date, with a reason; they still count."""

    rule = models.ForeignKey("soc.DetectionRule", on_delete=models.CASCADE, related_name="suppressions")
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="+")
    # {"user": "ci-bot"}: every named entity field must be equal; empty suppresses the whole rule.
    entity = models.JSONField(default=dict)
    reason = models.CharField(max_length=300)
    made_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    hits = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.rule}: {self.reason}"
