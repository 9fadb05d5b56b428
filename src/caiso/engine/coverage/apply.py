"""Carries out the changes of a scenario on a copy of the organisation, keeping what was as dated history."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, TypeVar

from caiso.engine.coverage.organisation.changes import Change, Scenario
from caiso.engine.coverage.organisation.model import (
    Assignment,
    Delegate,
    Duty,
    Holding,
    Person,
    RaciKind,
    ReportingLine,
    Role,
    Skill,
    active,
)
from caiso.engine.coverage.organisation.validate import find_faults
from caiso.engine.coverage.organisation.whole import Organisation
from caiso.engine.packs import quoted
from caiso.errors import DomainError

Dated = TypeVar("Dated", Holding, Assignment, ReportingLine)
MAX_CHANGES = 500


class UnableToApply(DomainError):
    """A change does not fit the organisation; names the change by its place."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The changed organisation, what it costs once, and training that still has to be attested."""

    organisation: Organisation
    one_off_cost: float
    pending: tuple[str, ...]


def apply(organisation: Organisation, scenario: Scenario, *, as_of: date, planned: bool = True) -> Applied:
    """Change a copy. With `planned`, training of a person counts as if it had been attested, to show its effect."""
    if len(scenario.changes) > MAX_CHANGES:
        raise UnableToApply(f"scenario {scenario.id} has {len(scenario.changes)} changes, at most {MAX_CHANGES}")
    editor = _Editor(organisation, as_of, planned)
    for place, change in enumerate(scenario.changes, start=1):
        editor.day = change.on or as_of
        try:
            _OPERATIONS[change.op](editor, change)
        except UnableToApply as refusal:
            raise UnableToApply(f"scenario {scenario.id}, change {place} ({change.op}): {refusal}") from refusal
    changed = editor.result()
    faults = find_faults(changed)
    if faults:
        raise UnableToApply(f"scenario {scenario.id} leads to a wrong organisation: {faults[0].message}")
    return Applied(changed, sum(change.cost for change in scenario.changes), tuple(editor.pending))


@dataclass
class _Editor:
    """The parts of the organisation that changes may touch, open for writing."""

    base: Organisation
    as_of: date
    planned: bool
    pending: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.day = self.as_of
        self.roles = {role.id: role for role in self.base.roles}
        self.duties = {duty.id: duty for duty in self.base.duties}
        self.people = {person.id: person for person in self.base.people}
        self.holdings = list(self.base.holdings)
        self.assignments = list(self.base.assignments)
        self.lines = list(self.base.lines)
        self.delegates = list(self.base.delegates)

    def result(self) -> Organisation:
        return replace(
            self.base,
            roles=tuple(self.roles.values()),
            duties=tuple(self.duties.values()),
            people=tuple(self.people.values()),
            holdings=tuple(self.holdings),
            assignments=tuple(self.assignments),
            lines=tuple(self.lines),
            delegates=tuple(self.delegates),
        )

    def role(self, name: str | None) -> Role:
        role = self.roles.get(name or "")
        if role is None or role.template:
            raise UnableToApply(f"unknown role {quoted(name or '')}")
        return role

    def duty(self, name: str | None) -> Duty:
        if name not in self.duties:
            raise UnableToApply(f"unknown duty {quoted(name or '')}")
        return self.duties[name or ""]

    def person(self, name: str | None) -> Person:
        if name not in self.people:
            raise UnableToApply(f"unknown person {quoted(name or '')}")
        return self.people[name or ""]

    def end(self, records: list[Dated], where: Callable[[Dated], bool]) -> list[Dated]:
        """End the matching active records the day before; one that began today never was."""
        ended = [record for record in records if active(record, self.day) and where(record)]
        kept: list[Dated] = []
        for record in records:
            if not (active(record, self.day) and where(record)):
                kept.append(record)
            elif record.since_on is None or record.since_on < self.day:
                kept.append(replace(record, until_on=self.day - timedelta(days=1)))
        records[:] = kept
        return ended

    def letters(self, duty: str, role: str) -> bool:
        return any(item.duty == duty and item.role == role and active(item, self.day) for item in self.assignments)

    def give(self, assignment: Assignment, *, take_over: bool, leave: RaciKind | None) -> None:
        """Add an assignment; a new owner replaces the owners in the same scope, who keep the letter `leave`."""
        duty, role, scope = assignment.duty, assignment.role, assignment.scope
        self.end(self.assignments, lambda item: item.duty == duty and item.role == role and item.scope == scope)
        if assignment.kind == "A" and take_over:
            former = self.end(
                self.assignments, lambda item: item.duty == duty and item.kind == "A" and item.scope == scope
            )
            for owner in former:
                if leave and not self.letters(duty, owner.role):
                    self.assignments.append(replace(owner, kind=leave, since_on=self.day, until_on=None))
        self.assignments.append(replace(assignment, since_on=self.day, until_on=None))


def _add_role_from_template(editor: _Editor, change: Change) -> None:
    role = editor.roles.get(change.role or "")
    if role is None:
        raise UnableToApply(f"unknown role {quoted(change.role or '')}")
    if not role.template:
        raise UnableToApply(f"role {role.id} is part of the organisation already")
    template = next((item for item in editor.base.templates if item.role == role.id), None)
    if template is None:
        raise UnableToApply(f"role {role.id} has no template")
    editor.roles[role.id] = replace(role, template=False)
    for assignment in template.assignments:
        if assignment.duty not in editor.duties or _is_template(editor, assignment.role):
            continue
        if assignment.role == role.id or not editor.letters(assignment.duty, assignment.role):
            editor.give(assignment, take_over=change.take_over, leave=change.leave)
    for line in template.lines:
        if line.to not in editor.roles or _is_template(editor, line.to):
            raise UnableToApply(f"role {role.id} reports to {line.to}, which is not part of the organisation")
        editor.lines.append(replace(line, since_on=editor.day))


def _is_template(editor: _Editor, role: str) -> bool:
    return role not in editor.roles or editor.roles[role].template


def _add_role(editor: _Editor, change: Change) -> None:
    if change.role in editor.roles:
        raise UnableToApply(f"role {change.role} exists already")
    editor.roles[change.role or ""] = _edited(Role(id=change.role or "", title=change.title or ""), change)


def _change_role(editor: _Editor, change: Change) -> None:
    role = editor.role(change.role)
    editor.roles[role.id] = _edited(role, change)


def _edited(role: Role, change: Change) -> Role:
    values: dict[str, Any] = {"competences": {**role.competences, **change.competences}}
    for name, value in (
        ("title", change.title),
        ("authority", change.authority),
        ("capacity_hours", change.hours),
        ("annual_cost", change.annual_cost),
    ):
        if value is not None:
            values[name] = value
    return replace(role, **values)


def _remove_role(editor: _Editor, change: Change) -> None:
    role = editor.role(change.role)
    editor.end(editor.holdings, lambda held: held.role == role.id)
    editor.end(editor.assignments, lambda item: item.role == role.id)
    editor.end(editor.lines, lambda line: role.id in (line.from_, line.to))


def _assign(editor: _Editor, change: Change) -> None:
    duty, role = editor.duty(change.duty), editor.role(change.role)
    given = Assignment(duty.id, role.id, change.kind or "A", unit=change.unit, system=change.system)
    # Assigning never takes anything away: a second owner is exactly what contested means.
    editor.give(given, take_over=False, leave=None)


def _unassign(editor: _Editor, change: Change) -> None:
    duty, role = editor.duty(change.duty), editor.role(change.role)

    def meant(item: Assignment) -> bool:
        return (
            item.duty == duty.id
            and item.role == role.id
            and change.kind in (None, item.kind)
            and (change.unit, change.system) == (item.unit, item.system)
        )

    if not editor.end(editor.assignments, meant):
        raise UnableToApply(f"role {role.id} holds no such letter for duty {duty.id}")


def _move(editor: _Editor, change: Change) -> None:
    new = editor.role(change.to)
    for duty in _chosen(editor, change):
        if change.role is not None:
            owners = [
                item
                for item in editor.assignments
                if item.duty == duty.id and item.kind == "A" and active(item, editor.day)
            ]
            if change.role not in {item.role for item in owners}:
                continue
        given = Assignment(duty.id, new.id, "A", unit=change.unit, system=change.system)
        editor.give(given, take_over=change.take_over, leave=change.leave)


def _chosen(editor: _Editor, change: Change) -> Iterable[Duty]:
    named = [editor.duty(name) for name in change.duties]
    if not change.families and change.ai_security is None:
        return named
    filtered = [
        duty
        for duty in editor.duties.values()
        if (not change.families or duty.family in change.families)
        and change.ai_security in (None, duty.ai_security)
        and duty not in named
    ]
    return [*named, *filtered]


def _hire(editor: _Editor, change: Change) -> None:
    if change.person in editor.people:
        raise UnableToApply(f"person {change.person} exists already; use appoint")
    skills = tuple(
        Skill(name, level, change.attested_by, editor.day if change.attested_by else None)
        for name, level in change.competences.items()
    )
    name = change.title or (change.person or "")
    new = Person(id=change.person or "", name=name, unit=change.unit, skills=skills, unnamed=change.title is None)
    editor.people[new.id] = new if change.hours is None else replace(new, hours_per_week=change.hours)
    _appoint(editor, change)


def _appoint(editor: _Editor, change: Change) -> None:
    person, role = editor.person(change.person), editor.role(change.role)
    editor.end(editor.holdings, lambda held: held.person == person.id and held.role == role.id)
    editor.holdings.append(Holding(person.id, role.id, since_on=editor.day, acting=change.acting, share=change.share))


def _leave(editor: _Editor, change: Change) -> None:
    person = editor.person(change.person)
    ended = editor.end(editor.holdings, lambda held: held.person == person.id and change.role in (None, held.role))
    if not ended:
        raise UnableToApply(f"person {person.id} holds no such role")


def _train(editor: _Editor, change: Change) -> None:
    competence, level = change.competence or "", change.level or 0
    if competence not in {known.id for known in editor.base.competences}:
        raise UnableToApply(f"unknown competence {quoted(competence)}")
    if change.role is not None:
        role = editor.role(change.role)
        raised = {**role.competences, competence: max(level, role.competences.get(competence, 0))}
        editor.roles[role.id] = replace(role, competences=raised)
        return
    person = editor.person(change.person)
    if not change.attested_by and not editor.planned:
        # Adopting a plan teaches nobody anything: the level counts when somebody has seen it.
        editor.pending.append(f"attest level {level} in {competence} of {person.id} after the training")
        return
    held = next((skill.level for skill in person.skills if skill.competence == competence), 0)
    skill = Skill(competence, max(level, held), change.attested_by or "planned by the scenario", editor.day)
    others = tuple(known for known in person.skills if known.competence != competence)
    editor.people[person.id] = replace(person, skills=(*others, skill))


def _change_line(editor: _Editor, change: Change) -> None:
    role, to = editor.role(change.role), editor.role(change.to)
    if change.line == "solid":
        # A role has one solid line, so a new one replaces it.
        editor.end(editor.lines, lambda line: line.from_ == role.id and line.kind == "solid")
    editor.end(editor.lines, lambda line: line.from_ == role.id and line.to == to.id)
    editor.lines.append(ReportingLine(role.id, to.id, change.line, change.covers, since_on=editor.day))


def _remove_line(editor: _Editor, change: Change) -> None:
    role, to = editor.role(change.role), editor.role(change.to)
    if not editor.end(editor.lines, lambda line: line.from_ == role.id and line.to == to.id):
        raise UnableToApply(f"there is no line from {role.id} to {to.id}")


def _delegate(editor: _Editor, change: Change) -> None:
    person, stands, role = editor.person(change.person), editor.person(change.to), editor.role(change.role)
    editor.delegates.append(Delegate(person.id, stands.id, role.id, since_on=editor.day, duties=change.duties))


def _change_person(editor: _Editor, change: Change) -> None:
    person = editor.person(change.person)
    hours = person.hours_per_week if change.hours is None else change.hours
    editor.people[person.id] = replace(person, hours_per_week=hours, unit=change.unit or person.unit)


def _add_duty(editor: _Editor, change: Change) -> None:
    if change.duty in editor.duties:
        raise UnableToApply(f"duty {change.duty} exists already")
    title = change.title or ""
    new = Duty(change.duty or "", title, change.description or title, change.family or "other")
    editor.duties[new.id] = _edited_duty(new, change)


def _change_duty(editor: _Editor, change: Change) -> None:
    duty = editor.duty(change.duty)
    editor.duties[duty.id] = _edited_duty(duty, change)


def _edited_duty(duty: Duty, change: Change) -> Duty:
    values: dict[str, Any] = {"requires": {**duty.requires, **change.requires}, "stages": change.stages or duty.stages}
    for name, value in (
        ("title", change.title),
        ("description", change.description),
        ("family", change.family),
        ("ai_security", change.ai_security),
        ("effort_hours", change.hours),
        ("priority", change.priority),
    ):
        if value is not None:
            values[name] = value
    return replace(duty, **values)


def _remove_duty(editor: _Editor, change: Change) -> None:
    duty = editor.duty(change.duty)
    for name in ("deficiencies", "definition", "templates"):
        if any(duty.id in _duties_of(record) for record in getattr(editor.base, name)):
            raise UnableToApply(f"duty {duty.id} is used by the catalogue's {name}; move or unassign it instead")
    del editor.duties[duty.id]
    editor.assignments[:] = [item for item in editor.assignments if item.duty != duty.id]
    editor.delegates[:] = [
        replace(item, duties=tuple(name for name in item.duties if name != duty.id)) for item in editor.delegates
    ]


def _duties_of(record: Any) -> Iterable[str]:
    if hasattr(record, "assignments"):
        return [item.duty for item in record.assignments]
    return tuple(record.duties)


_OPERATIONS: dict[str, Callable[[_Editor, Change], None]] = {
    "add_role_from_template": _add_role_from_template,
    "add_role": _add_role,
    "change_role": _change_role,
    "remove_role": _remove_role,
    "assign": _assign,
    "unassign": _unassign,
    "move": _move,
    "hire": _hire,
    "appoint": _appoint,
    "leave": _leave,
    "train": _train,
    "change_line": _change_line,
    "remove_line": _remove_line,
    "delegate": _delegate,
    "change_person": _change_person,
    "add_duty": _add_duty,
    "change_duty": _change_duty,
    "remove_duty": _remove_duty,
}
