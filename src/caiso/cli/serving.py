"""Serves an ASGI application on a socket that is already listening."""

import socket
from typing import Any

from caiso.memory import without

GRACEFUL_SHUTDOWN_S = 3  # without a limit one open event stream keeps the process alive for ever


def serve(application: Any, descriptor: int) -> None:
    """Answer on the listening socket `descriptor` until SIGTERM; open streams are cut after three seconds."""
    with without("watchfiles"):  # reloads code that changes, which ours does not
        import uvicorn

    config = uvicorn.Config(
        application,
        log_config=None,  # the structured log of the settings
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        server_header=False,
        ws="none",
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
