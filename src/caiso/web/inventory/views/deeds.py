"""What people do to an asset from its page: confirm, take on, assign, merge, relate, retire."""

from collections.abc import Callable
from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.inventory import queries
from caiso.web.inventory.forms import AssignForm, RelateForm, TakeOnForm
from caiso.web.inventory.models import Asset
from caiso.web.inventory.services import assets as services
from caiso.web.inventory.services.relations import merge, relate, unrelate


def _editable(request: PageRequest, pk: int) -> Asset:
    """The asset where the viewer may write; elsewhere it does not exist."""
    asset = queries.asset_or_404(request.viewer, pk)
    if not request.viewer.may("inventory.edit", asset.unit.path):
        raise Http404
    return asset


def _deed(act: Callable[[Asset, PageRequest, datetime], str]) -> Callable[..., HttpResponse]:
    """A POST view that does one thing and says what it did or why it was refused."""

    @page("inventory.edit")
    @require_POST
    def deed(request: PageRequest, pk: int) -> HttpResponse:
        asset = _editable(request, pk)
        try:
            messages.success(request, act(asset, request, timezone.now()))
        except DomainError as refusal:
            messages.error(request, str(refusal))
        return redirect(asset)

    return deed


def _confirm(asset: Asset, request: PageRequest, now: datetime) -> str:
    return services.confirm_assets([asset], actor=request.user, now=now)


def _retire(asset: Asset, request: PageRequest, now: datetime) -> str:
    return services.retire_assets([asset], actor=request.user, now=now)


asset_confirm = _deed(_confirm)
asset_retire = _deed(_retire)


@page("inventory.edit")
@require_http_methods(["GET", "POST"])
def asset_take_on(request: PageRequest, pk: int) -> HttpResponse:
    """Name who answers for an unmanaged asset."""
    asset = _editable(request, pk)
    form = TakeOnForm(request.POST if request.method == "POST" else None, viewer=request.viewer, asset=asset)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            services.take_on(
                asset,
                owner=given["owner"],
                owner_role=given["owner_role"],
                system=given.get("system"),
                actor=request.user,
                now=timezone.now(),
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{asset.name} is managed now.")
            return redirect(asset)
    return _form_page(request, form, asset, title="Take on", button="Take on")


@page("inventory.edit")
@require_http_methods(["GET", "POST"])
def asset_assign(request: PageRequest, pk: int) -> HttpResponse:
    """Say which AI system an asset is part of."""
    asset = _editable(request, pk)
    form = AssignForm(request.POST if request.method == "POST" else None, viewer=request.viewer, asset=asset)
    if request.method == "POST" and form.is_valid():
        system = form.cleaned_data["system"]
        try:
            services.update_asset(asset, changes={"system": system}, actor=request.user, now=timezone.now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Part of {system} now." if system else "No longer part of an AI system.")
            return redirect(asset)
    return _form_page(request, form, asset, title="Assign to AI system", button="Assign")


@page("inventory.edit")
@require_http_methods(["GET", "POST"])
def asset_merge(request: PageRequest, pk: int) -> HttpResponse:
    """Find the asset that is the same thing, and make the two one."""
    asset = _editable(request, pk)
    text = _searched(request)
    if request.method == "POST":
        chosen = request.POST.get("into", "")
        if not (chosen.isdecimal() and len(chosen) < 19):
            messages.error(request, "Choose the asset that stays.")
            return redirect("asset_merge", pk=pk)
        into = _editable(request, int(chosen))
        try:
            merge(asset, into=into, actor=request.user, now=timezone.now())
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect("asset_merge", pk=pk)
        messages.success(request, f"{asset.name} is now part of the record of {into.name}.")
        return redirect(into)
    twins = [] if text else queries.twins(asset, request.viewer)
    context = {
        "asset": asset,
        "text": text,
        "twins": twins,
        "found": [one for one in queries.mergeable(asset, request.viewer, text) if one not in twins],
        "crumbs": [{"label": asset.name, "url": asset.get_absolute_url()}, {"label": "Merge"}],
    }
    return render(request, "inventory/asset_merge.html", context)


@page("inventory.edit")
@require_http_methods(["GET", "POST"])
def asset_relate(request: PageRequest, pk: int) -> HttpResponse:
    """Draw an edge from this asset to another."""
    asset = _editable(request, pk)
    text = _searched(request)
    candidates = queries.relatable(asset, request.viewer)
    form = RelateForm(request.POST if request.method == "POST" else None, candidates=candidates, text=text)
    if request.method == "POST" and form.is_valid():
        try:
            made = relate(
                asset,
                form.cleaned_data["target"],
                type=form.cleaned_data["type"],
                actor=request.user,
                now=timezone.now(),
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{made}.")
            return redirect(f"{asset.get_absolute_url()}?tab=relations")
    return _form_page(request, form, asset, title="Relate", button="Relate", text=text)


@page("inventory.edit")
@require_POST
def asset_unrelate(request: PageRequest, pk: int, relation: int) -> HttpResponse:
    """Remove an edge."""
    asset = _editable(request, pk)
    edge = queries.edge_or_404(asset, request.viewer, relation)
    unrelate(edge, actor=request.user, now=timezone.now())
    messages.success(request, "The relation is gone. What code or traffic proves comes back with the next proof.")
    return redirect(f"{asset.get_absolute_url()}?tab=relations")


def _searched(request: PageRequest) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()[:200]


def _form_page(
    request: PageRequest, form: forms.Form, asset: Asset, *, title: str, button: str, text: str | None = None
) -> HttpResponse:
    """The form; with a `text`, a search above it narrows what it offers."""
    context = {
        "form": form,
        "title": title,
        "text": text,
        "button": button,
        "about": asset.name,
        "back": asset.get_absolute_url(),
        "crumbs": [{"label": asset.name, "url": asset.get_absolute_url()}, {"label": title}],
    }
    return render(request, "inventory/form.html", context, status=422 if form.errors else 200)


__all__ = [
    "asset_assign",
    "asset_confirm",
    "asset_merge",
    "asset_relate",
    "asset_retire",
    "asset_take_on",
    "asset_unrelate",
]
