"""What a login or a token may do, and in which part of the organisation."""

from typing import ClassVar

from django.db import models


class AccessRole(models.TextChoices):
    """What a login may do; not a role of the organisation."""

    CAISO = "caiso", "CAISO"
    CISO = "ciso", "CISO"
    CAIO = "caio", "CAIO"
    CTO = "cto", "CTO"
    BOARD_MEMBER = "board_member", "Board member"
    AISOC_LEAD = "aisoc_lead", "AISOC lead"
    ANALYST = "analyst", "Analyst"
    DETECTION_ENGINEER = "detection_engineer", "Detection engineer"
    RED_TEAM = "red_team", "Red team"
    MODEL_OWNER = "model_owner", "Model owner"
    AUDITOR = "auditor", "Auditor"
    HUMAN_RESOURCES = "human_resources", "Human resources"
    ADMINISTRATOR = "administrator", "Administrator"
    INGEST_MACHINE = "ingest_machine", "Ingest machine"


class AccessGrant(models.Model):
    """One access role of one login in one unit and its children."""

    user = models.ForeignKey("base.User", on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=30, choices=AccessRole.choices)
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="grants")
    granted_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    granted_at = models.DateTimeField()
    expires_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "role", "unit"], name="one_grant_per_role_and_unit")
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.unit}"


class TokenScope(models.TextChoices):
    """What a token may be used for."""

    INGEST = "ingest", "Send telemetry"
    READ = "read", "Read through the API"
    WRITE = "write", "Read and write through the API"


class ApiToken(models.Model):
    """A key for machines; only its digest is stored."""

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=20, choices=TokenScope.choices)
    # Reading and writing tokens act as this login; an ingest token is a source of its own.
    user = models.ForeignKey("base.User", null=True, blank=True, on_delete=models.CASCADE, related_name="tokens")
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="tokens")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey("base.User", null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
