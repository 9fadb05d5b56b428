"""The register: one declaration drives a list's table, filters, saved views, edits, files and API. See docs/register.md."""

from caiso.web.base.register.declaration import (
    Action,
    Button,
    Column,
    Create,
    Deed,
    Register,
    Update,
    declare,
    declared,
)
from caiso.web.base.register.editing import UnableToChange
from caiso.web.base.register.kinds import (
    Choice,
    Day,
    Flag,
    Kind,
    Meter,
    Moment,
    Number,
    Reference,
    Severity,
    Tags,
    Text,
    UnableToRead,
)
from caiso.web.base.register.listing import Listing

__all__ = [
    "Action",
    "Button",
    "Choice",
    "Column",
    "Create",
    "Day",
    "Deed",
    "Flag",
    "Kind",
    "Listing",
    "Meter",
    "Moment",
    "Number",
    "Reference",
    "Register",
    "Severity",
    "Tags",
    "Text",
    "UnableToChange",
    "UnableToRead",
    "Update",
    "declare",
    "declared",
]
