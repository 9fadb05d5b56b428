"""From the address of a list to its rows: search, filters, sort, columns and page, all kept in the URL."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, Q, QuerySet
from django.http import Http404, QueryDict

from caiso.web.base.access import Viewer
from caiso.web.base.paging import keys_between
from caiso.web.base.register.declaration import Column, Register
from caiso.web.base.register.kinds import Control, Filtered
from caiso.web.base.register.markup import Cell, Row
from caiso.web.base.textindex import Search, everywhere

SIZES = (25, 50, 100, 200)
WORDS_SEARCHED = 8
LONGEST_SEARCH = 200
MOST_FOUND = 5_000
QUICK_FILTERS = 3
QUICK_OPTIONS = 15


@dataclass(frozen=True)
class Heading:
    """A column's head: where a click sorts, and how it is sorted now."""

    column: Column
    url: str
    direction: str = ""


@dataclass(frozen=True)
class Chip:
    """A filter in force and the address without it."""

    label: str
    words: str
    url: str


@dataclass
class Listing:
    """What one address asks of a register, for one viewer."""

    register: Register
    viewer: Viewer
    params: QueryDict
    complaints: list[str] = field(default_factory=list)

    @cached_property
    def search(self) -> str:
        return self.params.get("q", "").strip()[:LONGEST_SEARCH]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The chosen columns in the register's order; the default ones without a choice. The title column always stays."""
        wanted = set(filter(None, self.params.get("cols", "").split(",")) or ()) | set(self.params.getlist("col"))
        if not wanted:
            return tuple(column for column in self.register.columns if column.shown)
        wanted.add(self.register.title_column.key)
        return tuple(column for column in self.register.columns if column.key in wanted)

    @cached_property
    def order(self) -> list[tuple[Column, bool]]:
        """(column, descending) of the sort in force."""
        asked = self._order_of(self.params.get("sort", "")[:200])
        return asked or self._order_of(self.register.sort)

    def _order_of(self, text: str) -> list[tuple[Column, bool]]:
        order = []
        for part in filter(None, text.split(",")):
            column = next((one for one in self.register.columns if one.key == part.lstrip("-") and one.sorts), None)
            if column is not None:
                order.append((column, part.startswith("-")))
        return order[:3]

    @cached_property
    def filtered(self) -> list[tuple[Column, Filtered]]:
        """The filters in force; what made no sense becomes a complaint."""
        in_force = []
        for column in self.register.columns:
            if not column.filter or column.path is None:
                continue
            answer = column.kind.filtered(column.key, column.path, self.params, self.viewer)
            if answer.complaint:
                self.complaints.append(f"{column.label}: {answer.complaint}")
            elif answer.condition is not None:
                in_force.append((column, answer))
        return in_force

    @cached_property
    def chips(self) -> list[Chip]:
        """A removable chip for each filter in force."""
        return [Chip(column.label, one.words, self.url(**_without(column.key))) for column, one in self.filtered]

    @cached_property
    def rows(self) -> "QuerySet[Any]":
        """Every matching row that the viewer may see, sorted."""
        return self._rows(self.viewer.trying_rows() if self._searched.reads_rows else self.viewer)

    def _rows(self, viewer: Viewer) -> "QuerySet[Any]":
        queryset = self.register.rows(viewer)
        for _, one in self.filtered:
            queryset = queryset.filter(one.condition or Q())
        return self._sorted(queryset.filter(self._searched.condition))

    @cached_property
    def _searched(self) -> Search:
        if not self.search:
            return Search(Q())
        searched = [column.path for column in self.register.columns if column.search and column.path]
        words = self.search.replace("\x00", "").split()[:WORDS_SEARCHED]
        return everywhere(self.register.rows(self.viewer).model, searched, words)

    def _sorted(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        terms: list[Any] = []
        for column, descending in self.order:
            path = column.order or column.path or ""
            expression = column.kind.ordering(path)
            # Only where there can be nothing: PostgreSQL's indexes have nothing at the other end, and would not be used.
            last = _may_be_null(queryset.model, path) or None
            terms.append(expression.desc(nulls_last=last) if descending else expression.asc(nulls_last=last))
        # The key last, so that equal rows never change places between two pages. After a single column it goes the
        # same way as that one: then one index gives both directions.
        backward = len(self.order) == 1 and self.order[0][1]
        return queryset.order_by(*terms, "-pk" if backward else "pk")

    @cached_property
    def size(self) -> int:
        asked = self.params.get("size", "")
        return int(asked) if asked.isdecimal() and int(asked) in SIZES else self.register.size

    @cached_property
    def _found(self) -> list[Any]:
        """The keys of what a search found, in order, read once for both the count and the page; of more than a few, any."""
        if not self.search:
            return []
        # In no order at first: in that of the list every row may be looked at before it is known that few fit.
        found = list(self.rows.order_by().values_list("pk", flat=True)[: MOST_FOUND + 1])
        if not found or len(found) > MOST_FOUND:
            return found
        return list(self._sorted(self.register.rows(self.viewer).filter(pk__in=found)).values_list("pk", flat=True))

    @cached_property
    def total(self) -> int:
        return len(self._found) if self._found_few else self._counted

    @cached_property
    def _counted(self) -> int:
        return self.rows.order_by().count()

    @cached_property
    def _found_few(self) -> bool:
        if (
            self._searched.is_common and self._counted > MOST_FOUND
        ):  # most likely, so that their keys are not read for it
            return False
        return bool(self.search) and len(self._found) <= MOST_FOUND

    @cached_property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @cached_property
    def page(self) -> int:
        asked = self.params.get("page", "1")
        if not asked.isdecimal() or len(asked) > 9:
            raise Http404("no such page")
        return min(max(1, int(asked)), self.pages)

    @property
    def first(self) -> int:
        return 0 if not self.total else (self.page - 1) * self.size + 1

    @property
    def last(self) -> int:
        return min(self.page * self.size, self.total)

    @cached_property
    def shown(self) -> list[Row]:
        """The rows of the page, ready for the template."""
        if not self.total:
            return []
        # Not the rows of the search again: its keys are known, and only what the list shows is joined to them.
        keys = self._keys()
        records = self.register.rows(self.viewer).in_bulk(keys)
        return [self.row(records[key]) for key in keys if key in records]

    def _keys(self) -> list[Any]:
        begin, end = self.first - 1, self.last
        if self._found_few:
            return self._found[begin:end]
        rows = self._rows(self.viewer.trying_rows()) if self._searched.is_common else self.rows
        return keys_between(rows, begin, end, total=self.total)

    def row(self, record: Any) -> Row:
        register = self.register
        url = register.url(record) if register.url else ""
        title = register.title_column
        key = register.key_of(record)
        cells = [self.cell(record, column, key=key, url=url if column is title else "") for column in self.columns]
        for cell in cells:
            cell.lead = cell.column is title
        return Row(key, str(title.of(record)), cells)

    def cell(self, record: Any, column: Column, *, key: str, url: str = "") -> Cell:
        note = column.note(record) if column.note else ""
        if callable(column.link):
            url = column.link(record)
        if not url.startswith("/") or url.startswith("//"):
            url = ""  # records carry addresses from outside; only our own pages are linked
        edit_url = self._edit_url(key, column) if self.register.may_edit(column, record, self.viewer) else ""
        return Cell(column, column.kind.show(column.of(record)), url, note, edit_url)

    @cached_property
    def _edit_pattern(self) -> str:
        # Reversing 400 addresses costs more than the query; the shape is the same for all.
        return self.register.address("cell", "__key__", "__column__")

    def _edit_url(self, key: str, column: Column) -> str:
        return self._edit_pattern.replace("__key__", quote(key, safe="")).replace("__column__", column.key)

    @cached_property
    def headings(self) -> list[Heading]:
        current = {column.key: descending for column, descending in self.order}
        heads = []
        for column in self.columns:
            if not column.sorts:
                heads.append(Heading(column, ""))
                continue
            ascending_now = current.get(column.key) is False
            url = self.url(sort=f"-{column.key}" if ascending_now else column.key, page=None)
            direction = {None: "", False: "ascending", True: "descending"}[current.get(column.key)]
            heads.append(Heading(column, url, direction))
        return heads

    @cached_property
    def filters(self) -> list[Control]:
        return [
            column.kind.filter_control(column.key, column.label, self.viewer, self.params)
            for column in self.register.columns
            if column.filter and column.path is not None
        ]

    @cached_property
    def quick_filters(self) -> list[Control]:
        """Choices short enough for the tool bar; the rest waits in the filter menu."""
        return [one for one in self.filters if one.type == "choices" and len(one.options) <= QUICK_OPTIONS][
            :QUICK_FILTERS
        ]

    @cached_property
    def more_filters(self) -> list[Control]:
        return [one for one in self.filters if one not in self.quick_filters]

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the tool form carries along because no control of its own shows it."""
        return [(name, value) for name, value in self._pairs() if name in {"sort", "size", "col", "cols"}]

    @property
    def kept_for_columns(self) -> list[tuple[str, str]]:
        """What the column form carries along: everything but the columns and the page."""
        return [(name, value) for name, value in self._pairs() if name not in {"col", "cols", "page"}]

    @property
    def query(self) -> str:
        """The query string of this list without the page."""
        return self.query_without("page")

    @property
    def previous_url(self) -> str:
        return self.url(page=str(self.page - 1)) if self.page > 1 else ""

    @property
    def next_url(self) -> str:
        return self.url(page=str(self.page + 1)) if self.page < self.pages else ""

    @property
    def size_urls(self) -> list[tuple[int, str]]:
        return [(size, self.url(size=str(size))) for size in SIZES]

    @property
    def has_search(self) -> bool:
        return any(column.search and column.path for column in self.register.columns)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.filtered)

    def url(self, **changes: str | None) -> str:
        """The address of this list with some parameters changed; None removes one, and empty ones are dropped."""
        text = self.query_without(*changes, "page")
        added = urlencode([(name, value) for name, value in changes.items() if value])
        query = "&".join(filter(None, (text, added)))
        return f"{self.register.address()}?{query}" if query else self.register.address()

    def query_without(self, *names: str) -> str:
        """The query string without some parameters and without empty ones."""
        dropped = set(names)
        return urlencode([(name, value) for name, value in self._pairs() if name not in dropped])

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for name in self.params:
            for value in self.params.getlist(name):
                if value:
                    yield name, value


def _may_be_null(model: type[Model], path: str) -> bool:
    """Whether a row can have no value there; of what is not the model's own column, that is not known."""
    try:
        field = model._meta.get_field(path)
    except FieldDoesNotExist:
        return True
    return bool(getattr(field, "null", True))


def _without(key: str) -> dict[str, None]:
    return {key: None, f"{key}_from": None, f"{key}_to": None}
