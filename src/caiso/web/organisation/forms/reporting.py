"""Forms of the reporting-structure advisor and of attested authority."""

from typing import Any, get_args, get_type_hints

from django import forms
from django.utils import timezone

from caiso.engine.coverage.advisor import Advice
from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation.model import Profile
from caiso.web.organisation.forms.answering import DayInput

HIGHEST_WEIGHT = 10
LABELS = {
    "size": "Size",
    "regulation": "Regulation",
    "ai_criticality": "AI is",
    "risk_function": "Risk function",
    "security_in": "Security stands",
}
HINTS = get_type_hints(Profile)


class RangeInput(forms.NumberInput):
    """A slider that the browser draws; it needs no script."""

    input_type = "range"


class ProfileForm(forms.Form):
    """What the advisor must know, and one slider for each criterion.

    A slider that nobody moved follows the profile; the hidden `was-…` says where it stood.
    """

    def __init__(self, organisation: Organisation, advice: Advice, *args: Any, **kwargs: Any) -> None:
        profile = advice.profile
        super().__init__(*args, **kwargs)
        self.criteria = organisation.criteria
        for name, label in LABELS.items():
            options = [(value, value.replace("-", " ").capitalize()) for value in get_args(HINTS[name])]
            self.fields[name] = forms.ChoiceField(
                choices=options,
                label=label,
                initial=getattr(profile, name),
            )
        self.fields["sector"] = forms.SlugField(max_length=60, label="Sector", initial=profile.sector)
        self.fields["maturity"] = forms.TypedChoiceField(
            choices=[(str(n), str(n)) for n in range(1, 6)],
            coerce=int,
            label="Maturity, 1 to 5",
            initial=str(profile.maturity),
        )
        weights = {weight.criterion: weight for weight in advice.weights}
        for criterion in self.criteria:
            weight = weights[criterion.id]
            by_hand = any(reason.source == "chosen" for reason in weight.reasons)
            self.fields[f"weight-{criterion.id}"] = forms.FloatField(
                min_value=0,
                max_value=HIGHEST_WEIGHT,
                label=f"{criterion.title}: {weight.value:g} of {HIGHEST_WEIGHT}{', set by hand' if by_hand else ''}",
                initial=weight.value,
                widget=RangeInput(attrs={"step": "0.5"}),
            )
            was = "" if by_hand else f"{weight.value:g}"
            self.fields[f"was-{criterion.id}"] = forms.CharField(
                required=False, max_length=20, initial=was, widget=forms.HiddenInput
            )
        self.fields["by_rules"] = forms.BooleanField(required=False, label="Let the rules set every weight again")

    def profile(self) -> Profile:
        """The profile with the weights of the sliders that were moved."""
        given = self.cleaned_data
        weights = {}
        for criterion in self.criteria:
            value, was = given[f"weight-{criterion.id}"], given[f"was-{criterion.id}"]
            if not given["by_rules"] and (not was or f"{value:g}" != was):
                weights[criterion.id] = value
        return Profile(**{name: given[name] for name in (*LABELS, "sector", "maturity")}, weights=weights)


class AttestForm(forms.Form):
    """What a person says about one condition of authority."""

    holds = forms.TypedChoiceField(
        choices=[("yes", "It holds"), ("no", "It does not hold")], coerce=lambda value: value == "yes", label="I attest"
    )
    evidence = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=1000,
        help_text="What shows it: a minute, a charter, an address.",
    )
    on = forms.DateField(widget=DayInput, initial=lambda: timezone.now().date(), label="Seen on")
