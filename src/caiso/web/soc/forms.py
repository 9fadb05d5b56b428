"""Forms of security operations; what they accept is decided by the services."""

from typing import Any

from django import forms

from caiso.connect.telemetry.query.jobs import MAX_SQL
from caiso.engine.detect.risk import KINDS
from caiso.web.base import queries as base_queries
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Unit
from caiso.web.soc.hunting import PERIODS as HUNT_PERIODS
from caiso.web.soc.models import RiskEntity
from caiso.web.soc.workbench import MOST_SAMPLES, MOST_TEXT

PERIODS = ((1, "1 hour"), (24, "24 hours"), (168, "7 days"), (720, "30 days"))


class RuleForm(forms.Form):
    """A rule's text, samples to try it on, and what changed."""

    text = forms.CharField(
        max_length=MOST_TEXT,
        strip=False,
        label="Rule, Sigma YAML",
        widget=forms.Textarea(attrs={"rows": 26, "spellcheck": "false", "class": "code-input", "wrap": "off"}),
    )
    samples = forms.CharField(
        max_length=MOST_SAMPLES,
        strip=False,
        required=False,
        label="Sample events",
        help_text="One JSON object a line, a JSON list, or OTLP/JSON. They are tried and then forgotten.",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "code-input", "wrap": "off"}),
    )
    note = forms.CharField(max_length=300, required=False, label="What changed")


class UploadForm(forms.Form):
    """A rule from a file."""

    file = forms.FileField(label="Sigma file")

    def clean_file(self) -> str:
        """The file's text."""
        file = self.cleaned_data["file"]
        if file.size > MOST_TEXT:
            raise forms.ValidationError(f"The file has {file.size:,} bytes, at most {MOST_TEXT:,} are read.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError(f"The file is not UTF-8 text (byte {error.start}).") from error


class RetroForm(forms.Form):
    """How far back a rule is tried, and what for."""

    hours = forms.TypedChoiceField(choices=PERIODS, coerce=int, initial=24, label="Period")
    purpose = forms.CharField(
        max_length=300, help_text="What people wrote is decrypted for this; the purpose goes on the record."
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, prefix="retro")


class AskForm(forms.Form):
    """Why a rule should be trusted more."""

    reason = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What it found so far, how noisy it was, what the retro-hunt showed.",
    )


class HuntForm(forms.Form):
    """A question in SQL, the period, and the purpose that a search in content needs; conditions come as lists of fields."""

    sql = forms.CharField(
        max_length=MAX_SQL,
        strip=False,
        required=False,
        label="SELECT over events",
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "code-input", "wrap": "off"}),
    )
    hours = forms.TypedChoiceField(choices=HUNT_PERIODS, coerce=int, initial=24, label="Period")
    purpose = forms.CharField(
        max_length=300,
        required=False,
        help_text="Needed when you search what people or models wrote: it is decrypted, and the purpose goes on the record.",
    )

    def __init__(self, *args: Any, by: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sql"].required = by == "sql"


class SaveHuntForm(forms.Form):
    """Under which name and for which unit a question is kept."""

    name = forms.CharField(max_length=120)
    unit = forms.ModelChoiceField(Unit.objects.none(), empty_label=None)

    def __init__(self, *args: Any, units: Any, **kwargs: Any) -> None:
        kwargs.setdefault("prefix", "keep")
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = units  # type: ignore[attr-defined]


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
