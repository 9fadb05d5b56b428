"""Incidents: their timeline, the facts a named person determined, and the regulatory clocks those facts start."""

from typing import ClassVar

from django.db import models
from django.urls import reverse

from caiso.web.soc.models.alert import SEVERITIES


class Incident(models.Model):
    """A case that somebody leads from triage to review."""

    class State(models.TextChoices):
        """The states of the platform; the framework's six phases are a grouping shown above them."""

        NEW = "new", "New"
        TRIAGE = "triage", "Triage"
        INVESTIGATING = "investigating", "Investigating"
        CONTAINED = "contained", "Contained"
        ERADICATED = "eradicated", "Eradicated"
        RECOVERED = "recovered", "Recovered"
        REVIEW = "review", "Review"
        CLOSED = "closed", "Closed"

    reference = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    severity = models.CharField(max_length=14, choices=SEVERITIES)
    state = models.CharField(max_length=14, choices=State.choices, default=State.NEW)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="incidents")
    asset = models.ForeignKey(
        "inventory.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="incidents"
    )
    lead = models.ForeignKey(
        "base.Person", null=True, blank=True, on_delete=models.SET_NULL, related_name="led_incidents"
    )
    technique = models.CharField(max_length=20, blank=True)
    opened_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    opened_at = models.DateTimeField(db_index=True)
    contained_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    review = models.TextField(blank=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["state", "severity"])]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("incident_record", args=[self.pk])


class IncidentEntry(models.Model):
    """One line of the timeline, made by the platform or by a person; never edited."""

    class Kind(models.TextChoices):
        """What the line tells."""

        NOTE = "note", "Note"
        ALERT = "alert", "Alert"
        STATE = "state", "State"
        DECISION = "decision", "Decision"
        ACTION = "action", "Action"
        CLOCK = "clock", "Clock"

    incident = models.ForeignKey("soc.Incident", on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    text = models.TextField()
    at = models.DateTimeField()
    author = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    author_label = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]

    def __str__(self) -> str:
        return self.text[:80]


class IncidentFact(models.Model):
    """Something that a named person determined (when we became aware, whether personal data is concerned …).

    A fact is never changed: a new one of the same name replaces it, and both stay.
    """

    incident = models.ForeignKey("soc.Incident", on_delete=models.CASCADE, related_name="facts")
    name = models.CharField(max_length=80)
    value = models.JSONField()
    stated_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    stated_by_label = models.CharField(max_length=200)
    stated_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)
    is_current = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["incident", "name"], condition=models.Q(is_current=True), name="one_current_fact"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


class IncidentClock(models.Model):
    """One reporting deadline of one incident, as last computed from its facts."""

    incident = models.ForeignKey("soc.Incident", on_delete=models.CASCADE, related_name="clocks")
    rule = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    source = models.CharField(max_length=200)
    recipient = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=20)
    started_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True, db_index=True)
    met_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    computed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["deadline_at", "rule"]
        indexes: ClassVar = [models.Index(fields=["state", "deadline_at", "incident"])]
        constraints: ClassVar = [models.UniqueConstraint(fields=["incident", "rule"], name="one_clock_per_rule")]

    def __str__(self) -> str:
        return f"{self.rule} {self.state}"

    def get_state_label(self) -> str:
        """The state in words."""
        return self.state.replace("_", " ").capitalize()
