"""Risk of the users, agents, keys, models and services that signals are about, and what each signal added."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class RiskEntity(models.Model):
    """Somebody or something that signals were about, in one unit, with the risk that they added up to."""

    class Kind(models.TextChoices):
        """What may carry risk."""

        USER = "user", "User"
        AGENT = "agent", "Agent"
        API_KEY = "api_key", "API key"
        MODEL = "model", "Model"
        SERVICE = "service", "Service"

    key = models.CharField(max_length=40, unique=True)  # digest of unit, kind and value
    kind = models.CharField(max_length=10, choices=Kind.choices)
    value = models.CharField(max_length=256)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="+")
    # Logarithm of the risk, moved on with time: fading changes all alike, so the order by it is right at any moment.
    rank = models.FloatField(default=0.0)
    risk = models.FloatField(default=0.0)  # as of `at`, event time
    at = models.DateTimeField()
    peak = models.FloatField(default=0.0)
    peak_at = models.DateTimeField()
    told = models.FloatField(default=0.0)  # the risk that the last alert told of
    told_at = models.DateTimeField(null=True)
    tactics_met = models.BooleanField(default=False)  # an alert told that tactics meet here, and they still do
    signals = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-rank", "id"]
        indexes: ClassVar = [models.Index(fields=["-rank", "id", "unit"]), models.Index(fields=["kind", "value"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value}"

    def get_absolute_url(self) -> str:
        return reverse("entity_record", args=[self.pk])


class RiskAddition(models.Model):
    """What one signal added to one entity; without unit of its own, it belongs to the entity's."""

    entity = models.ForeignKey("soc.RiskEntity", on_delete=models.CASCADE, related_name="additions")
    signal = models.ForeignKey("soc.Signal", on_delete=models.CASCADE, related_name="additions")
    rule = models.ForeignKey("soc.DetectionRule", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    points = models.FloatField()
    why = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["entity", "signal"], name="one_addition_per_signal")]
        indexes: ClassVar = [models.Index(fields=["entity", "-at"]), models.Index(fields=["-at"])]

    def __str__(self) -> str:
        return f"{self.points:.0f} to {self.entity}"
