"""A part of a long list, read by its keys and from the nearer end."""

from typing import Any

from django.db.models import QuerySet


def keys_between(rows: "QuerySet[Any]", begin: int, end: int, *, total: int) -> list[Any]:
    """The keys of the rows from `begin` up to, not including, `end`: the database sorts and skips narrow rows only."""
    end = min(end, total)
    if begin >= end:
        return []
    keys = rows.values_list("pk", flat=True)
    if begin <= total // 2 or not _has_one_order(rows):
        return list(keys[begin:end])
    # Skipping to the last of 2,000 pages would walk the whole list; from its end the page is near.
    return list(keys.reverse()[total - end : total - begin])[::-1]


def rows_between(rows: "QuerySet[Any]", begin: int, end: int, *, total: int) -> list[Any]:
    """The rows themselves; the keys first, so that what the list shows is joined for them alone."""
    keys = keys_between(rows, begin, end, total=total)
    found = rows.order_by().in_bulk(keys)
    return [found[key] for key in keys if key in found]


def _has_one_order(rows: "QuerySet[Any]") -> bool:
    """Whether equal rows cannot change places: the key decides last."""
    order = rows.query.order_by or rows.model._meta.ordering
    return bool(order) and isinstance(order[-1], str) and order[-1].lstrip("-") in {"pk", "id"}
