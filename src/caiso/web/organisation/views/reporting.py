"""Where the CAISO should report, with the reason for every point; and whether a role has the authority that it needs."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from caiso.engine.coverage.advisor import Advice, Ranked, UnableToAdvise, advise, current_structure
from caiso.engine.coverage.authority import AuthorityResult, check_authority
from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.snapshot import Snapshot
from caiso.web.base.guard import PageRequest, page
from caiso.web.organisation import figures, queries
from caiso.web.organisation.forms.reporting import AttestForm, ProfileForm
from caiso.web.organisation.models import AuthorityRecord, Role
from caiso.web.organisation.services import reporting as services
from caiso.web.organisation.views.coverage import may_replace
from caiso.web.organisation.views.form_page import run_form
from caiso.web.organisation.views.roles import editable_role

OUTCOME_TONES = {"pass": "good", "fail": "bad", "unknown": "unknown"}
SOURCES = {
    "solid": "Solid line",
    "dotted": "Dotted line",
    "contact": "Contact",
    "profile": "Your profile",
    "cap": "Limit",
    "base": "To start with",
    "chosen": "Set by hand",
}


@page("view")
@require_http_methods(["GET", "POST"])
def advisor(request: PageRequest) -> HttpResponse:
    """Rank the alternatives; sliders that are moved change the ranking at once, and are kept when somebody says so."""
    view = queries.current_view(timezone.now().date())
    organisation, today = _with_current(view.snapshot)
    advice = advise(organisation)
    form = ProfileForm(organisation, advice, request.POST or None)
    if request.method == "POST" and form.is_valid():
        profile = form.profile()
        try:
            advice = advise(organisation, profile)
        except UnableToAdvise as refusal:
            form.add_error(None, str(refusal))
        else:
            if request.POST.get("keep") == "yes":
                if not may_replace(request):
                    raise PermissionDenied("The profile is that of the whole organisation.")
                services.keep_profile(profile, actor=request.user, now=timezone.now())
                messages.success(request, "The profile and its weights are kept.")
                return redirect("advisor")
            form = ProfileForm(organisation, advice)
    context = {
        "form": form,
        "profile_fields": [form[name] for name in form.fields if not name.startswith(("weight-", "was-", "by_rules"))],
        "weight_fields": [form[name] for name in form.fields if name.startswith(("weight-", "was-"))],
        "may_keep": may_replace(request),
        "ranking": [_ranked(entry, organisation, today) for entry in advice.ranking],
        "weights": _weights(advice, organisation),
        "deciding": [_title(organisation, name) for name in advice.deciding],
        "advantages": organisation.advantages,
        "crumbs": [{"label": "Reporting structure"}],
    }
    return render(request, "organisation/advisor.html", context, status=422 if form.errors else 200)


def _with_current(snapshot: Snapshot) -> tuple[Organisation, str]:
    """The organisation with its present lines as one more alternative, and the id of the one that is in force."""
    organisation = snapshot.organisation
    role = organisation.alternatives[0].role if organisation.alternatives else "caiso"
    present = current_structure(snapshot, role)
    if present is None:
        return organisation, ""
    for known in organisation.alternatives:
        if known.solid == present.solid and set(known.dotted) == set(present.dotted):
            return organisation, known.id
    return replace(organisation, alternatives=(*organisation.alternatives, present)), present.id


def _title(organisation: Organisation, criterion: str) -> str:
    return next((one.title for one in organisation.criteria if one.id == criterion), criterion)


def _ranked(entry: Ranked, organisation: Organisation, today: str) -> dict[str, Any]:
    titles = {role.id: role.title for role in organisation.roles}
    return {
        "row": entry,
        "percent": round(entry.score * 100),
        "solid": titles.get(entry.alternative.solid, entry.alternative.solid),
        "dotted": [titles.get(name, name) for name in entry.alternative.dotted],
        "is_today": entry.alternative.id == today,
        "criteria": [
            {
                "title": _title(organisation, part.criterion),
                "points": part.points,
                "weight": part.weight,
                "weighted": part.weighted,
                "reasons": [
                    {"points": reason.points, "source": SOURCES[reason.source], "text": reason.text}
                    for reason in part.reasons
                ],
            }
            for part in entry.criteria
        ],
    }


def _weights(advice: Advice, organisation: Organisation) -> list[dict[str, Any]]:
    return [
        {
            "title": _title(organisation, weight.criterion),
            "value": weight.value,
            "reasons": [
                {"points": one.points, "source": SOURCES[one.source], "text": one.text} for one in weight.reasons
            ],
        }
        for weight in advice.weights
    ]


@page("view")
@require_GET
def authority(request: PageRequest) -> HttpResponse:
    """The authority page of the CAISO, else of the security officer who stands in."""
    roles = {
        role.slug: role
        for role in queries.visible_roles(request.viewer).prefetch_related(None).filter(is_template=False)
    }
    asked = request.GET.get("role", "")
    chosen = next((roles[slug] for slug in (asked, "caiso", "ciso", *roles) if slug in roles), None)
    if chosen is None:
        return render(request, "organisation/authority.html", {"role": None, "crumbs": [{"label": "Authority"}]})
    return redirect("role_authority", chosen.pk)


@page("view")
@require_GET
def role_authority(request: PageRequest, pk: int) -> HttpResponse:
    """Each condition of authority: passes, fails or unknown, with the record that was read."""
    role = queries.role_or_404(request.viewer, pk)
    seen = figures.sight(request.viewer, on=timezone.now().date())
    results = check_authority(seen.view, role.slug)
    rows = {row.slug: row for row in AuthorityRecord.objects.filter(role=role)}
    others = queries.visible_roles(request.viewer).prefetch_related(None).filter(is_template=False).order_by("title")
    context = {
        "role": role,
        "roles": [{"slug": one.slug, "title": one.title, "on": one.pk == role.pk} for one in others[:300]],
        "checks": [_check(result, rows, role) for result in results],
        "counts": {outcome: sum(one.outcome == outcome for one in results) for outcome in OUTCOME_TONES},
        "total": len(results),
        "may_edit": request.viewer.may("organisation.edit", role.unit.path) and not role.is_template,
        "records": rows.values(),
        "crumbs": [{"label": "Authority", "url": reverse("authority")}, {"label": role.title}],
    }
    return render(request, "organisation/authority.html", context)


def _check(result: AuthorityResult, rows: dict[str, AuthorityRecord], role: Role) -> dict[str, Any]:
    return {
        "row": result.check,
        "outcome": result.outcome,
        "tone": OUTCOME_TONES[result.outcome],
        "reason": result.reason,
        "attested": result.attested,
        "records": [_record(name, rows, role) for name in result.records],
    }


def _record(name: str, rows: dict[str, AuthorityRecord], role: Role) -> dict[str, Any]:
    kind, _, key = name.partition(":")
    found = rows.get(key) if kind == "authority" else None
    if found is not None:
        return {"title": str(found), "note": found.evidence or found.subject, "url": f"#record-{found.pk}"}
    return {"title": f"{role.title}, {kind}", "note": "", "url": role.get_absolute_url()}


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_attest(request: PageRequest, pk: int, check: str) -> HttpResponse:
    """Say with evidence whether a condition holds."""
    role = editable_role(request, pk)
    view = queries.current_view(timezone.now().date())
    found = next((one for one in view.snapshot.organisation.authority_checks if one.id == check), None)
    if found is None:
        raise Http404

    def save(values: dict[str, Any]) -> None:
        services.attest_authority(role, check=found.id, **values, actor=request.user, now=timezone.now())

    return run_form(
        request,
        AttestForm(request.POST or None),
        save,
        title="Attest",
        about=f"{role.title}: {found.title}. {found.description}",
        back=reverse("role_authority", args=[role.pk]),
        said="Attested; it counts until it is too old or a record says more.",
    )
