"""The Monday page: figures with denominators and trends, unknown is never zero, and each figure opens to its records."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessGrant, ApiToken, Person, Task, Unit, User
from caiso.web.compliance.models import Control, Evidence
from caiso.web.inventory.models import Asset
from caiso.web.organisation.models import Duty, DutyCoverage, Holding, Role, Scenario
from caiso.web.reports.models import PostureFigure
from caiso.web.reports.queries.burning import burning
from caiso.web.reports.queries.changes import changed
from caiso.web.reports.queries.deadlines import due
from caiso.web.reports.queries.decisions import to_decide
from caiso.web.reports.queries.headline import headline
from caiso.web.reports.queries.lists import Section, left
from caiso.web.reports.queries.systems import systems
from caiso.web.reports.queries.tiles import Tile, tiles
from caiso.web.reports.queries.trends import Figure, trends
from caiso.web.reports.services.figures import keep_figures
from caiso.web.soc.models import Alert, DetectionRule, Incident, IncidentClock, Suppression

pytestmark = pytest.mark.django_db
Login = Callable[..., User]


def _system(unit: Unit, name: str, **fields: object) -> Asset:
    now = timezone.now()
    return Asset.objects.create(
        kind="ai_system",
        name=name,
        identity=f"ai_system:{name}",
        unit=unit,
        first_seen_at=now,
        last_seen_at=now,
        **fields,
    )


def _alert(unit: Unit, asset: Asset, title: str, **fields: object) -> Alert:
    now = timezone.now()
    rule, _ = DetectionRule.objects.get_or_create(
        slug="r",
        defaults={"title": "R", "severity": "high", "state": "live", "kind": "single", "path": "x", "digest": "x"},
    )
    values: dict[str, object] = {"severity": "critical", "created_at": now}
    return Alert.objects.create(
        group_key=title, rule=rule, title=title, unit=unit, asset=asset, first_event_at=now, last_event_at=now,
        **values | fields,
    )  # fmt: skip


def _incident(unit: Unit, reference: str, **fields: object) -> Incident:
    values: dict[str, object] = {"title": f"Trouble {reference}", "severity": "high", "opened_at": timezone.now()}
    return Incident.objects.create(reference=reference, unit=unit, **values | fields)


def _clock(incident: Incident, rule: str, state: str, deadline: datetime) -> IncidentClock:
    return IncidentClock.objects.create(
        incident=incident, rule=rule, title=rule, source="law", state=state, deadline_at=deadline,
        computed_at=timezone.now(),
    )  # fmt: skip


def _tiles(viewer: Viewer) -> dict[str, Tile]:
    now = timezone.now()
    return {tile.label: tile for tile in tiles(viewer, trends(viewer, now=now))}


def _titles(section: Section) -> list[str]:
    return [row.title for row in section.rows]


def test_nothing_assessed_is_not_shown_as_zero(root: Unit, login: Login) -> None:
    found = _tiles(Viewer(login("caiso", root)))
    assert found["AI systems owned"].value is None
    assert found["Duties covered"].value is None
    assert found["Controls effective"].value is None
    assert found["Attacks we would see"].value is None
    assert found["Open alerts"].value == 0


def test_figures_stay_within_the_viewers_units(bank: Unit, shop: Unit, login: Login) -> None:
    _alert(bank, _system(bank, "vault"), "in the bank")
    _alert(shop, _system(shop, "till"), "in the shop")
    keep_figures(now=timezone.now())
    viewer = Viewer(login("analyst", bank))
    found = _tiles(viewer)
    assert found["Open alerts"].value == 1
    assert found["AI systems owned"].of == "of 1"
    assert _titles(burning(viewer, now=timezone.now())) == ["in the bank"]
    assert trends(viewer, now=timezone.now())[Figure.ALERTS].wholes[-1] == 1.0
    assert [row.asset.name for row in systems(viewer).rows] == ["vault"]


def test_a_trend_sums_the_days_of_the_viewers_units(root: Unit, bank: Unit, shop: Unit, login: Login) -> None:
    now = timezone.now()
    for days_ago, unit, part in ((29, bank, 1), (29, shop, 2), (3, bank, 4), (0, bank, 4), (0, shop, 5)):
        on = (now - timedelta(days=days_ago)).date()
        PostureFigure.objects.create(on=on, unit=unit, figure=Figure.SYSTEMS, part=part, whole=10)
    everything = trends(Viewer(login("caiso", root)), now=now)[Figure.SYSTEMS]
    assert everything.days[0] == (3, 20)
    assert everything.days[-1] == (9, 20)
    assert everything.days[1] is None, "a day on which nothing was kept is a gap"
    assert everything.shares[-1] == 45.0
    assert trends(Viewer(login("analyst", bank)), now=now)[Figure.SYSTEMS].days[-1] == (4, 10)


def test_a_tile_says_how_it_changed_and_whether_that_is_good(root: Unit, login: Login) -> None:
    now = timezone.now()
    PostureFigure.objects.create(on=(now - timedelta(days=20)).date(), unit=root, figure="systems", part=3, whole=3)
    PostureFigure.objects.create(on=(now - timedelta(days=20)).date(), unit=root, figure="alerts", part=0, whole=0)
    _alert(root, _system(root, "vault"), "one")
    found = _tiles(Viewer(login("caiso", root)))
    assert (found["AI systems owned"].change, found["AI systems owned"].change_tone) == ("100 to 0 % in 20 d", "bad")
    assert (found["Open alerts"].change, found["Open alerts"].change_tone) == ("+1 in 20 d", "bad")


@pytest.mark.parametrize(
    ("before", "change", "tone"),
    [
        ((1, 2), "-1 in 9 d", "bad"),
        ((0, 2), "as 9 d ago", ""),
        ((0, 1), "0 % as 9 d ago", ""),
        ((1, 4), "25 to 0 % in 9 d", "bad"),
        ((0, 0), "", ""),
    ],
)
def test_a_share_tells_the_turn_that_its_line_shows(
    root: Unit, login: Login, before: tuple[int, int], change: str, tone: str
) -> None:
    on = (timezone.now() - timedelta(days=9)).date()
    PostureFigure.objects.create(on=on, unit=root, figure="systems", part=before[0], whole=before[1])
    _system(root, "vault")
    _system(root, "till")
    tile = _tiles(Viewer(login("caiso", root)))["AI systems owned"]
    assert (tile.change, tile.change_tone) == (change, tone)


def test_the_day_is_counted_once_and_forgotten_after_a_year(bank: Unit) -> None:
    now = timezone.now()
    PostureFigure.objects.create(on=(now - timedelta(days=500)).date(), unit=bank, figure="alerts", part=1, whole=1)
    _system(bank, "vault")
    for _ in range(2):
        keep_figures(now=now)
    row = PostureFigure.objects.get()
    assert (row.figure, row.unit, row.part, row.whole) == ("systems", bank, 0, 1)


def test_a_running_clock_burns_first_and_a_pending_one_never(root: Unit, login: Login) -> None:
    now = timezone.now()
    incident = _incident(root, "INC-1")
    _clock(incident, "gdpr", "running", now + timedelta(hours=5, minutes=1))
    _clock(incident, "ai-act", "pending", now + timedelta(hours=5))
    _clock(incident, "final report", "running", now + timedelta(days=20))
    viewer = Viewer(login("caiso", root))
    rows = burning(viewer, now=now).rows
    assert rows[0].title == "gdpr"
    assert (rows[0].note, rows[0].left) == ("INC-1", "5 h left")
    assert [row.title for row in rows] == ["gdpr", "Trouble INC-1"]
    assert "final report" in _titles(due(viewer, now=now)), "what has weeks left is due, and does not burn"


def test_incidents_burn_by_severity(root: Unit, login: Login) -> None:
    for reference, severity in (("INC-1", "low"), ("INC-2", "critical"), ("INC-3", "high")):
        _incident(root, reference, severity=severity)
    rows = burning(Viewer(login("caiso", root)), now=timezone.now()).rows
    assert [row.level for row in rows] == ["critical", "high", "low"]


def test_every_kind_of_decision_is_seen_however_many_there_are_of_one(root: Unit, login: Login) -> None:
    for number in range(9):
        duty = Duty.objects.create(slug=f"d{number}", title=f"Duty {number}", unit=root, is_ai_security=True)
        now = timezone.now()
        DutyCoverage.objects.create(duty=duty, state="unowned", reason="nobody", since=now, computed_at=now)
    copilot = _system(root, "copilot", state="confirmed")
    _system(root, "shadow", state="unmanaged")
    for name in ("a", "b"):
        Asset.objects.create(
            kind="tool", name=name, identity=f"tool:{name}", unit=root, system=copilot, state="unmanaged",
            first_seen_at=timezone.now(), last_seen_at=timezone.now(),
        )  # fmt: skip
    Scenario.objects.create(name="Team", unit=root, created_at=timezone.now(), updated_at=timezone.now())
    found = to_decide(Viewer(login("caiso", root)))
    assert _titles(found)[:2] == ["Take on shadow, or have it stopped", "Confirm 2 new parts of copilot"]
    assert "Adopt “Team”, or discard it" in _titles(found)
    assert sum("Who answers for" in title for title in _titles(found)) >= 2
    assert found.total == 12
    reader = to_decide(Viewer(login("auditor", root)))
    assert not any("Adopt" in title for title in _titles(reader)), "only who may adopt is asked to"


def test_awareness_is_asked_of_those_who_may_determine_it(root: Unit, login: Login) -> None:
    _incident(root, "INC-7")
    question = "When did we become aware of INC-7?"
    assert question in _titles(to_decide(Viewer(login("caiso", root))))
    assert question not in _titles(to_decide(Viewer(login("analyst", root))))


def test_dates_of_the_organisation_are_due_beside_own_tasks(root: Unit, login: Login) -> None:
    now = timezone.now()
    caiso, other = login("caiso", root), Person.objects.create(slug="ana", name="Ana", unit=root)
    incident = _incident(root, "INC-9")
    Task.objects.create(
        title="Scope it", unit=root, assignee=other, created_at=now, due_at=now - timedelta(hours=3),
        subject_type="Incident", subject_id=str(incident.pk),
    )  # fmt: skip
    control = Control.objects.create(slug="c", title="Switch-off is rehearsed")
    Evidence.objects.create(
        control=control, unit=root, title="Drill", kind="record", collected_at=now, is_accepted=True,
        valid_until=now + timedelta(days=4, hours=1),
    )  # fmt: skip
    role = Role.objects.create(slug="cro", title="Chief Risk Officer", unit=root)
    Holding.objects.create(person=other, role=role, until_on=(now + timedelta(days=9)).date())
    rule = DetectionRule.objects.create(
        slug="r", title="Loud rule", severity="low", state="live", kind="single", path="x", digest="x"
    )
    Suppression.objects.create(rule=rule, unit=root, reason="noise", made_at=now, expires_at=now + timedelta(days=12))
    found = due(Viewer(caiso), now=now)
    assert found.title == "What is due, 1 late"
    assert _titles(found) == [
        "Scope it",
        "“Drill” expires",
        "Ana ends as Chief Risk Officer",
        "“Loud rule” is heard again",
    ]
    assert (found.rows[0].note, found.rows[0].left, found.rows[0].tone) == ("INC-9, Ana", "3 h late", "bad")
    assert found.rows[1].left == "4 days left"


def test_dates_beyond_ones_rights_or_units_are_not_shown(bank: Unit, shop: Unit, login: Login) -> None:
    now = timezone.now()
    soon = now + timedelta(days=2)
    Task.objects.create(title="theirs", unit=shop, created_at=now, due_at=soon)
    ApiToken.objects.create(
        name="gateway", prefix="p", digest="d", scope="ingest", unit=bank, created_at=now, expires_at=soon
    )
    AccessGrant.objects.create(
        user=login("ciso", bank), role="auditor", unit=bank, granted_at=now, expires_on=soon.date()
    )
    assert _titles(due(Viewer(login("caiso", bank)), now=now)) == []
    titles = _titles(due(Viewer(login("administrator", bank)), now=now))
    assert sorted(titles) == ["Key gateway expires", "ciso@bank.example stops being Auditor"]


def test_what_came_together_is_one_change(root: Unit, login: Login) -> None:
    copilot = _system(root, "copilot")
    for name in ("get_claim", "read_email", "send_email", "pay"):
        Asset.objects.create(
            kind="tool", name=name, identity=f"tool:{name}", unit=root, system=copilot,
            first_seen_at=timezone.now(), last_seen_at=timezone.now(),
        )  # fmt: skip
    rows = {row.note: row.title for row in changed(Viewer(login("caiso", root)), now=timezone.now()).rows}
    assert rows["new tools of copilot"].endswith("and 1 more")
    assert rows["new AI system"] == "copilot"


def test_systems_that_need_a_look_come_first(root: Unit, login: Login) -> None:
    person = Person.objects.create(slug="ana", name="Ana", unit=root)
    for number in range(8):
        _system(root, f"quiet-{number}", state="confirmed", criticality="low", owner=person)
    attacked = _system(root, "attacked", state="confirmed", criticality="low", owner=person)
    _system(root, "shadow", state="unmanaged")
    _system(root, "gone", state="retired")
    _alert(root, attacked, "loud")
    found = systems(Viewer(login("caiso", root)))
    assert [row.asset.name for row in found.rows][:2] == ["shadow", "attacked"]
    assert (len(found.rows), found.total) == (6, 10)
    assert (found.rows[1].open_alerts, found.rows[1].worst, found.rows[1].owner) == (1, "critical", "Ana")
    assert found.rows[0].owner == ""


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0.5, "30 min left"), (5.2, "5 h left"), (47.9, "47 h left"), (50, "2 days left"), (-3.1, "3 h late"), (-200, "8 days late")],
)  # fmt: skip
def test_the_time_that_is_left_is_as_exact_as_it_matters(hours: float, words: str) -> None:
    now = timezone.now()
    assert left(now + timedelta(hours=hours), now=now) == words


def test_one_sentence_says_what_the_page_says(root: Unit, login: Login) -> None:
    now, viewer = timezone.now(), Viewer(login("caiso", root))

    def said() -> str:
        return headline([burning(viewer, now=now), to_decide(viewer), due(viewer, now=now)], now=now)

    assert said() == "Nothing burns, no decision waits, nothing is due this week."
    incident = _incident(root, "INC-1", state="contained")
    Task.objects.create(title="a", unit=root, created_at=now, due_at=now - timedelta(hours=1))
    Task.objects.create(title="b", unit=root, created_at=now, due_at=now + timedelta(days=2))
    assert incident.pk
    assert said() == "1 thing burns, no decision waits, 1 late, 1 date falls within a week."


def test_the_page_opens_and_every_figure_leads_to_a_page(root: Unit, login: Login, client: Client) -> None:
    _alert(root, _system(root, "vault", state="unmanaged"), "<script>alert(1)</script>")
    client.force_login(login("caiso", root))
    page = client.get("/")
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.content.decode()
    assert "Take on vault" in page.content.decode()
    links = [tile.url for tile in page.context["tiles"]]
    links += [row.url for section in (*page.context["sections"], page.context["changed"]) for row in section.rows]
    links += [row.alerts_url for row in page.context["systems"].rows]
    for url in links:
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("role", ["board_member", "model_owner", "auditor", "administrator", "red_team"])
def test_no_row_leads_a_role_to_a_refusal(role: str, root: Unit, login: Login, client: Client) -> None:
    _alert(root, _system(root, "vault", state="unmanaged"), "trouble")
    _incident(root, "INC-1")
    client.force_login(login(role, root))
    page = client.get("/?stay=1")
    assert page.status_code == 200
    for section in (*page.context["sections"], page.context["changed"]):
        for row in section.rows:
            assert client.get(row.url).status_code == 200, row
    for tile in page.context["tiles"]:
        assert client.get(tile.url).status_code == 200, tile


def test_a_board_member_sees_no_alerts(root: Unit, login: Login, client: Client) -> None:
    _alert(root, _system(root, "vault"), "secret trouble")
    client.force_login(login("board_member", root))
    page = client.get("/")
    assert page.status_code == 200
    assert "secret trouble" not in page.content.decode()
    assert "Open alerts" not in page.content.decode()


def test_the_page_asks_the_same_number_of_questions_however_much_there_is(
    root: Unit, login: Login, client: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    system = _system(root, "vault")
    for number in range(60):
        _alert(root, system, f"alert {number}")
        _system(root, f"system {number}", criticality="high")
        Task.objects.create(title=f"t{number}", unit=root, created_at=timezone.now(), due_at=timezone.now())
    client.force_login(login("caiso", root))
    with django_assert_max_num_queries(80):
        assert client.get("/").status_code == 200
