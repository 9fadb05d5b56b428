"""To whom work goes: the holder of the accountable role, who stands in for them, or nobody and why that hurts."""

from datetime import date

from caiso.engine.coverage.routing import Route, route
from caiso.web.base.models import Person
from caiso.web.organisation import queries
from caiso.web.organisation.models import Role


def route_duty(duty: str, *, system: str | None = None, unit: str | None = None, on: date) -> Route:
    """Who receives what belongs to a duty, for one AI system ("system-12") or unit, else for the organisation."""
    snapshot = queries.current_view(on).snapshot
    if duty not in snapshot.duties:
        return Route((), f"there is no duty {duty}")
    known = system if system in snapshot.systems else None
    return route(snapshot, duty, system=known, unit=unit if unit in snapshot.units else None)


def accountable_role(duty: str, *, unit: str | None = None, on: date) -> str:
    """The one role accountable for a duty in a unit; empty when none is, or several are."""
    snapshot = queries.current_view(on).snapshot
    _, owners = snapshot.accountable(duty, [*(f"unit:{one}" for one in snapshot.unit_path(unit)), ""])
    roles = {owner.role for owner in owners}
    return roles.pop() if len(roles) == 1 else ""


def reached(role_slug: str, *, on: date) -> list[Person]:
    """People who act in a role on a day: holders who are here, and for those away whoever stands in."""
    found: list[Person] = []
    for holder in queries.holders_of(role_slug, on=on):
        acting = [holder] if not queries.is_away(holder, on=on) else queries.stand_ins(holder, role_slug, on=on)
        found += [person for person in acting if person not in found]
    return found


def role_words(role_slug: str, *, on: date) -> str:
    """Who answers, as a page says it: the role and its people, or that it is vacant or away."""
    role = Role.objects.filter(slug=role_slug, is_template=False).first()
    if role is None:
        return f"{role_slug}: not part of the organisation" if role_slug else "no role"
    people = reached(role_slug, on=on)
    if people:
        load = queries.current_view(on).loads.get(role_slug)
        note = " (past capacity)" if load and load.capacity_hours and load.overloaded else ""
        return f"{role}: {', '.join(person.name for person in people)}{note}"
    return f"{role}: away, nobody stands in" if queries.holders_of(role_slug, on=on) else f"{role}: vacant"


def duty_words(duty: str, *, system: str | None = None, unit: str | None = None, on: date) -> str:
    """To whom a duty's work goes, as a page says it, or where it hurts."""
    found = route_duty(duty, system=system, unit=unit, on=on)
    if not found.recipients:
        return f"nobody: {found.hurts}"
    view = queries.current_view(on)
    snapshot = view.snapshot
    said = []
    for one in found.recipients:
        note = f" for {snapshot.people[one.instead_of].name}" if one.instead_of else ""
        note += ", past capacity" if duty in view.loads[one.role].beyond else ""
        said.append(f"{snapshot.people[one.person].name} ({snapshot.roles[one.role].title}{note})")
    return ", ".join(dict.fromkeys(said))
