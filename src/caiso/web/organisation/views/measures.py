"""How far AI and security work apart: joint signatures, doubled processes, meeting regulations; and the tool register."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from caiso.engine.coverage.silos import doubled_processes, joint_signing, regulation_pairs, tool_report
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, record_context
from caiso.web.organisation import queries
from caiso.web.organisation.figures import sight_of_units
from caiso.web.organisation.forms.skills import NewToolForm, ToolForm
from caiso.web.organisation.models import Tool
from caiso.web.organisation.services import tools as services
from caiso.web.organisation.views.coverage import may_replace
from caiso.web.organisation.views.form_page import run_form

SHOWN = 100
SIGNED_TONES = {True: "good", False: "bad", None: "unknown"}


@page("view")
@require_GET
def silos(request: PageRequest) -> HttpResponse:
    """Share of systems whose two owners signed the last risk acceptance; doubled processes; regulations; tools."""
    snapshot = queries.current_view(timezone.now().date()).snapshot
    organisation = snapshot.organisation
    sees = sight_of_units(request.viewer)
    in_sight = {system.id: system for system in organisation.systems if sees(system.unit)}
    signatures = [one for one in joint_signing(snapshot).signatures if one.system in in_sight]
    known = [one for one in signatures if one.both is not None]
    titles = {one.id: one.title for one in organisation.processes}
    doubled = [one for one in doubled_processes(organisation) if one.system is None or one.system in in_sight]
    report = tool_report(organisation)
    capabilities = {one.id: one.title for one in organisation.capabilities}
    mine = dict(_tools(request).values_list("slug", "pk"))
    names = {tool.id: tool.title for tool in organisation.tools}
    context = {
        "joint": sum(1 for one in known if one.both),
        "known": len(known),
        "known_words": f"of {len(known)} that can be judged, {len(signatures)} in all",
        "capability_words": f"of {report.capabilities}",
        "signatures": [
            {"title": in_sight[one.system].title, "row": one, "tone": SIGNED_TONES[one.both]}
            for one in signatures[:SHOWN]
        ],
        "more": max(0, len(signatures) - SHOWN),
        "doubled": [
            {
                "row": one,
                "system": in_sight[one.system].title if one.system else "all systems",
                "processes": [titles.get(name, name) for name in one.processes],
            }
            for one in doubled[:SHOWN]
        ],
        "processes": len(organisation.processes),
        "all_processes": [
            {"row": one, "system": in_sight[one.system].title if one.system else "all systems"}
            for one in organisation.processes
            if one.system is None or one.system in in_sight
        ][:SHOWN],
        "may_keep": may_replace(request),
        "may_add": request.viewer.may("organisation.edit"),
        "pairs": regulation_pairs(organisation.requirement_links)[:SHOWN],
        "report": report,
        "gaps": [capabilities[name] for name in report.gaps],
        "overlaps": [
            {
                "title": capabilities.get(name, name),
                "tools": [{"title": names[tool], "pk": mine[tool]} for tool in tools if tool in mine],
            }
            for name, tools in report.overlaps
        ],
        "undecided": [{"title": names[tool], "pk": mine[tool]} for tool in report.undecided if tool in mine],
        "tools": len(organisation.tools),
        "cost": report.cost.items(),
        "crumbs": [{"label": "Silos and tools"}],
    }
    return render(request, "organisation/silos.html", context)


def _tools(request: PageRequest) -> Any:
    return queries.visible_tools(request.viewer)


@page("view")
@require_GET
def tool_record(request: PageRequest, pk: int) -> HttpResponse:
    """What a tool can do, what nobody else can, what it costs, and why it was chosen."""
    row = _tools(request).filter(pk=pk).first()
    if row is None:
        raise Http404
    organisation = queries.current_view(timezone.now().date()).snapshot.organisation
    others = {
        slug: [tool.title for tool in organisation.tools if slug in tool.capabilities and tool.id != row.slug]
        for slug in row.capabilities
    }
    titles = {one.id: one.title for one in organisation.capabilities}
    may_edit = request.viewer.may("organisation.edit", row.unit.path)
    shown = Page(
        record=row,
        title=row.title,
        crumbs=(("Tools", reverse("tools_list")),),
        badges=[Badge(row.get_domain_display(), "info")]
        + ([] if row.decided_on else [Badge("No decision on record", "warn")]),
        facts=[
            Fact("Owner", row.owner or "nobody", row.owner.get_absolute_url() if row.owner else ""),
            Fact("Cost a year", f"{row.annual_cost:,.0f}"),
            Fact("Chosen on", row.decided_on),
            Fact("Why", row.decision),
            Fact("Unit", row.unit),
            Fact("Id", row.slug),
        ],
        tabs=(Tab("can", "What it can do", "organisation/tool_capabilities.html", count=len(row.capabilities)),),
        deeds=[Deed("Change", reverse("tool_change", args=[pk]), icon="pencil")] if may_edit else [],
        extra={
            "capabilities": [{"title": titles.get(slug, slug), "others": names} for slug, names in others.items()],
        },
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def tool_new(request: PageRequest) -> HttpResponse:
    """Add a tool to the register."""
    organisation = queries.current_view(timezone.now().date()).snapshot.organisation
    form = NewToolForm(request, organisation, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            row = services.create_tool(unit=given.pop("unit"), values=given, actor=request.user, now=timezone.now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Added.")
            return redirect(row)
    context = {
        "form": form,
        "title": "Add a tool",
        "about": "A security or governance tool and what it can do.",
        "back": reverse("tools_list"),
        "crumbs": [{"label": "Tools", "url": reverse("tools_list")}, {"label": "Add"}],
    }
    return render(request, "organisation/form.html", context, status=422 if form.errors else 200)


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def tool_change(request: PageRequest, pk: int) -> HttpResponse:
    """Change what is recorded of a tool."""
    row: Tool | None = _tools(request).filter(pk=pk).first()
    if row is None or not request.viewer.may("organisation.edit", row.unit.path):
        raise Http404
    organisation = queries.current_view(timezone.now().date()).snapshot.organisation
    initial = {name: getattr(row, name) for name in services.FIELDS}
    return run_form(
        request,
        ToolForm(request, organisation, request.POST or None, initial=initial),
        lambda values: services.update_tool(row, changes=values, actor=request.user, now=timezone.now()),
        title="Change",
        about=row.title,
        back=row.get_absolute_url(),
        said="Changed.",
    )
