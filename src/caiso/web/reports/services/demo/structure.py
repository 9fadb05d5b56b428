"""Who answers in the demo organisation: three officers, later a CAISO; what is on file, and plans."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.changes import Change
from caiso.engine.coverage.organisation.changes import Scenario as Plan
from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.web.base.models import Person, Unit, User
from caiso.web.organisation.models import Holding, Role
from caiso.web.organisation.queries import stored_organisation
from caiso.web.organisation.services.absence import record_absence
from caiso.web.organisation.services.answering import delegate_role, end_holding
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.services.scenarios import adopt_scenario, start_scenario
from caiso.web.reports.services.demo import cast
from caiso.web.reports.services.demo.files import with_files


def found_organisation(root: Unit, *, now: datetime) -> bool:
    """Officers as they were before there was a CAISO; False where people hold roles already, which nothing replaces."""
    if Holding.objects.filter(person__is_demo=False).exists():
        return False
    base = default_organisation()
    units = tuple(engine.Unit(slug, name, None if slug == cast.ROOT else cast.ROOT) for slug, name in cast.UNITS)
    people = tuple(engine.Person(id=one.person, name=one.name, unit=one.unit) for one in cast.CAST)
    holdings = tuple(
        engine.Holding(person=one.person, role=one.role, since_on=now.date() - timedelta(days=one.since_days))
        for one in cast.CAST
        if one.role and one is not cast.CAISO
    )
    organisation = replace(base, units=units, people=people, holdings=holdings)
    take_organisation(organisation, root=root, actor=None, now=now, demo=True)
    return True


def plan_caiso(at: datetime, *, unit: Unit, users: Mapping[str, User]) -> None:
    """The draft by which the officers hand the security of AI to one person."""
    changes = (
        Change("add_role_from_template", role="caiso"),
        Change("appoint", role="caiso", person=cast.CAISO.person),
    )
    text = "One Chief AI Security Officer takes over every duty of AI security; who held one by custom is consulted."
    plan = Plan("appoint-caiso", "Appoint a CAISO", text, changes)
    start_scenario(name="Appoint a CAISO", plan=plan, unit=unit, actor=users[cast.CAIO.slug], now=at)


def appoint_caiso(at: datetime, *, root: Unit, users: Mapping[str, User]) -> None:
    """The board decides, and the draft becomes the organisation."""
    draft = users[cast.CAIO.slug].scenarios.filter(state="draft").first()
    if draft is not None:
        adopt_scenario(
            draft, decided_by="Board of Meridian Insurance", decided_on=at.date(),
            reason="Nobody could say who stops an AI system that does harm.", stamp=draft.stamp, root=root,
            actor=users[cast.CAIO.slug], now=at,
        )  # fmt: skip


def settle_in(at: datetime, *, now: datetime, root: Unit, users: Mapping[str, User]) -> None:
    """What is on file comes in as one file: skills, needs, tools, policies, records of authority."""
    organisation = with_files(stored_organisation(), today=now.date())
    take_organisation(organisation, root=root, actor=users[cast.CISO.slug], now=at, demo=True)


def plan_team(at: datetime, *, unit: Unit, users: Mapping[str, User]) -> None:
    """A draft that waits for a decision: the CAISO cannot do it all alone."""
    changes = (
        Change("add_role_from_template", role="aisoc-lead"),
        Change("appoint", role="aisoc-lead", person=cast.LEAD.person),
        Change("add_role_from_template", role="ai-red-team-lead"),
        Change("appoint", role="ai-red-team-lead", person=cast.RED_TEAM.person),
    )
    text = (
        "Amara Osei leads the AISOC and Rafael Costa the red team, so that the CAISO's week holds what is asked of it."
    )
    plan = Plan("caiso-team", "Give the CAISO a team", text, changes)
    start_scenario(name="Give the CAISO a team", plan=plan, unit=unit, actor=users[cast.CAISO.slug], now=at)


def go_away(at: datetime, *, now: datetime, users: Mapping[str, User]) -> None:
    """The CISO is away for some days and somebody stands in; the CRO leaves at the end of the month."""
    actor = users[cast.CAIO.slug]
    ciso = Person.objects.get(slug=cast.CISO.person)
    until = now.date() + timedelta(days=6)
    record_absence(ciso, since_on=at.date(), until_on=until, actor=actor, now=at)
    delegate_role(
        Role.objects.get(slug="ciso"), person=ciso, delegate=Person.objects.get(slug=cast.SOC_LEAD.person),
        since_on=at.date(), until_on=until, actor=actor, now=at,
    )  # fmt: skip
    leaving = Holding.objects.filter(person__slug=cast.RISK.person, until_on=None).first()
    if leaving is not None:
        end_holding(leaving, last_on=now.date() + timedelta(days=24), actor=actor, now=at)
