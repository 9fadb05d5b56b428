"""Navigation, search, notifications, theme, record pages and parts of the frame."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import Client

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
    seen = {line.label for section in navigation.sections(board) for line in section.lines}
    assert "My tasks" in seen
    assert "Audit trail" not in seen
    assert "Audit trail" in {line.label for section in navigation.sections(auditor) for line in section.lines}


def test_the_current_page_is_the_longest_prefix(officer: User) -> None:
    lines = [line for section in navigation.sections(Viewer(officer), "/people/ana/") for line in section.lines]
    assert [line.label for line in lines if line.current] == ["People"]


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
    record.relate("Task", lambda one, viewer: [record.LinkGroup("Risks", (record.Link("R-1", "/r/1/"),), total=9)])
    record.relate("Task", lambda one, viewer: [record.LinkGroup("Nothing", ())])
    assert [(group.title, group.count) for group in record.links(task, Viewer(officer))] == [("Risks", 9)]


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
