"""The demo is told by the real engine, is marked everywhere, and goes with one command."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from caiso.engine.coverage.authority import check_authority
from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.engine.coverage.organisation.validate import find_faults
from caiso.engine.coverage.silos import doubled_processes, tool_report
from caiso.engine.coverage.skills import team_gaps
from caiso.web.base.models import AuditRecord, AuditVerification, Lease, Person, Task, Unit, User
from caiso.web.base.services.people import bootstrap_administrator
from caiso.web.compliance.library import library
from caiso.web.compliance.models import ControlAssessment, ControlLink, ControlStateChange, Evidence
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.config.environment import environment
from caiso.web.inventory.models import Asset, Scan
from caiso.web.organisation.models import AuthorityRecord, CoverageSnapshot, Duty, Scenario, Skill, Tool
from caiso.web.organisation.queries import current_view
from caiso.web.organisation.queries import organisation as organisation_now
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.reports.models import PostureFigure
from caiso.web.reports.services.demo import load, story, talk
from caiso.web.reports.services.demo.casework import CASES
from caiso.web.reports.services.demo.load import UnableToLoad, load_demo
from caiso.web.reports.services.demo.remove import UnableToRemove, is_loaded, is_whole, remove_demo
from caiso.web.soc import store
from caiso.web.soc.models import Alert, EventPart, Incident, Reject, Source, Suppression, TechniqueCoverage
from tests.web.conftest import NOW
from tests.web.lengths import overlong

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
    steps: list[str] = []
    logins = load_demo(now=NOW, tell=steps.append)
    assert is_loaded()
    assert is_whole()
    assert steps[-1] == "day 31 of 31"
    assert {login.role for login in logins} >= {"CAISO", "Board member", "Red team", "Auditor", "Analyst"}
    _alerts_were_really_raised()
    _incidents_went_on()
    _every_register_shows_something()
    assert overlong() == []
    for table in (Alert, Incident, Asset, Source, ControlStateChange, Evidence, Scan):
        assert not table.objects.filter(is_demo=False).exists(), table

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
    for table in (
        Alert, Incident, Asset, Source, Person, Evidence, Scan, Scenario, Skill, Tool, AuthorityRecord, Suppression, Task,
        PostureFigure,
    ):  # fmt: skip
        assert not table.objects.exists(), table
    assert not ControlLink.objects.exclude(reviewer="").exists()
    assert not ControlAssessment.objects.exclude(implementation="undeclared").exists()
    assert not is_whole()
    assert not AuditVerification.objects.exists(), "nights that never were"
    assert not Unit.objects.filter(is_demo=True).exists()
    assert list(User.objects.values_list("email", flat=True)) == ["admin@localhost"]
    assert Duty.objects.exists()
    assert ControlAssessment.objects.exists()
    assert EventPart.objects.exists()
    assert AuditRecord.objects.filter(verb="demo.remove").count() == 1
    with pytest.raises(UnableToRemove):
        remove_demo(actor=None, now=NOW)


def _alerts_were_really_raised() -> None:
    fired = set(Alert.objects.values_list("rule__slug", flat=True))
    assert len(fired) >= 20
    assert {
        "prompt-override", "secret-in-output", "same-payload-many-users", "llmjacking", "runaway-loop", "phishing-link",
        "covert-memory-order", "tool-rug-pull", "injection-to-action", "refusals-then-success", "content-missing",
    } <= fired  # fmt: skip
    assert Alert.objects.count() >= 50
    assert set(Alert.objects.values_list("verdict", flat=True)) == {"", "true", "benign", "false"}
    assert {alert.severity for alert in Alert.objects.all()} >= {"critical", "high", "medium", "low", "informational"}
    assert Alert.objects.filter(state="new").exists()
    assert not Alert.objects.filter(incident__state="closed").exclude(state="closed").exists()
    assert Suppression.objects.count() == 2


def _incidents_went_on() -> None:
    states = dict(Incident.objects.values_list("title", "state"))
    assert len(states) == len(CASES), {case.title for case in CASES} - set(states)
    assert sorted(states.values()) == ["closed"] * 5 + ["contained", "investigating", "review"]
    running = Incident.objects.get(state="contained").clocks.get(rule="gdpr-33-authority")
    assert running.state == "running"
    assert running.deadline_at is not None
    assert NOW < running.deadline_at < NOW + timedelta(hours=72)
    assert Incident.objects.filter(clocks__rule="gdpr-33-authority", clocks__state="met").count() == 1
    assert Task.objects.filter(state="open", due_at__lt=NOW).exists()
    assert Task.objects.filter(state="open", due_at__gt=NOW, assignee__slug="lena-fischer").exists()


def _every_register_shows_something() -> None:
    assert Asset.objects.get(identity="ai_system:sales-mail-writer").state == "unmanaged"
    assert Asset.objects.get(identity="ai_system:minutes-bot").state == "retired"
    assert Scan.objects.count() == 3
    assert Scan.objects.filter(lost__gt=0).exists()
    sources = {source.name: source for source in Source.objects.all()}
    assert len(sources) == 3
    assert sources[talk.GATEWAY].content_missing == 0
    assert sources[talk.PLATFORM].content_missing == sources[talk.PLATFORM].inferences > 0
    assert Reject.objects.filter(source=sources[talk.PLATFORM]).exists()
    seen = TechniqueCoverage.objects.filter(covered=True)
    assert seen.filter(asset__name="Claims copilot").count() > 30
    screening = seen.filter(asset__name="Application screening").values_list("rules", flat=True)
    assert {name for names in screening for name in names} <= {"first-seen-model"}, (
        "it says only that a model was called"
    )
    assert dict(Scenario.objects.values_list("name", "state")) == {
        "Appoint a CAISO": "adopted",
        "Give the CAISO a team": "draft",
    }
    assert Skill.objects.exists()
    assert Tool.objects.exists()
    assert AuthorityRecord.objects.exists()
    assert set(Evidence.objects.values_list("is_accepted", flat=True)) == {True, False}
    assert CoverageSnapshot.objects.count() == 31
    assert {change.after for change in ControlStateChange.objects.all()} >= {"effective", "failing"}
    assert {row.state for row in ControlAssessment.objects.all()} >= {"effective", "failing", "planned", "implemented"}
    assert len(set(PostureFigure.objects.values_list("on", flat=True))) == 31
    assert not Person.objects.filter(name__startswith="Holder of").exists()


def test_a_load_that_was_broken_off_is_begun_again(prepared: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(day: datetime, **rest: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(story, "play", break_off)
        with pytest.raises(KeyboardInterrupt):
            load_demo(now=NOW)
    assert is_loaded()
    assert not is_whole()
    Lease.objects.all().delete()  # the process that held it is gone
    told: list[str] = []
    with monkeypatch.context() as quick:
        quick.setattr(load, "_live_through", lambda *_, **__: None)
        assert len(load_demo(now=NOW, tell=told.append)) >= 8
    assert told[0] == "removing what an earlier try left"
    assert is_whole()
    assert User.objects.filter(is_demo=True).count() == len({user.email for user in User.objects.filter(is_demo=True)})
