"""Forms of skills, scorecards and tools."""

from typing import Any

from django import forms
from django.utils import timezone

from caiso.engine.coverage.organisation import Organisation
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest
from caiso.web.base.models import Unit
from caiso.web.organisation import queries
from caiso.web.organisation.forms.answering import DayInput
from caiso.web.organisation.models import Competence, Role, Tool

LEVELS = [
    (str(level), f"{level}: {words}")
    for level, words in enumerate(("none", "basic", "works alone", "leads others", "leads the field"))
]


class SkillForm(forms.Form):
    """A level that was seen."""

    competence = forms.ModelChoiceField(Competence.objects.all())
    level = forms.TypedChoiceField(choices=LEVELS, coerce=int)
    on = forms.DateField(widget=DayInput, initial=lambda: timezone.now().date(), label="Seen on")


class ItemForm(forms.Form):
    """What was seen of a person against an item of the scorecard."""

    level = forms.TypedChoiceField(choices=LEVELS, coerce=int)
    evidence = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, help_text="What shows it.")
    on = forms.DateField(widget=DayInput, initial=lambda: timezone.now().date(), label="Seen on")


class ToolForm(forms.Form):
    """A security or governance tool."""

    title = forms.CharField(max_length=200, label="Tool")
    domain = forms.ChoiceField(choices=Tool.Domain.choices)
    capabilities = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    annual_cost = forms.FloatField(min_value=0, max_value=1e12, initial=0, label="Cost a year")
    owner = forms.ModelChoiceField(Role.objects.none(), required=False, label="Owner role")
    decision = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), max_length=1000, required=False, label="Why it was chosen"
    )
    decided_on = forms.DateField(widget=DayInput, required=False, label="Chosen on")

    def __init__(self, request: PageRequest, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capabilities, owner = self.fields["capabilities"], self.fields["owner"]
        capabilities.choices = [(one.id, one.title) for one in organisation.capabilities]  # type: ignore[attr-defined]  # a choice field
        owner.queryset = queries.visible_roles(request.viewer).filter(is_template=False)  # type: ignore[attr-defined]


class NewToolForm(ToolForm):
    """A tool that is new, with the unit whose it is."""

    unit = forms.ModelChoiceField(Unit.objects.none())

    def __init__(self, request: PageRequest, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, organisation, *args, **kwargs)
        unit = self.fields["unit"]
        rows = visible(Unit.objects.order_by("path"), request.viewer, "organisation.edit", lookup="path")
        unit.queryset, unit.initial = rows, rows.first()  # type: ignore[attr-defined]
