"""The API of a register: list, detail and change of the same records, with the same filters, rights and services.

In an app's api.py: `router = Router(tags=["risks"]); register_endpoints(router, RISKS)`.
"""

from datetime import date, datetime
from typing import Annotated, Any

from django.db.models import Model
from django.utils import timezone
from ninja import Field, Path, Query, Router, Schema
from pydantic import create_model

from caiso.web.base.access import Viewer
from caiso.web.base.endpoint import ApiRequest, Page, Paging, page_of, reads, require_match, writes
from caiso.web.base.problems import Refused
from caiso.web.base.register import editing
from caiso.web.base.register.declaration import Column, Register
from caiso.web.base.register.kinds import Day, Flag, Moment, Number, Tags, UnableToRead
from caiso.web.base.register.listing import Listing

RecordKey = Annotated[str, Path(max_length=120, pattern=r"^[^\x00-\x1f]+$")]
Value = Annotated[str | int | float | bool | None, Field(description="As the column is written in a form.")]
FilterText = Annotated[str | None, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


def register_endpoints(router: Router, register: Register) -> None:
    """Add GET (list), GET (one) and, where the register writes, PATCH and POST to the router."""
    shape = _Shape(register)
    _add_reads(router, register, shape)
    if register.update is not None:
        _add_change(router, register, shape)
    if register.create is not None:
        _add_creation(router, register, shape)


class _Shape:
    """The schemas of a register, made from its columns."""

    def __init__(self, register: Register) -> None:
        stem = "".join(part.capitalize() for part in register.name.split("_"))
        self.stem = register.name
        self.path = "/" + (register.path or register.name.replace("_", "-")).strip("/")
        shown: dict[str, Any] = {column.key: (_type_of(column), ...) for column in register.columns}
        self.out = create_model(f"{stem}Row", __base__=Schema, key=(str, ...), **shown)
        self.only = create_model(f"{stem}Filter", __base__=Schema, **_filters(register))
        changeable = {column.key: (Value, None) for column in register.columns if register.edit_right(column)}
        self.change = create_model(f"{stem}Change", __base__=Schema, **changeable)  # type: ignore[call-overload]  # fields come from the columns
        written = {column.key: (Value, ... if column.required else None) for column in register.writable()}
        self.new = create_model(f"{stem}New", __base__=Schema, **written)  # type: ignore[call-overload]  # as above
        self.register = register

    def show(self, record: Model) -> Any:
        """A record as the API gives it."""
        values = {column.key: _json(column, record) for column in self.register.columns}
        return self.out(  # type: ignore[call-arg]  # fields come from the columns
            key=self.register.key_of(record), **values
        )


def _filters(register: Register) -> dict[str, Any]:
    names = ["q", "sort"] if any(column.search for column in register.columns) else ["sort"]
    for column in register.columns:
        if column.filter and column.path is not None:
            names += [f"{column.key}_from", f"{column.key}_to"] if column.kind.ranged else [column.key]
    return dict.fromkeys(names, (FilterText, None))


def _type_of(column: Column) -> Any:
    kind = column.kind
    if isinstance(kind, Flag):
        return bool | None
    if isinstance(kind, Number):
        return (float if kind.decimals else int) | None
    if isinstance(kind, Moment):
        return datetime | None
    if isinstance(kind, Day):
        return date | None
    return list[str] if isinstance(kind, Tags) else str | None


def _json(column: Column, record: Model) -> Any:
    value = column.of(record)
    if isinstance(column.kind, Tags):
        return [str(item) for item in value or ()]
    if isinstance(column.kind, Flag | Day):
        return value
    return column.kind.export(value)


def _add_reads(router: Router, register: Register, shape: _Shape) -> None:
    only_type = shape.only

    def list_rows(
        request: ApiRequest,
        paging: Annotated[Paging, Query()],
        only: Annotated[only_type, Query()],  # type: ignore[valid-type]  # a model made above
    ) -> Any:
        listing = Listing(register, request.viewer, request.GET)
        rows = listing.rows
        if listing.complaints:
            raise Refused(422, "; ".join(listing.complaints)[:1000])
        return page_of(rows, shape.show, paging)

    def read_row(request: ApiRequest, key: RecordKey) -> Any:
        return shape.show(editing.find(register, request.viewer, key))

    list_rows.__name__, list_rows.__doc__ = f"list_{shape.stem}", f"{register.many} in sight, filtered and sorted."
    read_row.__name__, read_row.__doc__ = f"read_{shape.stem}", f"One {register.one.lower()}."
    reads(router, shape.path, permission=register.permission, response=Page[shape.out])(list_rows)  # type: ignore[name-defined]  # a model made above
    reads(router, f"{shape.path}/{{key}}", permission=register.permission, response=shape.out)(read_row)


def _add_change(router: Router, register: Register, shape: _Shape) -> None:
    change_type = shape.change

    def change_row(request: ApiRequest, key: RecordKey, change: change_type) -> Any:  # type: ignore[valid-type]  # a model made above
        record = editing.find(register, request.viewer, key)
        require_match(request, shape.show(record))
        values = _read(register, change.model_dump(exclude_unset=True), request.viewer)  # type: ignore[attr-defined]  # as above
        try:
            editing.change(register, record, changes=values, viewer=request.viewer, now=timezone.now())
        except editing.NotPermitted as refusal:
            raise Refused(403, str(refusal)) from None
        return shape.show(editing.find(register, request.viewer, key))

    change_row.__name__, change_row.__doc__ = f"change_{shape.stem}", f"Change columns of one {register.one.lower()}."
    writes(router, "PATCH", f"{shape.path}/{{key}}", permission=register.permission, response=shape.out)(change_row)


def _add_creation(router: Router, register: Register, shape: _Shape) -> None:
    new_type = shape.new

    def create_row(request: ApiRequest, new: new_type) -> Any:  # type: ignore[valid-type]  # a model made above
        if register.create is None:
            raise Refused(404, "nothing can be added here")
        values = _read(register, new.model_dump(exclude_unset=True), request.viewer)  # type: ignore[attr-defined]  # as above
        record = register.create(values=values, actor=request.user, now=timezone.now())
        return shape.show(editing.find(register, request.viewer, register.key_of(record)))

    create_row.__name__, create_row.__doc__ = f"create_{shape.stem}", f"Add a {register.one.lower()}."
    permission = register.edit_permission
    writes(router, "POST", shape.path, permission=permission, response=shape.out, status=201)(create_row)


def _read(register: Register, sent: dict[str, Any], viewer: Viewer) -> dict[str, Any]:
    """The sent values as the columns' kinds read them; 422 names the first that does not fit."""
    values = {}
    for key, value in sent.items():
        column = register.column(key)
        text = "" if value is None else ("yes" if value is True else "no" if value is False else str(value))
        try:
            values[key] = editing.read(column, text, viewer)
        except UnableToRead as refusal:
            raise Refused(422, f"{key} {refusal}") from None
    return values
