"""A scenario's difference as its pages show it: titles for ids, and only what lies in the viewer's sight."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from caiso.engine.coverage.export import difference_data
from caiso.engine.coverage.figures import difference_svg
from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.scenario import Difference
from caiso.engine.coverage.states import Coverage, State
from caiso.web.organisation import queries
from caiso.web.organisation.figures import Sight
from caiso.web.organisation.models import Scenario
from caiso.web.organisation.registers import FAMILY_NAMES, STATE_TONES

LABELS = dict(queries.STATES)
MOST_NOTES = 20
TONES = {"covered": "good", "unqualified": "warn", "unstaffed": "high", "contested": "info", "unowned": "bad"}


@dataclass(frozen=True)
class Names:
    """Titles of everything that a scenario may speak of, and what of it the viewer may see."""

    seen: Sight
    people: frozenset[str]
    organisation: Organisation

    @cached_property
    def _titles(self) -> Mapping[str, str]:
        whole = self.organisation
        return {
            **{one.id: one.title for one in whole.competences},
            **{one.id: one.name for one in whole.people},
            **{one.id: one.title for one in whole.duties},
            **{one.id: one.title for one in whole.roles},
        }

    @cached_property
    def _sight(self) -> set[str]:
        known = self.seen.view.snapshot.organisation
        new = {one.id for one in self.organisation.roles} - {one.id for one in known.roles}
        new |= {one.id for one in self.organisation.duties} - {one.id for one in known.duties}
        hired = {one.id for one in self.organisation.people} - {one.id for one in known.people}
        return {*self.seen.roles, *self.seen.duties, *self.people, *new, *hired}

    def sees(self, name: str) -> bool:
        """Whether the viewer may see the duty, role or person."""
        return name in self._sight

    def title(self, name: str) -> str:
        """A title, else the id."""
        return self._titles.get(name, name)

    def link(self, name: str) -> dict[str, str]:
        """A title with the record's page, where there is one yet."""
        found = self.seen.duties.get(name) or self.seen.roles.get(name)
        return {"title": self.title(name), "url": found.get_absolute_url() if found else ""}


def shown(data: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """What closes, what breaks, what it loads, what hangs on one person, what conflicts, what it costs."""
    load = data["load"]
    roles, people = _loads(load["roles"], names), _loads(load["people"], names)
    return {
        "closed": _changes(data["closed"], names),
        "lost": _changes(data["lost"], names),
        "broken": _changes(data["broken"], names),
        "contested": _changes(data["newly_contested"], names),
        "unstaffed": _changes(data["newly_unstaffed"], names),
        "load_tables": (("Role", roles), ("Person", people)),
        "overloads": [one for one in people if one["created"]],
        "dependencies": [
            {
                "person": names.title(one["person"]),
                "role": names.link(one["role"]),
                "duties": [names.link(duty) for duty in one["duties"] if names.sees(duty)],
                "ai_security": len(one["ai_security"]),
            }
            for one in data["dependencies_created"]
            if names.sees(one["role"])
        ],
        "conflicts": [_conflict(one, names) for one in data["conflicts_created"] if names.sees(one["name"])],
        "resolved": [_conflict(one, names) for one in data["conflicts_resolved"] if names.sees(one["name"])],
        "open_before": len(data["deficiencies"]["open_before"]),
        "open_after": len(data["deficiencies"]["open_after"]),
        "cost": data["cost"],
        "pending": data["pending"],
    }


def shown_live(difference: Difference, names: Names) -> dict[str, Any]:
    """The difference as it is now, with the counts of the duties in sight."""
    found = shown(difference_data(difference), names)
    before, after = _counts(difference.before, names), _counts(difference.after, names)
    ai_before = _counts(difference.before, names, ai_security=True)
    ai_after = _counts(difference.after, names, ai_security=True)
    return {**found, **_tallies(before, after, ai_before, ai_after)}


def drawn(title: str, found: Mapping[str, Any]) -> str | None:
    """The difference as an SVG figure; None where the totals are not in the viewer's sight."""
    if "states" not in found:
        return None

    def counts(side: str) -> dict[State, int]:
        return {state: one[side] for (state, _), one in zip(queries.STATES, found["states"], strict=True)}  # type: ignore[misc]  # the engine's states

    lost, cost = len(found["lost"]), found["cost"]
    notes = [
        f"{len(found['closed'])} duties become covered; {lost or 'no'} covered dut{'y is' if lost <= 1 else 'ies are'} lost",
        *(
            f"Past capacity: {one['title']}, {one['after']:g} of {one['capacity']:g} h a week"
            for one in found["overloads"]
        ),
        *(f"Hang on one person: {len(one['duties'])} duties on {one['person']}" for one in found["dependencies"]),
        *((f"New conflicts of duties: {len(found['conflicts'])}",) if found["conflicts"] else ()),
        f"Cost: {cost['one_off']:,.0f} once, {cost['annual_difference']:+,.0f} a year",
    ]
    bars = [
        ("AI security duties", counts("ai_before"), counts("ai_after")),
        ("All duties", counts("before"), counts("after")),
    ]
    return difference_svg(title, bars, notes[:MOST_NOTES])


def shown_outcome(row: Scenario, names: Names, *, whole: bool) -> dict[str, Any]:
    """The difference as it was when the scenario was adopted; totals only for those who see the whole."""
    found = shown(row.outcome, names)
    if not whole:
        return found
    pick = [
        {state: row.outcome[side].get(state, 0) for state in LABELS}
        for side in ("before", "after", "ai_security_before", "ai_security_after")
    ]
    return {**found, **_tallies(*(Counter(one) for one in pick))}


def _tallies(
    before: Counter[str], after: Counter[str], ai_before: Counter[str], ai_after: Counter[str]
) -> dict[str, Any]:
    return {
        "states": [
            {
                "label": label,
                "tone": STATE_TONES[state],
                "before": before[state],
                "after": after[state],
                "ai_before": ai_before[state],
                "ai_after": ai_after[state],
            }
            for state, label in queries.STATES
        ],
        "totals": {
            "before": before.total(),
            "after": after.total(),
            "ai_before": ai_before.total(),
            "ai_after": ai_after.total(),
        },
        "chart": {
            "labels": ["Before", "After"],
            "series": [
                {"name": label, "values": [before[state], after[state]], "tone": TONES[state]}
                for state, label in queries.STATES
            ],
            "unit": "duties",
        },
    }


def _counts(view: Coverage, names: Names, *, ai_security: bool = False) -> Counter[str]:
    return Counter(
        state.state
        for state in view.duties
        if names.sees(state.duty.id) and (state.duty.ai_security or not ai_security)
    )


def _changes(found: Iterable[Mapping[str, Any]], names: Names) -> list[dict[str, Any]]:
    return [
        {
            "duty": names.link(one["duty"]),
            "before": _state(one["before"]),
            "after": _state(one["after"]),
            "reason": one["reason"],
        }
        for one in found
        if names.sees(one["duty"])
    ]


def _state(state: str | None) -> dict[str, str]:
    return {"label": LABELS.get(state or "", "gone"), "tone": STATE_TONES.get(state or "", "unknown")}


def _loads(found: Iterable[Mapping[str, Any]], names: Names) -> list[dict[str, Any]]:
    return [
        {
            **names.link(one["id"]),
            "before": one["before_hours"],
            "after": one["after_hours"],
            "capacity": one["capacity_hours"],
            "overloaded": one["overloaded"],
            "created": one["created"],
        }
        for one in found
        if names.sees(one["id"])
    ]


def _conflict(one: Mapping[str, Any], names: Names) -> dict[str, Any]:
    return {"who": names.link(one["name"]), "rule": one["rule"], "subject": one["subject"], "reason": one["reason"]}


def change_words(change: Mapping[str, Any], names: Names) -> str:
    """One change as a sentence."""
    said = {name: names.title(str(value)) for name, value in change.items() if isinstance(value, str)}
    role, person, duty, to = (said.get(name, "?") for name in ("role", "person", "duty", "to"))
    kind = {"A": "accountable", "R": "responsible", "C": "consulted", "I": "informed"}.get(change.get("kind", ""), "")
    words = {
        "add_role_from_template": f"Add {role} with the duties and lines that come with it",
        "add_role": f"Add the role {change.get('title', role)}",
        "change_role": f"Change the role {role}",
        "remove_role": f"Remove the role {role}",
        "assign": f"Make {role} {kind} for {duty}",
        "unassign": f"Take {duty} away from {role}{f' as {kind}' if kind else ''}",
        "move": f"Make {to} accountable for {_moved(change, names)}",
        "hire": f"Hire {change.get('title') or person} as {role}",
        "appoint": f"Appoint {person} as {role}{' (acting)' if change.get('acting') else ''}",
        "leave": f"{person} leaves {said.get('role', 'every role')}",
        "train": f"Train {said.get('person') or role} to level {change.get('level')} in {said.get('competence', '')}",
        "change_line": f"{role} answers to {to} ({change.get('line', 'solid')} line)",
        "remove_line": f"{role} no longer answers to {to}",
        "delegate": f"{to} stands in for {person} as {role}",
        "change_person": f"Change the week or unit of {person}",
        "add_duty": f"Add the duty {change.get('title', duty)}",
        "change_duty": f"Change the duty {duty}",
        "remove_duty": f"Remove the duty {duty}",
    }
    text = words.get(str(change.get("op")), str(change.get("op")))
    when = f", from {change['on']}" if change.get("on") else ""
    cost = f", cost {change['cost']:,.0f}" if change.get("cost") else ""
    return text + when + cost


def _moved(change: Mapping[str, Any], names: Names) -> str:
    parts = [names.title(duty) for duty in change.get("duties", ())]
    if change.get("families"):
        parts.append("the families " + ", ".join(FAMILY_NAMES.get(one, one) for one in change["families"]))
    if change.get("ai_security") is not None:
        parts.append("every AI security duty" if change["ai_security"] else "every other duty")
    return ", ".join(parts) or "nothing"
