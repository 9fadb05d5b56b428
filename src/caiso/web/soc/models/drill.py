"""Drills: attacks with benign twins that were played against the rules, and what came of each."""

from typing import ClassVar

from django.db import models


class DrillRun(models.Model):
    """One drill; the newest run of a pack is what counts for coverage."""

    packs = models.JSONField(default=list)  # pack ids
    job = models.ForeignKey("base.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    # The rules in their states at that time: another label means that the result may be out of date.
    label = models.CharField(max_length=32, blank=True)
    rules = models.PositiveIntegerField(default=0)
    covered = models.PositiveIntegerField(default=0)
    noisy = models.PositiveIntegerField(default=0)
    missed = models.PositiveIntegerField(default=0)
    blind = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"Drill {self.pk}: {', '.join(self.packs)}"

    @property
    def traces(self) -> int:
        return self.covered + self.noisy + self.missed + self.blind


class DrillResult(models.Model):
    """How one trace of a drill went."""

    class Outcome(models.TextChoices):
        """Worst first."""

        MISSED = "missed", "Missed"
        BLIND = "blind", "Blind"
        NOISY = "noisy", "Noisy"
        COVERED = "covered", "Covered"

    run = models.ForeignKey("soc.DrillRun", on_delete=models.CASCADE, related_name="results")
    pack = models.CharField(max_length=80)
    trace = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    story = models.TextField(blank=True)
    twin_story = models.TextField(blank=True)
    techniques = models.JSONField(default=list)  # the one that the trace is about first
    owasp = models.JSONField(default=list)
    expects = models.JSONField(default=list)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    attack = models.JSONField(default=list)  # [{rule, state, alerts, silenced}]
    twin = models.JSONField(default=list)
    needs = models.JSONField(default=dict)  # {rule that saw it: [fields]}
    missing = models.JSONField(default=list)
    why = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering: ClassVar = ["pack", "trace"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "pack", "trace"], name="one_result_per_trace_of_a_drill")
        ]

    def __str__(self) -> str:
        return f"{self.pack}/{self.trace} {self.outcome}"

    @property
    def tone(self) -> str:
        """The tone of a badge."""
        return {"covered": "good", "noisy": "warn", "missed": "bad"}.get(self.outcome, "unknown")
