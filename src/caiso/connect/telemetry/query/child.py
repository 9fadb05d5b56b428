"""The process of one question: ``python -m caiso.connect.telemetry.query.child CPU_SECONDS ADDRESS_BYTES``."""

from __future__ import annotations

from caiso.connect.telemetry.query.ask import ask
from caiso.connect.telemetry.query.jobs import QueryJob
from caiso.connect.telemetry.trial.speak import serve

if __name__ == "__main__":
    serve(QueryJob, ask, writes=False)
