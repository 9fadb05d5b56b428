"""The web process: pages and API from Django; the ingest edge is mounted beside them."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caiso.web.config.settings")

from django.core.asgi import get_asgi_application

pages = get_asgi_application()

from caiso.web.config.edge import make_edge  # noqa: E402 - models can be imported only after the line above
from caiso.web.config.environment import environment  # noqa: E402 - as above

edge = make_edge(environment().data)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Telemetry goes to the edge without touching Django; the server's start and stop open and close the edge's log."""
    if scope["type"] == "lifespan" or (scope["type"] == "http" and edge.accepts(scope["path"])):
        await edge(scope, receive, send)
    else:
        await pages(scope, receive, send)
