"""Pages of the frame itself: start, search, palette, notifications, theme, live stream, a person's record."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base import live as streams
from caiso.web.base import queries, search
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Fact, Page, Tab, record_context
from caiso.web.base.services import workplace

NOTIFICATIONS_SHOWN = 200
MOST_TOPICS = 20


@page("view")
@require_GET
def page_index(request: PageRequest) -> HttpResponse:
    """The navigation as a page, for small screens without scripts."""
    return render(request, "shell/page_index.html", {"crumbs": [{"label": "All pages"}]})


@page("view")
@require_GET
def find(request: PageRequest) -> HttpResponse:
    """Global search as a page."""
    text = request.GET.get("q", "")[: search.LONGEST]
    groups = search.find(request.viewer, text, limit=25)
    context = {"text": text, "groups": groups, "crumbs": [{"label": "Search"}]}
    return render(request, "base/search.html", context)


@page("view")
@require_GET
@never_cache
def palette(request: PageRequest) -> HttpResponse:
    """What the command palette lists for a text: records, pages, commands."""
    text = request.GET.get("q", "")[: search.LONGEST]
    groups = [*search.find(request.viewer, text), search.destinations(request.viewer, text), search.commands(text)]
    context = {"text": text, "groups": [group for group in groups if group.results]}
    return render(request, "shell/palette_results.html", context)


@page("view")
@require_http_methods(["GET", "POST"])
def notifications(request: PageRequest) -> HttpResponse:
    """What the login was told; POST marks one or all as read."""
    if request.method == "POST":
        number = request.POST.get("number", "")
        if number and not (number.isdecimal() and len(number) < 19):
            raise Http404("no such notification")
        workplace.mark_read(request.user, now=timezone.now(), number=int(number) if number else None)
        return redirect("notifications")
    notes = queries.notifications_of(request.user)[:NOTIFICATIONS_SHOWN]
    return render(request, "base/notifications.html", {"notes": notes, "crumbs": [{"label": "Notifications"}]})


@page("view")
@require_GET
def open_notification(request: PageRequest, number: int) -> HttpResponse:
    """Follow a notification: marks it as read and goes to what it is about."""
    note = queries.notifications_of(request.user).filter(pk=number).first()
    if note is None:
        raise Http404("no such notification")
    workplace.mark_read(request.user, now=timezone.now(), number=note.pk)
    return redirect(_own(note.url) or reverse("notifications"))


@page("view")
@require_POST
def theme(request: PageRequest) -> HttpResponse:
    """Keep the chosen theme on the login."""
    try:
        workplace.choose_theme(request.user, request.POST.get("theme", ""))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    if request.headers.get("X-Requested-With") == "fetch":
        return HttpResponse(status=204)
    return redirect(_own(request.POST.get("next", "")) or "/")


@page("view")
@require_POST
def keep_section(request: PageRequest) -> HttpResponse:
    """Remember which sections of the navigation the login wants open."""
    try:
        workplace.keep_section(request.user, request.POST.get("section", ""), is_open=request.POST.get("open") == "yes")
    except DomainError as refusal:
        return HttpResponse(str(refusal), status=422, content_type="text/plain")
    return HttpResponse(status=204)


@page("view")
@require_GET
def person(request: PageRequest, slug: str) -> HttpResponse:
    """One person: unit, login, tasks and whatever other apps link to them."""
    record = visible(queries.people(), request.viewer).filter(slug=slug).first()
    if record is None:
        raise Http404("there is no such person")
    shown = Page(
        record=record,
        title=record.name,
        crumbs=(("People", reverse("people_list")),),
        badges=(Badge("Active", "good") if record.is_active else Badge("Left"),),
        facts=(
            Fact("Unit", record.unit),
            Fact("E-mail", record.email),
            Fact("Login", "Yes" if record.user else "None"),
        ),
        tabs=(Tab("tasks", "Tasks", "base/person_tasks.html"),),
        extra={"tasks": visible(queries.tasks_of(record), request.viewer)[:50]},
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


@page("view")
async def live(request: HttpRequest) -> HttpResponseBase:
    """The stream of live updates for the topics in ?topics=a,b."""
    names = request.GET.get("topics", "")[:500].split(",")[:MOST_TOPICS]
    viewer = request.viewer  # type: ignore[attr-defined]  # set by the guard
    topics = await streams.topics_for_async(viewer, names)
    if not topics:
        return HttpResponse("no such topic for you", status=404, content_type="text/plain")
    response = StreamingHttpResponse(streams.follow(viewer, topics), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _own(url: str) -> str:
    """The address if it is one of our own pages, else nothing."""
    return url if url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""
