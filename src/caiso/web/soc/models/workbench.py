"""Rules that people wrote here: their versions, who approved what, and what they would have found in the past."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class UserRule(models.Model):
    """A rule of one's own; what runs is the deployed version, in the state that two people gave it."""

    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=300)
    author = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    deployed = models.ForeignKey("soc.RuleVersion", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering: ClassVar = ["title"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The rule's page in the workbench."""
        return reverse("workbench_rule", args=[self.pk])


class RuleVersion(models.Model):
    """One saved text of a rule; never changed afterwards."""

    rule = models.ForeignKey("soc.UserRule", on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    note = models.CharField(max_length=300, blank=True)
    author = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    rule_ids = models.JSONField(default=list)  # the rules of the text that alert
    problems = models.JSONField(default=list)  # [{line, message}]
    tests = models.PositiveIntegerField(default=0)
    tests_pass = models.BooleanField(default=False)
    cost_us = models.FloatField(null=True)
    # The highest state in which two people let this version run; a roll-back may return to it at once.
    approved_state = models.CharField(max_length=8, blank=True)

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["rule", "number"], name="one_rule_version_per_number")]

    def __str__(self) -> str:
        return f"{self.rule} v{self.number}"


class RuleReview(models.Model):
    """A wish to let a rule do more, and the decision of somebody else."""

    class Decision(models.TextChoices):
        """What became of the wish."""

        OPEN = "open", "Waiting for review"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"

    slug = models.SlugField(max_length=120, db_index=True)  # of the rule, whether shipped or one's own
    version = models.ForeignKey("soc.RuleVersion", null=True, on_delete=models.CASCADE, related_name="reviews")
    from_state = models.CharField(max_length=8, blank=True)
    to_state = models.CharField(max_length=8)
    reason = models.CharField(max_length=1000, blank=True)
    requested_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    requested_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision.choices, default=Decision.OPEN)
    decided_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(decision="open"), name="one_open_review_per_rule"
            )
        ]

    def __str__(self) -> str:
        return f"{self.slug} to {self.to_state}"


class RetroHunt(models.Model):
    """A rule over stored events: counts for everybody, events only within the scope of whoever looks."""

    slug = models.SlugField(max_length=120, db_index=True)
    version = models.ForeignKey("soc.RuleVersion", null=True, on_delete=models.SET_NULL, related_name="retro_hunts")
    text = models.TextField()  # exactly what ran
    requested_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    limit = models.CharField(max_length=500, blank=True)  # unit path of the API token that asked: it narrows the scope
    job = models.ForeignKey("base.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    purpose = models.CharField(max_length=300)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    reads_content = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    events = models.BigIntegerField(default=0)
    with_content = models.BigIntegerField(default=0)
    content_gone = models.BigIntegerField(default=0)
    signals = models.BigIntegerField(default=0)
    alerts = models.BigIntegerField(default=0)
    alerts_by_day = models.JSONField(default=dict)
    cpu_us = models.FloatField(null=True)
    found = models.JSONField(default=list)  # [{rule, time_us, event_ids, spans, entity}], bounded

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.slug} over the past"

    def get_absolute_url(self) -> str:
        """The page of this retro-hunt."""
        return reverse("retro_hunt", args=[self.pk])

    @property
    def days(self) -> float:
        """The length of the period."""
        return (self.end_at - self.start_at).total_seconds() / 86_400

    @property
    def alerts_a_day(self) -> float:
        """How many alerts a day the rule would have made."""
        return self.alerts / self.days if self.days else 0.0

    @property
    def rate(self) -> str:
        """Alerts a day, as a person says it."""
        return f"{self.alerts_a_day:.1f}"
