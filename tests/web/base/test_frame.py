"""Navigation, search, notifications, theme, record pages and parts of the frame."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import Client, RequestFactory

from caiso.web.base import navigation, record, search
from caiso.web.base.access import Viewer
from caiso.web.base.models import Notification, Person, Task, Unit, User
from caiso.web.base.presentation import initials, relative
from caiso.web.base.services import people
from caiso.web.base.templatetags.charts import sparkline

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def officer(login: Callable[..., User], bank: Unit) -> User:
    return login("ciso", bank)


@pytest.fixture
def client(officer: User) -> Client:
    client = Client()
    client.force_login(officer)
    return client


def test_navigation_leaves_out_what_the_viewer_may_not_open(login: Callable[..., User], bank: Unit) -> None:
    board, auditor = Viewer(login("board_member", bank)), Viewer(login("auditor", bank))
    seen = {page.label for section in navigation.sections(board) for page in section.pages}
    assert "My tasks" in seen
    assert "Audit trail" not in seen
    assert "Audit trail" in {page.label for section in navigation.sections(auditor) for page in section.pages}


def test_the_current_page_is_the_longest_prefix(officer: User) -> None:
    found = navigation.sections(Viewer(officer), "/people/ana/")
    assert [line.label for section in found for line in section.lines if line.current] == ["People"]
    assert [page.label for section in found for page in section.pages if page.current] == ["People"]


def test_pages_of_a_group_are_tabs_of_each_other_and_of_no_record(officer: User, client: Client) -> None:
    tabs = [tab.label for tab in client.get("/people/").context["page_tabs"]]
    assert tabs == ["People", "Skills"]
    assert [tab.label for tab in client.get("/organisation/").context["page_tabs"]] == [
        "Coverage",
        "Crossover",
        "Deficiencies",
    ]
    person = Person.objects.create(slug="ana", name="Ana", unit=Unit.objects.get(slug="bank"))
    assert not client.get(f"/people/{person.slug}/").context["page_tabs"]
    assert not client.get("/alerts/").context["page_tabs"], "a page that is alone in its group has no tabs"


def test_a_single_page_left_of_a_group_keeps_its_name(login: Callable[..., User], bank: Unit) -> None:
    owner = navigation.sections(Viewer(login("model_owner", bank)))
    organisation = next(section for section in owner if section.title == "Organisation")
    assert "People" in [line.label for line in organisation.lines]
    aisoc = next(section for section in owner if section.title == "AISOC")
    assert [line.label for line in aisoc.lines] == ["Technique coverage"]


def test_sections_stay_as_the_login_left_them_except_where_one_is(client: Client, officer: User) -> None:
    def opened(path: str) -> dict[str, bool]:
        return {section.title: section.is_open for section in client.get(path).context["navigation"]}

    assert all(opened("/tasks/").values()), "an officer's navigation fits on a screen"
    assert client.post("/navigation/", {"section": "Compliance", "open": "no"}).status_code == 204
    assert opened("/tasks/")["Compliance"] is False
    assert opened("/controls/")["Compliance"] is True
    client.post("/navigation/", {"section": "Compliance", "open": "yes"})
    assert opened("/tasks/")["Compliance"] is True
    refused = client.post("/navigation/", {"section": "Nowhere", "open": "no"})
    assert (refused.status_code, refused.content) == (422, "the navigation has no section “Nowhere”".encode())
    officer.refresh_from_db()
    assert officer.navigation == {"Compliance": True}


def test_more_sections_than_a_screen_holds_begin_closed(officer: User) -> None:
    lines = tuple(navigation.Line(f"l{number}", f"/{number}", "x", "", current=False, count=1) for number in range(6))
    here = navigation.Line("here", "/here", "x", "", current=True, count=0)
    found = [navigation.Section(title, lines) for title in ("", "Inventory", "Organisation", "Risk", "Compliance")]
    found.append(navigation.Section("Administration", (here,)))
    opened = {section.title: section.is_open for section in navigation._opened(found, {"Risk": True})}
    assert opened == {
        "": True, "Inventory": True, "Organisation": False, "Risk": True, "Compliance": False, "Administration": True,
    }  # fmt: skip
    assert next(section for section in found if section.title == "Compliance").count == 6


def test_navigation_refuses_unknown_sections_and_taken_keys() -> None:
    with pytest.raises(ValueError, match="no navigation section"):
        navigation.add(navigation.Item("X", "x", "x", "Nowhere"))
    with pytest.raises(ValueError, match="already jumps"):
        navigation.add(navigation.Item("X", "x_list", "x", key="t"))


def test_search_finds_only_what_is_in_scope(client: Client, bank: Unit, shop: Unit) -> None:
    Person.objects.create(slug="ana", name="Ana Bank", unit=bank)
    Person.objects.create(slug="anb", name="Ana Shop", unit=shop)
    page = client.get("/search/?q=ana").content.decode()
    assert "Ana Bank" in page
    assert "Ana Shop" not in page
    fragment = client.get("/search/palette/?q=ana").content.decode()
    assert "<html" not in fragment
    assert "Ana Bank" in fragment


def test_palette_offers_pages_and_survives_any_text(client: Client) -> None:
    assert "Go to" in client.get("/search/palette/?q=").content.decode()
    page = client.get("/search/palette/", {"q": "<script>%\x00" + "x" * 5000})
    assert page.status_code == 200
    assert "<script>" not in page.content.decode()


def test_a_search_provider_is_registered_once() -> None:
    with pytest.raises(ValueError, match="already registered"):
        search.register("people", "People", lambda viewer, text, limit: ())


def test_a_notification_is_opened_and_only_by_its_owner(
    client: Client, officer: User, login: Callable[..., User], bank: Unit
) -> None:
    mine = Notification.objects.create(user=officer, title="x", url="/people/", created_at=NOW)
    foreign = Notification.objects.create(user=login("caio", bank), title="y", created_at=NOW)
    evil = Notification.objects.create(user=officer, title="z", url="https://evil.example", created_at=NOW)
    assert client.get(f"/notifications/{mine.pk}/").headers["Location"] == "/people/"
    assert client.get(f"/notifications/{foreign.pk}/").status_code == 404
    assert client.get(f"/notifications/{evil.pk}/").headers["Location"] == "/notifications/"
    mine.refresh_from_db()
    assert mine.read_at is not None
    client.post("/notifications/")
    assert not Notification.objects.filter(user=officer, read_at=None).exists()
    assert Notification.objects.filter(pk=foreign.pk, read_at=None).exists()


def test_theme_is_kept_and_nonsense_refused(client: Client, officer: User) -> None:
    client.post("/theme/", {"theme": "dark", "next": "//evil.example"})
    officer.refresh_from_db()
    assert officer.theme == "dark"
    client.post("/theme/", {"theme": "pink"})
    officer.refresh_from_db()
    assert officer.theme == "dark"


def test_a_foreign_person_does_not_exist(client: Client, shop: Unit) -> None:
    Person.objects.create(slug="ana", name="Ana", unit=shop)
    assert client.get("/people/ana/").status_code == 404


def test_a_record_page_shows_history_and_links(client: Client, officer: User, bank: Unit) -> None:
    person = people.create_person(name="Ana Lyst", unit=bank, actor=officer, now=NOW)
    people.change_person(person, changes={"name": "Ana Known"}, actor=officer, now=NOW)
    page = client.get(f"/people/{person.slug}/?tab=history").content.decode()
    assert "Ana Lyst" in page
    assert "Ana Known" in page
    assert officer.email in page


def test_links_come_from_every_registered_relation(officer: User, bank: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_providers", {})
    task = Task.objects.create(title="x", unit=bank, created_at=NOW)
    record.relate(
        "Task", lambda one, viewer: [record.LinkGroup("Cases", (record.Link("C-1", "/people/ana/"),), total=9)]
    )
    record.relate("Task", lambda one, viewer: [record.LinkGroup("Nothing", ())])
    assert [(group.title, group.count) for group in record.links(task, Viewer(officer))] == [("Cases", 9)]


def test_a_record_page_leads_nobody_to_a_refusal(
    bank: Unit, login: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task.objects.create(title="x", unit=bank, created_at=NOW)
    monkeypatch.setattr(record, "_providers", {})
    both = (record.Link("Leak", "/incidents/7/"), record.Link("Ana", "/people/ana/"))
    record.relate("Task", lambda one, viewer: [record.LinkGroup("Found", both, url="/incidents/")])
    record.relate("Task", lambda one, viewer: [record.LinkGroup("Incidents", both[:1])])
    page = record.Page(
        record=task, title="x", crumbs=[("Incidents", "/incidents/")], facts=[record.Fact("Of", "INC-7", "/incidents/7/")],
        why=record.Why("It leaked.", records=(record.Link("INC-7", "/incidents/7/"),)),
    )  # fmt: skip
    for role, kept in (("analyst", "/incidents/7/"), ("board_member", "")):
        viewer = Viewer(login(role, bank))
        request = RequestFactory().get("/")
        shown = record.record_context(request, viewer, page)
        assert [fact.url for fact in shown["page"].facts] == [kept]
        assert [one.url for one in shown["page"].why.records] == [kept]
        titles = [(group.title, group.url, len(group.links)) for group in record.links(task, viewer)]
        assert titles == ([("Found", "/incidents/", 2), ("Incidents", "", 1)] if kept else [("Found", "", 1)])


def test_pages_keep_the_strict_policy(client: Client) -> None:
    for path in ("/tasks/", "/people/", "/people/new/", "/people/import/", "/search/", "/notifications/", "/pages/"):
        answer = client.get(path)
        text = answer.content.decode()
        assert "default-src 'self';" in answer.headers["Content-Security-Policy"] + ";"
        assert " style=" not in text
        assert "hx-on" not in text
        assert "<script>" not in text
        assert " onclick" not in text


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (timedelta(seconds=-20), "just now"),
        (timedelta(seconds=20), "in a moment"),
        (timedelta(minutes=-1), "1 minute ago"),
        (timedelta(hours=5), "in 5 hours"),
        (timedelta(days=-29), "29 days ago"),
        (timedelta(days=-31), "22 Oct 2026"),
    ],
)
def test_relative_times(moved: timedelta, words: str) -> None:
    assert relative(NOW + moved, NOW) == words


def test_initials() -> None:
    assert [initials(name) for name in ("Amara Osei", "amara.osei@x.example", "Cher", "")] == ["AO", "AO", "CH", "?"]


def test_a_sparkline_keeps_gaps_and_needs_two_values() -> None:
    assert sparkline([1]) == ""
    assert sparkline([None, 3]) == ""
    drawn = sparkline([1, None, 3, 2], label='a"b')
    assert drawn.count("M") == 2
    assert "&quot;" in drawn


def test_a_chart_refuses_series_that_do_not_fit() -> None:
    def draw(**data: Any) -> str:
        text = '{% load charts %}{% chart data kind="line" title="T" %}'
        return Template(text).render(Context({"data": {"labels": ["a", "b"], **data}}))

    with pytest.raises(TemplateSyntaxError, match="3 values for 2 labels"):
        draw(series=[{"name": "x", "values": [1, 2, 3]}])
    assert "No figures yet" in draw(series=[{"name": "x", "values": [None, None]}])
    assert "<td" in draw(series=[{"name": "x", "values": [1, None]}])


def test_titles_of_the_sign_in_library_read_like_ours() -> None:
    shown = Template("{% load parts %}{% filter sentence %}\n  Two-Factor Authentication {% endfilter %}")
    assert shown.render(Context()) == "Two-factor authentication"
