"""The rule workbench: write, check, keep versions, put into shadow, roll back."""

import difflib
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.connect.telemetry.trial.jobs import CheckReport, Sample
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, record_context
from caiso.web.soc import queries
from caiso.web.soc.forms import AskForm, RetroForm, RuleForm, UploadForm
from caiso.web.soc.models import RetroHunt, RuleVersion, UserRule
from caiso.web.soc.registers import RULE_TONES
from caiso.web.soc.rulebook import STATES, state_of, user_rule_of
from caiso.web.soc.rulefiles import EXPORTS, rule_file
from caiso.web.soc.services import workbench as services
from caiso.web.soc.services.budgets import budgets
from caiso.web.soc.services.retro import request_retro_hunt
from caiso.web.soc.views.evidence import Piece, pieces
from caiso.web.soc.workbench import check_text

TEMPLATE = """title: What happened, in one line
name: my-rule-name
status: experimental
level: medium
description: What the attacker does, and why this shows it.
tags: [atlas.aml.t0053]
falsepositives:
  - Ordinary work that looks like this
logsource: {product: ai, category: tool}
detection:
  call:
    gen_ai.tool.call.arguments|contains: 'payroll'
  condition: call
caiso: {entity: [agent, user], needs: [gen_ai.tool.call.arguments], dedup: [aisoc.session]}
tests:
  - name: export of the payroll
    fires: true
    events: [{event.kind: tool, gen_ai.tool.name: sql, gen_ai.tool.call.arguments: 'select * from payroll'}]
  - name: another table
    fires: false
    events: [{event.kind: tool, gen_ai.tool.name: sql, gen_ai.tool.call.arguments: 'select * from holidays'}]
"""


@dataclass(frozen=True)
class SampleView:
    """A sample as the page shows it: its fields in pieces, what matched marked."""

    sample: Sample
    fields: tuple[tuple[str, tuple[Piece, ...]], ...]


@dataclass(frozen=True)
class TextLine:
    """A line of a rule with what is wrong or missing there."""

    number: int
    text: str
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


@page("soc.view")
@require_GET
def workbench(request: PageRequest) -> HttpResponse:
    """Rules of one's own, what waits for a second person, and the alert budget."""
    now = timezone.now()
    rules = list(queries.user_rules()[:200])
    by_severity = queries.alerts_per_day_and_severity(request.viewer, now=now)
    daily = [sum(day) for day in zip(*by_severity.values(), strict=True)] or [0]
    context = {
        "crumbs": [{"label": "Rule workbench"}],
        "rules": [(rule, state_of(rule)) for rule in rules],
        "tones": RULE_TONES,
        "reviews": queries.rule_reviews().filter(decision="open")[:50],
        "hunts": queries.retro_hunts()[:8],
        "daily": round(sum(daily) / len(daily), 1),
        "budget": budgets().daily_alerts,
        "may_edit": request.viewer.may("soc.rules"),
    }
    return render(request, "soc/workbench.html", context)


@page("soc.rules")
@require_http_methods(["GET", "POST"])
def workbench_new(request: PageRequest) -> HttpResponse:
    """Write or import a rule."""
    return _editor(request, None, _starting_text(request))


@page("soc.rules")
@require_http_methods(["GET", "POST"])
def workbench_edit(request: PageRequest, pk: int) -> HttpResponse:
    """Write the next version of a rule, beginning with the newest or with ?version=N."""
    rule = queries.user_rule_or_404(pk)
    number = request.GET.get("version", "")
    versions = rule.versions.all()
    found = versions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 8 else versions.first()
    return _editor(request, rule, found.text if found else "")


def _starting_text(request: HttpRequest) -> str:
    """A copy of a loaded rule, the text of a retro-hunt, what a hunt was made into, or an example."""
    if request.GET.get("draft") == "hunt" and isinstance(request.session.get("rule_draft"), str):
        return str(request.session["rule_draft"])
    for name, text_of in (("from", _loaded_text), ("retro", _hunted_text)):
        number = request.GET.get(name, "")
        if number.isdecimal() and len(number) < 18:
            return text_of(int(number))
    return TEMPLATE


def _loaded_text(pk: int) -> str:
    rule = queries.rule_or_404(pk)
    text = rule.text.replace(f"name: {rule.slug}", f"name: my-{rule.slug}")
    # A copy is another rule: it must not keep the identity of the one that it was copied from.
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("id: "))


def _hunted_text(pk: int) -> str:
    return get_object_or_404(RetroHunt, pk=pk).text


def _editor(request: PageRequest, rule: UserRule | None, text: str) -> HttpResponse:
    form, retro, upload = RuleForm(initial={"text": text}), RetroForm(), UploadForm()
    report: CheckReport | None = None
    complaint = ""
    if request.method == "POST":
        deed = request.POST.get("deed", "check")
        form = RuleForm(request.POST)
        if deed == "upload":
            upload = UploadForm(request.POST, request.FILES)
            if upload.is_valid():
                text = upload.cleaned_data["file"]
                form = RuleForm({"text": text, "samples": request.POST.get("samples", "")})
        retro = RetroForm(request.POST) if deed == "hunt" else retro
        if form.is_valid() and (deed != "hunt" or retro.is_valid()):
            text = form.cleaned_data["text"]
            try:
                if answer := _deed(request, deed, rule, form, retro):
                    return answer
                report = check_text(text, slug=rule.slug if rule else "", samples=form.cleaned_data["samples"])
            except DomainError as refusal:
                complaint = str(refusal)
    title = f"Edit {rule.title}" if rule else "New rule"
    crumbs = [{"label": "Rule workbench", "url": reverse("workbench")}]
    if rule:
        crumbs.append({"label": rule.title, "url": rule.get_absolute_url()})
    context: dict[str, Any] = {
        "crumbs": [*crumbs, {"label": title}],
        "title": title,
        "rule": rule,
        "form": form,
        "retro": retro,
        "upload": upload,
        "report": report,
        "complaint": complaint,
        "lines": text_lines(text, report) if report else [],
        "samples": [_shown(sample) for sample in report.samples] if report else [],
        "may_read_content": request.viewer.may("soc.content"),
    }
    status = 422 if complaint or (request.method == "POST" and (form.errors or retro.errors or upload.errors)) else 200
    return render(request, "soc/workbench_editor.html", context, status=status)


def _deed(
    request: PageRequest, deed: str, rule: UserRule | None, form: RuleForm, retro: RetroForm
) -> HttpResponse | None:
    """Save or hunt, and the page to go to; None when the text is only checked."""
    now, text = timezone.now(), form.cleaned_data["text"]
    if deed == "save":
        version = services.save_version(rule, text=text, note=form.cleaned_data["note"], actor=request.user, now=now)
        messages.success(request, f"Kept as version {version.number}. What runs stays as it is.")
        return redirect(version.rule)
    if deed == "hunt":
        slug = rule.slug if rule else ""
        return redirect(request_retro_hunt(text, slug=slug, viewer=request.viewer, now=now, **retro.cleaned_data))
    return None


def text_lines(text: str, report: CheckReport) -> list[TextLine]:
    """The text line by line, each with its mistakes and hints; what has no line stands at the first."""
    lines = text.replace("\r\n", "\n").split("\n")
    problems: dict[int, list[str]] = {}
    hints: dict[int, list[str]] = {}
    for found, where in ((report.problems, problems), (report.hints, hints)):
        for one in found:
            where.setdefault(min(max(one.line, 1), len(lines)), []).append(one.message)
    return [
        TextLine(number, line, tuple(problems.get(number, ())), tuple(hints.get(number, ())))
        for number, line in enumerate(lines, start=1)
    ]


def _shown(sample: Sample) -> SampleView:
    spans: dict[str, list[tuple[int, int]]] = {}
    for hit in sample.hits:
        for field, start, end in hit.spans:
            spans.setdefault(field, []).append((start, end))
    return SampleView(sample, tuple((name, pieces(value, spans.get(name, []))) for name, value in sample.fields))


@page("soc.view")
@require_GET
def workbench_rule(request: PageRequest, pk: int) -> HttpResponse:
    """One rule: versions, what runs, reviews, retro-hunts, export."""
    rule = queries.user_rule_or_404(pk)
    state = state_of(rule)
    versions = list(rule.versions.select_related("author"))
    newest = versions[0] if versions else None
    shown_version = rule.deployed or newest
    may_edit = request.viewer.may("soc.rules")
    shown = Page(
        record=rule,
        title=rule.title,
        crumbs=(("Rule workbench", reverse("workbench")),),
        badges=_badges(rule, state, newest),
        facts=(
            Fact("Rule id", rule.slug),
            Fact("Runs", f"version {rule.deployed.number}" if rule.deployed else "no version"),
            Fact("Newest", f"version {newest.number}" if newest else "none"),
            Fact("Author", rule.author),
            Fact("Begun", rule.created_at, kind="moment"),
        ),
        tabs=(
            Tab("versions", "Versions", "soc/workbench_versions.html", count=len(versions)),
            Tab("text", "Text that runs" if rule.deployed else "Newest text", "soc/workbench_text.html"),
            Tab("reviews", "Reviews", "soc/rule_reviews.html"),
            Tab("retro", "Retro-hunts", "soc/rule_retro.html"),
        ),
        deeds=_deeds(rule, state) if may_edit else (),
        extra={
            "rule": rule,
            "state": state,
            "versions": [(version, *_may(version, rule, state)) for version in versions],
            "text": shown_version.text if shown_version else "",
            "reviews": queries.rule_reviews().filter(slug=rule.slug)[:50],
            "hunts": queries.retro_hunts().filter(slug=rule.slug)[:50],
            "formats": EXPORTS,
            "may_edit": may_edit,
            "ask": AskForm(),
        },
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


def _badges(rule: UserRule, state: str, newest: RuleVersion | None) -> list[Badge]:
    badges = [Badge(state.capitalize() if state else "Does not run", RULE_TONES.get(state, "unknown"))]
    if newest and newest.problems:
        badges.append(Badge("newest version has mistakes", "bad"))
    elif newest and not newest.tests_pass:
        badges.append(Badge("own tests fail or are missing", "warn"))
    if newest and rule.deployed and newest.pk != rule.deployed.pk:
        badges.append(Badge("newer version waits", "info"))
    return badges


def _deeds(rule: UserRule, state: str) -> list[Deed]:
    deeds = [Deed("Edit", reverse("workbench_edit", args=[rule.pk]), "pencil")]
    if state and state != STATES[0]:
        to = STATES[STATES.index(state) - 1]
        deeds.append(Deed(f"Demote to {to}", reverse("workbench_lower", args=[rule.pk, to]), "arrow-down", posts=True))
    if state:
        deeds.append(
            Deed(
                "Switch off",
                reverse("workbench_lower", args=[rule.pk, "off"]),
                "x",
                posts=True,
                confirm="The rule stops running within seconds. Its versions and what it found stay.",
            )
        )
    return deeds


def _may(version: RuleVersion, rule: UserRule, state: str) -> tuple[bool, str, bool]:
    """For a version: may it go into shadow, to which state may a review be asked for, may it be rolled back to."""
    runs = rule.deployed_id == version.pk
    shadow = not runs and state in ("", STATES[0])
    ask = ""
    if runs and state != STATES[-1]:
        ask = STATES[STATES.index(state) + 1]
    elif not runs and state not in ("", STATES[0]):
        ask = state
    back = (
        not runs
        and bool(rule.deployed)
        and bool(version.approved_state)
        and STATES.index(version.approved_state) >= STATES.index(state or STATES[0])
    )
    return shadow, ask, back


@page("soc.rules")
@require_POST
def workbench_shadow(request: PageRequest, pk: int, number: int) -> HttpResponse:
    """Let a version run in shadow."""
    return _on_version(
        request,
        pk,
        number,
        services.put_in_shadow,
        "It runs in shadow within seconds: signals count, nobody is alerted.",
    )


@page("soc.rules")
@require_POST
def workbench_back(request: PageRequest, pk: int, number: int) -> HttpResponse:
    """Return to an older version."""

    def back(version: RuleVersion, **by: Any) -> object:
        return services.roll_back(version.rule, version, **by)

    return _on_version(request, pk, number, back, f"Version {number} runs again within seconds.")


def _on_version(request: PageRequest, pk: int, number: int, deed: Any, done: str) -> HttpResponse:
    version = get_object_or_404(RuleVersion.objects.select_related("rule"), rule=pk, number=number)
    try:
        deed(version, actor=request.user, now=timezone.now())
        messages.success(request, done)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("workbench_rule", pk=pk)


@page("soc.rules")
@require_POST
def workbench_lower(request: PageRequest, pk: int, to: str) -> HttpResponse:
    """Demote the rule, or switch it off."""
    rule = queries.user_rule_or_404(pk)
    try:
        services.lower(rule, to="" if to == "off" else to, actor=request.user, now=timezone.now())
        messages.success(request, "The detector follows within seconds.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("workbench_rule", pk=pk)


@page("soc.view")
@require_GET
def workbench_diff(request: PageRequest, pk: int) -> HttpResponse:
    """What changed between two versions."""
    rule = queries.user_rule_or_404(pk)
    versions = {version.number: version for version in rule.versions.all()}
    numbers = sorted(versions)
    new = _number(request, "b", versions, numbers[-1])
    older = [number for number in numbers if number < new]
    old = _number(request, "a", versions, older[-1] if older else new)
    context = {
        "crumbs": [
            {"label": "Rule workbench", "url": reverse("workbench")},
            {"label": rule.title, "url": rule.get_absolute_url()},
            {"label": f"Version {old} to {new}"},
        ],
        "rule": rule,
        "old": versions[old],
        "new": versions[new],
        "numbers": numbers,
        "lines": diff_lines(versions[old].text, versions[new].text),
    }
    return render(request, "soc/workbench_diff.html", context)


def _number(request: PageRequest, name: str, known: dict[int, RuleVersion], default: int) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 8 and int(given) in known else default


def diff_lines(old: str, new: str) -> list[tuple[str, str]]:
    """(kind, line): add, del, same, or skip for what is left out between changes."""
    kinds = {"+": "add", "-": "del", " ": "same", "@": "skip"}
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=4)
    return [(kinds.get(line[:1], "same"), line) for line in lines if not line.startswith(("---", "+++"))]


@page("soc.view")
@require_GET
def workbench_export(request: PageRequest, pk: int, form: str) -> HttpResponse:
    """The version that runs, else the newest, as a file for other systems."""
    rule = queries.user_rule_or_404(pk)
    version = rule.deployed or rule.versions.first()
    if version is None:
        raise Http404
    file = export_file(form, slug=rule.slug, text=version.text, names=version.rule_ids, is_own=True)
    return file if isinstance(file, HttpResponse) else _refuse_export(request, file, rule.get_absolute_url())


@page("soc.view")
@require_GET
def rule_export(request: PageRequest, pk: int, form: str) -> HttpResponse:
    """A loaded rule as a file for other systems."""
    rule = queries.rule_or_404(pk)
    own = user_rule_of(rule.slug)
    slug = own.slug if own else rule.slug
    file = export_file(form, slug=slug, text=rule.text, names=[rule.slug], is_own=own is not None)
    return file if isinstance(file, HttpResponse) else _refuse_export(request, file, reverse("rule_record", args=[pk]))


def export_file(form: str, *, slug: str, text: str, names: list[str], is_own: bool) -> HttpResponse | str:
    """The download, or why there is none."""
    wanted = next((one for one in EXPORTS if one.key == form), None)
    if wanted is None:
        raise Http404
    try:
        body = rule_file(wanted, slug=slug, text=text, names=names, is_own=is_own)
    except DomainError as refusal:
        return str(refusal)
    response = HttpResponse(body, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}.{wanted.ending}"'
    return response


def _refuse_export(request: PageRequest, reason: str, back: str) -> HttpResponse:
    messages.error(request, reason)
    return redirect(f"{back}?tab=text")
