"""The platform's processes; the supervisor starts each as `python -m caiso.cli.platform.processes NAME …`."""

import json
import signal
import sys
from collections.abc import Callable

from caiso.cli.platform import boot
from caiso.cli.serving import serve
from caiso.cli.supervisor import die_with_parent
from caiso.datadir import chosen_data_dir
from caiso.errors import DomainError


def prepare(arguments: list[str]) -> None:
    """Bring the store up to date; prints a line per step, then what a person needs to sign in as one line of JSON."""
    from caiso.cli.platform.prepare import prepare_store

    told = prepare_store(with_demo="--demo" in arguments, tell=lambda line: print(line, flush=True))
    print(json.dumps(told))


def web(arguments: list[str]) -> None:
    """Serve pages, API and the edge on the listening socket that the supervisor holds."""
    serve("caiso.web.config.asgi:application", int(arguments[0]))


def edge(arguments: list[str]) -> None:
    """Serve the ingest edge alone."""
    from caiso.web.base.edge_auth import build_edge

    serve(build_edge(chosen_data_dir(None), prefix="edge"), int(arguments[0]))


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
    "edge": edge,
    "worker": worker,
    "detector": detector,
}


def main() -> None:
    """Run the named process as a part of the installation in CAISO_DATA."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    name, *arguments = sys.argv[1:]
    if name != "edge":  # an edge runs by itself
        die_with_parent()
    try:
        boot(chosen_data_dir(None), must_exist=name == "edge")
        PROCESSES[name](arguments)
    except DomainError as refusal:
        print(f"caiso: {refusal}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
