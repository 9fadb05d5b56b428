"""Frameworks, requirements and our own controls as the packs bring them; the packs stay the truth."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class Framework(models.Model):
    """One version of a law, standard or catalogue. Ids mean something only together with framework and version."""

    slug = models.SlugField(max_length=80)
    version = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    publisher = models.CharField(max_length=120, blank=True)
    status = models.CharField(max_length=60, blank=True)
    licence = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=300, blank=True)
    verified_on = models.DateField(null=True)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["title", "version"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["slug", "version"], name="one_framework_per_version")]

    def __str__(self) -> str:
        return f"{self.title} {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("framework_record", args=[self.pk])


class Requirement(models.Model):
    """A node of a framework: function, category, subcategory, article … Only assessable ones count in coverage."""

    framework = models.ForeignKey("compliance.Framework", on_delete=models.CASCADE, related_name="requirements")
    ref = models.CharField(max_length=60)
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    level = models.CharField(max_length=40)
    title = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    is_assessable = models.BooleanField(default=False)
    position = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["framework", "position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["framework", "ref"], name="one_requirement_per_ref")]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"


class Control(models.Model):
    """One testable measure of our own library."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    statement = models.TextField()
    family = models.CharField(max_length=60)
    lifecycle_stages = models.JSONField(default=list)
    owner_role = models.SlugField(max_length=80, blank=True)
    techniques = models.JSONField(default=list)
    scope = models.CharField(max_length=20)
    check_count = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64)
    is_retired = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["family", "title"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("control_record", args=[self.pk])


class ControlLink(models.Model):
    """How a control relates to a requirement; a link that nobody reviewed is shown and left out of claims."""

    control = models.ForeignKey("compliance.Control", on_delete=models.CASCADE, related_name="links")
    requirement = models.ForeignKey("compliance.Requirement", on_delete=models.CASCADE, related_name="links")
    relation = models.CharField(max_length=12)
    strength = models.PositiveSmallIntegerField(default=5)
    rationale = models.TextField()
    review_status = models.CharField(max_length=20)
    # Who reviewed it here or, for a link that came reviewed, who the pack names; a changed link loses both.
    reviewer = models.CharField(max_length=200, blank=True)
    reviewed_on = models.DateField(null=True)
    review_note = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["control", "requirement"], name="one_link_per_pair")]

    def __str__(self) -> str:
        return f"{self.control} {self.relation} {self.requirement.ref}"
