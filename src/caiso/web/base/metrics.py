"""What Prometheus reads: request times of this process, and the state of jobs, audit trail and processes."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from caiso.web.base.models import AuditRecord, AuditSeal, AuditVerification, Heartbeat, Job

REGISTRY = CollectorRegistry()
SECONDS = Histogram(
    "caiso_http_request_seconds",
    "Time to answer, by route and status class.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
FAILED_LOGINS = Counter("caiso_failed_logins", "Refused attempts to sign in.", registry=REGISTRY)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Measure = Callable[[], Iterable[Metric]]
_measures: list[Measure] = []


def add_measure(measure: Measure) -> None:
    """Let an app add gauges that are read from the database at each scrape."""
    _measures.append(measure)


class TimingMiddleware:
    """Times every request; the label is the route's name, never the path that was asked."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if self.is_async:
            return self._timed(request)  # type: ignore[return-value]  # a coroutine, as Django expects of an async middleware
        started = time.perf_counter()
        response = self.get_response(request)
        _note(request, response, time.perf_counter() - started)
        return response

    async def _timed(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]  # async chain
        _note(request, response, time.perf_counter() - started)
        return response


def _note(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    match = request.resolver_match
    route = (match.view_name or match.route) if match else "none"
    method = request.method if request.method in METHODS else "other"
    SECONDS.labels(method, route, f"{response.status_code // 100}xx").observe(seconds)


class _Database(Collector):
    """Gauges read at each scrape."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        yield from _jobs()
        yield from _audit(now)
        alive = GaugeMetricFamily("caiso_process_silence_seconds", "Since the last sign of life.", labels=["kind"])
        for kind, seen_at in Heartbeat.objects.values_list("kind", "seen_at"):
            alive.add_metric([kind], (now - seen_at).total_seconds())
        yield alive
        for measure in _measures:
            yield from measure()


def _jobs() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("caiso_jobs", "Jobs by state.", labels=["state"])
    counted = dict(Job.objects.order_by().values_list("state").annotate(Count("pk")))
    for state in Job.State.values:
        jobs.add_metric([state], counted.get(state, 0))
    yield jobs


def _audit(now: datetime) -> Iterator[Metric]:
    head = AuditSeal.objects.order_by("id").first()
    yield GaugeMetricFamily("caiso_audit_sequence", "Sealed audit records.", value=head.sequence if head else 0)
    oldest = AuditRecord.objects.filter(sequence=None).aggregate(oldest=Min("at"))["oldest"]
    age = (now - oldest).total_seconds() if oldest else 0
    yield GaugeMetricFamily("caiso_audit_unsealed_seconds", "Age of the oldest unsealed audit record.", value=age)
    last = AuditVerification.objects.order_by("-verified_at").first()
    if last is not None:
        yield GaugeMetricFamily("caiso_audit_chain_whole", "Whether the last verification passed.", value=int(last.ok))


class _EdgeCounters(Collector):
    """The counters of the edge mounted in this process."""

    def collect(self) -> Iterable[Metric]:
        from caiso.web.base.edge_auth import web_edge  # noqa: PLC0415 - the edge is built when first asked for

        return web_edge().counters.registry.collect()


REGISTRY.register(_EdgeCounters())
_DATABASE = CollectorRegistry()
_DATABASE.register(_Database())


def scrape() -> bytes:
    """Everything in Prometheus' text format."""
    return generate_latest(REGISTRY) + generate_latest(_DATABASE)
