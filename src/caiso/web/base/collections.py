"""Where the database has the collections that checks ask about the installation itself."""

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from caiso.web.base.facts import Collection, register
from caiso.web.base.models import AccessGrant, AuditVerification, Backup, User
from caiso.web.base.queries import PRIVILEGED_ROLES


def register_collections() -> None:
    """Called once by the app at start-up."""
    register(
        Collection(
            "audit_verifications",
            queryset=lambda: AuditVerification.objects.all(),
            link=lambda ref: reverse("audit_trail"),
            unit_lookup="",
        )
    )
    register(
        Collection(
            "backups",
            queryset=lambda: Backup.objects.all(),
            link=lambda ref: reverse("operations"),
            unit_lookup="",
        )
    )
    register(
        Collection(
            "users",
            queryset=lambda: User.objects.all(),
            link=lambda ref: reverse("user_record", args=[ref]),
            sources={
                "unit": Coalesce(
                    Subquery(AccessGrant.objects.filter(user=OuterRef("pk")).values("unit__slug")[:1]), Value("")
                ),
                "privileged": Exists(AccessGrant.objects.filter(user=OuterRef("pk"), role__in=PRIVILEGED_ROLES)),
                "has_mfa": Exists(Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)),
                "last_login_at": "last_login",
            },
            unit_lookup="",
        )
    )
