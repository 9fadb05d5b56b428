"""Is the process alive, is the installation ready, and how is it doing."""

import hmac
import ipaddress
from datetime import timedelta

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from caiso.web.base import metrics as numbers
from caiso.web.base.guard import public
from caiso.web.base.models import Heartbeat

SILENT = timedelta(seconds=30)
_migrated = False


@public("a load balancer asks; the answer tells nothing but that the process lives")
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@public("a load balancer asks; the answer names parts, not contents")
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers, its tables are of this version, and the worker lives."""
    parts = {"database": False, "tables": False, "worker": False}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        parts["database"] = True
        parts["tables"] = _tables_are_current()
        if parts["tables"]:
            parts["worker"] = Heartbeat.objects.filter(kind="worker", seen_at__gte=timezone.now() - SILENT).exists()
    except Error:
        parts["database"] = False
    # Pages work without the worker (jobs and seals wait), so its silence is told and does not take the site away.
    ready = parts["database"] and parts["tables"]
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


@public("checks its own token, or that the asker is on this machine")
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus."""
    if not _may_scrape(request):
        return HttpResponse("Send the token of CAISO_METRICS_TOKEN.\n", status=403, content_type="text/plain")
    return HttpResponse(numbers.scrape(), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(sent.encode(), settings.METRICS_TOKEN.encode())
    # Behind a proxy on this machine everybody seems local: a forwarded request never counts as such.
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip")):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _tables_are_current() -> bool:
    """Asked of the disk once per process: migrations run before the processes start."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated
