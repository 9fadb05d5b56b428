"""What people can do, as somebody attested it; erased when it is old or its person has left."""

import secrets
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from caiso.engine.coverage.organisation.model import Level
from caiso.errors import DomainError
from caiso.web.base.models import Person, User
from caiso.web.base.queries import setting
from caiso.web.base.services import audit, facts
from caiso.web.organisation import queries
from caiso.web.organisation.models import Competence, ScorecardEvidence, Skill
from caiso.web.organisation.services.coverage import compute_coverage
from caiso.web.organisation.services.reporting import renew_view

HIGHEST: Level = 4
RETENTION_SETTING = "organisation.skill_retention_days"
RETENTION_DAYS = 3 * 365


class UnableToAttestSkill(DomainError):
    """The level, the day or the evidence of what was attested cannot be."""


@transaction.atomic
def attest_skill(person: Person, *, competence: Competence, level: int, on: date, actor: User, now: datetime) -> Skill:
    """Somebody who may, or the person, says at which level a person is; who held roles counts anew."""
    _check(person, level=level, on=on, now=now)
    row, _ = Skill.objects.update_or_create(
        person=person,
        competence=competence,
        defaults={"level": level, "attested_by": (actor.name or actor.email)[:200], "attested_on": on},
    )
    # The level stays out of the trail: whoever reads the trail need not be one who may see skills.
    subject = audit.Subject("Skill", str(row.pk), f"{person}: {competence}")
    audit.record(actor=actor, verb="skill.attest", subject=subject, unit=person.unit, now=now)
    compute_coverage(now=now)
    facts.touched("ai_systems", now=now)
    return row


@transaction.atomic
def attest_item(
    person: Person, *, item: str, level: int, on: date, evidence: str, actor: User, now: datetime
) -> ScorecardEvidence:
    """Somebody saw a person meet, or miss, an item of a role's scorecard."""
    _check(person, level=level, on=on, now=now)
    if item not in {one.id for one in queries.organisation(with_systems=False).scorecard}:
        raise UnableToAttestSkill(f"no scorecard has an item {item!r}")
    if not evidence.strip():
        raise UnableToAttestSkill("say what shows it")
    row = ScorecardEvidence.objects.create(
        slug=f"seen-{item[:50]}-{secrets.token_hex(6)}",
        person=person,
        item=item,
        level=level,
        on=on,
        attested_by=(actor.name or actor.email)[:200],
        evidence=evidence.strip()[:4000],
    )
    subject = audit.Subject("ScorecardEvidence", row.slug, f"{person}: {item}")
    audit.record(actor=actor, verb="scorecard.attest", subject=subject, unit=person.unit, now=now)
    renew_view()
    return row


@transaction.atomic
def forget_old_skills(*, now: datetime) -> int:
    """Erase what was attested too long ago, and everything about people who have left; the number erased."""
    days = setting(RETENTION_SETTING, RETENTION_DAYS)
    before = now.date() - timedelta(days=int(days))
    gone = Skill.objects.filter(Q(attested_on__lt=before) | Q(person__is_active=False))
    seen = ScorecardEvidence.objects.filter(Q(on__lt=before) | Q(person__is_active=False))
    count = gone.count() + seen.count()
    if count:
        gone.delete()
        seen.delete()
        subject = audit.Subject("Skill", "retention", f"attested before {before}, or of people who left")
        audit.record(actor=None, verb="skill.erase", subject=subject, changes={"erased": [None, count]}, now=now)
        compute_coverage(now=now)
    return count


def _check(person: Person, *, level: int, on: date, now: datetime) -> None:
    if not person.is_active:
        raise UnableToAttestSkill(f"{person} has left the organisation")
    if not 0 <= level <= HIGHEST:
        raise UnableToAttestSkill(f"a level lies between 0 and {HIGHEST}, not {level}")
    if on > now.date():
        raise UnableToAttestSkill("what is attested was seen on a day that has come")
