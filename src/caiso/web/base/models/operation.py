"""Jobs, leases, back-ups and settings of the installation."""

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


class Schedule(models.Model):
    """When a periodic job was last put in the queue."""

    kind = models.CharField(max_length=80, primary_key=True)
    next_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} next {self.next_at:%Y-%m-%d %H:%M:%S}"


class Lease(models.Model):
    """Who alone may do something for now; the fence grows with every change of hands, so that a late writer is refused."""

    name = models.CharField(max_length=60, primary_key=True)
    owner = models.CharField(max_length=80)
    fence = models.BigIntegerField(default=0)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.owner}"


class Heartbeat(models.Model):
    """The last sign of life of a process."""

    process = models.CharField(max_length=80, primary_key=True)
    kind = models.CharField(max_length=30)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} {self.process}"


class FactTouch(models.Model):
    """A part of a collection of facts that changed; the checks that read it are evaluated again."""

    collection = models.CharField(max_length=60)
    scope = models.CharField(max_length=80, blank=True)
    touched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.collection}:{self.scope}"


class RememberedAnswer(models.Model):
    """The answer to a write with an Idempotency-Key, so that a repeat does nothing twice."""

    key = models.CharField(max_length=120)
    user = models.ForeignKey("base.User", on_delete=models.CASCADE, related_name="+")
    request_digest = models.CharField(max_length=64)
    # 0 while the first request is still being answered.
    status = models.PositiveIntegerField(default=0)
    body = models.TextField(blank=True)
    etag = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "user"], name="one_answer_per_key_and_user")]

    def __str__(self) -> str:
        return f"{self.key} {self.status}"


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
