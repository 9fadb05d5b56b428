"""The API's endpoints for people, units, logins, tokens, tasks, jobs and the audit trail."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from caiso.web.base import queries
from caiso.web.base.access import Viewer, visible
from caiso.web.base.endpoint import (
    ApiRequest,
    Line,
    Page,
    Paging,
    RowId,
    SearchText,
    Slug,
    page_of,
    reads,
    refuse_tokens,
    require_match,
    writes,
)
from caiso.web.base.models import AccessRole, ApiToken, AuditRecord, Job, Person, Task, TokenScope, Unit, User
from caiso.web.base.services import jobs, people, sealing, tokens, workplace

router = Router()


class TaskState(StrEnum):
    """Where a task stands (the document needs names that no other app has)."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class GrantOut(Schema):
    """An access role and the path of the unit in which it holds."""

    role: AccessRole
    unit_path: str


class MeOut(Schema):
    """Who asks, and what they may do."""

    email: str
    name: str
    grants: list[GrantOut]


@reads(router, "/me", permission="view", response=MeOut)
def me(request: ApiRequest) -> MeOut:
    """The login behind the request."""
    grants = [GrantOut(role=AccessRole(role), unit_path=path) for role, path in request.viewer.grants]
    return MeOut(email=request.user.email, name=request.user.name, grants=grants)


class UnitOut(Schema):
    """A business unit."""

    slug: str
    name: str
    parent: str | None
    is_demo: bool


class UnitIn(Schema):
    """A new unit."""

    name: Line
    parent: str = Field(max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")


class UnitChange(Schema):
    """What of a unit changes."""

    name: Line | None = None
    parent: str | None = Field(None, max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")


def show_unit(unit: Unit) -> UnitOut:
    """A unit as the API shows it."""
    return UnitOut(
        slug=unit.slug, name=unit.name, parent=unit.parent.slug if unit.parent else None, is_demo=unit.is_demo
    )


def unit_in_sight(viewer: Viewer, slug: str, permission: str = "view") -> Unit:
    """The unit, or 404 when it lies outside."""
    return get_object_or_404(visible(queries.units(), viewer, permission, lookup="path"), slug=slug)


@reads(router, "/units", permission="view", response=Page[UnitOut])
def list_units(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[UnitOut]:
    """The units in sight, parents first."""
    return page_of(visible(queries.units(), request.viewer, lookup="path"), show_unit, paging)


@reads(router, "/units/{slug}", permission="view", response=UnitOut)
def read_unit(request: ApiRequest, slug: Slug) -> UnitOut:
    """One unit."""
    return show_unit(unit_in_sight(request.viewer, slug))


@writes(router, "POST", "/units", permission="organisation.edit", response=UnitOut, status=201)
def add_unit(request: ApiRequest, body: UnitIn) -> UnitOut:
    """Add a unit below another one."""
    parent = unit_in_sight(request.viewer, body.parent)
    return show_unit(people.create_unit(name=body.name, parent=parent, actor=request.user, now=timezone.now()))


@writes(router, "PATCH", "/units/{slug}", permission="organisation.edit", response=UnitOut)
def change_unit(request: ApiRequest, slug: Slug, body: UnitChange) -> UnitOut:
    """Rename or move a unit."""
    unit = unit_in_sight(request.viewer, slug)
    require_match(request, show_unit(unit))
    changes: dict[str, Any] = {}
    if body.name is not None:
        changes["name"] = body.name
    if body.parent is not None:
        changes["parent"] = unit_in_sight(request.viewer, body.parent)
    return show_unit(people.change_unit(unit, changes=changes, actor=request.user, now=timezone.now()))


class PersonOut(Schema):
    """Somebody in the organisation."""

    slug: str
    name: str
    email: str
    unit: str
    has_login: bool
    is_active: bool
    is_demo: bool


class PersonIn(Schema):
    """Somebody new."""

    name: Line
    email: str = Field("", max_length=254, pattern=r"^[^\x00-\x20]*$")
    unit: str = Field(max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")


class PersonChange(Schema):
    """What of a person changes."""

    name: Line | None = None
    email: str | None = Field(None, max_length=254, pattern=r"^[^\x00-\x20]*$")
    unit: str | None = Field(None, max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")
    is_active: bool | None = None


class PeopleFilter(Schema):
    """Which people."""

    search: SearchText = ""
    unit: str = Field("", max_length=80, pattern=r"^[-a-zA-Z0-9_]*$")
    is_active: bool | None = None


def show_person(person: Person) -> PersonOut:
    """A person as the API shows them."""
    return PersonOut(
        slug=person.slug,
        name=person.name,
        email=person.email,
        unit=person.unit.slug,
        has_login=person.user_id is not None,
        is_active=person.is_active,
        is_demo=person.is_demo,
    )


@reads(router, "/people", permission="view", response=Page[PersonOut])
def list_people(
    request: ApiRequest, paging: Annotated[Paging, Query()], only: Annotated[PeopleFilter, Query()]
) -> Page[PersonOut]:
    """People of the units in sight, by name."""
    rows = visible(queries.people(), request.viewer)
    if only.search:
        rows = rows.filter(Q(name__icontains=only.search) | Q(email__icontains=only.search))
    if only.unit:
        rows = rows.filter(unit__slug=only.unit)
    if only.is_active is not None:
        rows = rows.filter(is_active=only.is_active)
    return page_of(rows.order_by("name", "id"), show_person, paging)


@reads(router, "/people/{slug}", permission="view", response=PersonOut)
def read_person(request: ApiRequest, slug: Slug) -> PersonOut:
    """One person."""
    return show_person(get_object_or_404(visible(queries.people(), request.viewer), slug=slug))


@writes(router, "POST", "/people", permission="organisation.edit", response=PersonOut, status=201)
def add_person(request: ApiRequest, body: PersonIn) -> PersonOut:
    """Add somebody."""
    unit = unit_in_sight(request.viewer, body.unit)
    person = people.create_person(name=body.name, email=body.email, unit=unit, actor=request.user, now=timezone.now())
    return show_person(person)


@writes(router, "PATCH", "/people/{slug}", permission="organisation.edit", response=PersonOut)
def change_person(request: ApiRequest, slug: Slug, body: PersonChange) -> PersonOut:
    """Change somebody's data."""
    person = get_object_or_404(visible(queries.people(), request.viewer), slug=slug)
    require_match(request, show_person(person))
    changes: dict[str, Any] = body.model_dump(exclude_none=True)
    if body.unit is not None:
        changes["unit"] = unit_in_sight(request.viewer, body.unit)
    return show_person(people.change_person(person, changes=changes, actor=request.user, now=timezone.now()))


class UserOut(Schema):
    """A login and what it may do."""

    id: int
    email: str
    name: str
    is_active: bool
    last_login_at: datetime | None
    grants: list[GrantOut]


def show_user(user: User) -> UserOut:
    """A login as the API shows it."""
    return UserOut(
        id=user.pk,
        email=user.email,
        name=user.name,
        is_active=user.is_active,
        last_login_at=user.last_login,
        grants=[GrantOut(role=AccessRole(grant.role), unit_path=grant.unit.path) for grant in user.grants.all()],
    )


@reads(router, "/users", permission="admin", response=Page[UserOut])
def list_users(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[UserOut]:
    """Logins that hold a role in a unit that the asker administers."""
    return page_of(queries.logins_in_sight(request.viewer), show_user, paging)


class TokenOut(Schema):
    """A token without its text."""

    id: int
    name: str
    prefix: str
    scope: TokenScope
    unit: str
    user: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenMade(TokenOut):
    """A new token with its text, which is shown this once."""

    token: str


class TokenIn(Schema):
    """A token to be made."""

    name: Line
    scope: TokenScope
    unit: str = Field(max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")
    expires_on: date | None = None


def show_token(token: ApiToken) -> TokenOut:
    """A token as the API shows it."""
    return TokenOut(
        id=token.pk,
        name=token.name,
        prefix=token.prefix,
        scope=TokenScope(token.scope),
        unit=token.unit.slug,
        user=token.user.email if token.user else None,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )


@reads(router, "/tokens", permission="view", response=Page[TokenOut])
def list_tokens(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[TokenOut]:
    """One's own tokens, and those of the units whose tokens one manages."""
    return page_of(queries.tokens_in_sight(request.viewer), show_token, paging)


@writes(router, "POST", "/tokens", permission="view", response=TokenMade, status=201, secret=True)
def add_token(request: ApiRequest, body: TokenIn) -> TokenMade:
    """Make a token; a token may not make tokens."""
    refuse_tokens(request)
    now = timezone.now()
    expires_at = None
    if body.expires_on is not None:
        expires_at = datetime(
            body.expires_on.year, body.expires_on.month, body.expires_on.day, 23, 59, tzinfo=now.tzinfo
        )
    token, text = tokens.create_token(
        name=body.name,
        scope=body.scope,
        unit=unit_in_sight(request.viewer, body.unit),
        actor=request.user,
        expires_at=expires_at,
        now=now,
    )
    return TokenMade(**show_token(token).model_dump(), token=text)


@writes(router, "POST", "/tokens/{number}/revoke", permission="view", response=TokenOut)
def revoke_token(request: ApiRequest, number: RowId) -> TokenOut:
    """End a token."""
    token = get_object_or_404(queries.tokens_in_sight(request.viewer), pk=number)
    tokens.revoke_token(token, actor=request.user, now=timezone.now())
    return show_token(token)


class TaskOut(Schema):
    """Something that somebody must do."""

    id: int
    title: str
    detail: str
    unit: str
    assignee: str | None
    role: str
    state: TaskState
    due_at: datetime | None
    subject_url: str
    done_at: datetime | None


class TaskChange(Schema):
    """What of a task changes."""

    state: TaskState | None = None
    assignee: str | None = Field(None, max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")


class TaskFilter(Schema):
    """Which tasks."""

    state: TaskState | None = None
    mine: bool = False


def show_task(task: Task) -> TaskOut:
    """A task as the API shows it."""
    return TaskOut(
        id=task.pk,
        title=task.title,
        detail=task.detail,
        unit=task.unit.slug,
        assignee=task.assignee.slug if task.assignee else None,
        role=task.role_slug,
        state=TaskState(task.state),
        due_at=task.due_at,
        subject_url=task.subject_url,
        done_at=task.done_at,
    )


@reads(router, "/tasks", permission="view", response=Page[TaskOut])
def list_tasks(
    request: ApiRequest, paging: Annotated[Paging, Query()], only: Annotated[TaskFilter, Query()]
) -> Page[TaskOut]:
    """Tasks of the units in sight, the most urgent first."""
    rows = visible(queries.my_tasks(request.user) if only.mine else queries.tasks(), request.viewer)
    if only.state is not None:
        rows = rows.filter(state=only.state)
    return page_of(rows, show_task, paging)


@reads(router, "/tasks/{number}", permission="view", response=TaskOut)
def read_task(request: ApiRequest, number: RowId) -> TaskOut:
    """One task."""
    return show_task(get_object_or_404(visible(queries.tasks(), request.viewer), pk=number))


@writes(router, "PATCH", "/tasks/{number}", permission="task.edit", response=TaskOut)
def change_task(request: ApiRequest, number: RowId, body: TaskChange) -> TaskOut:
    """Finish a task or hand it over."""
    task = get_object_or_404(visible(queries.tasks(), request.viewer, "task.edit"), pk=number)
    require_match(request, show_task(task))
    changes: dict[str, Any] = {}
    if body.state is not None:
        changes["state"] = body.state
    if body.assignee is not None:
        changes["assignee"] = get_object_or_404(visible(queries.people(), request.viewer), slug=body.assignee)
    return show_task(workplace.update_task(task, changes=changes, actor=request.user, now=timezone.now()))


class JobOut(Schema):
    """Background work."""

    id: int
    kind: str
    state: JobState
    attempt: int
    progress: int
    progress_total: int
    progress_note: str
    error: str
    created_at: datetime
    finished_at: datetime | None


def show_job(job: Job) -> JobOut:
    """A job as the API shows it."""
    return JobOut.model_validate(job)


@reads(router, "/jobs", permission="view", response=Page[JobOut])
def list_jobs(request: ApiRequest, paging: Annotated[Paging, Query()], state: JobState | None = None) -> Page[JobOut]:
    """Jobs that one asked for; administrators see all."""
    rows = queries.jobs_in_sight(request.viewer)
    return page_of(rows.filter(state=state) if state else rows, show_job, paging)


@reads(router, "/jobs/{number}", permission="view", response=JobOut)
def read_job(request: ApiRequest, number: RowId) -> JobOut:
    """One job with its progress."""
    return show_job(get_object_or_404(queries.jobs_in_sight(request.viewer), pk=number))


@writes(router, "POST", "/jobs/{number}/cancel", permission="view", response=JobOut)
def cancel_job(request: ApiRequest, number: RowId) -> JobOut:
    """Stop a job."""
    job = get_object_or_404(queries.jobs_in_sight(request.viewer), pk=number)
    jobs.cancel(job, actor=request.user, now=timezone.now())
    return show_job(job)


class AuditOut(Schema):
    """One line of the audit trail."""

    id: int
    sequence: int | None
    at: datetime
    actor: str
    verb: str
    subject_type: str
    subject_id: str
    subject_label: str
    changes: dict[str, Any] | None
    is_erased: bool


class AuditFilter(Schema):
    """Which lines."""

    actor: SearchText = ""
    verb: SearchText = ""
    subject_type: SearchText = ""
    subject_id: SearchText = ""


def show_audit(row: AuditRecord) -> AuditOut:
    """An audit record as the API shows it."""
    return AuditOut(
        id=row.pk,
        sequence=row.sequence,
        at=row.at,
        actor=row.actor_label,
        verb=row.verb,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        subject_label=row.subject_label,
        changes=row.changes,
        is_erased=row.is_erased,
    )


@reads(router, "/audit", permission="audit.view", response=Page[AuditOut])
def list_audit(
    request: ApiRequest, paging: Annotated[Paging, Query()], only: Annotated[AuditFilter, Query()]
) -> Page[AuditOut]:
    """The audit trail of the units in sight, newest first."""
    rows = queries.audit_in_sight(request.viewer)
    if only.actor:
        rows = rows.filter(actor_label__icontains=only.actor)
    exact: dict[str, str] = {name: value for name, value in only.model_dump().items() if value and name != "actor"}
    return page_of(rows.filter(**exact), show_audit, paging)


class VerificationOut(Schema):
    """Whether the chain of the audit trail is whole."""

    ok: bool
    records: int
    erased: int
    finding: str
    record: int | None
    kind: Literal["audit_verification"] = "audit_verification"


@writes(router, "POST", "/audit/verify", permission="audit.view", response=VerificationOut)
def verify_audit(request: ApiRequest) -> VerificationOut:
    """Walk the whole chain now."""
    found = sealing.run_verification(now=timezone.now())
    return VerificationOut(
        ok=found.ok, records=found.records, erased=found.erased, finding=found.finding, record=found.record
    )
