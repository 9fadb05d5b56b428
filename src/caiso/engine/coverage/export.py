"""The results as plain dicts and lists: what the command prints and the API answers."""

from typing import Any

from caiso.engine.coverage.advisor import Advice, Ranked, Reason
from caiso.engine.coverage.crossover import CrossoverReport
from caiso.engine.coverage.deficiencies import DeficiencyReport
from caiso.engine.coverage.load import PersonLoad, RoleLoad
from caiso.engine.coverage.scenario import Difference, DutyChange, LoadChange
from caiso.engine.coverage.segregation import Conflict, Dependency, conflicts, dependencies
from caiso.engine.coverage.states import Coverage, DutyState, Shortfall, Tally

Plain = dict[str, Any]


def coverage_data(view: Coverage) -> Plain:
    """Duties with state and reasons, totals by every dimension, load, dependencies and conflicts."""
    return {
        "organisation": view.snapshot.organisation.id,
        "as_of": view.as_of.isoformat(),
        "duties": [duty_data(state) for state in view.duties],
        "totals": {
            **tally_data(view.total),
            "assumed": sum(1 for state in view.duties if state.assumed),
            "ai_security": tally_data(view.ai_security),
            "families": {name: tally_data(found) for name, found in view.families.items()},
            "stages": {name: tally_data(found) for name, found in view.stages.items()},
            "systems": {name: tally_data(found) for name, found in view.systems.items()},
            "units": {name: tally_data(found) for name, found in view.units.items()},
        },
        "roles": [load_data(load) for load in view.loads.values() if load.demands or load.capacity_hours],
        "people": [load_data(load) for load in view.people.values()],
        "dependencies": [dependency_data(found) for found in dependencies(view.snapshot)],
        "conflicts": [conflict_data(found) for found in conflicts(view.snapshot)],
    }


def duty_data(state: DutyState) -> Plain:
    duty = state.duty
    return {
        "id": duty.id,
        "title": duty.title,
        "family": duty.family,
        "ai_security": duty.ai_security,
        "stages": list(duty.stages),
        "state": state.state,
        "accountable": list(state.accountable),
        "assumed": state.assumed,
        "acting": any(scope.acting for scope in state.scopes),
        "shortfalls": [shortfall_data(short) for short in state.shortfalls],
        "reasons": [reason for scope in state.scopes for reason in scope.reasons],
        "scopes": [
            {
                "scope": scope.scope or "organisation",
                "state": scope.state,
                "accountable": list(scope.accountable),
                "reasons": list(scope.reasons),
                "records": list(scope.records),
            }
            for scope in state.scopes
        ],
    }


def shortfall_data(short: Shortfall) -> Plain:
    return {
        "role": short.role,
        "competence": short.competence,
        "needed": short.needed,
        "held": short.held,
        "levels": short.levels,
        "assumed": short.assumed,
        "person": short.person,
    }


def tally_data(found: Tally) -> Plain:
    counts: Plain = dict(found.counts.items())
    return {"duties": found.total, **counts, "share_covered": found.share_covered}


def load_data(load: RoleLoad | PersonLoad) -> Plain:
    data: Plain = {
        "id": load.role if isinstance(load, RoleLoad) else load.person,
        "demand_hours": round(load.demand_hours, 3),
        "capacity_hours": round(load.capacity_hours, 3),
        "overloaded": load.overloaded and load.capacity_hours > 0,
    }
    if isinstance(load, RoleLoad):
        data["beyond"] = list(load.beyond) if load.capacity_hours else []
    return data


def dependency_data(found: Dependency) -> Plain:
    return {
        "person": found.person,
        "role": found.role,
        "duties": list(found.duties),
        "ai_security": list(found.ai_security),
    }


def conflict_data(found: Conflict) -> Plain:
    return {
        "rule": found.rule,
        "subject": found.subject,
        "holder": found.holder,
        "name": found.name,
        "roles": list(found.roles),
        "left": list(found.left),
        "right": list(found.right),
        "reason": found.reason,
    }


def crossover_data(report: CrossoverReport) -> Plain:
    return {
        "roles": list(report.roles),
        "overlaps": [
            {
                "roles": list(overlap.roles),
                "duties": list(overlap.duties),
                "jaccard": overlap.jaccard,
                "topics": list(overlap.topics),
                "topic_jaccard": overlap.topic_jaccard,
                "contested": list(overlap.contested),
                "records": list(overlap.records),
            }
            for overlap in report.overlaps
        ],
        "regions": [
            {"roles": list(region.roles), "duties": list(region.duties), "topics": list(region.topics)}
            for region in report.regions
        ],
        "crossovers": [
            {
                "id": finding.crossover.id,
                "title": finding.crossover.title,
                "roles": list(finding.crossover.roles),
                "found": finding.found,
                "shared_topics": list(finding.shared),
                "missing_topics": list(finding.missing),
                "duties": list(finding.duties),
            }
            for finding in report.findings
        ],
    }


def deficiencies_data(report: DeficiencyReport) -> Plain:
    return {
        "roles": list(report.roles),
        "duties": list(report.duties),
        "cells": [
            {
                "role": cell.role,
                "duty": cell.duty,
                "levels": cell.levels,
                "shortfalls": [shortfall_data(short) for short in cell.shortfalls],
            }
            for cell in report.cells
        ],
        "deficiencies": [
            {
                "id": finding.deficiency.id,
                "role": finding.deficiency.role,
                "title": finding.deficiency.title,
                "status": finding.status,
                "exposed": list(finding.exposed),
                "covered_by": list(finding.covered_by),
                "shortfalls": [{"duty": duty, **shortfall_data(short)} for duty, short in finding.shortfalls],
                "reasons": list(finding.reasons),
            }
            for finding in report.findings
        ],
        "totals": {
            "deficiencies": len(report.findings),
            **{
                status: sum(1 for finding in report.findings if finding.status == status)
                for status in ("open", "strained", "closed", "absent")
            },
        },
    }


def difference_data(difference: Difference) -> Plain:
    """What a scenario changes; the duties after it are in `coverage_data(difference.after)`."""
    return {
        "scenario": difference.scenario.id,
        "title": difference.scenario.title,
        "before": tally_data(difference.before.total),
        "after": tally_data(difference.after.total),
        "ai_security_before": tally_data(difference.before.ai_security),
        "ai_security_after": tally_data(difference.after.ai_security),
        "closed": [_change(change) for change in difference.closed],
        "lost": [_change(change) for change in difference.lost],
        "broken": [_change(change) for change in difference.broken],
        "newly_contested": [_change(change) for change in difference.newly_contested],
        "newly_unstaffed": [_change(change) for change in difference.newly_unstaffed],
        "load": {
            "roles": [_load_change(load) for load in difference.role_loads],
            "people": [_load_change(load) for load in difference.person_loads],
        },
        "overloads_created": [_load_change(load) for load in difference.overloads_created],
        "dependencies_created": [dependency_data(found) for found in difference.dependencies_created],
        "conflicts_created": [conflict_data(found) for found in difference.conflicts_created],
        "conflicts_resolved": [conflict_data(found) for found in difference.conflicts_resolved],
        "deficiencies": {
            "open_before": [finding.deficiency.id for finding in difference.deficiencies_before.open],
            "open_after": [finding.deficiency.id for finding in difference.deficiencies_after.open],
            "after": {finding.deficiency.id: finding.status for finding in difference.deficiencies_after.findings},
        },
        "cost": {
            "one_off": difference.cost.one_off,
            "annual_before": difference.cost.annual_before,
            "annual_after": difference.cost.annual_after,
            "annual_difference": difference.cost.annual_difference,
        },
        "pending": list(difference.applied.pending),
    }


def advice_data(advice: Advice) -> Plain:
    return {
        "ranking": [_ranked(entry) for entry in advice.ranking],
        "deciding": list(advice.deciding),
        "weights": [
            {"criterion": weight.criterion, "weight": weight.value, "reasons": [_reason(r) for r in weight.reasons]}
            for weight in advice.weights
        ],
    }


def _ranked(entry: Ranked) -> Plain:
    return {
        "place": entry.place,
        "id": entry.alternative.id,
        "title": entry.alternative.title,
        "solid": entry.alternative.solid,
        "dotted": list(entry.alternative.dotted),
        "score": round(entry.score, 6),
        "criteria": [
            {
                "criterion": part.criterion,
                "points": part.points,
                "weight": part.weight,
                "reasons": [_reason(reason) for reason in part.reasons],
            }
            for part in entry.criteria
        ],
    }


def _reason(reason: Reason) -> Plain:
    return {"source": reason.source, "superior": reason.superior, "points": reason.points, "text": reason.text}


def _change(change: DutyChange) -> Plain:
    return {"duty": change.duty, "before": change.before, "after": change.after, "reason": change.reason}


def _load_change(load: LoadChange) -> Plain:
    return {
        "id": load.name,
        "before_hours": round(load.before_hours, 3),
        "after_hours": round(load.after_hours, 3),
        "capacity_hours": round(load.capacity_hours, 3),
        "overloaded": load.overloaded,
        "created": load.created,
    }
