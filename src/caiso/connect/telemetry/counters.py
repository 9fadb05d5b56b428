"""Prometheus counters of the edge, in a registry of their own so that several edges can live in one process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class EdgeCounters:
    """What the edge counts; no label ever holds a sender's text."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.requests = Counter(
            "caiso_ingest_requests",
            "Ingest requests by signal and status.",
            ["signal", "status"],
            registry=self.registry,
        )
        self.records = Counter(
            "caiso_ingest_records", "Records by signal and outcome.", ["signal", "outcome"], registry=self.registry
        )
        self.bytes = Counter("caiso_ingest_bytes", "Bytes taken, unpacked.", ["signal"], registry=self.registry)
        self.failures = Counter(
            "caiso_ingest_failures", "Requests refused because log or token check failed.", registry=self.registry
        )
        self.backlog = Gauge(
            "caiso_ingest_backlog_bytes", "Bytes of log that wait to be processed.", registry=self.registry
        )
        self.durable = Histogram(
            "caiso_ingest_durable_seconds",
            "Time until a request was on disk.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=self.registry,
        )
