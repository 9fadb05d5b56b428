"""Forms of the administration pages; what they accept is decided by the services."""

from typing import Any

from django import forms

from caiso.web.base import queries
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import AccessRole, TokenScope, Unit


class LoginForm(forms.Form):
    """A new login."""

    email = forms.EmailField(label="E-mail address", max_length=254)
    name = forms.CharField(label="Name", max_length=200, required=False)


class GrantForm(forms.Form):
    """An access role for a login."""

    role = forms.ChoiceField(label="Access role", choices=AccessRole.choices)
    unit: "forms.ModelChoiceField[Unit]" = forms.ModelChoiceField(
        queryset=None, label="In", to_field_name="slug", help_text="And everything below it."
    )
    expires_on = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *arguments: Any, viewer: Viewer, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["unit"].queryset = visible(queries.units(), viewer, "admin", lookup="path")  # type: ignore[attr-defined]


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(label="Name", max_length=120, help_text="What uses it, such as the name of the application.")
    scope = forms.ChoiceField(label="May", choices=TokenScope.choices)
    unit: "forms.ModelChoiceField[Unit]" = forms.ModelChoiceField(queryset=None, label="Unit", to_field_name="slug")
    expires_on = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *arguments: Any, viewer: Viewer, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["unit"].queryset = visible(queries.units(), viewer, lookup="path")  # type: ignore[attr-defined]


class SecurityForm(forms.Form):
    """Settings of sign-in."""

    mfa_required = forms.BooleanField(
        label="Privileged logins must have a second factor",
        required=False,
        help_text="Administrator, CAISO, CISO and AISOC lead. Who has none is sent to set one up at the next page.",
    )
