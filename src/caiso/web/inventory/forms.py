"""Forms of the inventory beyond a register's own; choices hold only what the viewer may choose."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from caiso.web.base.access import Viewer
from caiso.web.base.models import Person, Unit
from caiso.web.inventory import queries
from caiso.web.inventory.models import Asset, AssetKind, Relation
from caiso.web.inventory.scanfile import MOST_BYTES

OFFERED = 100  # in a list to choose from; more of them nobody reads, and a page of ten thousand takes a second


class TakeOnForm(forms.Form):
    """Who answers for an asset from now on, and which AI system it belongs to."""

    owner = forms.ModelChoiceField(Person.objects.none(), required=False, empty_label="Nobody by name")
    owner_role = forms.ChoiceField(required=False, help_text="Its holder answers when no person is named.")
    system = forms.ModelChoiceField(Asset.objects.none(), required=False, label="AI system", empty_label="None")

    def __init__(self, data: Any, *, viewer: Viewer, asset: Asset) -> None:
        initial = {"owner": asset.owner, "owner_role": asset.owner_role, "system": asset.system}
        super().__init__(data, initial=initial)
        self.fields["owner"].queryset = queries.people(viewer)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["owner_role"].choices = [("", "No role"), *queries.roles(viewer)]  # type: ignore[attr-defined]
        if asset.kind == "ai_system":
            del self.fields["system"]
        else:
            self.fields["system"].queryset = queries.systems_to_write(viewer)  # type: ignore[attr-defined]


class AssignForm(forms.Form):
    """The AI system that an asset is part of."""

    system = forms.ModelChoiceField(Asset.objects.none(), required=False, label="AI system", empty_label="None")

    def __init__(self, data: Any, *, viewer: Viewer, asset: Asset) -> None:
        super().__init__(data, initial={"system": asset.system})
        self.fields["system"].queryset = queries.systems_to_write(viewer)  # type: ignore[attr-defined]


class RelateForm(forms.Form):
    """An edge from an asset to another."""

    type = forms.ChoiceField(choices=Relation.Type.choices, label="This asset")
    target = forms.ModelChoiceField(Asset.objects.none(), label="the asset", empty_label="Choose an asset")

    def __init__(self, data: Any, *, candidates: "QuerySet[Asset]", text: str) -> None:
        """`candidates` may be named; offered are the first of those that the text finds."""
        super().__init__(data)
        field = self.fields["target"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - narrows the declared type
        field.queryset = candidates
        found = list(queries.called(candidates, text).values_list("pk", "name", "kind")[: OFFERED + 1])
        kinds = dict(AssetKind.choices)
        options = [(pk, f"{name[:120]} ({kinds.get(kind, kind)})") for pk, name, kind in found[:OFFERED]]
        field.choices = [("", "Choose an asset" if options else "No asset fits the search"), *options]
        if len(found) > OFFERED:
            field.help_text = f"The first {OFFERED}; search above for others."


class UploadForm(forms.Form):
    """A file of `caiso scan PATH --json`."""

    file = forms.FileField(label="Scan file", help_text="What caiso scan PATH --json wrote; at most 20 MB.")
    place = forms.CharField(
        max_length=500,
        label="Place",
        help_text="What was scanned, such as the address of the repository. The same name compares with earlier scans.",
    )
    unit = forms.ModelChoiceField(Unit.objects.none(), empty_label=None)
    system = forms.ModelChoiceField(
        Asset.objects.none(),
        required=False,
        label="AI system",
        empty_label="None",
        help_text="What is found becomes part of it.",
    )

    def __init__(self, data: Any, files: Any, *, viewer: Viewer) -> None:
        super().__init__(data, files)
        self.fields["unit"].queryset = queries.units_to_write(viewer)  # type: ignore[attr-defined]
        self.fields["system"].queryset = queries.systems_to_write(viewer)  # type: ignore[attr-defined]

    def clean_file(self) -> bytes:
        """The file's bytes; a file over the limit is refused before it is read."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
        data: bytes = file.read()
        return data
