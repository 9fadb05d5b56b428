"""The registers of the administration pages: units, logins, tokens, jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import reverse
from django.utils import timezone

from caiso.web.base import live, navigation, queries
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import ApiToken, Job, TokenScope, Unit, User
from caiso.web.base.register import (
    Action,
    Button,
    Choice,
    Column,
    Flag,
    Moment,
    Number,
    Reference,
    Register,
    Text,
    declare,
)
from caiso.web.base.services import jobs as job_services
from caiso.web.base.services import people
from caiso.web.base.services.tokens import is_live, revoke_token


def _units_to_edit(viewer: Viewer) -> Any:
    return visible(queries.units(), viewer, "organisation.edit", lookup="path")


def _create_unit(*, values: Mapping[str, Any], actor: User, now: datetime) -> Unit:
    return people.create_unit(name=values["name"], parent=values["parent"], actor=actor, now=now)


def _token_state(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return "Revoked"
    return "Live" if is_live(token, now=timezone.now()) else "Expired"


def _revoke(records: Sequence[ApiToken], /, *, actor: User, now: datetime) -> str:
    for token in records:
        revoke_token(token, actor=actor, now=now)
    return f"{len(records)} {'token' if len(records) == 1 else 'tokens'} revoked."


def _cancel(records: Sequence[Job], /, *, actor: User, now: datetime) -> str:
    for job in records:
        job_services.cancel(job, actor=actor, now=now)
    return f"{len(records)} {'job' if len(records) == 1 else 'jobs'} cancelled."


UNITS = declare(
    Register(
        name="units",
        one="Unit",
        many="Business units",
        icon="building",
        rows=lambda viewer: visible(queries.units(), viewer, lookup="path"),
        columns=(
            Column("name", "Unit", Text(longest=200), search=True, edit=True, required=True),
            Column("parent", "Part of", Reference(_units_to_edit), edit=True, required=True, sort=False),
            Column("slug", "Key", Text(mono=True), search=True),
            Column("path", "Place in the tree", Text(mono=True), shown=False),
        ),
        edit_permission="organisation.edit",
        update=people.change_unit,
        create=_create_unit,
        scope="path",
        key="slug",
        sort="path",
        lead="Access is given in a unit and holds for everything below it.",
        empty_title="No units",
        api=False,
    )
)

USERS = declare(
    Register(
        name="users",
        one="Login",
        many="Logins",
        icon="user-check",
        rows=queries.logins_in_sight,
        columns=(
            Column("email", "Login", Text(mono=True), link=True, search=True, note=lambda user: user.name),
            Column("roles", "Access", Text(), value=lambda user: ", ".join(_grant_words(user))),
            Column("is_active", "State", Flag("Open", "Closed"), filter=True),
            Column("last_login", "Last sign-in", Moment(), filter=True),
            Column("created_at", "Made", Moment(), filter=True, shown=False),
        ),
        permission="admin",
        export_permission="admin",
        scope=None,
        url=lambda user: reverse("user_record", args=[user.pk]),
        buttons=(Button("New login", "user_new", "admin", "plus"),),
        sort="email",
        lead="Who may sign in. What a login may do comes from its access roles.",
        empty_title="No logins here",
        empty_text="Logins with an access role in a unit that you administer appear here.",
        api=False,
    )
)

TOKENS = declare(
    Register(
        name="tokens",
        one="Token",
        many="Tokens",
        icon="link",
        rows=queries.tokens_in_sight,
        columns=(
            Column("name", "Token", Text(), search=True, note=lambda token: f"{token.prefix}…"),
            Column("purpose", "May", Choice(TokenScope.choices), value="scope", filter=True),
            Column("unit", "Unit", Reference(queries.units_in_sight), filter=True, lookup="unit", sort=False),
            Column("user", "Acts as", Text(), value=lambda token: token.user.email if token.user else ""),
            Column("state", "State", Text(), value=_token_state),
            Column("expires_at", "Expires", Moment(), filter=True),
            Column("last_used_at", "Last used", Moment(), filter=True),
            Column("created_at", "Made", Moment(), filter=True, shown=False),
        ),
        buttons=(Button("New token", "token_new", "view", "plus"),),
        actions=(Action("revoke", "Revoke", _revoke, "view", "trash"),),
        sort="name",
        lead="Keys for machines. Each is shown once, when it is made.",
        empty_title="No tokens",
        empty_text="An ingest token lets an application send its telemetry here; the others open the API.",
        empty_url="token_new",
        empty_action="Make a token",
        api=False,
    )
)

JOBS = declare(
    Register(
        name="jobs",
        one="Job",
        many="Jobs",
        icon="bolt",
        rows=queries.jobs_in_sight,
        columns=(
            Column(
                "kind", "Job", Text(mono=True), link=True, search=True, filter=True, note=lambda job: job.progress_note
            ),
            Column(
                "state",
                "State",
                Choice(
                    Job.State.choices,
                    tones={
                        "done": "good",
                        "failed": "bad",
                        "running": "info",
                        "waiting": "neutral",
                        "cancelled": "warn",
                    },
                ),
                filter=True,
            ),
            Column("attempt", "Attempt", Number()),
            Column("requested_by", "Asked by", Text(), value=lambda job: str(job.requested_by or "caiso")),
            Column("created_at", "Asked", Moment(), filter=True),
            Column("finished_at", "Ended", Moment(), filter=True),
            Column("error", "Error", Text(), search=True, shown=False),
        ),
        actions=(Action("cancel", "Cancel", _cancel, "view", "x"),),
        url=lambda job: reverse("job_record", args=[job.pk]),
        scope=None,
        sort="-created_at",
        views=(("Failed", "state=failed"), ("Running", "state=running")),
        live="jobs",
        empty_title="No jobs",
        empty_text="Work that runs in the background, such as imports, hunts and back-ups, appears here.",
        api=False,
    )
)


def _grant_words(user: User) -> list[str]:
    return [f"{grant.get_role_display()} in {grant.unit}" for grant in user.grants.all()]


def join_frame() -> None:
    """Called once by the app at start-up."""
    item = partial(navigation.Item, section="Administration")
    navigation.add(
        item("Logins", "users_list", "user-check", permission="admin", order=10, group="Access"),
        item("Tokens", "tokens_list", "link", order=12, group="Access"),
        item("Business units", "units_list", "building", permission="organisation.edit", order=14, group="Access"),
        item("Security", "security", "shield-check", permission="admin", order=16, group="Access"),
        item("Operations", "operations", "refresh", permission="admin", order=20, group="Operations"),
        item("Jobs", "jobs_list", "bolt", order=22, group="Operations"),
        item("Audit chain", "audit_trail", "shield-check", permission="audit.view", order=92, group="Audit"),
    )
    live.register(live.Topic("jobs", _newest_job))


def _newest_job(viewer: Viewer | None) -> object:
    rows = Job.objects.all() if viewer is None else queries.jobs_in_sight(viewer)
    recent = rows.order_by("-pk").values_list("pk", "state", "progress", "progress_note")[:20]
    return hash(tuple(recent))
