"""Forms of the scenario workspace: each operation shows the fields that it reads, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation.model import STAGES
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest
from caiso.web.base.models import Unit
from caiso.web.organisation.figures import Sight
from caiso.web.organisation.forms.answering import MOST_FILE_BYTES, DayInput
from caiso.web.organisation.models import Assignment
from caiso.web.organisation.registers import FAMILY_NAMES

OPERATIONS: dict[str, tuple[str, str]] = {
    "add_role_from_template": ("Add a role that ships, with its duties and lines", "role take_over leave"),
    "add_role": ("Add a role of your own", "title authority hours annual_cost levels"),
    "change_role": ("Change a role", "role title authority hours annual_cost levels"),
    "remove_role": ("Remove a role", "role"),
    "assign": ("Assign a duty", "duty role kind unit system"),
    "unassign": ("Take a duty away", "duty role kind unit system"),
    "move": ("Move accountability", "to duties families ai_security role take_over leave"),
    "hire": ("Hire somebody", "role title unit hours share levels"),
    "appoint": ("Appoint somebody", "person role share acting"),
    "leave": ("Somebody leaves a role", "person role"),
    "train": ("Train a person or a role", "person role competence level attested_by"),
    "change_line": ("Change a reporting line", "role to line covers"),
    "remove_line": ("Remove a reporting line", "role to"),
    "delegate": ("Name a delegate", "person to role duties"),
    "change_person": ("Change somebody's week or unit", "person hours unit"),
    "add_duty": ("Add a duty of your own", "title description family ai_security stages hours priority levels"),
    "change_duty": ("Change a duty", "duty title description family ai_security stages hours priority levels"),
    "remove_duty": ("Remove a duty", "duty"),
}
# Longer lists of people are typed into, with suggestions.
MOST_IN_SELECT = 200
AI_SECURITY = (("yes", "AI security duties"), ("no", "Other duties"))
LEAVE = (("C", "Consulted"), ("I", "Informed"), ("R", "Responsible"), ("none", "Nothing"))
OPTIONAL = {
    "change_role": {"title", "authority", "hours", "annual_cost"},
    "add_role": {"authority", "hours", "annual_cost"},
    "unassign": {"kind"},
    "move": {"role", "duties", "families", "ai_security"},
    "hire": {"title", "hours", "share"},
    "appoint": {"share"},
    "leave": {"role"},
    "train": {"person", "role", "attested_by"},
    "change_line": {"covers"},
    "delegate": {"duties"},
    "change_person": {"hours"},
    "add_duty": {"description", "ai_security", "stages", "hours", "priority"},
    "change_duty": {"title", "description", "family", "ai_security", "stages", "hours", "priority"},
}
# Left empty, these mean everywhere, whatever the operation.
SCOPES = ("unit", "system")
LABELS = {
    "hire": {"title": "Name", "hours": "Hours a week"},
    "add_role": {"hours": "Hours a week that a holder can give"},
    "change_role": {"hours": "Hours a week that a holder can give"},
    "change_person": {"hours": "Hours a week"},
    "add_duty": {"hours": "Hours a week that it takes", "ai_security": "Is it a duty of AI security?"},
    "change_duty": {"hours": "Hours a week that it takes", "ai_security": "Is it a duty of AI security?"},
    "move": {"to": "To the role", "role": "Only where this role is accountable now"},
    "change_line": {"to": "Answers to"},
    "remove_line": {"to": "Answers to"},
    "delegate": {"person": "For", "to": "Stands in", "role": "In the role", "duties": "Only for these duties"},
}


class ManySelect(forms.SelectMultiple):
    """A list of hundreds, written at once: one template for each option took longer than the rest of the page."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = {str(one) for one in value or ()}
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if key in chosen else "", title) for key, title in self.choices),
        )
        return format_html('<select name="{}"{} multiple>{}</select>', name, flatatt(attrs or {}), options)


@dataclass(frozen=True)
class Choices:
    """What may be chosen: the organisation as the scenario leaves it, cut to the viewer's sight."""

    organisation: Organisation
    seen: Sight
    people: frozenset[str]
    units: tuple[tuple[str, str], ...]

    def roles(self, *, template: bool = False) -> list[tuple[str, str]]:
        """Roles in sight and those that the scenario adds."""
        known = {role.id for role in self.seen.view.snapshot.organisation.roles}
        return [
            (role.id, role.title)
            for role in self.organisation.roles
            if role.template == template and (role.id in self.seen.roles or role.id not in known)
        ]

    def duties(self) -> list[tuple[str, str]]:
        """Duties in sight and those that the scenario adds."""
        known = self.seen.view.by_id
        return [
            (duty.id, duty.title)
            for duty in self.organisation.duties
            if duty.id in self.seen.duties or duty.id not in known
        ]

    def systems(self) -> list[tuple[str, str]]:
        """AI systems of the units in sight."""
        units = {None, *(slug for slug, _ in self.units)}
        return [(one.id, one.title) for one in self.organisation.systems if one.unit in units]

    def persons(self) -> list[tuple[str, str]]:
        """People in sight and those whom the scenario hires."""
        known = self.seen.view.snapshot.people
        return [(one.id, one.name) for one in self.organisation.people if one.id in self.people or one.id not in known]

    def competences(self) -> list[tuple[str, str]]:
        """Every competence."""
        return [(one.id, one.title) for one in self.organisation.competences]


class ChangeForm(forms.Form):
    """One change of a scenario, with the fields of its operation."""

    def __init__(self, op: str, choices: Choices, data: Any = None, *, change: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=_initial(change or {}))
        self.op, self.choices, self.change = op, choices, change or {}
        for name in OPERATIONS[op][1].split():
            if name == "levels":
                self._add_levels()
            else:
                self.fields[name] = self._field(name)
        self.fields["cost"] = forms.FloatField(min_value=0, max_value=1e12, required=False, label="Cost, once")
        self.fields["on"] = forms.DateField(
            widget=DayInput, required=False, label="From", help_text="Empty: the day of the decision."
        )

    def _add_levels(self) -> None:
        word = "Asks for" if self.op.endswith("_duty") else "Level in"
        for slug, title in self.choices.competences():
            options = [
                ("", "as it is" if self.op.startswith("change") else "none"),
                *((str(n), str(n)) for n in range(5)),
            ]
            self.fields[f"level-{slug}"] = forms.ChoiceField(choices=options, required=False, label=f"{word} {title}")

    def _field(self, name: str) -> forms.Field:
        label = LABELS.get(self.op, {}).get(name)
        required = name not in OPTIONAL.get(self.op, set())
        required = required and name not in SCOPES
        nothing = [] if required else [("", "as it is" if self.op.startswith("change_") else "none")]
        choice: dict[str, Callable[[], list[tuple[str, str]]]] = {
            "role": lambda: self.choices.roles(template=self.op == "add_role_from_template"),
            "to": self.choices.persons if self.op == "delegate" else self.choices.roles,
            "duty": self.choices.duties,
            "person": self.choices.persons,
            "competence": self.choices.competences,
            "kind": lambda: [(str(key), str(label)) for key, label in Assignment.Kind.choices],
            "line": lambda: [("solid", "Solid"), ("dotted", "Dotted")],
            "leave": lambda: list(LEAVE),
            "level": lambda: [(str(n), str(n)) for n in range(5)],
            "unit": lambda: list(self.choices.units),
            "system": self.choices.systems,
            "family": lambda: list(FAMILY_NAMES.items()),
            "priority": lambda: [(str(n), str(n)) for n in range(1, 6)],
            "ai_security": lambda: list(AI_SECURITY if self.op == "move" else (("yes", "Yes"), ("no", "No"))),
        }
        if name in choice and len(self.choices.persons()) > MOST_IN_SELECT and choice[name] == self.choices.persons:
            return forms.ChoiceField(
                choices=self.choices.persons,
                required=required,
                label=label,
                widget=forms.TextInput(attrs={"list": "people"}),
            )
        if name in choice:
            if name == "leave":
                label = "Who was accountable stays"
            return forms.ChoiceField(choices=[*nothing, *choice[name]()], required=required, label=label)
        if name in ("duties", "families", "stages"):
            options = self.choices.duties()
            if name != "duties":
                options = list(FAMILY_NAMES.items()) if name == "families" else [(one, one.title()) for one in STAGES]
            return forms.MultipleChoiceField(choices=options, required=False, label=label, widget=ManySelect)
        if name in ("take_over", "acting"):
            words = {"take_over": "Take over from who is accountable now", "acting": "Acting only"}[name]
            return forms.BooleanField(required=False, label=words)
        return _plain_field(name, required=required, label=label)

    def suggestions(self) -> SafeString:
        """People for the browser to suggest where they are too many for a list."""
        if not any("list" in field.widget.attrs for field in self.fields.values()):
            return SafeString()
        return format_html(
            '<datalist id="people">{}</datalist>',
            format_html_join("", '<option value="{}">{}</option>', self.choices.persons()),
        )

    def clean(self) -> dict[str, Any]:
        """What only both fields together can say."""
        given = super().clean() or {}
        if self.op == "train" and bool(given.get("person")) == bool(given.get("role")):
            self.add_error(None, "Choose either a person or a role.")
        if self.op == "move" and not (given.get("duties") or given.get("families") or given.get("ai_security")):
            self.add_error(None, "Choose duties, families, or whether AI security duties move.")
        return given

    def as_change(self) -> dict[str, Any]:
        """The change in the engine's language; what is empty is left out."""
        given = self.cleaned_data
        change: dict[str, Any] = {"op": self.op}
        levels = {
            name.removeprefix("level-"): int(given[name]) for name in given if name.startswith("level-") and given[name]
        }
        if levels:
            change["requires" if self.op.endswith("_duty") else "competences"] = levels
        for name, value in given.items():
            if name.startswith("level-") or value in ("", None, []):
                continue
            change[name] = _value(name, value)
        for name in ("take_over", "acting"):
            if name in given:
                change[name] = bool(given[name])
        return self._named(change)

    def _named(self, change: dict[str, Any]) -> dict[str, Any]:
        """New roles, duties and people get an id from their name."""
        if self.op == "add_role":
            taken = {role.id for role in self.choices.organisation.roles}
            change["role"] = self.change.get("role") or _free(change["title"], taken)
        if self.op == "add_duty":
            taken = {duty.id for duty in self.choices.organisation.duties}
            change["duty"] = self.change.get("duty") or _free(change["title"], taken)
        if self.op == "hire":
            taken = {person.id for person in self.choices.organisation.people}
            change["person"] = self.change.get("person") or _free(
                change.get("title") or f"{change['role']} holder", taken
            )
        return change


def _plain_field(name: str, *, required: bool, label: str | None) -> forms.Field:
    if name == "authority":
        return forms.IntegerField(min_value=0, max_value=5, required=required, label="Authority, 0 to 5")
    if name == "hours":
        return forms.FloatField(min_value=0, max_value=168, required=required, label=label)
    if name == "annual_cost":
        return forms.FloatField(min_value=0, max_value=1e12, required=required, label="Cost a year of one holder")
    if name == "share":
        return forms.FloatField(
            min_value=0.01, max_value=1, required=required, label="Part of the week", help_text="0.5 is half the week."
        )
    if name == "attested_by":
        return forms.CharField(
            max_length=200, required=False, label="Attested by", help_text="Empty: planned, to be attested afterwards."
        )
    if name == "description":
        return forms.CharField(
            max_length=4000, required=required, label=label, widget=forms.Textarea(attrs={"rows": 3})
        )
    return forms.CharField(max_length=200 if name == "title" else 400, required=required, label=label)


def _value(name: str, value: Any) -> Any:
    if name in ("level", "priority"):
        return int(value)
    if name == "ai_security":
        return value == "yes"
    if name == "leave":
        return None if value == "none" else value
    return value.isoformat() if isinstance(value, date) else value


def _free(title: str, taken: set[str]) -> str:
    base = slugify(title)[:60] or "new"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _initial(change: dict[str, Any]) -> dict[str, Any]:
    if not change:
        return {"take_over": True, "leave": "C"}
    initial = {"take_over": True, "leave": "C", **change}
    if initial["leave"] is None:
        initial["leave"] = "none"
    if "ai_security" in change:
        initial["ai_security"] = "yes" if change["ai_security"] else "no"
    for levels in (change.get("competences", {}), change.get("requires", {})):
        initial.update({f"level-{slug}": str(level) for slug, level in levels.items()})
    return initial


class ScenarioForm(forms.Form):
    """A new scenario: from a template, from a file, or from nothing."""

    name = forms.CharField(max_length=200)
    template = forms.ChoiceField(required=False, label="Start from")
    file = forms.FileField(required=False, label="Or from a file", help_text="YAML with the one key scenario.")
    description = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, required=False, label="What it is for"
    )
    unit = forms.ModelChoiceField(Unit.objects.none(), help_text="Who sees the unit sees the scenario.")

    def __init__(self, request: PageRequest, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        template, unit = self.fields["template"], self.fields["unit"]
        template.choices = [("", "Nothing"), *((one.id, one.title) for one in organisation.scenarios)]  # type: ignore[attr-defined]  # a ChoiceField
        rows = visible(Unit.objects.order_by("path"), request.viewer, "organisation.edit", lookup="path")
        unit.queryset = rows  # type: ignore[attr-defined]  # a ModelChoiceField
        unit.initial = rows.first()

    def clean_file(self) -> Any:
        """Refuse what is too large before it is read."""
        sent = self.cleaned_data["file"]
        if sent and sent.size > MOST_FILE_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB.")
        return sent


class AdoptForm(forms.Form):
    """The decision behind an adopted scenario."""

    decided_by = forms.CharField(max_length=200, label="Who decided", help_text="A person or a body such as the board.")
    decided_on = forms.DateField(
        widget=DayInput, initial=lambda: timezone.now().date(), label="On", help_text="The changes hold from this day."
    )
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000, label="Why")
    stamp = forms.CharField(widget=forms.HiddenInput, max_length=16)


class DiscardForm(forms.Form):
    """Why a scenario is put away."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000, label="Why")
