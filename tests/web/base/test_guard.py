"""Who gets past the rule on a view."""

import asyncio

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django_htmx.middleware import HtmxDetails

from caiso.web.base import guard
from caiso.web.base.access import Viewer
from caiso.web.base.models import Person, Task
from tests.web.base.factories import NOW, make_unit, make_user


@guard.page("soc.triage")
def triage(request: guard.PageRequest, number: int = 0) -> HttpResponse:
    return HttpResponse(f"{request.viewer.paths('soc.triage')} {number}")


@guard.page("soc.triage")
async def triage_async(request: guard.PageRequest) -> HttpResponse:
    return HttpResponse(str(request.viewer.paths("soc.triage")))


def asked(user: object, *, fragment: bool = False) -> HttpRequest:
    request = RequestFactory().get("/alerts/?q=1", headers={"HX-Request": "true"} if fragment else None)
    request.user = user

    async def auser() -> object:
        return user

    request.auser = auser
    request.htmx = HtmxDetails(request)
    return request


@pytest.mark.django_db
def test_anonymous_visitor_is_sent_to_the_login_and_back() -> None:
    response = triage(asked(AnonymousUser()))
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/alerts/%3Fq%3D1"


@pytest.mark.django_db
def test_anonymous_fragment_request_moves_the_whole_page() -> None:
    response = triage(asked(AnonymousUser(), fragment=True))
    assert response["HX-Redirect"].startswith("/accounts/login/?next=")


@pytest.mark.django_db
def test_permission_held_in_one_unit_opens_the_view_with_that_scope() -> None:
    unit = make_unit("bank")
    response = triage(asked(make_user("analyst", unit)), number=7)
    assert unit.path in response.content.decode()
    assert response.content.decode().endswith(" 7")


@pytest.mark.django_db
def test_role_without_the_permission_is_refused() -> None:
    with pytest.raises(PermissionDenied, match=r"soc\.triage"):
        triage(asked(make_user("board_member", make_unit("bank"))))


@pytest.mark.django_db(transaction=True)
def test_asynchronous_view_is_guarded_alike() -> None:
    unit = make_unit("bank")
    allowed, refused = make_user("analyst", unit), make_user("auditor", unit)
    assert unit.path in asyncio.run(triage_async(asked(allowed))).content.decode()
    with pytest.raises(PermissionDenied):
        asyncio.run(triage_async(asked(refused)))


def test_unknown_permission_is_named_when_the_module_loads() -> None:
    with pytest.raises(ValueError, match=r"soc\.tirage"):
        guard.page("soc.tirage")


def test_every_decorated_view_states_its_rule() -> None:
    assert triage.required_permission == triage_async.required_permission == "soc.triage"

    @guard.public("health")
    def open_to_all(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert open_to_all.required_permission is None
    assert open_to_all.public_reason == "health"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "address", "told"),
    [
        ("analyst", "/ai-systems/new/", False),
        ("caiso", "/ai-systems/new/", True),
        ("analyst", "/sources/", True),
        ("board_member", "/sources/?state=silent", False),
        ("caiso", "/no/such/page/", False),
        ("board_member", "https://atlas.mitre.org/techniques/AML.T0051", True),
    ],
)
def test_a_page_is_known_to_open_before_a_link_leads_there(role: str, address: str, told: bool) -> None:
    assert guard.opens(Viewer(make_user(role, make_unit("acme"))), address) is told


@pytest.mark.django_db
def test_a_task_of_somebody_else_leads_nobody_to_a_refusal(client: Client) -> None:
    unit = make_unit("acme")
    person = Person.objects.create(slug="ana", name="Ana", unit=unit)
    for title, url in (("Scope it", "/incidents/7/"), ("Look at it", "/nowhere/at/all/")):
        Task.objects.create(title=title, unit=unit, assignee=person, subject_url=url, created_at=NOW)
    for role, leads in (("board_member", False), ("analyst", True)):
        client.force_login(make_user(role, unit))
        page = client.get("/people/ana/").content.decode()
        assert "Scope it" in page
        assert ('href="/incidents/7/"' in page) is leads
        assert "/nowhere/" not in page


@pytest.mark.django_db
def test_an_empty_list_offers_only_what_the_viewer_may_do(client: Client) -> None:
    unit = make_unit("acme")
    for role, offered in (("analyst", False), ("caiso", True)):
        client.force_login(make_user(role, unit))
        assert ('href="/ai-systems/new/"' in client.get("/ai-systems/").content.decode()) is offered


@pytest.mark.django_db
def test_an_empty_list_names_its_next_step_by_route_or_address(client: Client) -> None:
    client.force_login(make_user("administrator", make_unit("acme")))
    assert 'href="/tokens/add/">Make a token' in client.get("/tokens/").content.decode()


@pytest.mark.django_db
def test_a_page_of_a_session_is_kept_by_no_shared_cache(client: Client) -> None:
    client.force_login(make_user("analyst", make_unit("acme")))
    assert client.get("/alerts/")["Cache-Control"] == "private, no-cache"
