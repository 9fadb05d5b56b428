"""Declarations, reviews and evidence: named, audited, and never accepted by the one who left them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from caiso.engine.comply import ReviewStatus
from caiso.web.base.models import AuditRecord, FactTouch, Unit, User
from caiso.web.compliance import queries
from caiso.web.compliance.library import library
from caiso.web.compliance.models import Control, ControlAssessment, ControlLink, Evidence
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.compliance.services.evaluation import evaluate_controls
from caiso.web.compliance.services.evidence import (
    UnableToAccept,
    UnableToCollect,
    accept_evidence,
    change_evidence,
    collect_evidence,
)
from caiso.web.compliance.services.judgement import UnableToDeclare, UnableToReview, declare, review_link
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def assessed(root: Unit) -> ControlAssessment:
    take_library(library(), now=NOW)
    evaluate_controls(now=NOW)
    return ControlAssessment.objects.get(control__slug="backup-recent")


def test_a_control_that_does_not_apply_needs_a_reason(assessed: ControlAssessment, login: Callable[..., User]) -> None:
    actor = login("caiso", assessed.unit)
    with pytest.raises(UnableToDeclare, match="say why"):
        declare(assessed, implementation="not_applicable", reason="  ", actor=actor, now=NOW)
    declare(assessed, implementation="not_applicable", reason="no store of our own", actor=actor, now=NOW)
    assert (assessed.state, assessed.reason) == ("not_applicable", "no store of our own")
    record = AuditRecord.objects.get(verb="control.declare")
    assert record.changes is not None
    assert record.changes["implementation"] == ["undeclared", "not_applicable"]


def test_a_declaration_never_makes_a_failing_control_green(
    assessed: ControlAssessment, login: Callable[..., User]
) -> None:
    before = assessed.state
    assert before in {"failing", "unknown"}
    declare(assessed, implementation="implemented", reason="", actor=login("caiso", assessed.unit), now=NOW)
    assert assessed.state == before


def test_a_review_is_kept_in_the_reviewers_name_and_survives_new_packs(
    assessed: ControlAssessment, login: Callable[..., User]
) -> None:
    actor = login("ciso", assessed.unit)
    link = ControlLink.objects.select_related("control").first()
    assert link is not None
    with pytest.raises(UnableToReview, match="what is wrong"):
        review_link(link, status="disputed", note="", actor=actor, now=NOW)
    review_link(link, status="reviewed", note="read both", actor=actor, now=NOW)
    take_library(library(), now=NOW)
    link = ControlLink.objects.get(pk=link.pk)
    assert (link.review_status, link.reviewer, link.reviewed_on) == ("reviewed", str(actor), NOW.date())
    pack = next(pack for pack in queries.reviewed_packs() if pack.id == link.control.slug)
    assert [one.status for one in pack.links if one.requirement == link.requirement.ref] == [ReviewStatus.REVIEWED]


def test_a_link_whose_words_changed_loses_its_review(assessed: ControlAssessment, login: Callable[..., User]) -> None:
    link = ControlLink.objects.select_related("control").first()
    assert link is not None
    review_link(link, status="reviewed", note="", actor=login("ciso", assessed.unit), now=NOW)
    ControlLink.objects.filter(pk=link.pk).update(rationale="what an older pack said")
    take_library(library(), now=NOW)
    assert ControlLink.objects.get(control=link.control, requirement=link.requirement).review_status == "unreviewed"


def _collect(actor: User, unit: Unit, **values: object) -> Evidence:
    control = Control.objects.get(slug="switch-off-rehearsed")
    given = {"control": control, "unit": unit, "title": "Drill of May", "kind": "record", "statement": "Held."} | values
    return collect_evidence(values=given, actor=actor, now=NOW)


def test_nobody_accepts_their_own_evidence(assessed: ControlAssessment, login: Callable[..., User]) -> None:
    collector, other = login("caiso", assessed.unit), login("ciso", assessed.unit)
    evidence = _collect(collector, assessed.unit)
    with pytest.raises(UnableToAccept, match="somebody else"):
        accept_evidence(evidence, actor=collector, now=NOW)
    FactTouch.objects.all().delete()
    accept_evidence(evidence, actor=other, now=NOW)
    evidence.refresh_from_db()
    assert (evidence.is_accepted, evidence.accepted_by) == (True, other)
    assert list(FactTouch.objects.values_list("collection", "scope")) == [("evidence", "switch-off-rehearsed")]
    with pytest.raises(UnableToAccept, match="already"):
        accept_evidence(evidence, actor=other, now=NOW)


def test_accepted_evidence_is_never_rewritten(assessed: ControlAssessment, login: Callable[..., User]) -> None:
    collector = login("caiso", assessed.unit)
    evidence = _collect(collector, assessed.unit)
    first = evidence.digest
    change_evidence(evidence, changes={"statement": "Held twice."}, actor=collector, now=NOW)
    assert evidence.digest != first
    accept_evidence(evidence, actor=login("ciso", assessed.unit), now=NOW)
    with pytest.raises(UnableToCollect, match="not changed"):
        change_evidence(evidence, changes={"statement": "Never held."}, actor=collector, now=NOW)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"statement": "", "url": ""}, "link or a statement"),
        ({"url": "javascript:alert(1)"}, "https"),
        ({"valid_until": NOW - timedelta(days=1)}, "out of date"),
        ({"title": " "}, "title"),
    ],
)
def test_evidence_that_proves_nothing_is_refused(
    assessed: ControlAssessment, login: Callable[..., User], values: dict[str, object], words: str
) -> None:
    with pytest.raises(UnableToCollect, match=words):
        _collect(login("caiso", assessed.unit), assessed.unit, **values)
