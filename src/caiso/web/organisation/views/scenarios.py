"""The scenario workspace: draft, see before and after, compare, adopt with a decision, or discard."""

from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.engine.coverage.organisation import Scenario as Plan
from caiso.engine.coverage.organisation import dump_scenario, parse_scenario
from caiso.engine.coverage.scenario import MOST_COMPARED
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Unit
from caiso.web.base.queries import sees_whole
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, record_context
from caiso.web.organisation import figures, pictures, queries
from caiso.web.organisation.difference import Names, change_words, drawn, shown_live, shown_outcome
from caiso.web.organisation.figures import Sight
from caiso.web.organisation.forms.scenario import (
    OPERATIONS,
    AdoptForm,
    ChangeForm,
    Choices,
    DiscardForm,
    ScenarioForm,
)
from caiso.web.organisation.models import Scenario
from caiso.web.organisation.registers import SCENARIO_TONES
from caiso.web.organisation.scenarios import Trial, plan_of, trial
from caiso.web.organisation.services import scenarios as services
from caiso.web.organisation.views.coverage import root_unit
from caiso.web.organisation.views.form_page import run_form

FIGURE_KINDS = {"svg": "image/svg+xml", "png": "image/png"}


@page("view")
@require_GET
def scenario_record(request: PageRequest, pk: int) -> HttpResponse:
    """What the scenario changes and what that closes, breaks, loads and costs."""
    row = scenario_or_404(request, pk)
    may_edit = _may_edit(request, row)
    found = _trial(row)
    names = _names(request, found)
    badges = [Badge(row.get_state_display(), SCENARIO_TONES[row.state])]
    if found.refusal:
        badges.append(Badge("Does not apply", "bad"))
    shown = Page(
        record=row,
        title=row.name,
        crumbs=(("Scenarios", reverse("scenarios_list")),),
        lead=row.description,
        badges=badges,
        facts=_facts(row),
        tabs=(
            Tab("difference", "Before and after", "organisation/scenario_difference.html"),
            Tab("changes", "Changes", "organisation/scenario_changes.html", count=len(row.changes)),
            Tab("load", "Load and dependency", "organisation/scenario_load.html"),
        ),
        deeds=_deeds(request, row, found) if may_edit else [],
        extra={
            "scenario": row,
            "may_edit": may_edit,
            "refusal": found.refusal,
            "shown": _shown(request, row, found, names),
            "changes": [
                {"place": place, "words": change_words(change, names)} for place, change in enumerate(row.changes)
            ],
            "operations": [(op, label) for op, (label, _) in OPERATIONS.items()],
        },
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


def scenario_or_404(request: PageRequest, pk: int) -> Scenario:
    """One scenario; outside the viewer's units it does not exist."""
    found = queries.visible_scenarios(request.viewer).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def draft_or_404(request: PageRequest, pk: int) -> Scenario:
    """The scenario where the viewer may change the organisation; elsewhere it does not exist."""
    row = scenario_or_404(request, pk)
    if not request.viewer.may("organisation.edit", row.unit.path):
        raise Http404
    return row


def _may_edit(request: PageRequest, row: Scenario) -> bool:
    return row.state == Scenario.State.DRAFT and request.viewer.may("organisation.edit", row.unit.path)


def may_adopt(request: PageRequest) -> bool:
    """An adopted scenario changes the whole organisation, so the right must reach over the whole."""
    return sees_whole(request.viewer, "organisation.adopt")


def _trial(row: Scenario) -> Trial:
    return trial(row, on=timezone.now().date()) if row.state != Scenario.State.ADOPTED else Trial(None)


def _names(request: PageRequest, found: Trial) -> Names:
    return _names_of(_sight(request), found)


def _sight(request: PageRequest) -> tuple[Sight, frozenset[str]]:
    seen = figures.sight(request.viewer, on=timezone.now().date())
    return seen, frozenset(queries.people(request.viewer).order_by().values_list("slug", flat=True))


def _names_of(sight: tuple[Sight, frozenset[str]], found: Trial) -> Names:
    seen, people = sight
    after = found.difference.applied.organisation if found.difference else seen.view.snapshot.organisation
    return Names(seen, people, after)


def _shown(request: PageRequest, row: Scenario, found: Trial, names: Names) -> dict[str, Any] | None:
    if found.difference:
        return shown_live(found.difference, names)
    if row.outcome:
        return shown_outcome(row, names, whole=sees_whole(request.viewer, "view"))
    return None


def _facts(row: Scenario) -> list[Fact]:
    facts = [
        Fact("Owner", row.owner or "nobody"),
        Fact("Unit", row.unit),
        Fact("Started", row.created_at, kind="moment"),
        Fact("Changed", row.updated_at, kind="moment"),
        Fact("As a file", "YAML", url=reverse("scenario_file", args=[row.pk])),
        Fact("As a figure", "SVG", url=reverse("scenario_figure", args=[row.pk, "svg"])),
        Fact("As a picture", "PNG", url=reverse("scenario_figure", args=[row.pk, "png"])),
    ]
    if row.state == Scenario.State.ADOPTED:
        facts += [Fact("Decided by", row.decided_by), Fact("Decided on", row.decided_on)]
    if row.state != Scenario.State.DRAFT:
        facts += [Fact("Why", row.reason), Fact("Recorded by", row.recorded_by)]
    return facts


def _deeds(request: PageRequest, row: Scenario, found: Trial) -> list[Deed]:
    deeds = [Deed("Add a change", reverse("scenario_change", args=[row.pk]), icon="plus")]
    if row.changes and not found.refusal and may_adopt(request):
        deeds.append(Deed("Adopt", reverse("scenario_adopt", args=[row.pk]), icon="check", tone="primary"))
    deeds.append(Deed("Discard", reverse("scenario_discard", args=[row.pk]), icon="trash"))
    return deeds


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def scenario_new(request: PageRequest) -> HttpResponse:
    """Start from a template, a file or nothing."""
    organisation = queries.current_view(timezone.now().date()).snapshot.organisation
    form = ScenarioForm(
        request,
        organisation,
        request.POST or None,
        request.FILES or None,
        initial={"template": request.GET.get("template", "")},
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            row = services.start_scenario(
                name=given["name"],
                description=given["description"],
                template=given["template"],
                plan=_sent_plan(given["file"]),
                unit=given["unit"],
                actor=request.user,
                now=timezone.now(),
            )
            return redirect(row)
        except PackError as refusal:
            for problem in refusal.problems[:20]:
                form.add_error("file", str(problem))
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    context = {
        "form": form,
        "title": "New scenario",
        "about": "A copy of the organisation to change and look at; nothing becomes real before it is adopted.",
        "back": reverse("scenarios_list"),
        "has_file": True,
        "crumbs": [{"label": "Scenarios", "url": reverse("scenarios_list")}, {"label": "New scenario"}],
    }
    return render(request, "organisation/form.html", context, status=422 if form.errors else 200)


def _sent_plan(sent: Any) -> Plan | None:
    if not sent:
        return None
    stem = str(sent.name).rpartition(".")[0] or str(sent.name)
    return parse_scenario(sent.read(), path=Path(f"{slugify(stem)[:60] or 'scenario'}.yaml"))


@page("view")
@require_GET
def scenario_file(request: PageRequest, pk: int) -> HttpResponse:
    """The scenario as the file that the command and other installations read."""
    row = scenario_or_404(request, pk)
    response = HttpResponse(dump_scenario(plan_of(row)), content_type="application/yaml")
    response["Content-Disposition"] = f'attachment; filename="scenario-{row.pk}.yaml"'
    return response


@page("view")
@require_GET
def scenario_figure(request: PageRequest, pk: int, ending: str) -> HttpResponse:
    """Before and after as a figure that stands alone."""
    row = scenario_or_404(request, pk)
    found = _trial(row)
    shown = _shown(request, row, found, _names(request, found))
    figure = drawn(row.name, shown) if shown else None
    content: str | bytes | None = pictures.png(figure) if figure and ending == "png" else figure
    if not content or ending not in FIGURE_KINDS:
        raise Http404
    response = HttpResponse(content, content_type=FIGURE_KINDS[ending])
    response["Content-Disposition"] = f'attachment; filename="scenario-{row.pk}.{ending}"'
    return response


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def scenario_change(request: PageRequest, pk: int, place: int | None = None) -> HttpResponse:
    """Add a change, or edit one: first the operation is chosen, then its fields are filled in."""
    row = draft_or_404(request, pk)
    change = _change_at(row, place)
    op = str(change.get("op") or request.GET.get("op", ""))
    if op not in OPERATIONS:
        return _choose_operation(request, row)
    form = ChangeForm(op, _choices(request, row, place), request.POST or None, change=change)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            services.put_change(
                row,
                form.as_change(),
                place=place,
                stamp=request.POST.get("stamp", ""),
                actor=request.user,
                now=timezone.now(),
            )
            messages.success(request, "Changed; before and after are computed.")
            return redirect(f"{row.get_absolute_url()}?tab=changes")
        except DomainError as refusal:
            refused = str(refusal)
            form.add_error(None, refused)
    title = OPERATIONS[op][0]
    context = {
        "form": form,
        "scenario": row,
        "title": title,
        "crumbs": [
            {"label": "Scenarios", "url": reverse("scenarios_list")},
            {"label": row.name, "url": row.get_absolute_url()},
            {"label": title},
        ],
    }
    return render(request, "organisation/scenario_change.html", context, status=422 if form.errors else 200)


def _change_at(row: Scenario, place: int | None) -> dict[str, Any]:
    if place is None:
        return {}
    if not 0 <= place < len(row.changes):
        raise Http404
    return dict(row.changes[place])


def _choose_operation(request: PageRequest, row: Scenario) -> HttpResponse:
    context = {
        "scenario": row,
        "operations": [(op, label) for op, (label, _) in OPERATIONS.items()],
        "crumbs": [
            {"label": "Scenarios", "url": reverse("scenarios_list")},
            {"label": row.name, "url": row.get_absolute_url()},
            {"label": "Add a change"},
        ],
    }
    return render(request, "organisation/scenario_operations.html", context)


def _choices(request: PageRequest, row: Scenario, place: int | None) -> Choices:
    """What there is to choose from when the change is made: after those before it."""
    so_far = Scenario(pk=row.pk, name=row.name, changes=row.changes[:place])
    names = _names(request, _trial(so_far))
    units = visible(Unit.objects.order_by("name"), request.viewer, lookup="path").values_list("slug", "name")
    return Choices(names.organisation, names.seen, names.people, tuple(units))


@page("organisation.edit")
@require_POST
def scenario_change_drop(request: PageRequest, pk: int, place: int) -> HttpResponse:
    """Take a change out."""
    row = draft_or_404(request, pk)
    try:
        services.drop_change(
            row, place=place, stamp=request.POST.get("stamp", ""), actor=request.user, now=timezone.now()
        )
        messages.success(request, "Taken out; before and after are computed.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{row.get_absolute_url()}?tab=changes")


@page("organisation.adopt")
@require_http_methods(["GET", "POST"])
def scenario_adopt(request: PageRequest, pk: int) -> HttpResponse:
    """Record the decision and make the scenario real."""
    row = scenario_or_404(request, pk)
    if not may_adopt(request):
        raise Http404

    def save(values: dict[str, Any]) -> None:
        services.adopt_scenario(row, **values, root=root_unit(), actor=request.user, now=timezone.now())

    form = AdoptForm(request.POST or None, initial={"stamp": row.stamp})
    return run_form(
        request,
        form,
        save,
        title="Adopt",
        about=row.name,
        back=row.get_absolute_url(),
        said="Adopted: the organisation is changed and the decision is on record.",
    )


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def scenario_discard(request: PageRequest, pk: int) -> HttpResponse:
    """Put a draft away."""
    row = draft_or_404(request, pk)

    def save(values: dict[str, Any]) -> None:
        services.discard_scenario(row, **values, actor=request.user, now=timezone.now())

    form = DiscardForm(request.POST or None)
    return run_form(
        request, form, save, title="Discard", about=row.name, back=row.get_absolute_url(), said="Discarded."
    )


@page("view")
@require_GET
def scenario_compare(request: PageRequest) -> HttpResponse:
    """Up to three scenarios beside the organisation as it is."""
    drafts = list(queries.visible_scenarios(request.viewer).filter(state=Scenario.State.DRAFT)[:50])
    asked = [pk for pk in dict.fromkeys(request.GET.getlist("scenario")) if pk.isdecimal()]
    chosen = [row for row in drafts if str(row.pk) in asked]
    too_many = len(chosen) > MOST_COMPARED
    columns: list[dict[str, Any]] = []
    sight = _sight(request)
    for row in chosen[:MOST_COMPARED]:
        found = _trial(row)
        names = _names_of(sight, found)
        shown = shown_live(found.difference, names) if found.difference else None
        columns.append({"row": row, "refusal": found.refusal, "shown": shown})
    context = {
        "drafts": [{"row": row, "on": row in chosen} for row in drafts],
        "columns": columns,
        "lines": _lines([one["shown"] for one in columns]),
        "most": MOST_COMPARED,
        "too_many": too_many,
        "crumbs": [{"label": "Scenarios", "url": reverse("scenarios_list")}, {"label": "Compare"}],
    }
    return render(request, "organisation/scenario_compare.html", context)


def _lines(columns: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """One line per measure: as it is, then with each scenario."""
    known = next((one for one in columns if one), None)
    if known is None:
        return []
    measures = [
        (f"AI security duties: {state['label'].lower()}", number) for number, state in enumerate(known["states"])
    ]
    lines = [
        {
            "label": label,
            "before": known["states"][number]["ai_before"],
            "values": [one["states"][number]["ai_after"] if one else None for one in columns],
        }
        for label, number in measures
    ]
    lines += [
        {
            "label": f"All duties: {state['label'].lower()}",
            "before": state["before"],
            "values": [one["states"][number]["after"] if one else None for one in columns],
        }
        for number, state in enumerate(known["states"])
    ]
    counted = (
        ("Duties closed", "closed"),
        ("Covered duties lost", "lost"),
        ("Newly contested", "contested"),
        ("People newly past capacity", "overloads"),
        ("New dependencies on one person", "dependencies"),
        ("New conflicts of duties", "conflicts"),
        ("Conflicts resolved", "resolved"),
    )
    lines += [
        {"label": label, "before": None, "values": [len(one[key]) if one else None for one in columns]}
        for label, key in counted
    ]
    lines.append(
        {
            "label": "Named weaknesses open",
            "before": known["open_before"],
            "values": [one["open_after"] if one else None for one in columns],
        }
    )
    lines.append({"label": "Cost, once", "before": None, "values": [_money(one, "one_off") for one in columns]})
    lines.append(
        {
            "label": "Cost a year",
            "before": f"{known['cost']['annual_before']:,.0f}",
            "values": [_money(one, "annual_after") for one in columns],
        }
    )
    return lines


def _money(one: dict[str, Any] | None, key: str) -> str | None:
    return f"{one['cost'][key]:,.0f}" if one else None
