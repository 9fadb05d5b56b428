"""The advisor ranks for the organisation's profile with moved weights; authority is unknown until a record or a word says."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from caiso.web.base.models import AuditRecord, Setting, Unit, User
from caiso.web.organisation import queries
from caiso.web.organisation.models import AuthorityRecord, Role
from caiso.web.organisation.services import reporting
from caiso.web.organisation.services.reporting import UnableToAttest
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


def _sent(client: Client, **changed: object) -> dict[str, object]:
    form = client.get(reverse("advisor")).context["form"]
    return {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)} | changed


def test_every_point_has_a_reason_and_the_reasons_add_up(client: Client, caiso: User) -> None:
    context = client.get(reverse("advisor")).context
    assert [one["row"].place for one in context["ranking"]] == [1, 2, 3, 4]
    assert context["ranking"][0]["row"].alternative.solid == "ciso"
    assert len(context["weights"]) == 11
    for one in context["ranking"]:
        for part in one["criteria"]:
            assert sum(reason["points"] for reason in part["reasons"]) == pytest.approx(part["points"])


def test_a_moved_slider_changes_the_ranking_and_the_others_follow_the_profile(client: Client, caiso: User) -> None:
    criteria = [name for name in _sent(client) if name.startswith("weight-")]
    moved = dict.fromkeys(criteria, 0) | {"weight-independence": 10}
    page = client.post(reverse("advisor"), _sent(client, **moved))
    assert page.context["ranking"][0]["row"].alternative.solid == "ceo"
    reasons = {one["title"]: one["reasons"][0]["source"] for one in page.context["weights"]}
    assert set(reasons.values()) == {"Set by hand"}
    assert not Setting.objects.filter(key=queries.PROFILE_SETTING, value__weights__has_key="independence").exists()
    other = client.post(reverse("advisor"), _sent(client, size="very-large")).context
    assert all(one["reasons"][0]["source"] == "To start with" for one in other["weights"])
    assert any(reason["source"] == "Your profile" for one in other["weights"] for reason in one["reasons"])


def test_a_kept_profile_comes_back_and_can_be_reset(client: Client, caiso: User) -> None:
    sent = _sent(client, sector="banking", **{"weight-enforcement": 9.5}, keep="yes")
    assert client.post(reverse("advisor"), sent).status_code == 302
    form = client.get(reverse("advisor")).context["form"]
    assert form["sector"].value() == "banking"
    assert form["weight-enforcement"].value() == 9.5
    assert form["was-enforcement"].value() == ""
    assert AuditRecord.objects.filter(verb="setting.change").exists()
    client.post(reverse("advisor"), _sent(client, by_rules="on", keep="yes"))
    assert queries.organisation().profile.weights == {}  # type: ignore[union-attr]


@pytest.mark.parametrize("value", ["11", "-1", "x", "nan"])
def test_an_impossible_weight_is_refused(client: Client, caiso: User, value: str) -> None:
    assert client.post(reverse("advisor"), _sent(client, **{"weight-enforcement": value})).status_code == 422


def test_weights_of_nothing_are_refused_in_words(client: Client, caiso: User) -> None:
    zero = {name: 0 for name in _sent(client) if name.startswith("weight-")}
    page = client.post(reverse("advisor"), _sent(client, **zero))
    assert page.status_code == 422
    assert "every weight is 0" in page.content.decode()


def test_only_who_changes_the_whole_keeps_the_profile(
    client: Client, officers: Unit, bank: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("ciso", bank))
    assert client.post(reverse("advisor"), _sent(client)).status_code == 200
    assert client.post(reverse("advisor"), _sent(client, keep="yes")).status_code == 403


def test_authority_is_unknown_until_a_person_attests_with_evidence(client: Client, caiso: User) -> None:
    role = Role.objects.get(slug="ciso")
    address = reverse("role_authority", args=[role.pk])
    assert client.get(reverse("authority")).headers["Location"] == address

    def outcomes() -> dict[str, str]:
        return {one["row"].id: one["outcome"] for one in client.get(address).context["checks"]}

    before = outcomes()
    assert before["board-access"] == "unknown"
    assert len(before) == 6
    attest = reverse("role_attest", args=[role.pk, "board-access"])
    assert client.post(attest, {"holds": "yes", "evidence": "", "on": "2026-01-01"}).status_code == 422
    today = timezone.now().date()
    assert client.post(attest, {"holds": "yes", "evidence": "<b>minutes</b>", "on": today}).status_code == 302
    page = client.get(address)
    board = next(one for one in page.context["checks"] if one["row"].id == "board-access")
    assert (board["outcome"], board["attested"]) == ("pass", True)
    assert "&lt;b&gt;minutes" in page.content.decode()
    assert outcomes() == {**before, "board-access": "pass"}
    record = AuditRecord.objects.get(verb="role.attest")
    assert record.changes is not None
    assert record.changes["check"] == [None, "board-access"]


def test_an_old_word_no_longer_counts(client: Client, caiso: User) -> None:
    role = Role.objects.get(slug="ciso")
    old = NOW.date() - timedelta(days=400)
    reporting.attest_authority(role, check="board-access", holds=True, evidence="minutes", on=old, actor=caiso, now=NOW)
    checks = client.get(reverse("role_authority", args=[role.pk])).context["checks"]
    assert next(one for one in checks if one["row"].id == "board-access")["outcome"] == "unknown"


def test_an_attestation_needs_a_check_a_day_and_a_real_role(caiso: User) -> None:
    role, template = Role.objects.get(slug="ciso"), Role.objects.get(slug="caiso")
    given = {"check": "board-access", "holds": True, "evidence": "minutes", "on": NOW.date()}
    for who, changed, words in (
        (role, {"check": "no-such"}, "no authority check"),
        (role, {"evidence": " "}, "evidence"),
        (role, {"on": NOW.date() + timedelta(days=1)}, "has come"),
        (template, {}, "template"),
    ):
        with pytest.raises(UnableToAttest, match=words):
            reporting.attest_authority(who, **{**given, **changed}, actor=caiso, now=NOW)  # type: ignore[arg-type]
    assert not AuthorityRecord.objects.exists()
