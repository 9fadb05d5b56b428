"""Searches by words: found by any part, in step with every write, never outside the viewer's units."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from caiso.web.base import search
from caiso.web.base.access import Viewer
from caiso.web.base.models import AuditRecord, Unit, User
from caiso.web.base.register.declaration import declared
from caiso.web.base.services import audit
from caiso.web.base.textindex import anywhere, complete_text_indexes, text_index_of
from caiso.web.inventory.models import Asset
from caiso.web.soc.models import Alert, DetectionRule, Incident
from tests.web.conftest import NOW, make_unit

pytestmark = pytest.mark.django_db
SEARCHED = ("title", "subject_user", "rule__slug", "asset__name", "incident__reference")


@pytest.fixture
def rule(db: None) -> DetectionRule:
    return DetectionRule.objects.create(
        slug="prompt-leak", title="Prompt leak", severity="high", state="live", kind="single", path="x", digest="x"
    )


def make_alert(rule: DetectionRule, unit: Unit, title: str = "Prompt leak", **fields: Any) -> Alert:
    return Alert.objects.create(
        group_key="g", rule=rule, title=title, severity="high", unit=unit, first_event_at=NOW, last_event_at=NOW,
        created_at=NOW, **fields,
    )  # fmt: skip


def make_asset(unit: Unit, name: str, **fields: Any) -> Asset:
    return Asset.objects.create(
        kind="tool", name=name, identity=f"tool:{name}", unit=unit, first_seen_at=NOW, last_seen_at=NOW, **fields
    )


def found(word: str) -> set[str]:
    return set(Alert.objects.filter(anywhere(Alert, SEARCHED, word)).values_list("title", flat=True))


@pytest.mark.parametrize("word", ["EXFIL", "xfiltr", "data e", "Ex", "x", "tion by", "Ä-КЛ", "ä", "%_", '"', "'", "10"])
def test_any_part_of_a_text_finds_it_in_either_case(rule: DetectionRule, root: Unit, word: str) -> None:
    title = "Data exfiltration by 'ä-ключ' \"100%_sure\""
    make_alert(rule, root, title)
    make_alert(rule, root, "Something e1se")
    assert found(word) == {title} if word != "x" else title in found(word)


@pytest.mark.parametrize("word", ["zz", "leakage", "promptleak", "%", "_", "OR", '" OR "', "title:Data", "x*", "\x00"])
def test_signs_of_a_query_language_mean_nothing(rule: DetectionRule, root: Unit, word: str) -> None:
    make_alert(rule, root, "Alert without it", subject_user="amara")
    assert found(word) == (set() if word.strip("\x00") else {"Alert without it"})


def test_the_index_follows_every_kind_of_write(rule: DetectionRule, root: Unit) -> None:
    first = make_alert(rule, root, "First", subject_user="amara")
    Alert.objects.bulk_create([Alert(**fields_of(rule, root), title="Second", subject_user="amara")])
    assert found("amara") == {"First", "Second"}
    first.subject_user = "bertrand"
    first.save()
    assert (found("amara"), found("bertrand")) == ({"Second"}, {"First"})
    Alert.objects.filter(title="Second").update(subject_user="chidi", state="closed")
    assert (found("amara"), found("chidi")) == (set(), {"Second"})
    first.delete()
    assert found("bertrand") == set()


def fields_of(rule: DetectionRule, unit: Unit) -> dict[str, Any]:
    return {
        "group_key": "g", "rule": rule, "severity": "high", "unit": unit, "first_event_at": NOW, "last_event_at": NOW,
        "created_at": NOW,
    }  # fmt: skip


def test_related_records_are_searched_by_what_they_are_called_now(rule: DetectionRule, root: Unit) -> None:
    asset = make_asset(root, "claims copilot")
    case = Incident.objects.create(reference="INC-77", title="A case", severity="high", unit=root, opened_at=NOW)
    make_alert(rule, root, "By asset", asset=asset)
    make_alert(rule, root, "By case", incident=case)
    assert found("copilot") == {"By asset"}
    assert found("inc-77") == {"By case"}
    assert found("prompt-leak") == {"By asset", "By case"}
    Asset.objects.filter(pk=asset.pk).update(name="claims helper")
    assert (found("copilot"), found("helper")) == (set(), {"By asset"})


def test_what_is_found_often_is_found_the_same(
    rule: DetectionRule, root: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = make_asset(root, "amara's helper")
    for number in range(5):
        make_alert(
            rule,
            root,
            f"Alert {number}",
            subject_user="amara" if number < 3 else "",
            asset=asset if number > 3 else None,
        )
    monkeypatch.setattr("caiso.web.base.textindex.RARE", {"sqlite": 1, "postgresql": 1})
    assert found("amara") == {"Alert 0", "Alert 1", "Alert 2", "Alert 4"}
    monkeypatch.setattr("caiso.web.base.textindex.MOST_RELATED", 0)
    assert found("amara") == {"Alert 0", "Alert 1", "Alert 2", "Alert 4"}


def test_no_search_shows_anything_outside_ones_units(
    rule: DetectionRule, bank: Unit, shop: Unit, login: Callable[..., User], client: Client
) -> None:
    theirs = make_asset(shop, "amara copilot", purpose="Of amara")
    make_alert(rule, shop, "Theirs", subject_user="amara", conversation_id="amara-1", asset=theirs)
    user = login("caiso", bank)
    client.force_login(user)
    for text in ("amara", "am", "a"):
        assert not search.find(Viewer(user), text)
        for page in ("/alerts/", "/assets/", "/alerts/export.csv", "/assets/export.csv"):
            answer = client.get(page, {"q": text})
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert b"Theirs" not in body
            assert b"amara copilot" not in body
        assert client.get("/api/v1/alerts", {"q": text}).json()["total"] == 0
    mine = make_alert(rule, bank, "Mine", subject_user="amara")
    assert [one.url for group in search.find(Viewer(user), "amara") for one in group.results] == [
        mine.get_absolute_url()
    ]
    page = client.get("/alerts/", {"q": "amara"}).content.decode()
    assert "Mine" in page
    assert "Theirs" not in page
    assert "of 1</span>" in page


@pytest.mark.parametrize("filters", [{}, {"verdict": "false"}])
def test_a_search_for_what_all_hold_shows_ones_own_in_order(
    rule: DetectionRule,
    login: Callable[..., User],
    root: Unit,
    monkeypatch: pytest.MonkeyPatch,
    filters: dict[str, str],
) -> None:
    bank, shop = make_unit("bank", root), make_unit("shop", root)
    for number in range(9):
        unit, title = (shop, "Theirs") if number % 3 == 0 else (bank, "Mine")
        made = {"subject_user": "amara", "score": number % 5, "verdict": "false" if number % 2 else "", "state": "new"}
        make_alert(rule, unit, f"{title} {number}", **made)
    client = Client()
    client.force_login(login("caiso", bank))
    own = Alert.objects.filter(unit=bank, **filters).order_by("-score", "-last_event_at", "pk")
    wanted = list(own.values_list("title", flat=True))
    for rare, most in ((40_000, 5_000), (1, 1)):
        monkeypatch.setattr("caiso.web.base.textindex.RARE", {"sqlite": rare, "postgresql": rare})
        monkeypatch.setattr("caiso.web.base.register.listing.MOST_FOUND", most)
        for text in ("amara", "am", "a", "amara a"):
            page = client.get("/alerts/", {"q": text, **filters}).content.decode()
            assert f"of {len(wanted)}</span>" in page
            assert list(dict.fromkeys(re.findall(r"(?:Mine|Theirs) \d", page))) == wanted


def test_erased_values_leave_the_index(root: Unit, login: Callable[..., User]) -> None:
    actor = login("administrator", root)
    with_name = audit.record(actor=actor, verb="note", subject=audit.Subject("Person", "1", "Amara Okafor"), now=NOW)
    assert AuditRecord.objects.filter(anywhere(AuditRecord, (), "okafor")).count() == 1
    AuditRecord.objects.filter(subject_id="1").update(subject_label="")
    assert AuditRecord.objects.filter(anywhere(AuditRecord, (), "okafor")).count() == 0
    assert with_name is None or with_name.pk


def test_all_migrations_leave_the_indexes_whole(rule: DetectionRule, root: Unit) -> None:
    indexed = [model for model in apps.get_models() if text_index_of(model)]
    assert {model.__name__ for model in indexed} == {"Alert", "Asset", "AuditRecord"}
    for model in indexed:
        index = text_index_of(model)
        assert index is not None
        assert index.table == model._meta.db_table
        assert all(not model._meta.get_field(column).null for column in index.columns)
        assert index.is_there(), f"{index.table}: its migration must be followed by AddTextIndex again"
    assert complete_text_indexes() == []


def test_a_broken_index_is_made_anew_at_the_next_start(rule: DetectionRule, root: Unit) -> None:
    make_alert(rule, root, "Before", subject_user="amara")
    with connection.cursor() as cursor:
        connection.check_constraints()
        cursor.execute(
            "DROP TRIGGER soc_alert_words_insert" if connection.vendor == "sqlite" else "DROP INDEX soc_alert_words"
        )
    make_alert(rule, root, "Meanwhile", subject_user="amara")
    connection.check_constraints()  # at a start no transaction of others is open; this test's has rows to check
    assert complete_text_indexes() == ["soc_alert"]
    make_alert(rule, root, "After", subject_user="amara")
    assert found("amara") == {"Before", "Meanwhile", "After"}


def test_every_register_of_an_indexed_table_can_be_searched(root: Unit, login: Callable[..., User]) -> None:
    viewer = Viewer(login("caiso", root))
    for register in declared():
        rows = register.rows(viewer)
        paths = [column.path for column in register.columns if column.search and column.path]
        assert rows.filter(anywhere(rows.model, paths, "word")).count() == 0
