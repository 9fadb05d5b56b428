"""Forms that change who answers for what; every choice lies in the viewer's sight."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from caiso.engine.coverage.organisation.tables import TABLES
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest
from caiso.web.base.models import Person, Unit
from caiso.web.organisation import queries
from caiso.web.organisation.models import Assignment, Competence, Duty, ReportingLine, Role

MOST_FILE_BYTES = 5_000_000


def _today() -> date:
    return timezone.now().date()


class DayInput(forms.DateInput):
    """A date with the browser's own picker."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


def _choose(form: forms.Form, name: str, rows: Any) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - narrows the declared type
    field.queryset = rows


class AssignForm(forms.Form):
    """A role for a duty."""

    role = forms.ModelChoiceField(Role.objects.none())
    kind = forms.ChoiceField(choices=Assignment.Kind.choices, initial=Assignment.Kind.ACCOUNTABLE, label="As")
    scope_unit = forms.ModelChoiceField(
        Unit.objects.none(), required=False, label="Only in unit", help_text="Leave empty for everywhere."
    )
    since_on = forms.DateField(widget=DayInput, initial=_today, label="From")

    def __init__(self, request: PageRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "role", queries.visible_roles(request.viewer).filter(is_template=False))
        _choose(self, "scope_unit", visible(Unit.objects.all(), request.viewer, "organisation.edit", lookup="path"))


class AssignToRoleForm(forms.Form):
    """A duty for a role."""

    duty = forms.ModelChoiceField(Duty.objects.none())
    kind = forms.ChoiceField(choices=Assignment.Kind.choices, initial=Assignment.Kind.ACCOUNTABLE, label="As")
    since_on = forms.DateField(widget=DayInput, initial=_today, label="From")

    def __init__(self, request: PageRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "duty", visible(Duty.objects.all(), request.viewer, "organisation.edit"))


class AppointForm(forms.Form):
    """A person for a role."""

    person = forms.ModelChoiceField(Person.objects.none())
    since_on = forms.DateField(widget=DayInput, initial=_today, label="From")
    is_acting = forms.BooleanField(required=False, label="Acting only")
    percent = forms.IntegerField(
        min_value=1,
        max_value=100,
        required=False,
        label="Percent of the week",
        help_text="Empty: an equal part of all roles held.",
    )

    def __init__(self, request: PageRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "person", queries.people(request.viewer))


class DelegateForm(forms.Form):
    """Somebody who stands in for a holder."""

    person = forms.ModelChoiceField(Person.objects.none(), label="For")
    delegate = forms.ModelChoiceField(Person.objects.none(), label="Stands in")
    since_on = forms.DateField(widget=DayInput, initial=_today, label="From")
    until_on = forms.DateField(widget=DayInput, required=False, label="Last day")

    def __init__(self, request: PageRequest, role: Role, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        holders = [row.person_id for row in queries.holders_now(role, on=_today())]
        _choose(self, "person", queries.people(request.viewer).filter(pk__in=holders))
        _choose(self, "delegate", queries.people(request.viewer))


class LineForm(forms.Form):
    """To whom a role answers."""

    senior = forms.ModelChoiceField(Role.objects.none(), label="Answers to")
    kind = forms.ChoiceField(
        choices=ReportingLine.Kind.choices, label="Line", help_text="A new solid line ends the old one."
    )
    covers = forms.CharField(max_length=400, required=False, label="Covers")
    since_on = forms.DateField(widget=DayInput, initial=_today, label="From")

    def __init__(self, request: PageRequest, role: Role, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "senior", queries.visible_roles(request.viewer).filter(is_template=False).exclude(pk=role.pk))


class EndForm(forms.Form):
    """The last day of something dated."""

    last_on = forms.DateField(
        widget=DayInput,
        initial=lambda: _today() - timedelta(days=1),
        label="Last day",
        help_text="It shows from the day after.",
    )


class ConfirmForm(forms.Form):
    """The levels that a role truly brings, 0 to 4."""

    def __init__(self, role: Role, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for competence in Competence.objects.all():
            anchors = competence.anchors or [""] * 5
            choices = [(str(level), f"{level}: {words}"[:160]) for level, words in enumerate(anchors)]
            self.fields[competence.slug] = forms.ChoiceField(
                choices=choices, label=competence.title, initial=str(role.competences.get(competence.slug, 0))
            )

    def levels(self) -> dict[str, int]:
        """{competence: level}."""
        return {slug: int(level) for slug, level in self.cleaned_data.items()}


class ImportForm(forms.Form):
    """An organisation as YAML."""

    file = forms.FileField(
        label="Organisation file", help_text="YAML, at most 5 MB. Refused whole when a line is wrong."
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before it is read."""
        sent = self.cleaned_data["file"]
        if sent.size > MOST_FILE_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB.")
        return sent


class FileForm(ImportForm):
    """An organisation as YAML, and what becomes of what it does not name."""

    only = forms.BooleanField(
        required=False,
        label="Remove what the file does not name",
        help_text="Duties, roles, tools, records of authority and the catalogue. People, units, competences and what was attested stay.",
    )


class TableForm(ImportForm):
    """One collection of the organisation as a table."""

    collection = forms.ChoiceField(choices=[(name, name.capitalize()) for name in TABLES], label="What the rows are")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["collection", "file"])
        self.fields["file"].label = "Table"
        self.fields["file"].help_text = "CSV or Excel, at most 5 MB; the first row names the columns."


class AwayForm(forms.Form):
    """When somebody is away."""

    since_on = forms.DateField(widget=DayInput, initial=_today, label="Away from")
    until_on = forms.DateField(
        widget=DayInput, required=False, label="Last day away", help_text="Empty: until further notice."
    )
