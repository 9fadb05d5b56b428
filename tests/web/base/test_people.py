"""Units, people, logins and grants change only by those who may, and always leave a record."""

from datetime import date, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessGrant, AuditRecord, Person, Unit, User
from caiso.web.base.services import people
from tests.web.base.factories import NOW, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Unit:
    return people.create_unit(name="ACME", parent=None, actor=None, now=NOW)


def test_moved_unit_takes_all_below_it_along(root: Unit) -> None:
    bank = people.create_unit(name="Bank", parent=root, actor=None, now=NOW)
    retail = people.create_unit(name="Retail", parent=bank, actor=None, now=NOW)
    branch = people.create_unit(name="Branch", parent=retail, actor=None, now=NOW)
    shop = people.create_unit(name="Shop", parent=root, actor=None, now=NOW)
    admin = make_user("administrator", root)
    people.change_unit(retail, changes={"parent": shop, "name": "Retail bank"}, actor=admin, now=NOW)
    branch.refresh_from_db()
    assert branch.path == f"{shop.path}{retail.pk}/{branch.pk}/"
    assert not Viewer(make_user("analyst", bank)).may("view", branch.path)
    assert Viewer(make_user("analyst", shop)).may("view", branch.path)
    assert AuditRecord.objects.get(verb="unit.change").changes == {
        "name": ["Retail", "Retail bank"],
        "parent": [str(bank.pk), str(shop.pk)],
    }


def test_tree_refuses_circles_second_roots_and_strangers(root: Unit) -> None:
    bank = people.create_unit(name="Bank", parent=root, actor=None, now=NOW)
    below = people.create_unit(name="Below", parent=bank, actor=None, now=NOW)
    stranger = make_user("administrator", below)
    for parent in (below, bank, None):
        with pytest.raises(people.UnableToChangeUnit):
            people.change_unit(bank, changes={"parent": parent}, actor=None, now=NOW)
    with pytest.raises(people.UnableToChangeUnit):
        people.create_unit(name="Second", parent=None, actor=None, now=NOW)
    with pytest.raises(people.UnableToChangeUnit):
        people.change_unit(bank, changes={"name": "Mine"}, actor=stranger, now=NOW)
    with pytest.raises(people.UnableToChangeUnit, match="not empty"):
        people.remove_unit(bank, actor=None, now=NOW)
    people.remove_unit(below, actor=None, now=NOW) if not AccessGrant.objects.filter(unit=below) else None
    assert Unit.objects.filter(pk=bank.pk).exists()


def test_removal_that_was_refused_leaves_no_record(root: Unit) -> None:
    bank = people.create_unit(name="Bank", parent=root, actor=None, now=NOW)
    people.create_person(name="Ada", unit=bank, actor=None, now=NOW)
    with pytest.raises(people.UnableToChangeUnit):
        people.remove_unit(bank, actor=None, now=NOW)
    assert not AuditRecord.objects.filter(verb="unit.remove").exists()


def test_people_get_slugs_that_nobody_has(root: Unit) -> None:
    slugs = [people.create_person(name="Ada Lovelace", unit=root, actor=None, now=NOW).slug for _ in range(3)]
    assert slugs == ["ada-lovelace", "ada-lovelace-2", "ada-lovelace-3"]
    with pytest.raises(people.UnableToChangePerson, match="e-mail"):
        people.create_person(name="Bob", email="no address", unit=root, actor=None, now=NOW)


def test_person_moves_only_between_units_that_one_may_edit(root: Unit) -> None:
    bank = people.create_unit(name="Bank", parent=root, actor=None, now=NOW)
    shop = people.create_unit(name="Shop", parent=root, actor=None, now=NOW)
    person = people.create_person(name="Ada", unit=bank, actor=None, now=NOW)
    officer = make_user("caiso", bank)
    with pytest.raises(people.UnableToChangePerson):
        people.change_person(person, changes={"unit": shop}, actor=officer, now=NOW)
    assert Person.objects.get(pk=person.pk).unit == bank
    people.change_person(person, changes={"name": "Ada L."}, actor=officer, now=NOW)
    assert AuditRecord.objects.get(verb="person.change").changes == {"name": ["Ada", "Ada L."]}


def test_first_administrator_is_made_once(root: Unit) -> None:
    password = people.bootstrap_administrator("Admin@Example.org", now=NOW)
    user = User.objects.get(email="admin@example.org")
    assert password is not None
    assert user.check_password(password)
    assert Viewer(user).may("admin", root.path)
    assert Viewer(user).may("soc.triage", root.path)
    assert people.bootstrap_administrator("other@example.org", now=NOW) is None
    assert not any(password in str(row) for row in AuditRecord.objects.values())


def test_administrator_of_a_part_cannot_reach_beyond_it(root: Unit) -> None:
    bank = people.create_unit(name="Bank", parent=root, actor=None, now=NOW)
    small, big = make_user("administrator", bank), make_user("administrator", root)
    for deed in (
        lambda: people.grant_role(make_user(), role="caiso", unit=root, actor=small, now=NOW),
        lambda: people.grant_role(small, role="caiso", unit=bank, actor=small, now=NOW),
        lambda: people.reset_password(big, actor=small, now=NOW),
        lambda: people.set_active(big, is_active=False, actor=small, now=NOW),
        lambda: people.reset_mfa(big, actor=small, now=NOW),
        lambda: people.create_user(email="x@example.org", actor=make_user("analyst", bank), now=NOW),
    ):
        with pytest.raises(people.UnableToChangeLogin):
            deed()


def test_grant_is_changed_and_revoked_with_a_record_of_each(root: Unit) -> None:
    admin, user = make_user("administrator", root), make_user()
    grant = people.grant_role(user, role="analyst", unit=root, actor=admin, now=NOW)
    people.grant_role(user, role="analyst", unit=root, expires_on=date(2026, 12, 24), actor=admin, now=NOW)
    assert AccessGrant.objects.get(user=user).expires_on == date(2026, 12, 24)
    with pytest.raises(people.UnableToChangeLogin):
        people.grant_role(user, role="ciso", unit=root, expires_on=NOW.date() - timedelta(days=1), actor=admin, now=NOW)
    people.revoke_grant(grant, actor=admin, now=NOW)
    found = AuditRecord.objects.filter(subject_type="AccessGrant").order_by("id").values_list("verb", flat=True)
    assert list(found) == ["grant.create", "grant.change", "grant.revoke"]


def test_last_administrator_stays(root: Unit) -> None:
    admin = make_user("administrator", root)
    grant = AccessGrant.objects.get(user=admin)
    with pytest.raises(people.UnableToChangeLogin, match="last administrator"):
        people.revoke_grant(grant, actor=None, now=NOW)
    with pytest.raises(people.UnableToChangeLogin, match="last administrator"):
        people.set_active(admin, is_active=False, actor=None, now=NOW)
    admin.refresh_from_db()
    assert admin.is_active
    assert AccessGrant.objects.filter(user=admin).exists()


def test_new_password_ends_every_session(root: Unit) -> None:
    user = make_user("analyst", root)
    client, other = Client(), Client()
    client.force_login(user)
    other.force_login(make_user("analyst", root))
    password = people.reset_password(user, actor=None, now=NOW)
    user.refresh_from_db()
    assert user.check_password(password)
    assert client.get("/api/v1/me").status_code == 401
    assert other.get("/api/v1/me").status_code == 200
    assert Session.objects.count() == 1
