"""Forms of duties and roles, of what teams need, and of processes."""

import re
from typing import Any

from django import forms

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation.model import STAGES
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest
from caiso.web.base.models import Unit
from caiso.web.organisation import queries
from caiso.web.organisation.models import Competence, Duty
from caiso.web.organisation.registers import FAMILY_CHOICES

LEVEL = "level-"
BETWEEN = re.compile(r"[\s,;]+")
LEVELS = [("", "none"), *((str(level), str(level)) for level in range(1, 5))]


class Words(forms.CharField):
    """Several ids in one line."""

    def prepare_value(self, value: Any) -> Any:
        """The ids as they are written."""
        return " ".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> Any:
        """A list of ids."""
        return [word for word in BETWEEN.split(super().clean(value)) if word]


class DutyForm(forms.Form):
    """What a duty is, asks and takes."""

    title = forms.CharField(max_length=200, label="Duty")
    description = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)
    family = forms.ChoiceField(choices=FAMILY_CHOICES, initial="other")
    is_ai_security = forms.BooleanField(required=False, label="It is a duty of AI security")
    stages = forms.MultipleChoiceField(
        choices=[(stage, stage.capitalize()) for stage in STAGES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Lifecycle stages",
    )
    effort_hours = forms.FloatField(min_value=0, max_value=168, initial=1, label="Hours a week that it takes")
    priority = forms.IntegerField(
        min_value=1, max_value=5, initial=3, help_text="1 is served first when the week is too short."
    )
    cadence_days = forms.IntegerField(min_value=1, max_value=3660, required=False, label="Must show every so many days")
    techniques = Words(max_length=2000, required=False, label="ATLAS techniques", help_text="AML.T0051, AML.T0020 …")
    controls = Words(max_length=2000, required=False, label="Related controls", help_text="Ids of controls.")

    def __init__(self, *args: Any, row: Duty | None = None, **kwargs: Any) -> None:
        if row is not None:
            levels = {f"{LEVEL}{name}": str(level) for name, level in row.requires.items()}
            kwargs["initial"] = {**{name: getattr(row, name) for name in self.base_fields}, **levels}
        super().__init__(*args, **kwargs)
        for competence in Competence.objects.all():
            self.fields[f"{LEVEL}{competence.slug}"] = forms.ChoiceField(
                choices=LEVELS, required=False, label=f"Asks for {competence.title}"
            )

    def values(self) -> dict[str, Any]:
        """The fields of the duty."""
        given = self.cleaned_data
        requires = {
            name.removeprefix(LEVEL): int(given[name]) for name in given if name.startswith(LEVEL) and given[name]
        }
        return {**{name: given[name] for name in DutyForm.base_fields}, "requires": requires}


class RoleForm(forms.Form):
    """What a role is, may decide, can give and costs."""

    title = forms.CharField(max_length=200, label="Role")
    description = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, required=False)
    authority = forms.IntegerField(
        min_value=0, max_value=5, required=False, help_text="0 to 5; 4 stands among the executives."
    )
    capacity_hours = forms.FloatField(
        min_value=0, max_value=168, initial=40, label="Hours a week that a full-time holder can give"
    )
    annual_cost = forms.FloatField(min_value=0, max_value=1e12, initial=0, label="Cost a year of one holder")

    def values(self) -> dict[str, Any]:
        """The fields of the role."""
        return {name: self.cleaned_data[name] for name in RoleForm.base_fields}


class InUnit(forms.Form):
    """The unit whose a new record is."""

    unit = forms.ModelChoiceField(Unit.objects.none(), help_text="Who sees the unit sees it.")

    def __init__(self, request: PageRequest, *args: Any, permission: str = "organisation.edit", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["unit"]
        rows = visible(Unit.objects.order_by("path"), request.viewer, permission, lookup="path")
        field.queryset, field.initial = rows, rows.first()  # type: ignore[attr-defined]  # a ModelChoiceField


class NewDutyForm(InUnit, DutyForm):
    """A duty that is new."""


class NewRoleForm(InUnit, RoleForm):
    """A role that is new."""


class NeedForm(InUnit):
    """Which level a team needs."""

    competence = forms.ModelChoiceField(Competence.objects.all(), to_field_name="slug")
    level = forms.TypedChoiceField(
        choices=[("", "no need any more"), *((str(level), str(level)) for level in range(1, 5))],
        coerce=int,
        empty_value=None,
        required=False,
        label="Level needed",
    )
    people = forms.IntegerField(
        min_value=1, max_value=1_000_000, required=False, label="By how many", help_text="Empty: by everybody there."
    )


class ProcessForm(forms.Form):
    """A policy or an assessment."""

    title = forms.CharField(max_length=200, label="Process")
    kind = forms.ChoiceField(choices=[("policy", "Policy"), ("assessment", "Assessment")])
    requirement = forms.CharField(max_length=200, help_text="What it serves, such as: EU AI Act 9.")
    system = forms.ChoiceField(required=False, label="For the AI system", help_text="Empty: for all.")
    owner = forms.ChoiceField(required=False, label="Owner role")
    outcome = forms.CharField(
        max_length=1000, required=False, help_text="What it says; two that say different things conflict."
    )

    def __init__(self, request: PageRequest, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = queries.visible_roles(request.viewer).prefetch_related(None).filter(is_template=False).order_by("title")
        self.fields["owner"].choices = [("", "nobody"), *((row.slug, row.title) for row in roles)]  # type: ignore[attr-defined]  # a choice field
        self.fields["system"].choices = [("", "all"), *((one.id, one.title) for one in organisation.systems)]  # type: ignore[attr-defined]
