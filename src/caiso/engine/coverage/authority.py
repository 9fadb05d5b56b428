"""Checks whether a role has the authority it needs, and names the record that says so."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from caiso.engine.coverage.load import hours_text
from caiso.engine.coverage.organisation.catalogue import AuthorityCheck
from caiso.engine.coverage.organisation.records import AuthorityRecord
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import Coverage

Outcome = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class AuthorityResult:
    """`records` are what was read; without any the outcome is unknown, never a guess. `attested`: on a person's word."""

    check: AuthorityCheck
    outcome: Outcome
    reason: str
    records: tuple[str, ...]
    attested: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """What one check may read."""

    view: Coverage
    role: str
    check: AuthorityCheck
    records: tuple[AuthorityRecord, ...]

    @property
    def snapshot(self) -> Snapshot:
        return self.view.snapshot

    def title(self, role: str) -> str:
        """How people call a role; those that are not part of the organisation by their id."""
        known = self.snapshot.roles.get(role)
        return known.title if known else role

    def titles(self, roles: Iterable[str]) -> str:
        return ", ".join(self.title(role) for role in roles)

    def of(self, kind: str) -> list[AuthorityRecord]:
        """Records of a kind, newest first."""
        found = [record for record in self.records if record.kind == kind]
        return sorted(found, key=lambda record: (record.on, record.id), reverse=True)

    def recent(self, records: Iterable[AuthorityRecord]) -> list[AuthorityRecord]:
        return [record for record in records if self.age(record) <= self.check.within_days]

    def age(self, record: AuthorityRecord) -> int:
        return (self.view.as_of - record.on).days


def check_authority(view: Coverage, role: str) -> tuple[AuthorityResult, ...]:
    """All checks for one role as of the view's day; records from the future are not read."""
    organisation = view.snapshot.organisation
    records = tuple(
        record for record in organisation.authority_records if record.role == role and record.on <= view.as_of
    )
    return tuple(_one(_Case(view, role, check, records)) for check in organisation.authority_checks)


def _one(case: _Case) -> AuthorityResult:
    if case.role not in case.snapshot.roles:
        return AuthorityResult(case.check, "unknown", f"there is no role {case.role} in the organisation", ())
    outcome, reason, records = _MEASURES[case.check.measure](case)
    if outcome == "unknown":
        return _attested(case) or AuthorityResult(case.check, outcome, reason, records)
    return AuthorityResult(case.check, outcome, reason, records)


def _attested(case: _Case) -> AuthorityResult | None:
    """A person's word stands in while nothing else is on record, and only while it is fresh."""
    said = [
        record
        for record in case.recent(case.of("attestation"))
        if record.check == case.check.id and record.holds is not None and record.attested_by
    ]
    if not said:
        return None
    word = said[0]
    outcome: Outcome = "pass" if word.holds else "fail"
    reason = f"{word.attested_by} attested on {word.on} that it {'holds' if word.holds else 'does not hold'}"
    return AuthorityResult(case.check, outcome, reason, (f"authority:{word.id}",), attested=True)


_Answer = tuple[Outcome, str, tuple[str, ...]]


def _level(case: _Case) -> _Answer:
    appointments = [record for record in case.of("appointment") if record.level is not None]
    role = case.snapshot.roles[case.role]
    if appointments:
        level, source = appointments[0].level or 0, f"authority:{appointments[0].id}"
    elif role.authority is not None and role.confirmed:
        level, source = role.authority, f"role:{role.id}"
    else:
        return "unknown", "no appointment on record, and the role's level is the template's assumption", ()
    good = level >= case.check.least
    return ("pass" if good else "fail"), f"level {level} of {case.check.least:g} needed", (source,)


def _board(case: _Case) -> _Answer:
    meetings = case.of("board-attendance")
    if not meetings:
        return "unknown", "no meeting with the board is on record", ()
    recent = case.recent(meetings)
    if len(recent) >= case.check.least:
        return "pass", f"met the board on {recent[0].on}", _named(recent)
    return "fail", f"last met the board on {meetings[0].on}, {case.age(meetings[0])} days ago", _named(meetings[:1])


def _contact(case: _Case) -> _Answer:
    met = case.of("contact")
    if not met:
        return "unknown", "no contact with other officers is on record", ()
    late, records = [], []
    for other in case.check.with_roles:
        last = next((record for record in met if other in record.with_roles), None)
        if last is not None:
            records.append(last)
        if last is None or case.age(last) > case.check.within_days:
            late.append(f"{case.title(other)} ({f'last on {last.on}' if last else 'never'})")
    if late:
        return "fail", f"no contact within {case.check.within_days} days: {', '.join(late)}", _named(records)
    return "pass", f"met {case.titles(case.check.with_roles)} within {case.check.within_days} days", _named(records)


def _decision_rights(case: _Case) -> _Answer:
    rights = case.of("decision-right")
    if not rights:
        return "unknown", "no decision right is on record", ()
    recent = case.recent(rights)
    if len(recent) >= case.check.least:
        subjects = ", ".join(record.subject for record in recent if record.subject) or "without a subject"
        return "pass", f"may decide: {subjects}", _named(recent)
    return "fail", f"{len(recent)} decision rights in force, {case.check.least:g} needed", _named(rights)


def _resources(case: _Case) -> _Answer:
    budgets = [
        record for record in case.recent(case.of("budget")) if record.need is not None and record.approved is not None
    ]
    load = case.view.loads.get(case.role)
    records = _named(budgets[:1])
    if load is not None and load.capacity_hours and load.overloaded:
        holders = tuple(seat.holding.record for seat in case.snapshot.seats.get(case.role, ()))
        reason = f"asked for {hours_text(load.demand_hours)} h a week of {hours_text(load.capacity_hours)} h"
        return "fail", reason, (*records, *holders)
    if not budgets:
        return "unknown", "no budget with need and approval is on record", ()
    need, approved = budgets[0].need or 0.0, budgets[0].approved or 0.0
    good = approved >= need * case.check.least
    return ("pass" if good else "fail"), f"approved {approved:,.0f} of {need:,.0f} needed", records


def _independence(case: _Case) -> _Answer:
    paths = case.of("escalation-path")
    if not paths:
        return "unknown", "no escalation path is on record", ()
    superiors = {line.to for line in case.snapshot.lines if line.from_ == case.role and line.kind == "solid"}
    free = [path for path in case.recent(paths) if path.with_roles and not superiors & set(path.with_roles)]
    if free:
        return (
            "pass",
            f"may go to {case.titles(free[0].with_roles)} past {case.titles(sorted(superiors)) or 'nobody'}",
            _named(free),
        )
    return "fail", f"every path leads through {case.titles(sorted(superiors)) or 'nobody named'}", _named(paths)


def _named(records: Iterable[AuthorityRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"authority:{record.id}" for record in records))


_MEASURES: dict[str, Callable[[_Case], _Answer]] = {
    "level": _level,
    "board": _board,
    "contact": _contact,
    "decision-rights": _decision_rights,
    "resources": _resources,
    "independence": _independence,
}
