"""The guide of the first run: what is done, what comes next, and whether to look at the demo first."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.engine.coverage.organisation.model import Profile
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Setting
from caiso.web.config.environment import environment
from caiso.web.organisation.queries import PROFILE_SETTING
from caiso.web.reports import start as guide
from caiso.web.reports.services import start as services

CRUMBS = [{"label": "First steps"}]
SECTORS = (
    ("general", "General"),
    ("finance", "Banking and finance"),
    ("insurance", "Insurance"),
    ("health", "Health"),
    ("public", "Public administration"),
    ("energy", "Energy and utilities"),
    ("manufacturing", "Manufacturing"),
    ("retail", "Retail"),
    ("telecommunication", "Telecommunication"),
    ("technology", "Technology"),
    ("education", "Education"),
)


def _words(*values: str) -> list[tuple[str, str]]:
    return [(value, value.replace("-", " ").capitalize()) for value in values]


class ProfileForm(forms.Form):
    """What the reporting-structure advice rests on."""

    name = forms.CharField(max_length=200, label="Name of the organisation")
    size = forms.ChoiceField(choices=_words("small", "medium", "large", "very-large"))
    sector = forms.ChoiceField(choices=SECTORS)
    regulation = forms.ChoiceField(choices=_words("light", "moderate", "heavy"), label="How regulated")
    ai_criticality = forms.ChoiceField(
        choices=_words("supporting", "important", "core", "existential"), label="What AI is for the business"
    )
    maturity = forms.TypedChoiceField(
        choices=[(level, f"{level} of 5") for level in range(1, 6)], coerce=int, label="Maturity of AI security"
    )
    risk_function = forms.ChoiceField(choices=_words("none", "developing", "strong"), label="Risk function")
    security_in = forms.ChoiceField(
        choices=[("apart", "Apart from technology"), ("technology", "Inside technology")], label="Security sits"
    )


class SourceForm(forms.Form):
    """The name of a source."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="The app or gateway that will send, such as claims-gateway."
    )


@page("view")
@require_GET
def start(request: PageRequest) -> HttpResponse:
    """The five steps with their state from live data."""
    steps = guide.steps(request.viewer)
    done = sum(step.is_done for step in steps)
    context = {
        "crumbs": CRUMBS,
        "steps": steps,
        "done": done,
        "next_step": next((step for step in steps if not step.is_done), None),
        "has_demo": guide.demo_exists(),
        "demo_ships": guide.demo_ships(),
        "demo_leaves": guide.demo_leaves(),
        "demo_arrives": guide.demo_arrives(),
        "demo_failed": guide.demo_failed(),
        "asks_first": guide.asks_first(request.viewer),
        "may_choose": request.viewer.may("admin"),
    }
    return render(request, "reports/start.html", context)


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def start_profile(request: PageRequest) -> HttpResponse:
    """Name, size, sector and what else advice rests on."""
    root = guide.root_unit()
    if root is None or not request.viewer.may("organisation.edit", root.path):
        messages.error(request, "The profile is kept by somebody who keeps the whole organisation.")
        return redirect("start")
    kept = Setting.objects.filter(pk=PROFILE_SETTING).first()
    known = {name: getattr(Profile(), name) for name in ProfileForm.base_fields if name != "name"}
    initial = {**known, **(kept.value if kept else {}), "name": root.name}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = {**(kept.value if kept else {}), **form.cleaned_data}
        try:
            services.keep_profile(values, root=root, actor=request.user, now=timezone.now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The profile is kept.")
            return redirect("start")
    return _form(request, form, title="Profile of the organisation", button="Keep the profile")


@page("token.edit")
@require_http_methods(["GET", "POST"])
@never_cache
def start_source(request: PageRequest) -> HttpResponse:
    """Make an ingest key and show the exporter's settings, this once."""
    root = guide.root_unit()
    form = SourceForm(request.POST if request.method == "POST" else None, initial={"name": "first-source"})
    if request.method == "POST" and form.is_valid() and root is not None:
        try:
            text = services.make_ingest_token(
                form.cleaned_data["name"], root=root, actor=request.user, now=timezone.now()
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            address = environment().public_url or f"{request.scheme}://{request.get_host()}"
            context = {
                "crumbs": [*_crumbs(), {"label": "Connect a source"}],
                "name": form.cleaned_data["name"],
                "settings": _exporter_settings(address.rstrip("/"), text),
                "trial": _trial(address.rstrip("/"), text),
            }
            return render(request, "reports/start_source.html", context)
    return _form(request, form, title="Connect a source", button="Make the key")


@page("admin")
@require_POST
def start_explore(request: PageRequest) -> HttpResponse:
    """Look at the demo: it is there, or it is loaded now."""
    root = guide.root_unit()
    if root is None or not request.viewer.may("admin", root.path):
        messages.error(request, "An administrator of the whole organisation chooses.")
        return redirect("start")
    if guide.demo_exists():
        services.keep_choice("demo", actor=request.user, now=timezone.now())
        return redirect("home")
    try:
        services.ask_to_load_demo(actor=request.user, now=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("start")


@page("admin")
@require_POST
def start_remove_demo(request: PageRequest) -> HttpResponse:
    """Remove the demo and start empty."""
    root = guide.root_unit()
    if root is None or not request.viewer.may("admin", root.path) or not guide.demo_exists():
        messages.error(request, "There is no demo that you may remove.")
    else:
        services.ask_to_remove_demo(actor=request.user, now=timezone.now())
        messages.success(request, "The demo is being removed; that takes a few seconds.")
    return redirect("start")


def _exporter_settings(address: str, token: str) -> str:
    return "\n".join(
        (
            f"export OTEL_EXPORTER_OTLP_ENDPOINT={address}",
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            f'export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20{token}"',
            "export OTEL_SERVICE_NAME=my-ai-app",
            "# Without the text of messages only behaviour can be watched:",
            "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
        )
    )


def _trial(address: str, token: str) -> str:
    event = '{"event.kind":"inference","service.name":"my-ai-app","gen_ai.request.model":"gpt-5"}'
    return f"curl -sS {address}/v1/events -H 'Authorization: Bearer {token}' -H 'Content-Type: application/x-ndjson' -d '{event}'"


def _crumbs() -> list[dict[str, str]]:
    return [{"label": "First steps", "url": "/start/"}]


def _form(request: PageRequest, form: forms.Form, *, title: str, button: str) -> HttpResponse:
    context = {"form": form, "title": title, "button": button, "crumbs": [*_crumbs(), {"label": title}]}
    return render(request, "reports/start_form.html", context, status=422 if form.errors else 200)
