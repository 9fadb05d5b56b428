"""Competences, duties, and which role answers for which duty."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class Competence(models.Model):
    """Something a role or a person can be good at, with one anchor for each of the levels 0 to 4."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    anchors = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["title"]

    def __str__(self) -> str:
        return self.title


class Duty(models.Model):
    """What somebody must own."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="duties")
    family = models.CharField(max_length=20)
    is_ai_security = models.BooleanField(default=False)
    stages = models.JSONField(default=list)
    requires = models.JSONField(default=dict)  # {competence slug: level 0-4}
    effort_hours = models.FloatField(default=1.0)  # per week
    priority = models.PositiveSmallIntegerField(default=3)
    cadence_days = models.PositiveIntegerField(null=True, blank=True)
    topics = models.JSONField(default=list)
    acts = models.JSONField(default=list)
    controls = models.JSONField(default=list)
    techniques = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["family", "title"]
        verbose_name_plural = "duties"

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("duty_record", args=[self.pk])


class Assignment(models.Model):
    """A role is responsible, accountable, consulted or informed for a duty: everywhere, in a unit, or for one AI system."""

    class Kind(models.TextChoices):
        """RACI."""

        RESPONSIBLE = "R", "Responsible"
        ACCOUNTABLE = "A", "Accountable"
        CONSULTED = "C", "Consulted"
        INFORMED = "I", "Informed"

    duty = models.ForeignKey("organisation.Duty", on_delete=models.CASCADE, related_name="assignments")
    role = models.ForeignKey("organisation.Role", on_delete=models.CASCADE, related_name="assignments")
    kind = models.CharField(max_length=1, choices=Kind.choices)
    scope_unit = models.ForeignKey("base.Unit", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    scope_system = models.SlugField(max_length=80, blank=True)
    since_on = models.DateField(null=True, blank=True)
    until_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["duty", "kind", "role"]

    def __str__(self) -> str:
        return f"{self.role} is {self.get_kind_display().lower()} for {self.duty}"
