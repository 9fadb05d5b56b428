"""A demo may stand beside the organisation as a root of its own: whoever holds a role in one root sees nothing of the other's events."""

from collections.abc import Callable

import pytest

from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessGrant, Unit, User
from caiso.web.organisation.figures import sight_of_units
from caiso.web.soc import rulebook, store
from caiso.web.soc.models import Feed, Source
from tests.web.conftest import NOW, make_unit
from tests.web.soc.conftest import Send, detect, said, spans

pytestmark = pytest.mark.django_db
Login = Callable[..., User]


@pytest.fixture(autouse=True)
def no_rules(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detection has nothing to do here."""
    folder = tmp_path_factory.mktemp("rules")
    monkeypatch.setattr(rulebook, "rule_folders", lambda: (folder,))


@pytest.fixture
def demo(root: Unit) -> Unit:
    """The root of a demo, beside the organisation's."""
    unit = make_unit("meridian")
    Unit.objects.filter(pk=unit.pk).update(is_demo=True)
    unit.refresh_from_db()
    return unit


@pytest.fixture
def told(send: Send, root: Unit, demo: Unit) -> None:
    """An app of each root had a conversation."""
    for service, unit in (("real-bot", root), ("demo-bot", demo)):
        Source.objects.create(slug=service, name=service, unit=unit)
        chat = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": said("user", f"hello, {service}")}
        send(spans(chat, conversation=f"conv-{service}"), service=service, source=service)
    detect()


def services(user: User) -> set[str]:
    """The apps whose events the login is shown."""
    return {event["service.name"] for event in store.page_of_events(Viewer(user), limit=10, offset=0).events}


def test_a_login_of_one_root_sees_no_event_of_the_other(told: None, root: Unit, demo: Unit, login: Login) -> None:
    assert set(Feed.objects.values_list("service", "unit__slug")) == {("real-bot", "acme"), ("demo-bot", "meridian")}
    ours, theirs = login("analyst", root), login("analyst", demo)
    assert services(ours) == {"real-bot"}
    assert services(theirs) == {"demo-bot"}
    every = [*store.thread("conv-real-bot", feeds=None), *store.thread("conv-demo-bot", feeds=None)]
    for user, own in ((ours, "real-bot"), (theirs, "demo-bot")):
        read = {
            one.event["service.name"]: [segment.text for segment in one.segments]
            for one in store.read_visible_content(Viewer(user), every, purpose="test", now=NOW)
        }
        assert [name for name, texts in read.items() if texts] == [own]


def test_whoever_holds_a_role_in_both_roots_sees_both(told: None, root: Unit, demo: Unit, login: Login) -> None:
    user = login("analyst", root)
    AccessGrant.objects.create(user=user, role="analyst", unit=demo, granted_at=NOW)
    assert store.feeds_of(Viewer(user)) is None
    assert services(user) == {"real-bot", "demo-bot"}
    # The same login by a token of one root only.
    assert store.feeds_of(Viewer(user, limit=demo.path)) == [("demo-bot", "demo-bot")]


def test_where_there_is_one_root_its_roles_see_everything(root: Unit, bank: Unit, login: Login) -> None:
    assert store.feeds_of(Viewer(login("analyst", root))) is None
    assert store.feeds_of(Viewer(login("analyst", bank))) == []


def test_what_lies_in_no_unit_is_not_seen_from_one_of_two_roots(root: Unit, login: Login) -> None:
    ours = login("caiso", root)
    assert sight_of_units(Viewer(ours))(None)
    theirs = login("caiso", make_unit("meridian"))
    assert not sight_of_units(Viewer(theirs))(None)
    assert not sight_of_units(Viewer(ours))(None)
