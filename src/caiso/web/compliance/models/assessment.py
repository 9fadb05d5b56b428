"""What the controls' checks say, when that changed and why, and the evidence that people left."""

from typing import ClassVar

from django.db import models
from django.urls import reverse

STATES = (
    ("effective", "Effective"),
    ("failing", "Failing"),
    ("stale", "Stale"),
    ("unknown", "Unknown"),
    ("not_applicable", "Not applicable"),
    ("planned", "Planned"),
    ("implemented", "Declared only"),
)


class ControlAssessment(models.Model):
    """A control on one scope: the organisation, a unit or an AI system."""

    class Implementation(models.TextChoices):
        """What people say about it; the state beside it is what the checks say."""

        UNDECLARED = "undeclared", "Nothing declared"
        PLANNED = "planned", "Planned"
        IMPLEMENTED = "implemented", "Implemented"
        NOT_APPLICABLE = "not_applicable", "Not applicable"

    control = models.ForeignKey("compliance.Control", on_delete=models.CASCADE, related_name="assessments")
    scope_key = models.CharField(
        max_length=80, blank=True
    )  # "" is the whole organisation, else an AI system's or unit's id
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="control_assessments")
    asset = models.ForeignKey(
        "inventory.Asset", null=True, on_delete=models.CASCADE, related_name="control_assessments"
    )
    implementation = models.CharField(max_length=16, choices=Implementation.choices, default=Implementation.UNDECLARED)
    implementation_reason = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=16, choices=STATES, default="unknown")
    reason = models.TextField(blank=True)
    since = models.DateTimeField(null=True)
    evaluated_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["control__family", "control__title", "scope_key"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["control", "scope_key"], name="one_assessment_per_scope")
        ]
        indexes: ClassVar = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"{self.control} {self.state}"

    def get_absolute_url(self) -> str:
        return reverse("control_scope", args=[self.control_id, self.pk])

    @property
    def place(self) -> str:
        """Where it is judged, in words."""
        if self.asset is not None:
            return self.asset.name
        return self.unit.name if self.scope_key else "Whole organisation"


class CheckOutcome(models.Model):
    """The latest verdict of one check of one assessment, with the records that caused it."""

    assessment = models.ForeignKey("compliance.ControlAssessment", on_delete=models.CASCADE, related_name="outcomes")
    check_id = models.CharField(max_length=80)
    title = models.CharField(max_length=300)
    state = models.CharField(max_length=16, choices=STATES)
    reason = models.TextField()
    value = models.FloatField(null=True)
    numerator = models.BigIntegerField(null=True)
    denominator = models.BigIntegerField(null=True)
    collection = models.CharField(max_length=60)
    records = models.JSONField(default=list)
    evaluated_at = models.DateTimeField()
    valid_until = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["check_id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["assessment", "check_id"], name="one_outcome_per_check")
        ]

    def __str__(self) -> str:
        return f"{self.check_id} {self.state}"


class ControlStateChange(models.Model):
    """Every change of a control's state, kept with the records that caused it."""

    assessment = models.ForeignKey("compliance.ControlAssessment", on_delete=models.CASCADE, related_name="changes")
    before = models.CharField(max_length=16)
    after = models.CharField(max_length=16)
    reason = models.TextField()
    collection = models.CharField(max_length=60, blank=True)
    records = models.JSONField(default=list)
    at = models.DateTimeField(db_index=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class Evidence(models.Model):
    """What a person left as proof: a file, a link or a statement, valid until a date."""

    control = models.ForeignKey("compliance.Control", on_delete=models.PROTECT, related_name="evidence")
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="evidence")
    asset = models.ForeignKey(
        "inventory.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="evidence"
    )
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    url = models.URLField(blank=True)
    statement = models.TextField(blank=True)
    digest = models.CharField(max_length=64, blank=True)
    collected_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    collected_at = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    # The one who collected it never accepts it.
    is_accepted = models.BooleanField(default=False)
    accepted_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("evidence_record", args=[self.pk])
