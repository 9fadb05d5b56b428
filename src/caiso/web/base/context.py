"""What the page frame needs in every template; computed only when a template asks for it."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from caiso.web.base import navigation
from caiso.web.base.access import Viewer
from caiso.web.base.models import Notification, Unit, User

THEMES = (("light", "Light", "sun"), ("dark", "Dark", "moon"), ("system", "System", "device-desktop"))


def frame(request: HttpRequest) -> dict[str, Any]:
    """viewer, navigation, unread count, demo banner and theme."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_authenticated:
        return {"viewer": None, "theme": "system", "themes": THEMES}
    viewer = getattr(request, "viewer", None) or Viewer(user)
    sections = cache(lambda: navigation.sections(viewer, request.path))
    return {
        "viewer": viewer,
        "theme": user.theme,
        "themes": THEMES,
        "navigation": SimpleLazyObject(sections),
        "page_tabs": SimpleLazyObject(lambda: navigation.tabs(sections(), request.path)),
        "unread_count": SimpleLazyObject(lambda: Notification.objects.filter(user=user, read_at=None).count()),
        "shows_demo": SimpleLazyObject(lambda: Unit.objects.filter(is_demo=True).exists()),
    }
