"""Forms of security operations; what they accept is decided by the services."""

from typing import Any

from django import forms

from caiso.engine.detect.risk import KINDS
from caiso.web.base import queries as base_queries
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Unit
from caiso.web.soc.models import RiskEntity


class RiskForm(forms.Form):
    """From where risk is an alert, how fast it fades, and what rules may cost."""

    half_life_hours = forms.FloatField(
        label="Half-life of risk, hours", min_value=1, max_value=720, help_text="After this time half of it is left."
    )
    tactics = forms.IntegerField(
        label="Tactics that make an alert",
        min_value=2,
        max_value=16,
        help_text="Rules of so many ATLAS tactics pointing at one entity within a day are an alert, whatever its risk.",
    )
    shift_alerts = forms.IntegerField(
        label="Alert budget of a shift",
        min_value=1,
        max_value=10_000,
        help_text="What the people of a shift of eight hours can look at with care.",
    )
    cost_us = forms.FloatField(
        label="Cost budget of a rule, µs an event",
        min_value=1,
        max_value=10_000,
        help_text="A dearer rule takes a step back: live, canary, shadow.",
    )
    precision = forms.FloatField(
        label="Least precision of a rule, percent",
        min_value=0,
        max_value=100,
        help_text="A rule that is right less often takes a step back.",
    )
    verdicts = forms.IntegerField(
        label="Verdicts before precision is judged",
        min_value=5,
        max_value=1_000,
        help_text="Since its last change of state.",
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        names = dict(RiskEntity.Kind.choices)
        limits = {
            f"threshold_{kind}": forms.FloatField(
                label=f"Threshold of {'an' if kind in ('agent', 'api_key') else 'a'} {_lower(names[kind])}",
                min_value=10,
                max_value=10_000,
            )
            for kind in KINDS
        }
        rest = self.fields
        self.fields = {**limits, **rest}  # thresholds first


class CanaryForm(forms.Form):
    """Where a canary alerts."""

    share = forms.IntegerField(label="Share of entities, percent", min_value=1, max_value=100)
    unit: "forms.ModelChoiceField[Unit]" = forms.ModelChoiceField(
        queryset=None, label="Only in", to_field_name="slug", required=False, empty_label="Everywhere"
    )

    def __init__(self, *arguments: Any, viewer: Viewer, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["unit"].queryset = visible(base_queries.units(), viewer, "soc.rules", lookup="path")  # type: ignore[attr-defined]


def _lower(name: str) -> str:
    return name if name[:2].isupper() else name.lower()
