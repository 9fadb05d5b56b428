"""What was seen, where and by whom; kept apart from the assets that it proves."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class ObservationSource(models.TextChoices):
    """Who saw it."""

    SCAN = "scan", "Scan"
    TRAFFIC = "traffic", "Traffic"
    MANUAL = "manual", "Person"
    IMPORT = "import", "Import"


class Scan(models.Model):
    """One run of discovery over a folder or repository."""

    class Origin(models.TextChoices):
        """How the source came to be read."""

        FOLDER = "folder", "Folder on the server"
        REPOSITORY = "repository", "Git repository"
        UPLOAD = "upload", "Uploaded scan"

    target = models.CharField(max_length=500)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.FOLDER)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="scans")
    system = models.ForeignKey(
        "inventory.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="scans"
    )
    revision = models.CharField(max_length=80, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    ok = models.BooleanField(null=True)
    files = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    unread = models.JSONField(default=list, blank=True)  # [path, reason] of files that could not be read in full
    unread_count = models.PositiveIntegerField(default=0)
    job = models.ForeignKey("base.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.target} {self.started_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("scan_record", args=[self.pk])


class Observation(models.Model):
    """One proof that an asset is there: a line of a file, a span of traffic, a person's word."""

    asset = models.ForeignKey("inventory.Asset", on_delete=models.CASCADE, related_name="observations")
    source = models.CharField(max_length=8, choices=ObservationSource.choices)
    scan = models.ForeignKey("inventory.Scan", null=True, on_delete=models.CASCADE, related_name="observations")
    place = models.CharField(max_length=500, blank=True)  # scan target, telemetry source or person
    path = models.CharField(max_length=500, blank=True)
    line = models.PositiveIntegerField(default=0)
    rule = models.CharField(max_length=80, blank=True)
    technique = models.CharField(max_length=40, blank=True)
    confidence = models.FloatField(default=1.0)
    # active, inactive or test as the scanner saw it; gone when a later scan of the place no longer found it.
    status = models.CharField(max_length=10, default="active")
    detail = models.CharField(max_length=300, blank=True)
    observed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["path", "line", "id"]
        indexes: ClassVar = [models.Index(fields=["place", "source"])]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.path else self.place
