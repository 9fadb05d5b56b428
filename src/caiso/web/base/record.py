"""The record page: what every page about one record shows, and the registry of relations that links both ways.

An app renders shell/record.html (or a template that extends it) with `record_context(...)`. Another app that points at
such records registers a `links` provider, so that the record shows who points at it without knowing them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from caiso.web.base import queries
from caiso.web.base.access import Viewer
from caiso.web.base.guard import opens
from caiso.web.base.models import AuditRecord

HISTORY_SHOWN = 50
LINKS_SHOWN = 8


@dataclass(frozen=True)
class Link:
    """Another record: its title, its page, a short note and the tone of its state."""

    title: str
    url: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class LinkGroup:
    """Linked records of one relation, with how many there are in all and where the whole list is."""

    title: str
    links: tuple[Link, ...]
    total: int = 0
    url: str = ""

    @property
    def count(self) -> int:
        return max(self.total, len(self.links))


@dataclass(frozen=True)
class Fact:
    """One line of the panel beside the record; `kind` is text, moment or tone."""

    label: str
    value: Any
    url: str = ""
    kind: str = "text"
    tone: str = ""


@dataclass(frozen=True)
class Badge:
    """A badge above the title: a severity level, or a state with a tone."""

    text: str
    tone: str = "neutral"
    level: str = ""


@dataclass(frozen=True)
class Tab:
    """A tab; `template` is rendered with the page's context when the tab is open."""

    key: str
    label: str
    template: str = ""
    count: int | None = None
    permission: str = "view"


@dataclass(frozen=True)
class Why:
    """Why a computed state is what it is: a sentence, and the records behind it."""

    reason: str
    records: tuple[Link, ...] = ()
    as_of: datetime | None = None
    open: bool = True


@dataclass(frozen=True)
class Deed:
    """A button of the record page: a link, or a POST that asks first when `confirm` is set."""

    label: str
    url: str
    icon: str = "check"
    posts: bool = False
    confirm: str = ""
    tone: str = "outline"

    @property
    def dialog(self) -> str:
        """The id of the dialog that asks first."""
        return "deed-" + "".join(char if char.isalnum() else "-" for char in self.label.lower())


@dataclass(frozen=True)
class Page:
    """What a record page shows."""

    record: Model
    title: str
    crumbs: Sequence[tuple[str, str]] = ()
    lead: str = ""
    badges: Sequence[Badge] = ()
    facts: Sequence[Fact] = ()
    tabs: Sequence[Tab] = ()
    why: Why | None = None
    deeds: Sequence[Deed] = ()
    edit_url: str = ""
    live: str = ""
    opened_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)


Provider = Callable[[Any, Viewer], Iterable[LinkGroup]]
_providers: dict[str, list[Provider]] = {}


def relate(subject_type: str, provider: Provider) -> None:
    """Register links for records of a model (its class name): the provider answers within the viewer's scope only."""
    _providers.setdefault(subject_type, []).append(provider)


def links(record: Model, viewer: Viewer) -> list[LinkGroup]:
    """Every group of linked records that the viewer may see and open; empty groups are left out."""
    found = []
    for provider in _providers.get(subject_type(record), []):
        for group in provider(record, viewer):
            shown = tuple(link for link in group.links if opens(viewer, link.url))
            if shown:
                found.append(replace(group, links=shown, url=group.url if opens(viewer, group.url) else ""))
    return found


def subject_type(record: Model) -> str:
    """The name under which the audit trail and the relations know the model."""
    return record._meta.object_name or ""


def history(record: Model, *, limit: int = HISTORY_SHOWN) -> list[AuditRecord]:
    """What happened to the record, newest first."""
    return list(queries.history(subject_type(record), str(record.pk))[:limit])


def _guarded(page: Page, viewer: Viewer) -> Page:
    """The page without addresses that would refuse the viewer; what they lead to stays named."""

    def kept(url: str) -> str:
        return url if opens(viewer, url) else ""

    why = page.why and replace(page.why, records=tuple(replace(one, url=kept(one.url)) for one in page.why.records))
    facts = [replace(fact, url=kept(fact.url)) for fact in page.facts]
    return replace(page, crumbs=[(label, kept(url)) for label, url in page.crumbs], facts=facts, why=why)


def record_context(request: HttpRequest, viewer: Viewer, page: Page) -> dict[str, Any]:
    """The template context of a record page. The tab comes from ?tab=; "history" is always the last one."""
    tabs = [tab for tab in page.tabs if viewer.may(tab.permission)]
    asked = request.GET.get("tab", "")
    keys = [tab.key for tab in tabs] + ["history"]
    current = asked if asked in keys else keys[0]
    shown = [
        {"label": tab.label, "url": f"?tab={tab.key}", "current": tab.key == current, "count": tab.count}
        for tab in tabs
    ]
    shown.append({"label": "History", "url": "?tab=history", "current": current == "history", "count": None})
    page = _guarded(page, viewer)
    return {
        "page": page,
        "record": page.record,
        "crumbs": [{"label": label, "url": url} for label, url in page.crumbs] + [{"label": page.title}],
        "tabs": shown,
        "tab": current,
        "tab_template": next((tab.template for tab in tabs if tab.key == current), ""),
        "why": page.why,
        "link_groups": links(page.record, viewer),
        "history": history(page.record) if current == "history" else [],
        **page.extra,
    }
