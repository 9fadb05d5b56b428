"""The administration pages do what the services allow, and show secrets once."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from caiso.web.base import queries
from caiso.web.base.models import AccessGrant, ApiToken, AuditRecord, AuditVerification, Backup, Job, Unit, User
from caiso.web.base.services import housekeeping, jobs
from caiso.web.base.services.audit import Subject, record
from caiso.web.base.services.tokens import authenticate_token
from tests.web.base.factories import NOW, make_unit, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db: None) -> Unit:
    return make_unit("acme")


@pytest.fixture
def admin(acme: Unit) -> User:
    return make_user("administrator", acme, email="admin@example.org")


@pytest.fixture
def client(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def shown_secret(page: object) -> str:
    return page.content.decode().split('readonly value="')[1].split('"')[0]


def test_new_login_gets_a_password_that_is_shown_once(client: Client) -> None:
    page = client.post("/users/add/", {"email": "Ada@Example.org", "name": "Ada"})
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    user = User.objects.get(email="ada@example.org")
    assert user.check_password(shown_secret(page))
    assert shown_secret(page) not in client.get(f"/users/{user.pk}/").content.decode()
    again = client.post("/users/add/", {"email": "ada@example.org"})
    assert "there is a login" in again.content.decode()


def test_access_is_given_and_taken_away_on_the_page(client: Client, acme: Unit) -> None:
    user = make_user(email="ada@example.org")
    client.post(f"/users/{user.pk}/grants/", {"role": "analyst", "unit": "acme", "expires_on": "2099-01-01"})
    grant = AccessGrant.objects.get(user=user)
    assert (grant.role, grant.unit, str(grant.expires_on)) == ("analyst", acme, "2099-01-01")
    assert "Analyst in Acme" in client.get(f"/users/{user.pk}/").content.decode()
    client.post(f"/users/grants/{grant.pk}/revoke/")
    assert not AccessGrant.objects.filter(user=user).exists()


def test_own_login_cannot_be_changed_on_the_page(client: Client, admin: User) -> None:
    assert "Nobody changes their own access" in client.get(f"/users/{admin.pk}/").content.decode()
    client.post(f"/users/{admin.pk}/close/")
    client.post(f"/users/{admin.pk}/grants/", {"role": "caiso", "unit": "acme"})
    admin.refresh_from_db()
    assert admin.is_active
    assert AccessGrant.objects.filter(user=admin).count() == 1


@pytest.mark.parametrize(("deed", "is_active"), [("close", False), ("open", True)])
def test_login_is_closed_and_opened(client: Client, acme: Unit, deed: str, is_active: bool) -> None:
    user = make_user("analyst", acme)
    User.objects.filter(pk=user.pk).update(is_active=not is_active)
    client.post(f"/users/{user.pk}/{deed}/")
    user.refresh_from_db()
    assert user.is_active is is_active


def test_password_is_reset_to_one_that_is_shown(client: Client, acme: Unit) -> None:
    user = make_user("analyst", acme)
    page = client.post(f"/users/{user.pk}/password/")
    user.refresh_from_db()
    assert user.check_password(shown_secret(page))


def test_token_made_on_the_page_works_and_is_revoked_in_the_list(client: Client) -> None:
    page = client.post("/tokens/add/", {"name": "proxy", "scope": "ingest", "unit": "acme", "expires_on": ""})
    text = shown_secret(page)
    token = authenticate_token(text, scopes=["ingest"], now=timezone.now())
    assert token is not None
    listed = client.get("/tokens/").content.decode()
    assert token.prefix in listed
    assert text not in listed
    client.post("/tokens/bulk/", {"action": "revoke", "pick": [str(token.pk)]})
    assert ApiToken.objects.get().revoked_at is not None


def test_token_beyond_ones_rights_is_refused_on_the_page(acme: Unit) -> None:
    client = Client()
    client.force_login(make_user("analyst", acme))
    page = client.post("/tokens/add/", {"name": "proxy", "scope": "ingest", "unit": "acme"})
    assert "you may not make" in page.content.decode()
    assert not ApiToken.objects.exists()


def test_unit_is_added_and_renamed_in_the_register(client: Client, acme: Unit) -> None:
    client.post("/units/new/", {"name": "Bank", "parent": "acme"})
    bank = Unit.objects.get(slug="bank")
    assert bank.path == f"{acme.path}{bank.pk}/"
    client.post("/units/edit/bank/", {"name": "Retail bank", "parent": "acme"})
    bank.refresh_from_db()
    assert bank.name == "Retail bank"
    assert AuditRecord.objects.filter(verb="unit.change").count() == 1


def test_verification_is_run_and_shown(client: Client) -> None:
    record(actor=None, verb="thing.add", subject=Subject("Thing", "1"), now=NOW)
    page = client.post("/audit/chain/", follow=True).content.decode()
    assert AuditVerification.objects.get().ok is False
    assert "Broken" in page
    assert "never sealed" in page


def test_security_policy_is_changed_only_by_whole_administrators(client: Client, acme: Unit) -> None:
    part = Client()
    part.force_login(make_user("administrator", make_unit("bank", parent=acme)))
    part.post("/security/", {"mfa_required": "on"})
    assert queries.setting(queries.MFA_POLICY, default=False) is False
    assert "admin@example.org" not in part.get("/security/").content.decode()
    assert "admin@example.org" in client.get("/security/").content.decode()
    client.post("/security/", {"mfa_required": "on"})
    assert queries.setting(queries.MFA_POLICY) is True


def test_backup_asked_for_on_the_page_is_made_by_the_worker(client: Client, tmp_path: Path, settings: object) -> None:
    settings.BACKUP_FOLDER = tmp_path / "out"
    page = client.post("/operations/", follow=True)
    job = Job.objects.get(kind="backup.create")
    assert page.redirect_chain[-1][0] == f"/jobs/{job.pk}/"
    assert "Waiting" in page.content.decode()
    assert job.requested_by.email == "admin@example.org"


@pytest.mark.django_db(transaction=True)
def test_backup_job_leaves_an_archive_and_its_outcome(acme: Unit, tmp_path: Path, settings: object) -> None:
    settings.BACKUP_FOLDER = tmp_path / "out"
    settings.DATA = tmp_path / "data"
    jobs.enqueue("backup.create", now=NOW)
    job = jobs.claim("w", now=NOW)
    assert jobs.run(job) == Job.State.DONE, job.error
    assert Path(job.result["path"]).stat().st_size == job.result["bytes"]
    assert Backup.objects.get().ok


def test_part_administrator_sees_no_process_and_makes_no_backup(acme: Unit) -> None:
    client = Client()
    client.force_login(make_user("administrator", make_unit("bank", parent=acme)))
    assert "For administrators of the whole organisation" in client.get("/operations/").content.decode()
    client.post("/operations/")
    assert not Job.objects.exists()


def test_job_is_cancelled_on_its_page(client: Client, admin: User) -> None:
    job = jobs.enqueue("audit.verify", actor=admin, now=NOW)
    client.post(f"/jobs/{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert "Cancelled" in client.get(f"/jobs/{job.pk}/").content.decode()


def test_old_rows_are_thrown_away_and_young_ones_kept(admin: User) -> None:
    from datetime import timedelta

    from caiso.web.base.models import Heartbeat, RememberedAnswer

    for days in (0, 2, 40):
        at = NOW - timedelta(days=days)
        RememberedAnswer.objects.create(key=f"k{days}", user=admin, request_digest="", created_at=at)
        Heartbeat.objects.create(process=f"p{days}", kind="worker", started_at=at, seen_at=at)
        Job.objects.create(kind="k", state="done", run_after=at, created_at=at, finished_at=at)
        Job.objects.create(kind="k", state="waiting", run_after=at, created_at=at)
    assert housekeeping.clean_up(now=NOW) == {"answers": 2, "jobs": 1, "sessions": 0, "processes": 2}
    assert Job.objects.count() == 5


@pytest.mark.parametrize(
    "path", ["/users/", "/users/add/", "/tokens/", "/tokens/add/", "/units/", "/jobs/", "/operations/", "/security/", "/audit/chain/", "/audit/"]
)  # fmt: skip
def test_pages_render_with_hostile_names(client: Client, path: str, acme: Unit) -> None:
    hostile = "<script>alert(1)</script>{{ 7*7 }}"
    Unit.objects.filter(pk=acme.pk).update(name=hostile)
    make_user("analyst", acme, email="x@example.org")
    User.objects.filter(email="x@example.org").update(name=hostile)
    page = client.get(path)
    assert page.status_code == 200
    assert b"<script>alert" not in page.content
