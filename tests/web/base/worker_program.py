"""A program of the jobs test: a worker on one database file with a slow handler that writes what it did to a file.

Usage: python worker_program.py DATABASE LOG, with CAISO_DATA and DJANGO_SETTINGS_MODULE set.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

import django


def main(database: str, log: Path) -> None:
    django.setup()
    from django.db import connection

    from caiso.web.base.services import jobs
    from caiso.web.base.worker import run_worker

    connection.settings_dict["NAME"] = database

    @jobs.handles("test.slow")
    def slow(context: jobs.JobContext, *, name: str) -> dict[str, int]:
        with log.open("a") as out:
            out.write(f"start {name} {context.attempt}\n")
        for step in range(10 if context.attempt == 1 else 1):
            context.progress(step, 10, name)
            time.sleep(0.2)
        with log.open("a") as out:
            out.write(f"end {name} {context.attempt}\n")
        return {"attempt": context.attempt}

    run_worker(lease=timedelta(seconds=1))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
