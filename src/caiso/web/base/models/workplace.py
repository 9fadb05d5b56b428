"""What a person sees of their own work: notifications, tasks, saved views."""

from typing import ClassVar

from django.db import models


class Notification(models.Model):
    """Something that one login should know."""

    user = models.ForeignKey("base.User", on_delete=models.CASCADE, related_name="notifications")
    title = models.CharField(max_length=300)
    url = models.CharField(max_length=300, blank=True)
    tone = models.CharField(max_length=12, default="info")
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["user", "read_at"])]

    def __str__(self) -> str:
        return self.title


class Task(models.Model):
    """Something that somebody must do, whatever it came from."""

    class State(models.TextChoices):
        """Where the task stands."""

        OPEN = "open", "Open"
        DONE = "done", "Done"
        DROPPED = "dropped", "Dropped"

    title = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="tasks")
    assignee = models.ForeignKey("base.Person", null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks")
    # The slug of an organisation role when no person is named: the work follows the role's holder.
    role_slug = models.CharField(max_length=80, blank=True)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=80, blank=True)
    subject_url = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["due_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["state", "due_at"]),
            models.Index(fields=["subject_type", "subject_id"]),
        ]

    def __str__(self) -> str:
        return self.title


class SavedView(models.Model):
    """A filter and sort of a register that somebody keeps, for themselves or for everybody."""

    register = models.CharField(max_length=60)
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000)
    owner = models.ForeignKey("base.User", on_delete=models.CASCADE, related_name="saved_views")
    is_shared = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["register", "name", "owner"], name="one_view_per_name")
        ]

    def __str__(self) -> str:
        return self.name
