"""Administration: logins and their access, tokens, jobs, the audit chain, back-ups, security settings."""

from datetime import UTC, datetime, time

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base import queries
from caiso.web.base.forms import GrantForm, LoginForm, SecurityForm, TokenForm
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import AccessRole, Job, TokenScope
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, Why, record_context
from caiso.web.base.services import jobs, people, sealing
from caiso.web.base.services.settings import change_setting
from caiso.web.base.services.tokens import create_token

JOB_TONES = {"done": "good", "failed": "bad", "running": "info", "waiting": "neutral", "cancelled": "warn"}


@page("admin")
@require_http_methods(["GET", "POST"])
@never_cache
def user_new(request: PageRequest) -> HttpResponse:
    """Make a login; its password is shown once."""
    form = LoginForm(request.POST or None)
    if form.is_valid():
        try:
            user, password = people.create_user(
                email=form.cleaned_data["email"], name=form.cleaned_data["name"], actor=request.user, now=timezone.now()
            )
        except people.UnableToChangeLogin as refusal:
            form.add_error(None, str(refusal))
        else:
            return _secret(
                request, "Password of the new login", user.email, password, reverse("user_record", args=[user.pk])
            )
    return _form(
        request, form, "New login", reverse("users_list"), "It may do nothing until you give it an access role."
    )


@page("admin")
@require_GET
def user_record(request: PageRequest, pk: int) -> HttpResponse:
    """One login with its access roles."""
    user = get_object_or_404(queries.logins_in_sight(request.viewer), pk=pk)
    mine = user.pk == request.user.pk
    deeds = [
        Deed(
            "Reset password",
            reverse("user_deed", args=[pk, "password"]),
            "refresh",
            posts=True,
            confirm="Every session of this login ends, and its old password is gone.",
        ),
        Deed(
            "Remove second factor",
            reverse("user_deed", args=[pk, "mfa"]),
            "trash",
            posts=True,
            confirm="For a login whose owner lost the second factor. Its sessions end.",
        ),
        Deed(
            "Close login",
            reverse("user_deed", args=[pk, "close"]),
            "x",
            posts=True,
            confirm="Its sessions and tokens end at once.",
        )
        if user.is_active
        else Deed("Open login", reverse("user_deed", args=[pk, "open"]), "check", posts=True),
    ]
    shown = Page(
        record=user,
        title=user.email,
        crumbs=(("Logins", reverse("users_list")),),
        lead=user.name,
        badges=(Badge("Open", "good") if user.is_active else Badge("Closed"),),
        facts=(
            Fact("Last sign-in", user.last_login, kind="moment"),
            Fact("Made", user.created_at, kind="moment"),
            Fact("Second factor", "Set up" if queries.has_second_factor(user) else "None"),
        ),
        tabs=(Tab("access", "Access", "base/user_access.html", permission="admin"),),
        deeds=[] if mine else deeds,
        extra={
            "login": user,
            "grants": queries.grants_of(user),
            "form": GrantForm(viewer=request.viewer),
            "is_own": mine,
        },
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


@page("admin")
@require_POST
@never_cache
def user_deed(request: PageRequest, pk: int, deed: str) -> HttpResponse:
    """Close, open, new password, no second factor."""
    user = get_object_or_404(queries.logins_in_sight(request.viewer), pk=pk)
    back = reverse("user_record", args=[pk])
    now = timezone.now()
    try:
        if deed == "password":
            password = people.reset_password(user, actor=request.user, now=now)
            return _secret(request, "New password", user.email, password, back)
        if deed == "mfa":
            people.reset_mfa(user, actor=request.user, now=now)
        elif deed in ("close", "open"):
            people.set_active(user, is_active=deed == "open", actor=request.user, now=now)
    except people.UnableToChangeLogin as refusal:
        messages.error(request, str(refusal))
    return redirect(back)


@page("admin")
@require_POST
def grant_new(request: PageRequest, pk: int) -> HttpResponse:
    """Give a login an access role."""
    user = get_object_or_404(queries.logins_in_sight(request.viewer), pk=pk)
    form = GrantForm(request.POST, viewer=request.viewer)
    if not form.is_valid():
        messages.error(request, "Choose a role and a unit that you administer.")
        return redirect("user_record", pk)
    try:
        people.grant_role(
            user,
            role=AccessRole(form.cleaned_data["role"]),
            unit=form.cleaned_data["unit"],
            expires_on=form.cleaned_data["expires_on"],
            actor=request.user,
            now=timezone.now(),
        )
    except people.UnableToChangeLogin as refusal:
        messages.error(request, str(refusal))
    return redirect("user_record", pk)


@page("admin")
@require_POST
def grant_revoke(request: PageRequest, pk: int) -> HttpResponse:
    """Take an access role away."""
    grant = get_object_or_404(queries.grants_in_sight(request.viewer), pk=pk)
    user_id = grant.user_id
    try:
        people.revoke_grant(grant, actor=request.user, now=timezone.now())
    except people.UnableToChangeLogin as refusal:
        messages.error(request, str(refusal))
    still_there = queries.logins_in_sight(request.viewer).filter(pk=user_id).exists()
    return redirect("user_record", user_id) if still_there else redirect("users_list")


@page("view")
@require_http_methods(["GET", "POST"])
@never_cache
def token_new(request: PageRequest) -> HttpResponse:
    """Make a token; its text is shown once."""
    form = TokenForm(request.POST or None, viewer=request.viewer)
    if form.is_valid():
        until = form.cleaned_data["expires_on"]
        try:
            token, text = create_token(
                name=form.cleaned_data["name"],
                scope=TokenScope(form.cleaned_data["scope"]),
                unit=form.cleaned_data["unit"],
                expires_at=datetime.combine(until, time(23, 59), tzinfo=UTC) if until else None,
                actor=request.user,
                now=timezone.now(),
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return _secret(request, "New token", token.name, text, reverse("tokens_list"))
    return _form(
        request, form, "New token", reverse("tokens_list"), "Reading and writing tokens act as you, within the unit."
    )


@page("view")
@require_GET
def job_record(request: PageRequest, pk: int) -> HttpResponse:
    """One job with its progress."""
    job = get_object_or_404(queries.jobs_in_sight(request.viewer), pk=pk)
    over = job.state in (Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED)
    shown = Page(
        record=job,
        title=f"{job.kind} {job.pk}",
        crumbs=(("Jobs", reverse("jobs_list")),),
        badges=(Badge(job.get_state_display(), JOB_TONES[job.state]),),
        facts=(
            Fact("Asked", job.created_at, kind="moment"),
            Fact("Asked by", job.requested_by or "caiso"),
            Fact("Attempt", f"{job.attempt} of {job.max_attempts}"),
            Fact("Ended", job.finished_at, kind="moment"),
        ),
        tabs=(Tab("work", "Work", "base/job_work.html"),),
        why=Why(job.error, as_of=job.finished_at) if job.error else None,
        deeds=() if over else (Deed("Cancel", reverse("job_cancel", args=[pk]), "x", posts=True),),
        live="jobs",
        extra={"job": job},
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


@page("view")
@require_POST
def job_cancel(request: PageRequest, pk: int) -> HttpResponse:
    """Stop a job."""
    job = get_object_or_404(queries.jobs_in_sight(request.viewer), pk=pk)
    try:
        jobs.cancel(job, actor=request.user, now=timezone.now())
    except jobs.UnableToCancel as refusal:
        messages.error(request, str(refusal))
    return redirect("job_record", pk)


@page("audit.view")
@require_http_methods(["GET", "POST"])
def audit_trail(request: PageRequest) -> HttpResponse:
    """Whether the chain of the audit trail is whole; POST walks it now."""
    if request.method == "POST":
        found = sealing.run_verification(now=timezone.now())
        if found.ok:
            messages.success(request, f"The chain is whole: {found.records} records.")
        else:
            messages.error(request, f"The chain is broken: {found.finding}")
        return redirect("audit_trail")
    context = queries.audit_chain() | {
        "crumbs": [{"label": "Audit trail", "url": reverse("audit_list")}, {"label": "Chain"}]
    }
    return render(request, "base/audit_chain.html", context)


@page("admin")
@require_http_methods(["GET", "POST"])
def operations(request: PageRequest) -> HttpResponse:
    """Processes and back-ups; POST makes a back-up into the configured folder."""
    whole = queries.sees_whole(request.viewer, "admin")
    if request.method == "POST":
        if not whole:
            messages.error(request, "Only an administrator of the whole organisation backs it up.")
            return redirect("operations")
        with transaction.atomic():
            job = jobs.enqueue("backup.create", actor=request.user, max_attempts=1, now=timezone.now())
        return redirect("job_record", job.pk)
    context = (queries.operations(now=timezone.now()) if whole else {}) | {
        "whole": whole,
        "folder": settings.BACKUP_FOLDER,
        "crumbs": [{"label": "Operations"}],
    }
    return render(request, "base/operations.html", context)


@page("admin")
@require_http_methods(["GET", "POST"])
def security(request: PageRequest) -> HttpResponse:
    """The policy of sign-in."""
    form = SecurityForm(
        request.POST or None, initial={"mfa_required": queries.setting(queries.MFA_POLICY, default=False)}
    )
    if request.method == "POST" and form.is_valid():
        if not queries.sees_whole(request.viewer, "admin"):
            messages.error(request, "Only an administrator of the whole organisation changes this.")
        else:
            change_setting(
                queries.MFA_POLICY, form.cleaned_data["mfa_required"], actor=request.user, now=timezone.now()
            )
            messages.success(request, "Saved.")
        return redirect("security")
    bare = queries.privileged_without_second_factor(request.viewer)
    context = {"form": form, "bare": bare[:50], "crumbs": [{"label": "Security"}]}
    return render(request, "base/security.html", context)


def _form(request: PageRequest, form: object, title: str, back: str, about: str) -> HttpResponse:
    context = {"form": form, "title": title, "back": back, "about": about, "crumbs": [{"label": title}]}
    return render(request, "base/form.html", context)


def _secret(request: PageRequest, title: str, of: str, secret: str, back: str) -> HttpResponse:
    """Shown as the answer itself: a redirect would have to store it."""
    context = {"title": title, "of": of, "secret": secret, "back": back, "crumbs": [{"label": title}]}
    return render(request, "base/secret.html", context)
