"""The side navigation: each app adds its items in apps.py, and a viewer sees those that the permissions open."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from caiso.web.base.access import Viewer

SECTIONS = (
    "",
    "Inventory",
    "Organisation",
    "Risk",
    "Compliance",
    "AISOC",
    "Teaming",
    "Governance",
    "Administration",
)


@dataclass(frozen=True)
class Item:
    """One line of the navigation; `key` is the letter after "g" that jumps there, `count` a small number beside it."""

    label: str
    route: str
    icon: str
    section: str = ""
    permission: str = "view"
    order: int = 50
    key: str = ""
    count: Callable[[Viewer], int] | None = None


@dataclass(frozen=True)
class Line:
    """An item as one viewer sees it."""

    label: str
    url: str
    icon: str
    key: str
    current: bool
    count: int


@dataclass(frozen=True)
class Section:
    """A titled group of lines."""

    title: str
    lines: tuple[Line, ...]


_items: dict[str, Item] = {}


def add(*items: Item) -> None:
    """Add items; called in the `ready` of an app."""
    for item in items:
        if item.section not in SECTIONS:
            raise ValueError(f"{item.label}: there is no navigation section {item.section!r}; known are {SECTIONS}")
        known = _items.get(item.route)
        if known is not None and known != item:
            raise ValueError(f"{item.route} is already in the navigation as {known.label!r}")
        clash = next(
            (one for one in _items.values() if item.key and one.key == item.key and one.route != item.route), None
        )
        if clash is not None:
            raise ValueError(f"the key {item.key!r} of {item.label!r} already jumps to {clash.label!r}")
        _items[item.route] = item


def sections(viewer: Viewer, path: str = "") -> tuple[Section, ...]:
    """What the viewer may open, in order; the line whose address is the longest prefix of the path is current."""
    items = sorted((item for item in _items.values() if viewer.may(item.permission)), key=lambda item: item.order)
    urls = {item.route: reverse(item.route) for item in items}
    current = max((url for url in urls.values() if _leads_to(url, path)), key=len, default="")
    groups = []
    for title in SECTIONS:
        lines = tuple(_line(item, urls[item.route], current, viewer) for item in items if item.section == title)
        if lines:
            groups.append(Section(title, lines))
    return tuple(groups)


def _line(item: Item, url: str, current: str, viewer: Viewer) -> Line:
    count = item.count(viewer) if item.count else 0
    return Line(item.label, url, item.icon, item.key, url == current, count)


def _leads_to(url: str, path: str) -> bool:
    return path == url if url == "/" else path.startswith(url)
