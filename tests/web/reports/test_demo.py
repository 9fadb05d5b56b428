"""The demo is told by the real engine, is marked everywhere, and goes with one command."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from caiso.engine.coverage.authority import check_authority
from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.engine.coverage.organisation.validate import find_faults
from caiso.engine.coverage.silos import doubled_processes, tool_report
from caiso.engine.coverage.skills import team_gaps
from caiso.web.base.models import AuditRecord, Person, Unit, User
from caiso.web.base.services.people import bootstrap_administrator
from caiso.web.compliance.library import library
from caiso.web.compliance.models import ControlAssessment, ControlStateChange
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.config.environment import environment
from caiso.web.inventory.models import Asset
from caiso.web.organisation.models import CoverageSnapshot, Duty
from caiso.web.organisation.queries import current_view
from caiso.web.organisation.queries import organisation as organisation_now
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.reports.services.demo.load import UnableToLoad, is_loaded, load_demo
from caiso.web.reports.services.demo.remove import UnableToRemove, remove_demo
from caiso.web.soc import store
from caiso.web.soc.models import Alert, EventPart, Incident, Source
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def prepared(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Unit]:
    """A store as `caiso up` prepares it."""
    compiled = tmp_path_factory.getbasetemp() / "compiled-rules"
    compiled.mkdir(exist_ok=True)
    (tmp_path / "cache").symlink_to(compiled, target_is_directory=True)
    monkeypatch.setattr(environment(), "data", tmp_path)
    store.content_store.cache_clear()
    bootstrap_administrator("admin@localhost", now=NOW)
    take_library(library(), now=NOW)
    root = Unit.objects.get(parent=None)
    take_organisation(default_organisation(), root=root, actor=None, now=NOW)
    yield root
    store.content_store.cache_clear()


def test_the_demo_tells_a_month_and_leaves_no_trace(prepared: Unit) -> None:
    logins = load_demo(now=NOW)
    assert is_loaded()
    assert len(logins) >= 8
    fired = set(Alert.objects.values_list("rule__slug", flat=True))
    assert {
        "prompt-override",
        "system-prompt-probe",
        "secret-in-output",
        "lethal-trifecta",
        "injected-instructions",
    } <= fired
    assert {incident.state for incident in Incident.objects.all()} == {"closed", "contained"}
    running = Incident.objects.get(state="contained").clocks.get(rule="gdpr-33-authority")
    assert running.state == "running"
    assert running.deadline_at is not None
    assert NOW < running.deadline_at < NOW + timedelta(hours=72)
    assert Asset.objects.get(identity="ai_system:sales-mail-writer").state == "unmanaged"
    assert CoverageSnapshot.objects.count() == 31
    assert {change.after for change in ControlStateChange.objects.all()} >= {"effective", "failing"}
    assert Alert.objects.filter(state="new").exists()
    for table in (Alert, Incident, Asset, Source, ControlStateChange):
        assert not table.objects.filter(is_demo=False).exists(), table
    noisy = Alert.objects.exclude(rule__slug__in=fired)
    assert not noisy.exists()
    assert Source.objects.get().events > 1000

    with pytest.raises(UnableToLoad, match="already"):
        load_demo(now=NOW)

    view = current_view(NOW.date())
    assert {result.outcome for result in check_authority(view, "caiso")} == {"pass", "fail", "unknown"}
    organisation = view.snapshot.organisation
    assert all(gap.missing_levels for gap in team_gaps(organisation, as_of=NOW.date()))
    assert [double.conflicting for double in doubled_processes(organisation)] == [True]
    assert tool_report(organisation).undecided == ("demo-scanner",)
    assert view.total.counts["covered"] == 47, "what was attested changes no state"

    removed = remove_demo(actor=None, now=NOW)
    left = organisation_now()
    assert (left.tools, left.processes, left.needs, left.authority_records, left.holdings) == ((), (), (), (), ())
    assert find_faults(left) == []
    assert removed["alerts"] > 0
    for table in (Alert, Incident, Asset, Source, Person):
        assert not table.objects.exists(), table
    assert not Unit.objects.filter(is_demo=True).exists()
    assert list(User.objects.values_list("email", flat=True)) == ["admin@localhost"]
    assert Duty.objects.exists()
    assert ControlAssessment.objects.exists()
    assert EventPart.objects.exists()
    assert AuditRecord.objects.filter(verb="demo.remove").count() == 1
    with pytest.raises(UnableToRemove):
        remove_demo(actor=None, now=NOW)
