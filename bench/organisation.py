"""Times coverage, crossover, deficiencies and a scenario for 2,000 people, 150 roles and 400 duties: `python -m bench.organisation`."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from caiso.engine.coverage.crossover import crossover
from caiso.engine.coverage.deficiencies import deficiencies
from caiso.engine.coverage.organisation import Organisation, default_organisation, dump, parse_organisation
from caiso.engine.coverage.organisation.changes import Change, Scenario
from caiso.engine.coverage.organisation.model import (
    AiSystem,
    Assignment,
    Duty,
    Holding,
    Person,
    ReportingLine,
    Role,
    Skill,
    Unit,
)
from caiso.engine.coverage.scenario import try_scenario
from caiso.engine.coverage.segregation import conflicts, dependencies
from caiso.engine.coverage.states import coverage

TODAY = date(2026, 11, 22)


def large_organisation(*, people: int = 2000, roles: int = 150, duties: int = 400, seed: int = 7) -> Organisation:
    """A random organisation upon the catalogue's competences, with 20 units and 60 AI systems."""
    draw = random.Random(seed)
    base = default_organisation()
    competences = [competence.id for competence in base.competences]
    units = tuple(Unit(f"u{i}", f"Unit {i}", parent=f"u{i // 3}" if i else None) for i in range(20))
    systems = tuple(AiSystem(f"s{i}", f"System {i}", unit=f"u{draw.randrange(20)}") for i in range(60))
    made_roles = tuple(
        Role(f"r{i}", f"Role {i}", competences={name: draw.randint(1, 4) for name in competences}) for i in range(roles)
    )
    made_duties = tuple(
        Duty(
            f"d{i}",
            f"Duty {i}",
            "A duty.",
            "technical",
            ai_security=i % 2 == 0,
            requires={name: draw.randint(1, 3) for name in draw.sample(competences, 3)},
            effort_hours=draw.choice([0.5, 1, 2, 4]),
            acts=("build:x",) if i % 7 == 0 else ("assure:x",) if i % 11 == 0 else (),
            topics=("ai-security",) if i % 5 == 0 else (),
        )
        for i in range(duties)
    )
    made_people = tuple(
        Person(
            f"p{i}",
            f"Person {i}",
            unit=f"u{draw.randrange(20)}",
            skills=tuple(Skill(name, draw.randint(0, 4), "manager", TODAY) for name in draw.sample(competences, 3)),
        )
        for i in range(people)
    )
    holdings = tuple(Holding(f"p{i}", f"r{i % roles}") for i in range(people))
    assignments = []
    for i in range(duties):
        assignments.append(Assignment(f"d{i}", f"r{draw.randrange(roles)}", "A"))
        assignments += [Assignment(f"d{i}", f"r{draw.randrange(roles)}", draw.choice("RRCI")) for _ in range(4)]
        if i % 3 == 0:
            assignments.append(Assignment(f"d{i}", f"r{draw.randrange(roles)}", "A", system=f"s{draw.randrange(60)}"))
    lines = tuple(ReportingLine(f"r{i}", f"r{(i - 1) // 5}") for i in range(1, roles))
    return replace(
        base,
        id="large",
        units=units,
        systems=systems,
        roles=(*base.roles, *made_roles),
        duties=(*base.duties, *made_duties),
        people=made_people,
        holdings=holdings,
        assignments=tuple(assignments),
        lines=(*base.lines, *lines),
    )


def everything(organisation: Organisation) -> None:
    """All that the coverage page needs, every total included."""
    view = coverage(organisation, as_of=TODAY)
    _ = view.total, view.ai_security, view.families, view.stages, view.systems, view.units, view.people
    crossover(view.snapshot)
    deficiencies(view)
    conflicts(view.snapshot)
    dependencies(view.snapshot)


def timed(name: str, work: Callable[[], object], *, rounds: int = 5) -> dict[str, object]:
    """The median wall time and the processor time, which other work on the machine disturbs less."""
    walls, processor = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    wall, cpu = sorted(walls)[rounds // 2], sorted(processor)[rounds // 2]
    return {"what": name, "wall_ms": round(wall * 1000, 1), "processor_ms": round(cpu * 1000, 1)}


def main() -> None:
    organisation = large_organisation()
    view = coverage(organisation, as_of=TODAY)
    text = dump(organisation).encode()
    hire = Scenario(
        "hire",
        "Hire",
        "Hires.",
        (Change("hire", role="r1", person="newcomer"), Change("move", duties=("d1",), to="r2")),
    )
    rows = [
        timed("coverage of all duties", lambda: coverage(organisation, as_of=TODAY)),
        timed("totals by system and unit", lambda: (replace(view).systems, replace(view).units)),
        timed("crossover of all roles", lambda: crossover(view.snapshot)),
        timed("deficiency matrix", lambda: deficiencies(view)),
        timed("everything together", lambda: everything(organisation)),
        timed("one scenario", lambda: try_scenario(organisation, hire, as_of=TODAY).changes),
        timed(
            f"read {len(text) // 1000} kB of YAML", lambda: parse_organisation(text, path=Path("large.yaml")), rounds=1
        ),
    ]
    print(json.dumps({"rows": rows}, indent=2))


if __name__ == "__main__":
    main()
