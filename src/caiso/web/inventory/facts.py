"""Where the database has the collections that checks ask about the inventory."""

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.timezone import localdate

from caiso.web.base.facts import Collection, register
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Scan
from caiso.web.organisation.models import DutyCoverage, Holding

TRUE, FALSE = Value(True), Value(False)  # noqa: FBT003 - SQL literals


def _yes(condition: Q) -> Case:
    return Case(When(condition, then=TRUE), default=FALSE, output_field=BooleanField())


def _role_is_held() -> Exists:
    """An active person holds the asset's owner role today."""
    today = localdate()
    held = Holding.objects.filter(role__slug=OuterRef("owner_role"), person__is_active=True)
    held = held.filter(Q(since_on=None) | Q(since_on__lte=today))
    return Exists(held.filter(Q(until_on=None) | Q(until_on__gte=today)))


def has_owner() -> Case:
    """Somebody answers for the asset: a named active person, or a holder of its owner role."""
    named = Q(owner__is_active=True)
    return Case(When(named, then=TRUE), When(_role_is_held(), then=TRUE), default=FALSE, output_field=BooleanField())


def _worst_state_of_owner_role() -> Coalesce:
    """The state of a duty that the owner role is accountable for and that is not covered; else covered."""
    worst = DutyCoverage.objects.filter(accountable__slug=OuterRef("owner_role"), duty__is_ai_security=True)
    return Coalesce(Subquery(worst.exclude(state="covered").values("state")[:1]), Value("covered"))


def register_facts() -> None:
    """Called once by the app at start-up."""
    register(
        Collection(
            "ai_systems",
            queryset=lambda: Asset.objects.filter(kind=AssetKind.AI_SYSTEM).exclude(state=AssetState.RETIRED),
            link=lambda ref: reverse("asset_record", args=[ref]),
            sources={
                "unit": "unit__slug",
                "has_accountable_owner": lambda now: has_owner(),
                "accountable_role_state": lambda now: _worst_state_of_owner_role(),
                "telemetry_last_seen": "telemetry_last_seen_at",
                "classification": "attributes__classification",
            },
        )
    )
    register(
        Collection(
            "assets",
            queryset=lambda: Asset.objects.all(),
            link=lambda ref: reverse("asset_record", args=[ref]),
            sources={
                "unit": "unit__slug",
                "ai_system": "system_id",
                "managed": _yes(Q(state=AssetState.CONFIRMED)),
                "owner": lambda now: has_owner(),
            },
        )
    )
    register(
        Collection(
            "scans",
            queryset=lambda: Scan.objects.all(),
            link=lambda ref: reverse("scan_record", args=[ref]),
            sources={"unit": "unit__slug", "ai_system": "system_id"},
        )
    )
