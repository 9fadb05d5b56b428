"""Controls are judged from live records, and each change of state keeps the record that caused it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from caiso.web.base.models import Backup, Unit, User
from caiso.web.compliance.library import library
from caiso.web.compliance.models import Control, ControlAssessment, ControlStateChange, Framework, Requirement
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.compliance.services.evaluation import evaluate_controls, evaluate_touched
from caiso.web.soc.models import Alert, DetectionRule, Source
from caiso.web.soc.services.alerts import acknowledge_alert
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


def _alert(unit: Unit) -> Alert:
    rule = DetectionRule.objects.create(
        slug="direct-override", title="Override", severity="high", state="live", kind="single", path="x", digest="x",
        techniques=["AML.T0051.000"], tests=2, tests_pass=True,
    )  # fmt: skip
    return Alert.objects.create(
        group_key="g", rule=rule, title="Override", severity="high", technique="AML.T0051.000",
        techniques=["AML.T0051.000"], unit=unit, first_event_at=NOW, last_event_at=NOW, created_at=NOW,
    )  # fmt: skip


def test_the_library_is_in_the_database_with_the_official_counts(root: Unit) -> None:
    take_library(library(), now=NOW)
    rmf = Framework.objects.get(slug="nist-ai-rmf")
    assert rmf.requirements.filter(is_assessable=True).count() == 72
    assert Requirement.objects.filter(framework=rmf, level="category").count() == 19
    assert Control.objects.filter(is_retired=False).count() == 20


def test_taking_the_library_again_changes_nothing(root: Unit) -> None:
    take_library(library(), now=NOW)
    assert take_library(library(), now=NOW).controls == 0


def test_an_untriaged_injection_makes_the_control_failing_and_names_the_alert(
    root: Unit, bank: Unit, login: Callable[..., User]
) -> None:
    take_library(library(), now=NOW)
    evaluate_controls(now=NOW)
    assessment = ControlAssessment.objects.get(control__slug="prompt-injection-triaged")
    assert assessment.state == "unknown", "nothing is proven while no telemetry arrives"
    Source.objects.create(slug="gateway", name="Gateway", unit=root, last_event_at=NOW)
    evaluate_controls(now=NOW)
    assessment.refresh_from_db()
    assert assessment.state == "effective"
    alert = _alert(bank)
    evaluate_controls(now=NOW + timedelta(minutes=1), collections=["alerts"])
    assessment.refresh_from_db()
    assert assessment.state == "failing"
    change = ControlStateChange.objects.filter(assessment=assessment).first()
    assert change is not None
    assert (change.before, change.after, change.records) == ("effective", "failing", [str(alert.pk)])

    acknowledge_alert(alert, actor=login("analyst", bank), now=NOW + timedelta(minutes=2))
    assert evaluate_touched(now=NOW + timedelta(minutes=3)) > 0
    assessment.refresh_from_db()
    assert assessment.state == "effective"
    assert evaluate_touched(now=NOW + timedelta(minutes=4)) == 0


def test_a_control_without_records_is_never_green(root: Unit) -> None:
    take_library(library(), now=NOW)
    evaluate_controls(now=NOW)
    backup = ControlAssessment.objects.get(control__slug="backup-recent")
    assert backup.state in {"failing", "unknown"}
    Backup.objects.create(made_at=NOW, path="x", ok=True)
    evaluate_controls(now=NOW + timedelta(minutes=1))
    backup.refresh_from_db()
    assert backup.state == "effective"
    evaluate_controls(now=NOW + timedelta(days=90))
    backup.refresh_from_db()
    assert backup.state != "effective"
