"""Global search: each app registers what it can find for a viewer; results are already limited to what may be seen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from caiso.web.base import navigation
from caiso.web.base.access import Viewer

LIMIT = 6
LONGEST = 200


@dataclass(frozen=True)
class Result:
    """One hit: what it is called, where it is, and a short note such as its state."""

    title: str
    url: str
    note: str = ""
    icon: str = "file-text"
    opens: str = ""


@dataclass(frozen=True)
class Group:
    """The hits of one provider."""

    title: str
    results: tuple[Result, ...]


Provider = Callable[[Viewer, str, int], Iterable[Result]]
_providers: dict[str, tuple[str, Provider]] = {}


def register(name: str, title: str, provider: Provider, *, permission: str = "view") -> None:
    """Add a provider `(viewer, text, limit) -> results`; it is asked only for viewers that hold the permission."""
    if name in _providers:
        raise ValueError(f"the search provider {name!r} is already registered")

    def permitted(viewer: Viewer, text: str, limit: int) -> Iterable[Result]:
        return provider(viewer, text, limit) if viewer.may(permission) else ()

    _providers[name] = (title, permitted)


def find(viewer: Viewer, text: str, *, limit: int = LIMIT) -> tuple[Group, ...]:
    """Records that match the text, grouped by provider; nothing for a text of fewer than two characters."""
    text = text.strip()[:LONGEST]
    if len(text) < 2:
        return ()
    groups = (Group(title, tuple(provider(viewer, text, limit))[:limit]) for title, provider in _providers.values())
    return tuple(group for group in groups if group.results)


def destinations(viewer: Viewer, text: str) -> Group:
    """Pages of the navigation whose name contains the text; all of them without one."""
    wanted = text.strip().casefold()
    lines = [(section.title, line) for section in navigation.sections(viewer) for line in section.pages]
    hits = [
        Result(line.label, line.url, title, line.icon)
        for title, line in lines
        if wanted in line.label.casefold() or wanted in title.casefold()
    ]
    return Group("Go to", tuple(hits))


COMMANDS: Sequence[Result] = (Result("Keyboard shortcuts", "#key-help", "?", "keyboard", opens="key-help"),)


def commands(text: str) -> Group:
    """Things to do that are no pages."""
    wanted = text.strip().casefold()
    return Group("Do", tuple(result for result in COMMANDS if wanted in result.title.casefold()))
