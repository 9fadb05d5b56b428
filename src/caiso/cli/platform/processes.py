"""The platform's processes; the supervisor starts each as `python -m caiso.cli.platform.processes NAME …`."""

import json
import signal
import socket
import sys
from collections.abc import Callable

from caiso.cli.platform import boot
from caiso.cli.supervisor import die_with_parent
from caiso.datadir import chosen_data_dir

GRACEFUL_SHUTDOWN_S = 3  # without it one open event stream keeps the web process alive for ever


def prepare(arguments: list[str]) -> None:
    """Bring the store up to date, then print what a person needs to sign in, as JSON."""
    from caiso.cli.platform.prepare import prepare_store

    json.dump(prepare_store(chosen_data_dir(None), with_demo="--demo" in arguments), sys.stdout)


def web(arguments: list[str]) -> None:
    """Serve pages, API and the edge on the listening socket that the supervisor holds."""
    import uvicorn

    listener = socket.socket(fileno=int(arguments[0]))
    config = uvicorn.Config(
        "caiso.web.config.asgi:application",
        log_config=None,  # the settings' structured log
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def worker(arguments: list[str]) -> None:
    """Run jobs and seal the audit trail."""
    from caiso.web.base.worker import run_worker

    run_worker()


def detector(arguments: list[str]) -> None:
    """Turn acknowledged telemetry into alerts."""
    from caiso.web.soc.detector import run_detector

    run_detector()


PROCESSES: dict[str, Callable[[list[str]], None]] = {
    "prepare": prepare,
    "web": web,
    "worker": worker,
    "detector": detector,
}


def main() -> None:
    """Run the named process as a part of the installation in CAISO_DATA."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    die_with_parent()
    name, *arguments = sys.argv[1:]
    boot(chosen_data_dir(None))
    PROCESSES[name](arguments)


if __name__ == "__main__":
    main()
