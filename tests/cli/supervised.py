"""A supervisor over two small programs and one that streams, run by the tests as a process of its own."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from caiso.cli.supervisor import Program, Supervisor, listen, lock_data_dir

STAY = "from caiso.cli.supervisor import die_with_parent; die_with_parent(); import time; time.sleep(600)"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "from caiso.cli.supervisor import die_with_parent; die_with_parent(); import time; time.sleep(600)"
)
STREAM = (
    "import sys; from caiso.cli.supervisor import die_with_parent; die_with_parent();"
    "from caiso.cli.serving import serve; serve('tests.cli.supervised:stream', int(sys.argv[1]))"
)


async def stream(
    scope: dict[str, object], receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
) -> None:
    """An event stream that never ends by itself."""
    import asyncio

    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    while True:
        await send({"type": "http.response.body", "body": b"data: still here\n\n", "more_body": True})
        await asyncio.sleep(0.05)


def main() -> None:
    """Supervise in the data directory argv[1] until told to stop; argv[2:] name the programs."""
    data, *names = sys.argv[1:]
    lock = lock_data_dir(Path(data))
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    lock.describe(f"port {port}")
    known = {
        "stay": Program("stay", ("-c", STAY)),
        "stubborn": Program("stubborn", ("-c", STUBBORN)),
        "stream": Program("stream", ("-c", STREAM, str(listener.fileno())), files=(listener.fileno(),)),
        "failing": Program("failing", ("-c", "raise SystemExit(3)")),
    }
    supervisor = Supervisor(Path(data), [known[name] for name in names], facts={"port": port})
    supervisor.watch_signals()
    supervisor.run()


if __name__ == "__main__":
    main()
