"""The process of one trial: ``python -m caiso.connect.telemetry.trial.child CPU_SECONDS ADDRESS_BYTES``."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from caiso.connect.telemetry.trial.check import run_check
from caiso.connect.telemetry.trial.drill import run_drill
from caiso.connect.telemetry.trial.jobs import CheckJob, DrillJob, ScanJob, TestsJob
from caiso.connect.telemetry.trial.rules import run_own_tests
from caiso.connect.telemetry.trial.scan import run_scan
from caiso.connect.telemetry.trial.speak import serve

Job = DrillJob | CheckJob | ScanJob | TestsJob


def run(job: Job, tell: Callable[[int, int, str], None]) -> msgspec.Struct:
    """Do a job of any kind."""
    match job:
        case DrillJob():
            return run_drill(job, tell)
        case CheckJob():
            return run_check(job, tell)
        case ScanJob():
            return run_scan(job, tell)
        case TestsJob():
            return run_own_tests(job)


if __name__ == "__main__":
    serve(Job, run)
