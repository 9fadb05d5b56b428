"""How a process of a trial speaks with its parent: the job as JSON in, progress and the result as JSON lines out."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from caiso.errors import DomainError


def serve(job_type: Any, run: Callable[..., msgspec.Struct], *, writes: bool = True) -> None:
    """Do the job that stands on standard input, within the bounds of the command line."""
    _bind(cpu_seconds=int(sys.argv[1]), address_bytes=int(sys.argv[2]))
    if not writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints must not break the protocol
    lock = threading.Lock()

    def send(message: object) -> None:
        with lock:
            out.write(msgspec.json.encode(message) + b"\n")
            out.flush()

    job = msgspec.json.decode(sys.stdin.buffer.read(), type=job_type)
    try:
        result = run(job, lambda done, total, note: send({"progress": [done, total, note]}))
    except DomainError as refusal:
        send({"refused": str(refusal)})
    else:
        send({"result": result})


def _bind(*, cpu_seconds: int, address_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (address_bytes, address_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
