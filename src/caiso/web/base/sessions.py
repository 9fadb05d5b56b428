"""Ends a session that nobody used for a while; Django itself only knows a longest age."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

SEEN = "seen_at"
WRITE_EVERY = 60


class IdleSessionMiddleware(MiddlewareMixin):
    """Sign out after SESSION_IDLE_SECONDS; the time of the last request is written at most once a minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__(get_response)

    def process_request(self, request: HttpRequest) -> None:
        """Compare before the view runs; reading the session costs one query that every page makes anyway."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return
        now = int(time.time())
        seen = request.session.get(SEEN)
        if isinstance(seen, int) and now - seen > settings.SESSION_IDLE_SECONDS:
            logout(request)
        elif "_auth_user_id" in request.session and (not isinstance(seen, int) or now - seen >= WRITE_EVERY):
            request.session[SEEN] = now

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Pages of a session are asked for again, so that the next person at the machine sees none of them."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-cache"
        return response
