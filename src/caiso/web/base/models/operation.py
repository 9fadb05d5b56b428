"""Jobs, back-ups and settings of the installation."""

from typing import ClassVar

from django.db import models


class Job(models.Model):
    """Background work; this row is the truth, the queue only wakes the worker."""

    class State(models.TextChoices):
        """Where the work stands."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=80)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    idempotency_key = models.CharField(max_length=120, null=True, unique=True)  # noqa: DJ001 - null means "none"; empty strings would collide
    run_after = models.DateTimeField()
    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=5)
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    progress = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    progress_note = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True)
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="jobs")
    unit = models.ForeignKey("base.Unit", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["state", "run_after"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class Backup(models.Model):
    """A back-up that was made; the file itself lies where the command put it."""

    made_at = models.DateTimeField(db_index=True)
    path = models.CharField(max_length=500)
    bytes = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    ok = models.BooleanField()
    note = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M} {self.path}"


class Setting(models.Model):
    """A value of the installation that people change in the product (organisation profile, first-run state …)."""

    key = models.CharField(max_length=80, primary_key=True)
    value = models.JSONField()

    def __str__(self) -> str:
        return self.key
