"""Compiles pattern sets for Hyperscan in a process of its own, so that a slow pattern can be stopped by killing it.

Run as a file. Reads one JSON request on standard input; answers on standard output.
``build``: one JSON line with sizes, then the serialised databases. ``triage``: one JSON line per pattern.
Imports nothing of the product, so that it starts quickly.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

import hyperscan

MEMORY_BYTES = 4 << 30
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def limit_memory() -> None:
    """Keeps a pattern explosion from taking the machine; where the platform has no such limit, nothing happens."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


def end_with(parent: int) -> None:
    """Ask the kernel to kill this process when the one that asked ends (Linux): nobody would read what it makes.

    The signal comes when the thread that started us ends, which waits for our answer.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def build(patterns: list[list[Any]], extra_flags: int) -> bytes:
    """One serialised block-mode database whose match ids are positions in ``patterns``."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode() for expression, _ in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[flags | extra_flags for _, flags in patterns],
    )
    blob: bytes = hyperscan.dumpb(database)
    return blob


def limit_time(budget_s: float) -> None:
    """Dies after so much processor time from now on; 0 takes the limit away.

    Not time on the clock: on a busy machine, good patterns would be refused, and the refusal is kept.
    """
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, budget_s)


def triage(patterns: list[list[Any]], budget_s: float) -> None:
    """Says for each pattern alone whether it compiles; the process dies on the first that takes too long."""
    for index, pattern in enumerate(patterns):
        sys.stdout.write(json.dumps({"started": index}) + "\n")
        sys.stdout.flush()
        limit_time(budget_s)
        try:
            build([pattern], 0)
            fine = True
        except hyperscan.error:
            fine = False
        sys.stdout.write(json.dumps({"done": index, "fine": fine}) + "\n")
    limit_time(0)


def main() -> None:
    limit_memory()
    request = json.load(sys.stdin)
    end_with(request["parent"])
    if request["mode"] == "triage":
        triage(request["patterns"], request["budget_s"])
        return
    limit_time(request["budget_s"])
    try:
        blobs = [build(patterns, extra) for patterns in request["sets"] for extra in (0, hyperscan.HS_FLAG_SINGLEMATCH)]
    except hyperscan.error as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return
    sys.stdout.write(json.dumps({"sizes": [len(blob) for blob in blobs]}) + "\n")
    sys.stdout.flush()
    for blob in blobs:
        sys.stdout.buffer.write(blob)


if __name__ == "__main__":
    main()
