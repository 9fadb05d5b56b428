"""What people say about controls: planned, implemented, not applicable; and whether a link to a requirement holds."""

from datetime import datetime

from django.db import transaction

from caiso.engine.comply import Declared, ReviewStatus
from caiso.errors import DomainError
from caiso.web.base.models import User
from caiso.web.base.services import audit
from caiso.web.compliance.models import ControlAssessment, ControlLink
from caiso.web.compliance.services.evaluation import evaluate_control

LONGEST_REASON = 500


class UnableToDeclare(DomainError):
    """The declaration lacks what makes it one."""


class UnableToReview(DomainError):
    """The link cannot be reviewed that way."""


@transaction.atomic
def declare(assessment: ControlAssessment, *, implementation: str, reason: str, actor: User, now: datetime) -> None:
    """Say that a control is planned, implemented or not applicable on a scope; its state follows at once."""
    reason = " ".join(reason.split())
    if implementation not in ControlAssessment.Implementation.values:
        expected = ", ".join(ControlAssessment.Implementation.values)
        raise UnableToDeclare(f"{implementation!r} is no declaration, expected one of {expected}")
    if implementation in (Declared.NOT_APPLICABLE, Declared.PLANNED) and not reason:
        raise UnableToDeclare("say why: a control that does not apply or is only planned needs a reason")
    if len(reason) > LONGEST_REASON:
        raise UnableToDeclare(f"a reason has at most {LONGEST_REASON} characters")
    fields = ("implementation", "implementation_reason")
    before = audit.snapshot(assessment, fields)
    assessment.implementation, assessment.implementation_reason = implementation, reason
    changes = audit.changed_fields(before, audit.snapshot(assessment, fields))
    if not changes:
        return
    assessment.save(update_fields=[*fields])
    audit.record(actor=actor, verb="control.declare", subject=assessment, changes=changes, now=now)
    evaluate_control(assessment.control, now=now)
    assessment.refresh_from_db()


@transaction.atomic
def review_link(link: ControlLink, *, status: str, note: str, actor: User, now: datetime) -> None:
    """Confirm or dispute a link in one's own name; only confirmed links stand behind claims."""
    note = " ".join(note.split())[:LONGEST_REASON]
    if status not in list(ReviewStatus):
        raise UnableToReview(f"{status!r} is no review, expected one of {', '.join(ReviewStatus)}")
    if status == ReviewStatus.DISPUTED and not note:
        raise UnableToReview("say what is wrong with the link")
    fields = ("review_status", "reviewer", "review_note")
    before = audit.snapshot(link, fields)
    link.review_status, link.review_note = status, note
    reviewed = status != ReviewStatus.UNREVIEWED
    link.reviewer, link.reviewed_on = (str(actor), now.date()) if reviewed else ("", None)
    link.save(update_fields=[*fields, "reviewed_on"])
    changes = audit.changed_fields(before, audit.snapshot(link, fields))
    audit.record(actor=actor, verb="link.review", subject=link.control, changes=changes, now=now)
