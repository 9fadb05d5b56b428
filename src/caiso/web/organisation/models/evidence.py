"""What is on file about authority, people, tools and the rest of an organisation that has no table of its own."""

from typing import ClassVar

from django.db import models
from django.urls import reverse


class AuthorityRecord(models.Model):
    """Something on file about a role's authority; which fields matter depends on the kind (engine: AuthorityRecord)."""

    class Kind(models.TextChoices):
        """What kind of record; each authority check reads one kind, and attestations where nothing else is known."""

        ATTESTATION = "attestation", "Attestation"
        APPOINTMENT = "appointment", "Appointment"
        BOARD = "board-attendance", "Board attendance"
        CONTACT = "contact", "Contact with officers"
        DECISION_RIGHT = "decision-right", "Decision right"
        BUDGET = "budget", "Budget"
        ESCALATION = "escalation-path", "Escalation path"

    slug = models.SlugField(max_length=80, unique=True)
    role = models.ForeignKey("organisation.Role", on_delete=models.CASCADE, related_name="authority_records")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    on = models.DateField()
    evidence = models.CharField(max_length=1000, blank=True)
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    with_roles = models.JSONField(default=list)
    subject = models.CharField(max_length=1000, blank=True)
    need = models.FloatField(null=True, blank=True)
    approved = models.FloatField(null=True, blank=True)
    check_slug = models.CharField(max_length=80, blank=True)
    holds = models.BooleanField(null=True, blank=True)
    attested_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-on", "slug"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.on}"


class ScorecardEvidence(models.Model):
    """What somebody saw of a person against an item of a role's scorecard; restricted like skills."""

    slug = models.SlugField(max_length=80, unique=True)
    person = models.ForeignKey("base.Person", on_delete=models.CASCADE, related_name="scorecard_evidence")
    item = models.CharField(max_length=80)
    level = models.PositiveSmallIntegerField()
    on = models.DateField()
    attested_by = models.CharField(max_length=200)
    evidence = models.TextField()

    class Meta:
        ordering: ClassVar = ["-on", "slug"]

    def __str__(self) -> str:
        return f"{self.item} on {self.on}"


class Tool(models.Model):
    """A security or governance tool: what it can do, what it costs, how it was chosen."""

    class Domain(models.TextChoices):
        """Whose tool it is."""

        SECURITY = "security", "Security"
        GOVERNANCE = "governance", "Governance"
        SHARED = "shared", "Shared"

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="tools")
    domain = models.CharField(max_length=10, choices=Domain.choices, default=Domain.SHARED)
    capabilities = models.JSONField(default=list)
    annual_cost = models.FloatField(default=0.0)
    owner = models.ForeignKey(
        "organisation.Role", null=True, blank=True, on_delete=models.SET_NULL, related_name="tools"
    )
    decision = models.CharField(max_length=1000, blank=True)
    decided_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["title"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("tool_record", args=[self.pk])


class WorkingTime(models.Model):
    """How long a person's week is and when they are away; people without a row work full time and are here."""

    person = models.OneToOneField("base.Person", on_delete=models.CASCADE, related_name="working_time")
    hours_per_week = models.FloatField(default=40.0)
    absences = models.JSONField(default=list)  # [{"since_on": "2026-11-01", "until_on": null}]
    is_unnamed = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.person}: {self.hours_per_week:g} hours a week"


class CarriedRecord(models.Model):
    """A record of an imported file that has no table of its own (a process, a need, a rule), so that nothing is lost.

    A collection that the file leaves as it ships has no rows: then the shipped one counts.
    """

    collection = models.CharField(max_length=40)
    place = models.PositiveIntegerField()
    body = models.JSONField()

    class Meta:
        ordering: ClassVar = ["collection", "place"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["collection", "place"], name="one_record_per_place")]

    def __str__(self) -> str:
        return f"{self.collection} {self.place}"
