"""The side navigation: each app adds its items in apps.py, and a viewer sees those that the permissions open.

Items of one group stand as one line, and as tabs above each other's pages, so that the whole of it fits on a screen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

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
ROOM = 29.0  # lines that a screen of 900 pixels holds beside the name of the product
TITLE = 1.25  # lines that the title of a section takes


@dataclass(frozen=True)
class Item:
    """One page; `key` is the letter after "g" that jumps there, `count` a small number beside it, `group` its line."""

    label: str
    route: str
    icon: str
    section: str = ""
    permission: str = "view"
    order: int = 50
    key: str = ""
    count: Callable[[Viewer], int] | None = None
    group: str = ""


@dataclass(frozen=True)
class Line:
    """A line as one viewer sees it; a group has all its pages, anything else itself."""

    label: str
    url: str
    icon: str
    key: str
    current: bool
    count: int
    pages: tuple["Line", ...] = ()


@dataclass(frozen=True)
class Section:
    """A titled part that opens and closes."""

    title: str
    lines: tuple[Line, ...]
    is_open: bool = True

    @property
    def count(self) -> int:
        """What a closed section would hide."""
        return sum(line.count for line in self.lines)

    @property
    def pages(self) -> tuple[Line, ...]:
        """Every page of the section."""
        return tuple(page for line in self.lines for page in line.pages or (line,))


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
    found = []
    for title in SECTIONS:
        lines = _lines([item for item in items if item.section == title], urls, current, viewer)
        if lines:
            found.append(Section(title, lines))
    return _opened(found, viewer.user.navigation)


def tabs(found: tuple[Section, ...], path: str) -> tuple[Line, ...]:
    """The pages of the group whose page stands at exactly that address; none where the group has only that one."""
    for section in found:
        for line in section.lines:
            if len(line.pages) > 1 and any(page.url == path for page in line.pages):
                return line.pages
    return ()


def _lines(items: list[Item], urls: dict[str, str], current: str, viewer: Viewer) -> tuple[Line, ...]:
    groups: dict[str, list[Line]] = {}
    for item in items:
        groups.setdefault(item.group or item.route, []).append(_line(item, urls[item.route], current, viewer))
    return tuple(_group(name, pages) for name, pages in groups.items())


def _group(name: str, pages: list[Line]) -> Line:
    """One line for the pages; a single page that is left of a group keeps its own name."""
    first, *others = pages
    if not others:
        return first
    is_current, count = any(page.current for page in pages), sum(page.count for page in pages)
    key = next((page.key for page in pages if page.key), "")
    return Line(name, first.url, first.icon, key, is_current, count, tuple(pages))


def _line(item: Item, url: str, current: str, viewer: Viewer) -> Line:
    count = item.count(viewer) if item.count else 0
    return Line(item.label, url, item.icon, item.key, url == current, count)


def _opened(found: list[Section], chosen: Mapping[str, bool]) -> tuple[Section, ...]:
    """Open what the login opened and where it is now; the rest in order, as long as the screen has room."""
    room = ROOM - sum(TITLE for section in found if section.title)
    wanted = {section.title: section.title in ("", _here(found)) or chosen.get(section.title) for section in found}
    room -= sum(len(section.lines) for section in found if wanted[section.title])
    opened = []
    for section in found:
        is_open = wanted[section.title]
        if is_open is None:
            is_open = len(section.lines) <= room
            room -= len(section.lines) if is_open else 0
        opened.append(replace(section, is_open=is_open))
    return tuple(opened)


def _here(found: list[Section]) -> str:
    return next((section.title for section in found if any(line.current for line in section.lines)), "")


def _leads_to(url: str, path: str) -> bool:
    return path == url if url == "/" else path.startswith(url)
