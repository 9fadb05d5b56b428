"""What the engine computed: the coverage of each duty now, and a snapshot a day for the trend."""

from typing import ClassVar

from django.db import models


class DutyCoverage(models.Model):
    """The state of one duty as last computed, with the reason."""

    duty = models.OneToOneField("organisation.Duty", on_delete=models.CASCADE, related_name="coverage")
    state = models.CharField(max_length=12)
    reason = models.TextField(blank=True)
    accountable = models.ForeignKey("organisation.Role", null=True, on_delete=models.SET_NULL, related_name="+")
    holders = models.JSONField(default=list)
    shortfalls = models.JSONField(default=list)
    records = models.JSONField(default=list)
    since = models.DateTimeField()
    computed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"{self.duty} {self.state}"


class CoverageSnapshot(models.Model):
    """Totals of one day."""

    on = models.DateField(unique=True)
    totals = models.JSONField(default=dict)
    states = models.JSONField(default=dict)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["on"]

    def __str__(self) -> str:
        return f"{self.on}"
