"""Signing in and out: who gets in, what is asked of whom, what the audit trail keeps."""

import time
from datetime import date

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.test import Client

from caiso.web.base.models import AuditRecord, User
from caiso.web.base.queries import MFA_POLICY
from caiso.web.base.services import people
from caiso.web.base.services.settings import change_setting
from caiso.web.base.sessions import SEEN
from tests.web.base.factories import NOW, make_unit, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def no_limits_left_over() -> None:
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD) -> object:
    return client.post("/accounts/login/", {"login": email, "password": password})


def verbs() -> list[str]:
    return list(AuditRecord.objects.order_by("id").values_list("verb", flat=True))


def test_login_and_logout_are_recorded() -> None:
    user = make_user("analyst", make_unit("bank"), email="ada@example.org")
    client = Client()
    assert sign_in(client, "ada@example.org")["Location"] == "/"
    client.post("/accounts/logout/")
    assert verbs() == ["login", "logout"]
    record = AuditRecord.objects.get(verb="login")
    assert record.actor_id == user.pk
    assert record.changes["address"] == [None, "127.0.0.1"]


def test_refused_login_is_recorded_without_what_may_be_a_password() -> None:
    make_user(email="ada@example.org")
    client = Client()
    assert sign_in(client, "ada@example.org", "wrong").status_code == 200
    assert sign_in(client, "secret.passphrase@typed.early", "x").status_code == 200
    records = AuditRecord.objects.filter(verb="login.refused").order_by("id")
    assert [record.subject_label for record in records] == ["ada@example.org", "unknown login"]


def test_guessing_is_slowed_down() -> None:
    make_user(email="ada@example.org")
    client = Client()
    for _ in range(5):
        sign_in(client, "ada@example.org", "wrong")
    assert "Too many" in sign_in(client, "ada@example.org").content.decode()
    assert "_auth_user_id" not in client.session


def test_closed_login_is_signed_out_at_once() -> None:
    unit = make_unit("bank")
    make_user("administrator", unit)
    user = make_user("analyst", unit, email="ada@example.org")
    client = Client()
    sign_in(client, "ada@example.org")
    assert client.get("/api/v1/me").status_code == 200
    people.set_active(user, is_active=False, actor=None, now=NOW)
    assert client.get("/api/v1/me").status_code == 401
    sign_in(client, "ada@example.org")
    assert client.get("/api/v1/me").status_code == 401


def test_nobody_signs_up() -> None:
    client = Client()
    client.post("/accounts/signup/", {"email": "eve@example.org", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.filter(email="eve@example.org").exists()


def test_idle_session_ends() -> None:
    make_user("analyst", make_unit("bank"), email="ada@example.org")
    client = Client()
    sign_in(client, "ada@example.org")
    assert client.get("/api/v1/me").status_code == 200
    session = client.session
    session[SEEN] = int(time.time()) - 3 * 3600
    session.save()
    assert client.get("/api/v1/me").status_code == 401
    assert client.get("/tasks/")["Location"].startswith("/accounts/login/")


def test_password_policy_refuses_short_and_common_ones() -> None:
    for password in ("short", "password1234", "ada@example.org"):
        with pytest.raises(people.UnableToChangeLogin):
            people.create_user(email="ada@example.org", password=password, actor=None, now=NOW)


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_second_factor_is_asked_for_after_the_password() -> None:
    user = make_user("analyst", make_unit("bank"), email="ada@example.org")
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    client = Client()
    assert sign_in(client, "ada@example.org")["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/api/v1/me").status_code == 401
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert "login" not in verbs()
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert client.get("/api/v1/me").status_code == 200
    assert AuditRecord.objects.get(verb="login").changes["method"] == [None, "password, mfa"]


def test_policy_sends_privileged_logins_without_second_factor_to_set_one_up() -> None:
    unit = make_unit("bank")
    make_user("caiso", unit, email="caiso@example.org")
    make_user("analyst", unit, email="analyst@example.org")
    boss, analyst = Client(), Client()
    sign_in(boss, "caiso@example.org")
    sign_in(analyst, "analyst@example.org")
    assert boss.get("/tasks/").status_code == 200
    change_setting(MFA_POLICY, True, actor=None, now=NOW)
    assert boss.get("/tasks/")["Location"].startswith("/accounts/2fa/totp/activate/")
    assert boss.get("/api/v1/me").status_code == 403
    assert analyst.get("/tasks/").status_code == 200
    TOTP.activate(User.objects.get(email="caiso@example.org"), generate_totp_secret())
    assert boss.get("/tasks/").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/accounts/login/", "/accounts/password/reset/"],
)
def test_entrance_pages_need_no_script_of_their_own(path: str) -> None:
    page = Client().get(path)
    assert page.status_code == 200
    assert b"<script>" not in page.content
    assert "default-src 'self'" in page["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/logout/",
        "/accounts/password/change/",
        "/accounts/reauthenticate/",
        "/accounts/2fa/",
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/recovery-codes/",
        "/accounts/2fa/recovery-codes/generate/",
        "/accounts/2fa/totp/deactivate/",
    ],
)
def test_account_pages_render_in_our_frame(path: str) -> None:
    user = make_user("analyst", make_unit("bank"), email="ada@example.org")
    if (path.startswith("/accounts/2fa/") and "activate/" not in path) or "deactivate" in path:
        TOTP.activate(user, generate_totp_secret())
    if path.endswith("recovery-codes/"):
        RecoveryCodes.activate(user)
    client = Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "email": user.email}]
    session.save()
    page = client.get(path, follow=True)
    assert page.status_code == 200
    assert b'class="brand"' in page.content
    confirms = "reauthenticate" in page.request["PATH_INFO"]
    assert (b'aria-label="Main"' in page.content) != confirms, "the account stands in the frame"
    assert b"<h1>" in page.content


def test_grant_that_ran_out_opens_nothing() -> None:
    unit = make_unit("bank")
    user = make_user(email="ada@example.org")
    grant = people.grant_role(user, role="analyst", unit=unit, actor=None, now=NOW)
    client = Client()
    client.force_login(user)
    assert client.get("/api/v1/me").status_code == 200
    grant.expires_on = date(2020, 1, 1)
    grant.save()
    assert client.get("/api/v1/me").status_code == 403
