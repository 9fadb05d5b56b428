"""Assets, and how they relate."""

from typing import ClassVar

from django.db import models
from django.urls import reverse

from caiso.web.base.textindex import TextIndex


class AssetKind(models.TextChoices):
    """What an asset is; AI system is the unit of governance, the rest are its parts."""

    AI_SYSTEM = "ai_system", "AI system"
    FRAMEWORK = "framework", "Framework"
    DEPENDENCY = "dependency", "Dependency"
    PROVIDER = "provider", "Provider"
    HOSTED_MODEL = "hosted_model", "Hosted model"
    MODEL = "model", "Model"
    MODEL_FILE = "model_file", "Model file"
    DATASET = "dataset", "Dataset"
    AGENT = "agent", "Agent"
    TOOL = "tool", "Tool"
    MCP_SERVER = "mcp_server", "MCP server"
    MCP_CLIENT = "mcp_client", "MCP client"
    VECTOR_STORE = "vector_store", "Vector store"
    MEMORY = "memory", "Memory"
    PROMPT = "prompt", "Prompt"
    PIPELINE = "pipeline", "Pipeline"
    ENDPOINT = "endpoint", "Endpoint"
    NOTEBOOK = "notebook", "Notebook"
    AI_WORKFLOW = "ai_workflow", "AI workflow"
    CREDENTIAL_REFERENCE = "credential_reference", "Credential reference"
    GUARDRAIL = "guardrail", "Guardrail"
    RECIPE = "recipe", "Training recipe"


class AssetState(models.TextChoices):
    """How far somebody has decided about it. Unmanaged: seen in traffic, and nobody has taken it on."""

    CANDIDATE = "candidate", "Candidate"
    CONFIRMED = "confirmed", "Confirmed"
    UNMANAGED = "unmanaged", "Unmanaged"
    RETIRED = "retired", "Retired"


class LifecycleStage(models.TextChoices):
    """Stages of an AI system's life."""

    DESIGN = "design", "Design"
    DATA = "data", "Data"
    TRAINING = "training", "Training"
    VALIDATION = "validation", "Validation"
    DEPLOYMENT = "deployment", "Deployment"
    OPERATION = "operation", "Operation"
    RETIREMENT = "retirement", "Retirement"


class Asset(models.Model):
    """Anything in the inventory; a merge of observations by identity, never by name alone."""

    class Level(models.TextChoices):
        """Criticality and exposure share one scale."""

        UNKNOWN = "", "Not assessed"
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    kind = models.CharField(max_length=24, choices=AssetKind.choices)
    name = models.CharField(max_length=300)
    # "hosted_model:openai/gpt-5": what makes two observations the same thing; one asset of it per unit, because an
    # asset has one owner and units do not see each other's.
    identity = models.CharField(max_length=500)
    state = models.CharField(max_length=12, choices=AssetState.choices, default=AssetState.CANDIDATE)
    activity = models.CharField(max_length=10, default="active")  # active, inactive or test, as last observed
    is_lost = models.BooleanField(default=False)  # nothing that once proved it is found any more
    edited_fields = models.JSONField(default=list, blank=True)  # what a person decided; scans leave these alone
    unit = models.ForeignKey("base.Unit", on_delete=models.PROTECT, related_name="assets")
    system = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="parts")
    purpose = models.TextField(blank=True)
    lifecycle_stage = models.CharField(max_length=12, choices=LifecycleStage.choices, blank=True)
    environment = models.CharField(max_length=60, blank=True)
    criticality = models.CharField(max_length=10, choices=Level.choices, blank=True, default=Level.UNKNOWN)
    exposure = models.CharField(max_length=10, choices=Level.choices, blank=True, default=Level.UNKNOWN)
    data_classes = models.JSONField(default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    owner = models.ForeignKey(
        "base.Person", null=True, blank=True, on_delete=models.SET_NULL, related_name="owned_assets"
    )
    # The organisation role that is accountable when no person is named; its holder answers.
    owner_role = models.SlugField(max_length=80, blank=True)
    service_names = models.JSONField(
        default=list, blank=True
    )  # telemetry's service.name values that belong to this system
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    telemetry_last_seen_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)

    text_index: ClassVar = TextIndex("inventory_asset", ("name", "identity", "purpose"))

    class Meta:
        ordering: ClassVar = ["name", "id"]
        indexes: ClassVar = [
            models.Index(fields=["kind", "state"]),
            models.Index(fields=["system", "kind"]),
            models.Index(fields=["name", "id"]),
            models.Index(fields=["last_seen_at"]),
            models.Index(fields=["-first_seen_at", "unit"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["identity", "unit"], name="one_asset_per_identity_and_unit")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("asset_record", args=[self.pk])


class AssetAlias(models.Model):
    """An identity under which the asset is also found: left behind by an asset that was merged into it."""

    asset = models.ForeignKey("inventory.Asset", on_delete=models.CASCADE, related_name="aliases")
    identity = models.CharField(max_length=500, db_index=True)
    name = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["identity"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["identity", "asset"], name="one_alias_per_asset")]

    def __str__(self) -> str:
        return self.identity


class Relation(models.Model):
    """A typed edge between two assets."""

    class Type(models.TextChoices):
        """The words of the AI-BOM."""

        USES_MODEL = "uses_model", "uses model"
        CALLS_TOOL = "calls_tool", "calls tool"
        SERVED_BY = "served_by", "served by"
        CONNECTS_TO = "connects_to", "connects to"
        RETRIEVES_FROM = "retrieves_from", "retrieves from"
        EMBEDDED_WITH = "embedded_with", "embedded with"
        TRAINED_ON = "trained_on", "trained on"
        DERIVED_FROM = "derived_from", "derived from"
        PRODUCES = "produces", "produces"
        GUARDED_BY = "guarded_by", "guarded by"
        HANDS_OFF_TO = "hands_off_to", "hands off to"
        PROVIDED_BY = "provided_by", "provided by"
        PROVIDES_TOOL = "provides_tool", "provides tool"
        USES_MEMORY = "uses_memory", "uses memory"
        USES = "uses", "uses"
        PART_OF = "part_of", "part of"
        AUTHENTICATES_WITH = "authenticates_with", "authenticates with"
        INSTRUCTED_BY = "instructed_by", "instructed by"
        USES_PROMPT = "uses_prompt", "uses prompt"
        REGISTERED_ON = "registered_on", "registered on"
        FINE_TUNED_FROM = "fine_tuned_from", "fine-tuned from"

    source = models.ForeignKey("inventory.Asset", on_delete=models.CASCADE, related_name="relations_out")
    target = models.ForeignKey("inventory.Asset", on_delete=models.CASCADE, related_name="relations_in")
    type = models.CharField(max_length=24, choices=Type.choices)
    # The scan place that proved it; empty when traffic or a person did. A scan removes only edges of its own place.
    place = models.CharField(max_length=500, blank=True)
    is_manual = models.BooleanField(default=False)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    is_demo = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "target", "type"], name="one_relation_per_type")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.get_type_display()} {self.target}"
