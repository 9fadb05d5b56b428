"""The web process: pages and API from Django; the ingest edge is mounted beside them under /v1/."""

import gc
import os
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caiso.web.config.settings")

from django.core.asgi import get_asgi_application
from django.urls import get_resolver

pages = get_asgi_application()

from caiso.memory import give_back  # noqa: E402 - as the next one
from caiso.web.base.edge_auth import web_edge  # noqa: E402 - models load after Django is set up


def _settle() -> None:
    """Load the pages and take what lives as long as the process out of the garbage collector's sight.

    Its full collections walked half a million objects of libraries and stretched a page by 100 ms now and then.
    """
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    give_back()


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Send each request where it belongs; the edge also hears of start and stop, to open and close its log."""
    edge = web_edge()
    if scope["type"] == "lifespan":
        _settle()
    if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"].startswith("/v1/")):
        await edge(scope, receive, send)
    else:
        await pages(scope, receive, send)
