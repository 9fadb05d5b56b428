"""Where telemetry comes from, how far it has been read, and the rules that read it."""

from typing import ClassVar

from django.db import models


class Source(models.Model):
    """A sender of telemetry; its id is the prefix of its ingest token."""

    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="sources")
    token = models.OneToOneField("base.ApiToken", null=True, on_delete=models.SET_NULL, related_name="source")
    first_event_at = models.DateTimeField(null=True)
    last_event_at = models.DateTimeField(null=True)
    events = models.BigIntegerField(default=0)
    inferences = models.BigIntegerField(default=0)
    content_missing = models.BigIntegerField(default=0)
    rejects = models.BigIntegerField(default=0)
    # Of the live rules, how many get every field that they need; computed now and then from the feeds.
    rules_fed = models.PositiveIntegerField(default=0)
    rules_live = models.PositiveIntegerField(default=0)
    # Kinds of data that are taken out of content before it is stored; names of `connect.telemetry.redaction`.
    redaction = models.JSONField(default=list, blank=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Feed(models.Model):
    """What one app sends through one source: which fields arrive decides which rules can see it."""

    source = models.ForeignKey("soc.Source", on_delete=models.CASCADE, related_name="feeds")
    service = models.CharField(max_length=200)
    asset = models.ForeignKey("inventory.Asset", null=True, on_delete=models.SET_NULL, related_name="feeds")
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="+")
    events = models.BigIntegerField(default=0)
    inferences = models.BigIntegerField(default=0)
    content_missing = models.BigIntegerField(default=0)
    # {field: time of the last event that carried it, ISO 8601}
    fields_seen = models.JSONField(default=dict)
    last_event_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["service"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "service"], name="one_feed_per_service")]

    def __str__(self) -> str:
        return f"{self.service} through {self.source}"


class TechniqueCoverage(models.Model):
    """Whether an ATLAS technique against one AI system would be seen: a tested live rule whose fields arrive, and no failed drill."""

    technique = models.CharField(max_length=20)
    asset = models.ForeignKey("inventory.Asset", on_delete=models.CASCADE, related_name="technique_coverage")
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="+")
    has_tested_live_rule = models.BooleanField()
    fields_arriving = models.BooleanField()
    covered = models.BooleanField()
    rules = models.JSONField(default=list)
    missing_fields = models.JSONField(default=list)
    drill = models.CharField(max_length=8, blank=True)  # the worst outcome of its traces; empty: never drilled
    drilled_at = models.DateTimeField(null=True)
    computed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["technique", "asset"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["technique", "asset"], name="one_coverage_per_technique")
        ]

    def __str__(self) -> str:
        return f"{self.technique} on {self.asset}"

    @property
    def outcome(self) -> str:
        """One word for the pair: covered, tested (by the rules' own tests only), noisy, missed, blind, unwatched."""
        if not self.has_tested_live_rule:
            return self.drill if self.drill in ("missed", "noisy") else "unwatched"
        if self.drill in ("missed", "noisy"):
            return self.drill
        if not self.rules or self.drill == "blind":
            return "blind"
        return "covered" if self.drill else "tested"


class EventPart(models.Model):
    """One Parquet file of events; readers take this list, never a glob of the directory."""

    number = models.BigIntegerField(unique=True)
    last_number = models.BigIntegerField()
    path = models.CharField(max_length=300, unique=True)
    hour = models.CharField(max_length=13)
    rows = models.PositiveIntegerField()
    size = models.BigIntegerField(default=0)
    first_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    fence = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    words = models.CharField(max_length=40, blank=True)  # names how it was indexed for searches; empty: not yet

    class Meta:
        ordering: ClassVar = ["number"]
        indexes: ClassVar = [
            models.Index(fields=["first_us", "last_us"]),
            models.Index(fields=["words", "created_at"], name="part_to_index"),
        ]

    def __str__(self) -> str:
        return self.path


class WalOffset(models.Model):
    """How far the detector has read one writer's write-ahead log."""

    writer = models.CharField(max_length=120, unique=True)
    segment = models.BigIntegerField()
    offset = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.writer} {self.segment}:{self.offset}"


class Reject(models.Model):
    """A record that was refused, with the reason; its beginning stays encrypted in the content store."""

    uid = models.CharField(max_length=32, unique=True)
    source = models.ForeignKey("soc.Source", null=True, on_delete=models.CASCADE, related_name="reject_log")
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_index=True)
    signal = models.CharField(max_length=12, blank=True)
    place = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=500)
    content_ref = models.CharField(max_length=200, blank=True)
    # Where its whole request is kept, encrypted, and its number in it: with these it can be tried again.
    request_ref = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    record = models.PositiveIntegerField(default=0)
    retried_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.reason


class DetectionRule(models.Model):
    """A rule as it is loaded now; its text lives in the pack."""

    class State(models.TextChoices):
        """Shadow signals are counted only, canary alerts are marked, live alerts count."""

        SHADOW = "shadow", "Shadow"
        CANARY = "canary", "Canary"
        LIVE = "live", "Live"

    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    severity = models.CharField(max_length=14)
    state = models.CharField(max_length=8, choices=State.choices)
    kind = models.CharField(max_length=20)  # single, correlation, statistic, risk
    content_only = models.BooleanField(default=False)  # it judges by what was said, not by what was done
    techniques = models.JSONField(default=list)
    owasp = models.JSONField(default=list)
    needs = models.JSONField(default=list)
    false_positives = models.JSONField(default=list)
    response = models.CharField(max_length=80, blank=True)
    path = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    tests = models.PositiveIntegerField(default=0)
    tests_pass = models.BooleanField(default=False)
    tested_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    is_loaded = models.BooleanField(default=True)
    signals = models.BigIntegerField(default=0)
    last_fired_at = models.DateTimeField(null=True)
    # Processor time for each event, as the detector measured it; null until it has seen enough.
    cost_us = models.FloatField(null=True)
    cost_events = models.BigIntegerField(default=0)
    cost_at = models.DateTimeField(null=True)
    # While a canary: for how many of a hundred entities it alerts, and in which unit (null: everywhere).
    canary_share = models.PositiveSmallIntegerField(default=100)
    canary_unit = models.ForeignKey("base.Unit", null=True, on_delete=models.SET_NULL, related_name="+")
    state_at = models.DateTimeField(null=True)  # of the last change of state; verdicts before it are of another time
    # Why the platform took a step back with it; emptied when a person decides on its state.
    demoted_for = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["title"]

    def __str__(self) -> str:
        return self.title
