"""Roles of the organisation, who holds them since when, and who answers to whom."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class Role(models.Model):
    """A position such as CISO; not an access role. Competences and authority are assumptions until confirmed."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="roles")
    competences = models.JSONField(default=dict)
    authority = models.PositiveSmallIntegerField(null=True, blank=True)
    capacity_hours = models.FloatField(default=40.0)
    annual_cost = models.FloatField(default=0.0)
    is_template = models.BooleanField(default=False)
    is_confirmed = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["title"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("role_record", args=[self.pk])


class Dated(models.Model):
    """Days from and to, both included; an open end is null. History is kept: a change ends one row and starts another."""

    since_on = models.DateField(null=True, blank=True)
    until_on = models.DateField(null=True, blank=True)

    class Meta:
        abstract = True


class Holding(Dated):
    """A person holds a role."""

    person = models.ForeignKey("base.Person", on_delete=models.CASCADE, related_name="holdings")
    role = models.ForeignKey("organisation.Role", on_delete=models.CASCADE, related_name="holdings")
    is_acting = models.BooleanField(default=False)
    share = models.FloatField(null=True, blank=True)  # part of the person's week given to the role, 0 to 1

    class Meta:
        ordering: ClassVar = ["role", "since_on"]

    def __str__(self) -> str:
        return f"{self.person} holds {self.role}"


class Delegate(Dated):
    """Stands in for the holder of a role while that person is absent."""

    role = models.ForeignKey("organisation.Role", on_delete=models.CASCADE, related_name="delegates")
    person = models.ForeignKey("base.Person", on_delete=models.CASCADE, related_name="delegations")
    delegate = models.ForeignKey("base.Person", on_delete=models.CASCADE, related_name="stands_in")
    duties = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.delegate} for {self.person} as {self.role}"


class ReportingLine(Dated):
    """One role answers to another; solid lines form a tree."""

    class Kind(models.TextChoices):
        """Solid decides, dotted advises."""

        SOLID = "solid", "Solid"
        DOTTED = "dotted", "Dotted"

    junior = models.ForeignKey("organisation.Role", on_delete=models.CASCADE, related_name="lines_up")
    senior = models.ForeignKey("organisation.Role", on_delete=models.CASCADE, related_name="lines_down")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    covers = models.CharField(max_length=400, blank=True)

    def __str__(self) -> str:
        return f"{self.junior} answers to {self.senior} ({self.kind})"


class Skill(models.Model):
    """A person's level in a competence; counts only when somebody attested it. Restricted to those who may see skills."""

    person = models.ForeignKey("base.Person", on_delete=models.CASCADE, related_name="skills")
    competence = models.ForeignKey("organisation.Competence", on_delete=models.CASCADE, related_name="skills")
    level = models.PositiveSmallIntegerField()
    attested_by = models.CharField(max_length=200, blank=True)
    attested_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "competence"], name="one_level_per_competence")
        ]

    def __str__(self) -> str:
        return f"{self.competence} {self.level}"
