"""A copy of the organisation with changes: drafted, compared, then adopted with a recorded decision or discarded."""

import hashlib
from typing import ClassVar

import orjson
from django.db import models
from django.urls import reverse


class Scenario(models.Model):
    """Changes in the engine's language (caiso.engine.coverage.organisation.changes.Change), as plain JSON in order."""

    class State(models.TextChoices):
        """Where the scenario stands."""

        DRAFT = "draft", "Draft"
        ADOPTED = "adopted", "Adopted"
        DISCARDED = "discarded", "Discarded"

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="scenarios")
    owner = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="scenarios")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    changes = models.JSONField(default=list)
    # The decision: who decided (a name, since boards decide too), on which day, why; and who wrote it down.
    decided_by = models.CharField(max_length=200, blank=True)
    decided_on = models.DateField(null=True, blank=True)
    reason = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    # What the difference was when it was adopted, and what still has to be attested.
    outcome = models.JSONField(default=dict)
    pending = models.JSONField(default=list)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-updated_at", "-id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("scenario_record", args=[self.pk])

    @property
    def stamp(self) -> str:
        """Changes when the changes do; a form sent with an older stamp was filled in on what no longer stands."""
        return hashlib.sha256(orjson.dumps(self.changes, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
