"""`caiso edge`: the ingest edge alone, for many senders or beside pages that must not slow it down."""

import os
import sys
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit, note
from caiso.cli.supervisor import listen
from caiso.datadir import chosen_data_dir


def edge(
    *,
    data: Data = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 4318,
    as_json: Json = False,
) -> None:
    """Accept telemetry (OTLP/HTTP and NDJSON under /v1/) without pages; stop it with Ctrl-C.

    It writes to the data directory that `caiso up` serves, and may run beside it, as often as needed.

    \b
    Example: caiso edge --data ./data --port 4318
    """
    folder = chosen_data_dir(data)
    listener = listen(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
    if as_json:
        emit({"url": url, "pid": os.getpid()})
    else:
        note(f"caiso edge listens on {url}")
    sys.stdout.flush()
    os.environ["CAISO_DATA"] = str(folder)
    # The process becomes the edge: same number, so that what started it can stop it.
    os.execv(  # noqa: S606 - our own interpreter and module
        sys.executable, [sys.executable, "-m", "caiso.cli.platform.processes", "edge", str(listener.detach())]
    )


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("edge")(edge)
