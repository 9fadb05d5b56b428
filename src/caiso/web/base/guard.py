"""The rule that stands on every view: which permission opens it, or why it is open to all.

A view without a rule fails tests/web/base/test_matrix.py.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve, reverse
from django.utils.http import urlencode
from django_htmx.middleware import HtmxDetails

from caiso.web.base.access import PERMISSIONS, Viewer
from caiso.web.base.models import User
from caiso.web.base.queries import mfa_is_due


class PageRequest(HttpRequest):
    """A request as a guarded view gets it."""

    user: User
    viewer: Viewer
    htmx: HtmxDetails


F = TypeVar("F", bound=Callable[..., Any])


def page(permission: str) -> Callable[[F], F]:
    """Open a view to logins that hold the permission in at least one unit; objects are then filtered by scope."""
    if permission not in PERMISSIONS:
        raise ValueError(
            f"no access role carries the permission {permission!r}; the known ones are {sorted(PERMISSIONS)}"
        )

    def decorate(view: F) -> F:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                user = await request.auser()
                refusal = await sync_to_async(_enter)(request, user, permission)
                return refusal or cast(HttpResponseBase, await view(request, *args, **kwargs))

            guarded: Callable[..., Any] = guarded_async
        else:

            @wraps(view)
            def guarded_sync(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                return _enter(request, request.user, permission) or cast(
                    HttpResponseBase, view(request, *args, **kwargs)
                )

            guarded = guarded_sync
        guarded.required_permission = permission  # type: ignore[attr-defined]  # read by the matrix test
        return cast(F, guarded)

    return decorate


def opens(viewer: Viewer, address: str) -> bool:
    """Whether a page would open to the viewer, so that no link leads to a refusal; what is not ours opens to everybody."""
    if not address.startswith("/"):
        return True
    try:
        view = resolve(address.partition("?")[0].partition("#")[0]).func
    except Resolver404:
        return False
    permission = getattr(view, "required_permission", None)
    further = getattr(view, "opens_for", None)
    return (permission is None or viewer.may(permission)) and (further is None or bool(further(viewer)))


def public(reason: str) -> Callable[[F], F]:
    """Leave a view open to everybody, and say why."""

    def decorate(view: F) -> F:
        view.required_permission = None  # type: ignore[attr-defined]  # read by the matrix test
        view.public_reason = reason  # type: ignore[attr-defined]
        return view

    return decorate


def _enter(request: HttpRequest, user: User | AnonymousUser, permission: str) -> HttpResponse | None:
    """Attach the viewer and return None, or return the redirect that must happen first; refuse by PermissionDenied."""
    if not isinstance(user, User):
        return _elsewhere(request, resolve_url("account_login"))
    viewer = Viewer(user)
    request.viewer = viewer  # type: ignore[attr-defined]
    if not viewer.may(permission):
        raise PermissionDenied(f"None of your access roles carries the permission “{permission}”.")
    if mfa_is_due(viewer.roles, user):
        return _elsewhere(request, reverse("mfa_activate_totp"))
    return None


def _elsewhere(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to the url and bring it back afterwards; a fragment request moves the whole page."""
    htmx = getattr(request, "htmx", None)
    if not htmx:
        return redirect_to_login(request.get_full_path(), url)
    came_from = htmx.current_url_abs_path or "/"
    response = HttpResponse(status=200)
    response["HX-Redirect"] = f"{url}?{urlencode({'next': came_from})}"
    return response
