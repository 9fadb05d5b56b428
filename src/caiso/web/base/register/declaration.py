"""The declaration of a register: one list of columns drives table, filters, edits, files and API."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Model, Q, QuerySet
from django.urls import reverse

from caiso.web.base.access import PERMISSIONS, Viewer, within
from caiso.web.base.models import User
from caiso.web.base.register.kinds import Kind, Text

# Parameters of the list, the forms and the API; a column of that name would collide with them.
RESERVED = frozenset({"q", "sort", "page", "size", "cols", "col", "next", "key", "limit", "offset"})


class Update(Protocol):
    """Writes changed values of one record; the keys are column keys, the values what the columns' kinds parsed."""

    def __call__(self, record: Any, /, *, changes: Mapping[str, Any], actor: User, now: datetime) -> object: ...


class Create(Protocol):
    """Makes a record from column values."""

    def __call__(self, *, values: Mapping[str, Any], actor: User, now: datetime) -> Model: ...


class Deed(Protocol):
    """Does something to the chosen records and says what was done."""

    def __call__(self, records: Sequence[Any], /, *, actor: User, now: datetime) -> str: ...


@dataclass(frozen=True)
class Action:
    """A deed on chosen rows beyond setting a column ("Mark done")."""

    key: str
    label: str
    run: Deed
    permission: str
    icon: str = "check"


@dataclass(frozen=True)
class Button:
    """A way from the list to another page, beside export, import and new."""

    label: str
    route: str
    permission: str
    icon: str = "arrow-right"

    @property
    def url(self) -> str:
        return reverse(self.route)


@dataclass(frozen=True)
class Column:
    """One column. `value` is a dotted path or a function; `lookup` its ORM path (empty: from `value`; None: no sort, no filter).

    `order` is the ORM path to sort by where that is another one, such as a key with an index instead of the name that it stands for.
    `edit` is True (the register's edit permission) or a permission; `note` adds a quiet second line; `link` leads to the record.
    """

    key: str
    label: str
    kind: Kind = field(default_factory=Text)
    value: str | Callable[[Any], Any] = ""
    lookup: str | None = ""
    order: str = ""
    sort: bool = True
    filter: bool = False
    search: bool = False
    edit: bool | str = False
    required: bool = False
    create: bool = False
    shown: bool = True
    link: bool | Callable[[Any], str] = False
    note: Callable[[Any], str] | None = None
    help: str = ""

    def __post_init__(self) -> None:
        if not self.key.isidentifier() or self.key in RESERVED or self.key.endswith(("_from", "_to")):
            raise ValueError(f"{self.key!r} cannot be a column key (reserved, or not a plain word)")

    def of(self, record: Any) -> Any:
        """The column's value of a record."""
        if callable(self.value):
            return self.value(record)
        for name in (self.value or self.key).split("."):
            if record is None:
                return None
            record = getattr(record, name)
        return record

    @property
    def path(self) -> str | None:
        """The ORM path for sorting and filtering, if there is one."""
        if self.lookup is None or (self.lookup == "" and callable(self.value)):
            return None
        return self.lookup or str(self.value or self.key).replace(".", "__")

    @property
    def sorts(self) -> bool:
        return self.sort and self.path is not None


@dataclass(frozen=True)
class Register:
    """One declaration of a list of records. See docs/register.md.

    `rows(viewer)` returns only what the viewer may see, with everything the columns touch selected (no N+1).
    `scope` is the ORM path to the unit's path, for permissions per record; None for records without a unit.
    """

    name: str
    one: str
    many: str
    rows: Callable[[Viewer], "QuerySet[Any]"]
    columns: tuple[Column, ...]
    permission: str = "view"
    edit_permission: str = ""
    export_permission: str = "export"
    update: Update | None = None
    create: Create | None = None
    actions: tuple[Action, ...] = ()
    buttons: tuple[Button, ...] = ()
    url: Callable[[Any], str] | None = None
    key: str = "pk"
    scope: str | None = "unit__path"
    sort: str = ""
    lead: str = ""
    empty_title: str = ""
    empty_text: str = ""
    empty_url: str = ""
    empty_action: str = ""
    views: tuple[tuple[str, str], ...] = ()
    crumbs: tuple[tuple[str, str], ...] = ()
    live: str = ""
    size: int = 50
    path: str = ""
    api: bool = True
    icon: str = "table"

    def __post_init__(self) -> None:
        self._check_permissions()
        keys = [column.key for column in self.columns]
        if len(set(keys)) != len(keys):
            raise ValueError(f"register {self.name}: two columns share a key in {keys}")
        if (self.update or self.create) and not self.edit_permission:
            raise ValueError(f"register {self.name}: a register that writes needs an edit_permission")
        for part in filter(None, self.sort.split(",")):
            if not self.column(part.lstrip("-")).sorts:
                raise ValueError(f"register {self.name}: cannot sort by {part!r}")

    def _check_permissions(self) -> None:
        stated = [self.permission, self.edit_permission, self.export_permission]
        stated += [column.edit for column in self.columns if isinstance(column.edit, str)]
        stated += [action.permission for action in self.actions] + [button.permission for button in self.buttons]
        if unknown := {one for one in stated if one} - PERMISSIONS:
            raise ValueError(f"register {self.name}: no access role carries {sorted(unknown)}")

    def column(self, key: str) -> Column:
        """The column of that key; KeyError if there is none."""
        for column in self.columns:
            if column.key == key:
                return column
        raise KeyError(f"register {self.name} has no column {key!r}")

    @property
    def title_column(self) -> Column:
        """The column that leads a card on a phone and links to the record."""
        return next((column for column in self.columns if column.link is True), self.columns[0])

    def route(self, page: str) -> str:
        """The URL name of one of the register's pages."""
        return f"{self.name}_{page}"

    def address(self, page: str = "list", *arguments: object) -> str:
        return reverse(self.route(page), args=arguments)

    def key_of(self, record: Any) -> str:
        return str(getattr(record, self.key))

    def unit_path(self, record: Any) -> str | None:
        """The path of the record's unit, for permissions; None when records have no unit."""
        if self.scope is None:
            return None
        for name in self.scope.split("__"):
            record = getattr(record, name, None)
        return record if isinstance(record, str) else None

    def edit_right(self, column: Column) -> str:
        """The permission that changing the column needs; empty when it cannot be changed."""
        if self.update is None or not column.edit:
            return ""
        return column.edit if isinstance(column.edit, str) else self.edit_permission

    def may_edit(self, column: Column, record: Any, viewer: Viewer) -> bool:
        right = self.edit_right(column)
        if not right:
            return False
        path = self.unit_path(record)
        return viewer.may(right, path) if path is not None or self.scope is None else False

    def may_create(self, viewer: Viewer) -> bool:
        return self.create is not None and viewer.may(self.edit_permission)

    def may_import(self, viewer: Viewer) -> bool:
        writes = self.create is not None or (self.update is not None and any(column.edit for column in self.columns))
        return writes and viewer.may(self.edit_permission)

    def may_export(self, viewer: Viewer) -> bool:
        return viewer.may(self.export_permission)

    def exportable(self, viewer: Viewer) -> Q:
        """The part of the visible rows that the viewer may also take away."""
        return within(viewer.paths(self.export_permission), self.scope) if self.scope else Q()

    def writable(self) -> tuple[Column, ...]:
        """Columns that a file or the API may write."""
        return tuple(column for column in self.columns if column.edit or column.create)


_registers: dict[str, Register] = {}


def declare(register: Register) -> Register:
    """Make a register known (search of registers by name, the matrix test, the API); returns it."""
    if register.name in _registers:
        raise ValueError(f"the register {register.name!r} is declared twice")
    _registers[register.name] = register
    return register


def declared() -> Iterable[Register]:
    """Every register, in the order of declaration."""
    return tuple(_registers.values())
