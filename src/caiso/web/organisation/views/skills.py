"""Skills: who can do what as attested, what teams lack, how holder and candidates meet a role's scorecard."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.skills import GROUPS, Scorecard, compare_candidates, scorecard, skill_matrix, team_gaps
from caiso.engine.coverage.snapshot import Snapshot
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Person, Unit
from caiso.web.base.queries import sees_whole
from caiso.web.organisation import queries
from caiso.web.organisation.forms.skills import ItemForm, SkillForm
from caiso.web.organisation.models import Skill
from caiso.web.organisation.services import skills as services
from caiso.web.organisation.views.form_page import run_form

PEOPLE_SHOWN = 50
MOST_COMPARED = 5
CANDIDATES = 200


def people_with_skills(request: PageRequest) -> "QuerySet[Person]":
    """People whose skills the viewer may see."""
    return visible(Person.objects.filter(is_active=True), request.viewer, "skill.view").order_by("name")


@page("skill.view")
@require_GET
def skills(request: PageRequest) -> HttpResponse:
    """Person against competence: the attested level, or that nobody has attested one; holders of roles first by name."""
    snapshot = queries.current_view(timezone.now().date()).snapshot
    rows = people_with_skills(request)
    if asked := request.GET.get("role", ""):
        rows = rows.filter(slug__in=[seat.person.id for seat in snapshot.seats.get(asked, ())])
    elif request.GET.get("all") != "yes":
        rows = rows.filter(slug__in=list(snapshot.holdings))
    shown = Paginator(rows, PEOPLE_SHOWN).get_page(request.GET.get("page"))
    known = [person for person in shown if person.slug in snapshot.people]
    matrix = skill_matrix(snapshot, [person.slug for person in known])
    competences = snapshot.organisation.competences
    context = {
        "heat": {
            "columns": [str(number + 1) for number in range(len(competences))],
            "rows": [
                {
                    "label": person.name,
                    "cells": [_cell(person, one.title, matrix[person.slug][one.id]) for one in competences],
                }
                for person in known
            ],
        },
        "competences": competences,
        "page_of": shown,
        "everybody": request.GET.get("all") == "yes",
        "query": "all=yes&" if request.GET.get("all") == "yes" else "",
        "gaps": _gaps(request, snapshot.organisation),
        "may_need": request.viewer.may("skill.attest"),
        "crumbs": [{"label": "Skills"}],
    }
    return render(request, "organisation/skills.html", context)


def _cell(person: Person, title: str, level: int | None) -> dict[str, Any]:
    words = "nobody has attested it" if level is None else f"level {level} of 4"
    return {
        "value": "?" if level is None else level,
        "level": 0 if level is None else level + 1,
        "url": reverse("person_skills", args=[person.slug]),
        "title": f"{person.name}, {title}: {words}",
    }


def _gaps(request: PageRequest, organisation: Organisation) -> list[dict[str, Any]]:
    """Needs of the teams in sight against what their people attested, with the courses that would close them."""
    units = dict(visible(Unit.objects.all(), request.viewer, "skill.view", lookup="path").values_list("slug", "name"))
    trainings = {one.id: one.title for one in organisation.trainings}
    titles = {one.id: one.title for one in organisation.competences}
    return [
        {
            "row": gap,
            "unit": units[gap.unit] if gap.unit else "Everybody",
            "competence": titles.get(gap.competence, gap.competence),
            "courses": [{"title": trainings[one.training], "row": one} for one in gap.courses],
        }
        for gap in team_gaps(organisation, as_of=timezone.now().date())
        if (gap.unit in units if gap.unit else sees_whole(request.viewer, "skill.view"))
    ]


def person_or_404(request: PageRequest, slug: str) -> tuple[Person, bool]:
    """A person whose skills the viewer may see or whose they are, and whether the viewer may attest."""
    person = Person.objects.select_related("unit").filter(slug=slug, is_active=True).first()
    if person is None:
        raise Http404
    mine = person.user_id == request.user.pk
    if not mine and not request.viewer.may("skill.view", person.unit.path):
        raise Http404
    return person, mine or request.viewer.may("skill.attest", person.unit.path)


@page("view")
@require_http_methods(["GET", "POST"])
def person_skills(request: PageRequest, slug: str) -> HttpResponse:
    """A person's attested levels, for those who may see them and for the person; and attesting one more."""
    person, may_attest = person_or_404(request, slug)
    if request.method == "POST" and not may_attest:
        raise PermissionDenied("Only the person or somebody who answers for the unit attests.")
    rows = Skill.objects.filter(person=person).select_related("competence").order_by("competence__title")
    organisation = queries.current_view(timezone.now().date()).snapshot.organisation
    anchors = {one.id: one.anchors for one in organisation.competences}
    form = SkillForm(request.POST or None)

    def save(values: dict[str, Any]) -> None:
        services.attest_skill(person, **values, actor=request.user, now=timezone.now())

    if request.method == "POST" or request.GET.get("attest") == "yes":
        return run_form(
            request,
            form,
            save,
            title="Attest a skill",
            about=person.name,
            back=reverse("person_skills", args=[person.slug]),
            said="Attested; coverage is computed.",
        )
    context = {
        "person": person,
        "may_attest": may_attest,
        "rows": [
            {
                "row": row,
                "anchor": anchors.get(row.competence.slug, ("",) * 5)[min(row.level, 4)],
                "counts": bool(row.attested_by and row.attested_on),
            }
            for row in rows
        ],
        "crumbs": [{"label": person.name, "url": reverse("person", args=[person.slug])}, {"label": "Skills"}],
    }
    return render(request, "organisation/person_skills.html", context)


@page("skill.view")
@require_GET
def role_scorecard(request: PageRequest) -> HttpResponse:
    """Holder, candidates, or several people together against what a role asks."""
    snapshot = queries.current_view(timezone.now().date()).snapshot
    organisation = snapshot.organisation
    roles = list(dict.fromkeys(item.role for item in organisation.scorecard))
    role = request.GET.get("role") or next(iter(roles), "")
    people = _candidates(request, snapshot, role)
    asked = [name for name in dict.fromkeys(request.GET.getlist("person")) if name in people][:MOST_COMPARED]
    holders = [seat.person.id for seat in snapshot.seats.get(role, ()) if seat.person.id in people]
    chosen = asked or holders[:MOST_COMPARED]
    together = request.GET.get("together") == "yes"
    cards: list[Scorecard] = []
    if role in roles and chosen:
        today = timezone.now().date()
        if together:
            cards = [scorecard(organisation, role, chosen, as_of=today)]
        else:
            cards = list(compare_candidates(organisation, role, chosen, as_of=today))
    titles = {one.id: one.title for one in organisation.roles}
    trainings = {one.id: one.title for one in organisation.trainings}
    context = {
        "role": {"slug": role, "title": titles.get(role, role)},
        "people": [{"slug": slug, "name": one.name, "on": slug in chosen} for slug, one in people.items()],
        "together": together,
        "cards": [_card(card, people, trainings) for card in cards],
        "groups": _groups(cards, people, request),
        "crumbs": [{"label": "Skills", "url": reverse("skills")}, {"label": "Scorecard"}],
    }
    return render(request, "organisation/scorecard.html", context)


def _candidates(request: PageRequest, snapshot: Snapshot, role: str) -> dict[str, Person]:
    """Who may be scored: holders, people of whom something is attested, and those asked for by name."""
    held = [seat.person.id for seat in snapshot.seats.get(role, ())]
    known = Q(slug__in=[*held, *request.GET.getlist("person")]) | Q(skills__isnull=False)
    rows = people_with_skills(request).filter(known | Q(scorecard_evidence__isnull=False)).select_related("unit")
    return {person.slug: person for person in rows.distinct()[:CANDIDATES] if person.slug in snapshot.people}


def _card(card: Scorecard, people: dict[str, Person], trainings: dict[str, str]) -> dict[str, Any]:
    return {
        "names": [people[name].name for name in card.people],
        "met": sum(1 for score in card.items if score.gap == 0),
        "known": sum(1 for score in card.items if score.level is not None),
        "total": len(card.items),
        "development": [
            {
                "row": step,
                "courses": [f"{trainings[one.training]} ({one.hours:g} h, {one.cost:,.0f})" for one in step.courses],
            }
            for step in card.plan
            if step.step != "attest"
        ],
        "unknown": [step.title for step in card.plan if step.step == "attest"],
    }


def _groups(cards: list[Scorecard], people: dict[str, Person], request: PageRequest) -> list[dict[str, Any]]:
    """Items by group, one column for each card."""
    if not cards:
        return []
    found = []
    for group in GROUPS:
        places = [place for place, score in enumerate(cards[0].items) if score.item.group == group]
        found.append(
            {
                "title": group.capitalize(),
                "items": [
                    {
                        "row": cards[0].items[place].item,
                        "scores": [_score(card, place, people, request) for card in cards],
                    }
                    for place in places
                ],
            }
        )
    return found


def _score(card: Scorecard, place: int, people: dict[str, Person], request: PageRequest) -> dict[str, Any]:
    score = card.items[place]
    who = people[score.person or card.people[0]]
    return {
        "level": score.level,
        "gap": score.gap,
        "who": who.name if len(card.people) > 1 and score.person else "",
        "evidence": score.evidence,
        "attest": reverse("scorecard_attest", args=[who.slug, score.item.id])
        if request.viewer.may("skill.attest", who.unit.path)
        else "",
    }


@page("skill.attest")
@require_http_methods(["GET", "POST"])
def scorecard_attest(request: PageRequest, slug: str, item: str) -> HttpResponse:
    """Say with evidence at which level a person meets an item."""
    person = visible(Person.objects.select_related("unit"), request.viewer, "skill.attest").filter(slug=slug).first()
    organisation = queries.current_view(timezone.now().date()).snapshot.organisation
    found = next((one for one in organisation.scorecard if one.id == item), None)
    if person is None or found is None:
        raise Http404

    def save(values: dict[str, Any]) -> None:
        services.attest_item(person, item=found.id, **values, actor=request.user, now=timezone.now())

    return run_form(
        request,
        ItemForm(request.POST or None),
        save,
        title="Attest",
        about=f"{person.name}: {found.title}",
        back=f"{reverse('scorecard')}?role={found.role}&person={person.slug}",
        said="Attested.",
    )
