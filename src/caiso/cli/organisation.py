"""`caiso organisation`: who answers for what, from a file alone, without a running platform."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caiso.cli.output import Data, Json, emit, note, show

if TYPE_CHECKING:
    from caiso.engine.coverage.organisation.changes import Scenario
    from caiso.engine.coverage.organisation.whole import Organisation
    from caiso.engine.coverage.scenario import Difference
    from caiso.engine.coverage.states import Coverage

app = typer.Typer(help="Show who answers for what, and where nobody does.", add_completion=False, rich_markup_mode=None)

Org = Annotated[
    str,
    typer.Option(
        "--org", metavar="FILE|NAME", help="YAML file of an organisation, or a built-in: three-officers, default."
    ),
]
ScenarioName = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        metavar="FILE|NAME",
        help="YAML file of a scenario, or one that ships: add-caiso, add-caiso-and-team, extend-ciso.",
        show_default=False,
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="DATE", help="The day to look at, such as 2026-11-22; today if left out.", show_default=False
    ),
]


@app.callback(invoke_without_command=True)
def organisation(
    ctx: typer.Context, org: Org = "three-officers", as_of: AsOf = None, data: Data = None, json: Json = False
) -> None:
    """List the roles with their holders; see the sub-commands for coverage, crossover, deficiencies and advice.

    Example: caiso organisation coverage --org three-officers --scenario add-caiso --json
    """
    if ctx.invoked_subcommand is not None:
        return
    view = _view(_organisation(org), as_of)
    rows = [
        {
            "id": role.id,
            "title": role.title,
            "holders": [seat.person.id for seat in view.snapshot.seats.get(role.id, [])],
            "acting": any(seat.holding.acting for seat in view.snapshot.seats.get(role.id, [])),
            "accountable_for": sum(1 for state in view.duties if role.id in state.accountable),
            "demand_hours": round(view.loads[role.id].demand_hours, 1),
            "capacity_hours": round(view.loads[role.id].capacity_hours, 1),
        }
        for role in view.snapshot.roles.values()
    ]
    headings = {
        "id": "Role",
        "title": "Title",
        "holders": "Holders",
        "accountable_for": "Duties",
        "demand_hours": "Asked h/wk",
        "capacity_hours": "Has h/wk",
    }
    show(rows, headings, as_json=json)


@app.command()
def coverage(
    org: Org = "three-officers",
    scenario: ScenarioName = None,
    as_of: AsOf = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say of every duty whether it is unowned, contested, unstaffed, unqualified or covered, and why.

    With a scenario, the duties are those after it, and `difference` says what it changes.

    Example: caiso organisation coverage --org three-officers --scenario add-caiso
    """
    from caiso.engine.coverage.export import coverage_data, difference_data

    base = _organisation(org)
    difference = _difference(base, scenario, as_of) if scenario else None
    view = difference.after if difference else _view(base, as_of)
    if json:
        payload = coverage_data(view)
        payload["scenario"] = difference.scenario.id if difference else None
        payload["difference"] = difference_data(difference) if difference else None
        emit(payload)
        return
    rows = [
        {
            "id": state.duty.id,
            "family": state.duty.family,
            "state": state.state,
            "accountable": state.accountable,
            "why": state.worst.reasons[0],
        }
        for state in view.duties
    ]
    headings = {"id": "Duty", "family": "Family", "state": "State", "accountable": "Accountable", "why": "Why"}
    show(rows, headings, as_json=False)
    typer.echo("")
    typer.echo(f"All duties: {_counts(view.total.counts)}. AI security: {_counts(view.ai_security.counts)}.")
    if difference:
        _tell(difference)


@app.command()
def crossover(
    *,
    org: Org = "three-officers",
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", metavar="ROLE", help="Compare these roles only; give it once per role.", show_default=False
        ),
    ] = None,
    scenario: ScenarioName = None,
    as_of: AsOf = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show where roles overlap: the duties that several carry and the topics that they share.

    Example: caiso organisation crossover --role caio --role ciso
    """
    from caiso.engine.coverage.crossover import crossover as compute
    from caiso.engine.coverage.export import crossover_data

    base = _organisation(org)
    snapshot = (_difference(base, scenario, as_of).after if scenario else _view(base, as_of)).snapshot
    _known(role or [], snapshot.roles)
    report = compute(snapshot, role)
    if json:
        emit(crossover_data(report))
        return
    rows = [
        {
            "roles": overlap.roles,
            "duties": overlap.duties,
            "jaccard": f"{overlap.jaccard:.2f}",
            "topics": overlap.topics,
            "contested": overlap.contested,
        }
        for overlap in report.overlaps
    ]
    headings = {
        "roles": "Roles",
        "jaccard": "Jaccard",
        "duties": "Shared duties",
        "topics": "Shared topics",
        "contested": "Contested",
    }
    show(rows, headings, as_json=False, empty="No two roles carry the same duty or topic.")
    for finding in report.findings:
        typer.echo(
            f"{'found' if finding.found else 'not found'}: {finding.crossover.title}: {', '.join(finding.shared)}"
        )


@app.command()
def deficiencies(
    org: Org = "three-officers",
    scenario: ScenarioName = None,
    as_of: AsOf = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show what each role lacks for each AI security duty, and which known weaknesses are open.

    Example: caiso organisation deficiencies --org three-officers
    """
    from caiso.engine.coverage.deficiencies import deficiencies as compute
    from caiso.engine.coverage.export import deficiencies_data

    base = _organisation(org)
    view = _difference(base, scenario, as_of).after if scenario else _view(base, as_of)
    report = compute(view)
    if json:
        emit(deficiencies_data(report))
        return
    rows = [
        {
            "role": finding.deficiency.role,
            "title": finding.deficiency.title,
            "status": finding.status,
            "duties": finding.exposed or finding.covered_by,
            "lacks": sorted({f"{short.competence} -{short.levels}" for _, short in finding.shortfalls}),
        }
        for finding in report.findings
    ]
    headings = {
        "role": "Role",
        "title": "Weakness",
        "status": "Status",
        "duties": "Exposed duties or who covers",
        "lacks": "Lacks",
    }
    show(rows, headings, as_json=False)


@app.command()
def advise(
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile",
            metavar="FILE",
            help="YAML file that describes the organisation; else the one in --org.",
            show_default=False,
        ),
    ] = None,
    org: Org = "three-officers",
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            metavar="CRITERION=0..10",
            help="Set the weight of a criterion; may be repeated.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Rank where the CAISO should report, with the reason for every point.

    Example: caiso organisation advise --profile profile.yaml --weight independence=8
    """
    from caiso.engine.coverage.advisor import advise as compute
    from caiso.engine.coverage.export import advice_data
    from caiso.engine.coverage.organisation.loading import read_profile

    described = read_profile(profile) if profile else None
    advice = compute(_organisation(org), described, weights=_weights(weight or []))
    if json:
        emit(advice_data(advice))
        return
    for entry in advice.ranking:
        typer.echo(f"{entry.place}. {entry.alternative.title} ({entry.score:.0%} of all points)")
        for part in entry.criteria:
            because = " ".join(f"{reason.points:+g} {reason.text}" for reason in part.reasons)
            typer.echo(f"     {part.criterion}: {part.points:g} of 5, weight {part.weight:g}. {because}")
    if advice.deciding:
        typer.echo(f"The first is ahead of the second by: {', '.join(advice.deciding)}")


def _organisation(name: str) -> "Organisation":
    from caiso.engine.coverage.organisation.loading import (
        built_in,
        default_organisation,
        read_organisation,
        setup_names,
    )

    if name == "default":
        return default_organisation()
    path = Path(name)
    if name not in setup_names() and (path.exists() or path.suffix in {".yaml", ".yml"}):
        return read_organisation(path)
    return built_in(name)


def _scenario(base: "Organisation", name: str) -> "Scenario":
    from caiso.engine.coverage.organisation.loading import find_scenario, read_scenario

    path = Path(name)
    shipped = {scenario.id for scenario in base.scenarios}
    if name not in shipped and (path.exists() or path.suffix in {".yaml", ".yml"}):
        return read_scenario(path)
    return find_scenario(base, name)


def _difference(base: "Organisation", scenario: str, as_of: str | None) -> "Difference":
    from caiso.engine.coverage.scenario import try_scenario

    return try_scenario(base, _scenario(base, scenario), as_of=_day(as_of))


def _view(base: "Organisation", as_of: str | None) -> "Coverage":
    from caiso.engine.coverage.states import coverage as compute

    return compute(base, as_of=_day(as_of))


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(tz=UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-11-22", param_hint="--as-of") from error


def _weights(texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is not like independence=8", param_hint="--weight") from error
    return found


def _known(names: Sequence[str], roles: Mapping[str, object]) -> None:
    for name in names:
        if name not in roles:
            raise typer.BadParameter(f"unknown role {name!r}, expected one of {', '.join(roles)}", param_hint="--role")


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _tell(difference: "Difference") -> None:
    cost = difference.cost
    typer.echo(f"Scenario {difference.scenario.id}: {difference.scenario.title}")
    typer.echo(f"  AI security before: {_counts(difference.before.ai_security.counts)}")
    typer.echo(f"  closes {len(difference.closed)} duties, loses {len(difference.lost)} that were covered")
    typer.echo(f"  newly contested: {', '.join(c.duty for c in difference.newly_contested) or 'none'}")
    typer.echo(f"  newly unstaffed: {', '.join(c.duty for c in difference.newly_unstaffed) or 'none'}")
    for load in difference.person_loads:
        mark = " (past capacity)" if load.overloaded else ""
        typer.echo(
            f"  load of {load.name}: {load.before_hours:.1f} to {load.after_hours:.1f} of {load.capacity_hours:.1f} h a week{mark}"
        )
    for found in difference.dependencies_created:
        typer.echo(f"  {len(found.duties)} duties hang on {found.person} alone")
    for conflict in difference.conflicts_created:
        typer.echo(f"  conflict of duties: {conflict.reason}")
    typer.echo(f"  cost: {cost.one_off:,.0f} once, {cost.annual_difference:+,.0f} a year")
    if any(state.assumed for state in difference.after.duties):
        note("Competences are the template's assumptions until somebody attests them for a person.")
