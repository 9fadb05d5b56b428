"""The page of one scan, with its progress, and the upload of a scan made elsewhere."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, record_context
from caiso.web.inventory import queries
from caiso.web.inventory.forms import UploadForm
from caiso.web.inventory.models import Asset, Observation, Scan
from caiso.web.inventory.registers import SCAN_TONES, SCANS, STATE_TONES, scan_state
from caiso.web.inventory.services.requests import create_scan, import_scan
from caiso.web.inventory.services.scans import GONE

SHOWN = 300
STATE_WORDS = {"waiting": "Running", "done": "Done", "failed": "Failed"}


@page("view")
@require_GET
def scan_record(request: PageRequest, pk: int) -> HttpResponse:
    """What a scan read, found, added and no longer found."""
    scan = queries.scan_or_404(request.viewer, pk)
    state = scan_state(scan)
    found = _assets_of(request, Observation.objects.filter(scan=scan).exclude(status=GONE))
    gone = _assets_of(request, _gone_since(scan))
    may_edit = request.viewer.may("inventory.edit", scan.unit.path)
    shown = Page(
        record=scan,
        title=scan.target,
        crumbs=(("Scans", SCANS.address()),),
        badges=(Badge(STATE_WORDS[state], SCAN_TONES[state]), Badge(scan.get_origin_display(), "neutral")),
        facts=_facts(scan),
        tabs=(
            Tab("found", "Found", "inventory/scan_found.html", count=scan.found),
            Tab("lost", "No longer found", "inventory/scan_lost.html", count=len(gone)),
            Tab("unread", "Not read", "inventory/scan_unread.html", count=scan.unread_count),
        ),
        why=_why(scan, state),
        deeds=_deeds(scan, state) if may_edit else (),
        live="assets" if state == "waiting" else "",
        extra={"scan": scan, "state": state, "found": found, "gone": gone, "tones": STATE_TONES},
    )
    return render(request, "inventory/scan_record.html", record_context(request, request.viewer, shown))


def _assets_of(request: PageRequest, proofs: "object") -> list[Asset]:
    rows = Asset.objects.filter(pk__in=proofs.values("asset")).select_related("system")  # type: ignore[attr-defined]  # a queryset
    return list(visible(rows, request.viewer).order_by("kind", "name", "pk")[:SHOWN])


def _gone_since(scan: Scan) -> "object":
    """Proofs of the same place that earlier scans left and that no scan has renewed up to now."""
    earlier = Observation.objects.filter(place=scan.target, status=GONE, scan__unit=scan.unit, scan__pk__lt=scan.pk)
    return earlier if scan.ok else Observation.objects.none()


def _facts(scan: Scan) -> list[Fact]:
    return [
        Fact("Place", scan.target),
        Fact("Commit", scan.revision[:12] or "none"),
        Fact("Unit", scan.unit),
        Fact("AI system", scan.system or "none", scan.system.get_absolute_url() if scan.system else ""),
        Fact("Files read", f"{scan.files:,}"),
        Fact("Assets found", f"{scan.found:,}"),
        Fact("New", f"{scan.added:,}"),
        Fact("Lost", f"{scan.lost:,}"),
        Fact("Started", scan.started_at, kind="moment"),
        Fact("Finished", scan.finished_at, kind="moment"),
    ]


def _why(scan: Scan, state: str) -> Why | None:
    if state == "waiting":
        return None
    if state == "failed":
        error = scan.error or (scan.job.error if scan.job else "") or "the scan was cancelled"
        return Why(f"Failed: {error}", (), scan.finished_at)
    earlier = Scan.objects.filter(target=scan.target, unit=scan.unit, ok=True, pk__lt=scan.pk).order_by("-pk").first()
    if earlier is None:
        return Why(
            "This is the first scan of this place, so nothing can be lost yet.", (), scan.finished_at, open=False
        )
    reason = (
        f"Compared with the scan before it: {scan.added} new, {scan.lost} lost. An asset counts as lost when no place, "
        "traffic or person proves it any more."
    )
    return Why(reason, (Link(str(earlier), earlier.get_absolute_url()),), scan.finished_at, open=False)


def _deeds(scan: Scan, state: str) -> list[Deed]:
    if state == "waiting" or scan.origin == Scan.Origin.UPLOAD:
        return []
    return [Deed("Scan again", reverse("scan_again", args=[scan.pk]), "refresh", posts=True)]


@page("inventory.edit")
@require_POST
def scan_again(request: PageRequest, pk: int) -> HttpResponse:
    """Ask for the same scan once more."""
    scan = queries.scan_or_404(request.viewer, pk)
    values = {"target": scan.target, "unit": scan.unit, "system": scan.system}
    try:
        return redirect(create_scan(values=values, actor=request.user, now=timezone.now()))
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect(scan)


@page("inventory.edit")
@require_http_methods(["GET", "POST"])
def scan_upload(request: PageRequest) -> HttpResponse:
    """Take in what `caiso scan PATH --json` found on another machine."""
    is_sent = request.method == "POST"
    form = UploadForm(request.POST if is_sent else None, request.FILES if is_sent else None, viewer=request.viewer)
    if is_sent and form.is_valid():
        given = form.cleaned_data
        try:
            scan = import_scan(
                given["file"],
                place=given["place"],
                unit=given["unit"],
                system=given["system"],
                actor=request.user,
                now=timezone.now(),
            )
        except DomainError as refusal:
            form.add_error("file", str(refusal))
        else:
            messages.success(request, f"{scan.found} assets, {scan.added} of them new, {scan.lost} lost.")
            return redirect(scan)
    crumbs = [{"label": "Scans", "url": SCANS.address()}, {"label": "Upload a scan"}]
    context = {"form": form, "crumbs": crumbs}
    return render(request, "inventory/scan_upload.html", context, status=422 if form.errors else 200)
