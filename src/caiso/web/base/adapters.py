"""How allauth behaves here: nobody signs up by themselves, and every sign-in, refused or not, is recorded."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from caiso.web.base.metrics import FAILED_LOGINS
from caiso.web.base.models import User
from caiso.web.base.services import audit


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Accounts are made by an administrator or by single sign-on, never by open sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse:
        """Called once the login is complete, second factor included."""
        audit.record(
            actor=user,
            verb="login",
            subject=user,
            changes={"address": [None, _address(request)], "method": [None, _method(request)]},
            now=timezone.now(),
        )
        response: HttpResponse = super().post_login(request, user, **details)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong password; the e-mail is kept as it was typed, bounded, since it may be a password typed too early."""
        super().authentication_failed(request, **credentials)
        FAILED_LOGINS.inc()
        email = str(credentials.get("email") or credentials.get("username") or "")[:120].lower()
        known = User.objects.filter(email=email).exists()
        audit.record(
            actor="nobody",
            verb="login.refused",
            subject=audit.Subject("User", "", email if known else "unknown login"),
            changes={"address": [None, _address(request)]},
            now=timezone.now(),
        )

    def logout(self, request: HttpRequest) -> None:
        """Recorded before the session is gone."""
        user = request.user
        super().logout(request)
        if isinstance(user, User):
            audit.record(actor=user, verb="logout", subject=user, now=timezone.now())


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """A first login by single sign-on makes a login that may do nothing until somebody grants it a role."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        audit.record(
            actor=user,
            verb="user.create",
            subject=user,
            changes={"provider": [None, str(sociallogin.account.provider)]},
            now=timezone.now(),
        )
        return user


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))[:64]


def _method(request: HttpRequest) -> str:
    methods = request.session.get("account_authentication_methods", [])
    return ", ".join(str(one.get("method", "")) for one in methods if isinstance(one, dict))[:120]
