"""The profile behind the reporting-structure advice, and what people attest about a role's authority."""

import secrets
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from django.db import transaction

from caiso.engine.coverage.organisation.model import Profile
from caiso.errors import DomainError
from caiso.web.base.models import Setting, User
from caiso.web.base.services import audit
from caiso.web.base.services.settings import change_setting
from caiso.web.organisation import queries
from caiso.web.organisation.models import AuthorityRecord, Role


class UnableToAttest(DomainError):
    """An attestation without evidence, about the future, or about no check."""


def renew_view() -> None:
    """Whoever keeps a computed organisation knows by this that it is old."""
    Setting.objects.update_or_create(key=queries.VERSION_SETTING, defaults={"value": secrets.token_hex(8)})


@transaction.atomic
def keep_profile(profile: Profile, *, actor: User, now: datetime) -> None:
    """What the advisor knows about the organisation, with the weights set by hand."""
    change_setting(queries.PROFILE_SETTING, asdict(profile), actor=actor, now=now)
    renew_view()


@transaction.atomic
def attest_authority(
    role: Role, *, check: str, holds: bool, evidence: str, on: date, actor: User, now: datetime
) -> AuthorityRecord:
    """A person says, with evidence, that a condition of authority holds or does not; it counts until it is too old."""
    known = {one.id: one for one in queries.organisation(with_systems=False).authority_checks}
    if check not in known:
        raise UnableToAttest(f"there is no authority check {check!r}")
    if role.is_template:
        raise UnableToAttest(f"{role} is only a template: add the role first")
    if not evidence.strip():
        raise UnableToAttest("an attestation names its evidence: a document, a minute, an address")
    if on > now.date():
        raise UnableToAttest("what is attested was seen on a day that has come")
    row = AuthorityRecord.objects.create(
        slug=f"attested-{check[:40]}-{secrets.token_hex(6)}",
        role=role,
        kind=AuthorityRecord.Kind.ATTESTATION,
        on=on,
        evidence=evidence.strip()[:1000],
        check_slug=check,
        holds=holds,
        attested_by=(actor.name or actor.email)[:200],
    )
    said: dict[str, list[Any]] = {
        "check": [None, check],
        "holds": [None, holds],
        "evidence": [None, row.evidence],
        "on": [None, on],
    }
    audit.record(actor=actor, verb="role.attest", subject=role, changes=said, now=now)
    renew_view()
    return row
