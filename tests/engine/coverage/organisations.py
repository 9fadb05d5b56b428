"""Small random organisations for property tests, and one plain organisation for the others."""

from datetime import date

from hypothesis import strategies as st

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation.model import (
    AiSystem,
    Assignment,
    Competence,
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


def unique(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(strategy, unique=True)


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    """Any mixture of vacancies, shared and scoped ownership, overload, absence and attestation."""
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
    roles = tuple(
        Role(
            name,
            name.title(),
            competences=draw(competence_levels),
            confirmed=draw(st.booleans()),
            capacity_hours=draw(st.sampled_from([0.0, 10.0, 40.0])),
        )
        for name in ROLES
    )
    people = tuple(
        Person(
            name,
            name.title(),
            hours_per_week=draw(st.sampled_from([4.0, 20.0, 40.0])),
            skills=tuple(draw(st.lists(skills, max_size=2, unique_by=lambda skill: skill.competence))),
            absences=draw(st.sampled_from([(), (Period(date(2026, 11, 1), date(2026, 12, 1)),)])),
        )
        for name in PEOPLE
    )
    holdings = draw(
        st.lists(
            st.builds(
                Holding,
                person=st.sampled_from(PEOPLE),
                role=st.sampled_from(ROLES),
                acting=st.booleans(),
                share=st.sampled_from([None, 0.25, 0.5, 1.0]),
            ),
            max_size=5,
            unique_by=lambda held: (held.person, held.role),
        )
    )
    assignments = draw(
        st.lists(
            st.builds(
                Assignment,
                duty=st.sampled_from(DUTIES),
                role=st.sampled_from(ROLES),
                kind=st.sampled_from(["R", "A", "C", "I"]),
                system=st.sampled_from([None, None, "bot"]),
                unit=st.none(),
            ),
            max_size=12,
        )
    )
    return plain(
        duties=duties,
        roles=roles,
        people=people,
        holdings=tuple(holdings),
        assignments=tuple(assignments),
        units=(Unit("bank", "Bank"),),
        systems=(AiSystem("bot", "Bot", unit="bank"), AiSystem("sorter", "Sorter")),
    )
