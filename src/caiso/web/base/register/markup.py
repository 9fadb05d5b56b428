"""The markup of a list's rows and cells, written as strings: a page has hundreds, and a template costs five times as much.

Every value passes `escape` here; the attributes of the edit link come from templates/parts/register/pencil.html.
"""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from caiso.web.base.assets import asset_url
from caiso.web.base.register.declaration import Column
from caiso.web.base.register.kinds import Shown

NONE = "–"  # noqa: RUF001 - the dash that tables use


@dataclass(slots=True)
class Cell:
    """One cell of one row, for one viewer."""

    column: Column
    shown: Shown
    url: str = ""
    note: str = ""
    edit_url: str = ""
    lead: bool = False

    @property
    def html(self) -> SafeString:
        """The inside of the table cell."""
        return cell_html(self)


@dataclass(slots=True)
class Row:
    """One record of the page."""

    key: str
    label: str
    cells: list[Cell]


def escape(value: object) -> str:
    """The text of a value for a page; Django's own makes a safe string of every piece, thousands of times a page."""
    return html.escape(str(value))


def rows_html(name: str, rows: Iterable[Row], *, may_pick: bool) -> SafeString:
    """The body of the table of the register `name`, with a box to tick before each row when something can be done to it."""
    return mark_safe("\n".join(_row(name, row, may_pick=may_pick) for row in rows))  # noqa: S308 - every value is escaped


def _row(name: str, row: Row, *, may_pick: bool) -> str:
    key = escape(row.key)
    cells = "".join(
        f'<td{_place(cell)} data-label="{escape(cell.column.label)}">{cell_html(cell)}</td>' for cell in row.cells
    )
    pick = (
        f'<td class="pick"><input class="tickbox" type="checkbox" name="pick" value="{key}" form="bulk-{name}"'
        f' aria-label="Select {escape(row.label)}"></td>'
        if may_pick
        else ""
    )
    return f'<tr id="{name}-{key}">{pick}{cells}</tr>'


def _place(cell: Cell) -> str:
    if cell.lead:
        return ' class="lead"'
    return ' class="end"' if cell.column.kind.end else ""


def cell_html(cell: Cell) -> SafeString:
    """The inside of a table cell: value, second line, edit link."""
    shown = cell.shown
    if cell.url:
        body = f'<a class="cell-title" href="{escape(cell.url)}">{escape(shown.text or NONE)}</a>'
    elif cell.lead and shown.kind == "text":
        body = f'<span class="cell-title">{escape(shown.text or NONE)}</span>'
    else:
        body = _BODIES.get(shown.kind, _text)(shown)
    note = f"<small>{escape(cell.note)}</small>" if cell.note else ""
    title = f' title="{escape(shown.title)}"' if shown.title and shown.kind != "moment" else ""
    inner = f'<div class="cell"{title}>{body}{note}</div>'
    if cell.edit_url:
        inner = f'<div class="cell-edit">{inner}{_pencil(cell.edit_url, cell.column.label)}</div>'
    return mark_safe(inner)  # noqa: S308 - every value above is escaped


def _text(shown: Shown) -> str:
    return escape(shown.text or NONE)


def _tone(shown: Shown) -> str:
    return f'<span class="tone" data-tone="{escape(shown.tone)}">{escape(shown.text)}</span>'


def _severity(shown: Shown) -> str:
    return f'<span class="severity" data-level="{escape(shown.tone)}">{escape(shown.text)}</span>'


def _moment(shown: Shown) -> str:
    late = ' class="late"' if shown.tone else ""
    return f'<time datetime="{escape(shown.iso)}" title="{escape(shown.title)}"{late}>{escape(shown.text)}</time>'


def _late(shown: Shown) -> str:
    return f'<span class="late">{escape(shown.text)}</span>'


def _mono(shown: Shown) -> str:
    return f'<span class="mono">{escape(shown.text or NONE)}</span>'


def _tags(shown: Shown) -> str:
    words = "".join(f'<span class="tag">{escape(item)}</span>' for item in shown.items)
    return f'<span class="cell-tags">{words or NONE}</span>'


def _meter(shown: Shown) -> str:
    value = escape(shown.text)
    return (
        f'<span class="meter-line"><progress class="meter" value="{value}" max="100" aria-label="{value}%"></progress>'
        f'<span class="num">{value}%</span></span>'
    )


_BODIES: dict[str, Callable[[Shown], str]] = {
    "text": _text,
    "tone": _tone,
    "severity": _severity,
    "moment": _moment,
    "late": _late,
    "mono": _mono,
    "tags": _tags,
    "meter": _meter,
}


def _pencil(url: str, label: str) -> str:
    return (
        _pencil_shape(asset_url("icons.svg"))
        .replace("__URL__", escape(url))
        .replace("__LABEL__", escape(label.lower()))
    )


@lru_cache(maxsize=4)
def _pencil_shape(sprite: str) -> str:
    """The edit link with placeholders; rendered once per build of the assets."""
    return render_to_string("parts/register/pencil.html", {"sprite": sprite}).strip()
