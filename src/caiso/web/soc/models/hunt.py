"""Hunts: questions that people ask of stored events, kept for others, and what came of asking."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class HuntKind(models.TextChoices):
    """How a question is put."""

    SQL = "sql", "SQL"
    FILTER = "filter", "Filter"


class SavedHunt(models.Model):
    """A question that a unit shares; only its owner, or whoever answers for rules there, changes it."""

    name = models.CharField(max_length=120)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=6, choices=HuntKind.choices)
    sql = models.TextField(blank=True)
    conditions = models.JSONField(default=dict)  # a filter as connect.telemetry.query.filters reads it
    hours = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["unit", "name"], name="one_saved_hunt_per_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The hunt page with this question in it."""
        return f"{reverse('hunt')}?saved={self.pk}"


class HuntRun(models.Model):
    """One asking. Only whoever asked sees it; its answer is kept for some days."""

    requested_by = models.ForeignKey("base.User", on_delete=models.CASCADE, related_name="+")
    limit = models.CharField(max_length=500, blank=True)  # unit path of the API token that asked: it narrows the scope
    saved = models.ForeignKey("soc.SavedHunt", null=True, on_delete=models.SET_NULL, related_name="runs")
    job = models.ForeignKey("base.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=6, choices=HuntKind.choices)
    sql = models.TextField(blank=True)
    conditions = models.JSONField(default=dict)
    hours = models.PositiveIntegerField()
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    reads_content = models.BooleanField(default=False)
    purpose = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    # The (source id, service) pairs that were asked, null for all: whoever lost one of them no longer sees the answer.
    scope = models.JSONField(null=True)
    columns = models.JSONField(default=list)
    types = models.JSONField(default=list)
    rows = models.JSONField(default=list)
    row_count = models.PositiveIntegerField(default=0)
    cut = models.CharField(max_length=300, blank=True)
    seconds = models.FloatField(null=True)
    found = models.JSONField(default=list)  # of a search in content, as a retro-hunt keeps it; never the text itself
    events = models.BigIntegerField(default=0)
    with_content = models.BigIntegerField(default=0)
    content_gone = models.BigIntegerField(default=0)
    is_emptied = models.BooleanField(default=False)  # the answer was older than answers are kept

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"Hunt {self.pk}"

    def get_absolute_url(self) -> str:
        """The page of this asking."""
        return reverse("hunt_run", args=[self.pk])
