"""Small random organisations for property tests, and one plain organisation for the others."""

from datetime import date

from hypothesis import strategies as st

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation.model import (
    AiSystem,
    Assignment,
    Competence,
    Delegate,
    Duty,
    Holding,
    Period,
    Person,
    Role,
    Skill,
    Unit,
)

TODAY = date(2026, 11, 22)
ANCHORS = ("none", "some", "more", "much", "most")
COMPETENCES = ("law", "code")
ROLES = ("chief", "deputy", "lead", "clerk")
PEOPLE = ("ada", "ben", "cem", "dua")
DUTIES = ("guard", "watch", "count", "teach", "mend")


def plain(**parts: object) -> Organisation:
    """One duty that needs law 2, owned by the chief, whose one holder is Ada."""
    values: dict[str, object] = {
        "id": "test",
        "competences": tuple(Competence(name, name.title(), ANCHORS) for name in COMPETENCES),
        "roles": tuple(Role(name, name.title(), competences={"law": 2, "code": 2}) for name in ROLES),
        "people": (Person("ada", "Ada"),),
        "holdings": (Holding("ada", "chief"),),
        "duties": (Duty("guard", "Guard", "Guards.", "security", requires={"law": 2}),),
        "assignments": (Assignment("guard", "chief", "A"),),
    }
    values.update(parts)
    return Organisation(**values)  # type: ignore[arg-type]


levels = st.integers(0, 4)
competence_levels = st.dictionaries(st.sampled_from(COMPETENCES), levels)
skills = st.builds(
    Skill,
    competence=st.sampled_from(COMPETENCES),
    level=levels,
    attested_by=st.sampled_from(["", "manager"]),
    attested_on=st.sampled_from([None, date(2026, 1, 1), date(2027, 1, 1)]),
)
# Around TODAY: always, ended, running, to come, and the two edges.
PERIODS: tuple[tuple[date | None, date | None], ...] = (
    (None, None),
    (None, date(2026, 11, 21)),
    (date(2026, 11, 1), date(2026, 12, 1)),
    (date(2026, 11, 23), None),
    (TODAY, TODAY),
)
UNITS = (Unit("bank", "Bank"), Unit("retail", "Retail", parent="bank"), Unit("lab", "Lab"))
SYSTEMS = (AiSystem("bot", "Bot", unit="retail"), AiSystem("sorter", "Sorter"))
SCOPES: tuple[tuple[str | None, str | None], ...] = (
    (None, None),
    (None, None),
    ("bank", None),
    ("retail", None),
    ("lab", None),
    (None, "bot"),
    (None, "sorter"),
)


@st.composite
def _roles(draw: st.DrawFn, name: str) -> Role:
    return Role(
        name,
        name.title(),
        competences=draw(competence_levels),
        confirmed=draw(st.booleans()),
        capacity_hours=draw(st.sampled_from([0.0, 10.0, 40.0])),
        template=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def _people(draw: st.DrawFn, name: str) -> Person:
    absences = draw(st.sampled_from([(), (), ((None, None),), (PERIODS[2],), (PERIODS[3],)]))
    return Person(
        name,
        name.title(),
        unit=draw(st.sampled_from([None, "bank", "retail"])),
        hours_per_week=draw(st.sampled_from([4.0, 20.0, 40.0])),
        skills=tuple(draw(st.lists(skills, max_size=2, unique_by=lambda skill: skill.competence))),
        absences=tuple(Period(since, until) for since, until in absences),
    )


@st.composite
def _holdings(draw: st.DrawFn) -> Holding:
    since, until = draw(st.sampled_from(PERIODS))
    return Holding(
        person=draw(st.sampled_from(PEOPLE)),
        role=draw(st.sampled_from(ROLES)),
        since_on=since,
        until_on=until,
        acting=draw(st.booleans()),
        share=draw(st.sampled_from([None, 0.0, 0.25, 0.5, 1.0])),
    )


@st.composite
def _delegates(draw: st.DrawFn) -> Delegate:
    person, delegate = draw(st.permutations(PEOPLE))[:2]
    since, until = draw(st.sampled_from(PERIODS))
    duties = tuple(draw(st.lists(st.sampled_from(DUTIES), max_size=2, unique=True)))
    return Delegate(person, delegate, draw(st.sampled_from(ROLES)), since, until, duties)


@st.composite
def _assignments(draw: st.DrawFn) -> Assignment:
    unit, system = draw(st.sampled_from(SCOPES))
    since, until = draw(st.sampled_from(PERIODS))
    return Assignment(
        duty=draw(st.sampled_from(DUTIES)),
        role=draw(st.sampled_from(ROLES)),
        kind=draw(st.sampled_from(["R", "A", "A", "C", "I"])),  # type: ignore[arg-type]  # the letters of RACI
        unit=unit,
        system=system,
        since_on=since,
        until_on=until,
    )


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    """Any mixture of vacancies, dates, shared and scoped ownership, overload, absence, delegates and attestation."""
    duties = tuple(
        Duty(
            name,
            name.title(),
            f"{name}.",
            "security",
            ai_security=draw(st.booleans()),
            requires=draw(competence_levels),
            effort_hours=draw(st.sampled_from([0.0, 1.0, 8.0, 20.0, 50.0])),
            priority=draw(st.integers(1, 5)),
        )
        for name in DUTIES
    )
    holdings = draw(st.lists(_holdings(), max_size=6, unique_by=lambda held: (held.person, held.role)))
    return plain(
        duties=duties,
        roles=tuple(draw(_roles(name)) for name in ROLES),
        people=tuple(draw(_people(name)) for name in PEOPLE),
        holdings=tuple(holdings),
        assignments=tuple(draw(st.lists(_assignments(), max_size=14))),
        delegates=tuple(draw(st.lists(_delegates(), max_size=4))),
        units=UNITS,
        systems=SYSTEMS,
    )
