"""Small parts of pages: icons, asset addresses, tones, times, tiles, empty states, form fields."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from caiso.web.base.access import Viewer
from caiso.web.base.assets import asset_url
from caiso.web.base.guard import opens
from caiso.web.base.presentation import initials, moment_title, relative
from caiso.web.base.register.markup import escape as plain
from caiso.web.base.register.markup import rows_html

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """The address of a built file."""
    return asset_url(name)


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """A Tabler icon from the sprite; decorative unless it has a label."""
    return _drawn(asset_url("icons.svg"), name, size, label)


@lru_cache(maxsize=512)
def _drawn(sprite: str, name: str, size: str, label: str) -> SafeString:
    meaning = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    extra = f" size-{escape(size)}" if size else ""
    return mark_safe(  # noqa: S308 - every part is escaped above
        f'<svg class="icon{extra}" {meaning}><use href="{escape(sprite)}#{escape(name)}"></use></svg>'
    )


@register.simple_tag
def options(choices: Iterable[tuple[str, str]], chosen: str | Iterable[str] = "") -> SafeString:
    """The options of a select: (value, label) pairs; five hundred people by a template cost more than the rest of a page."""
    picked = {chosen} if isinstance(chosen, str) else set(chosen)
    lines = (
        f'<option value="{plain(value)}"{" selected" if value in picked else ""}>{plain(label)}</option>'
        for value, label in choices
    )
    return mark_safe("".join(lines))  # noqa: S308 - every part is escaped above


@register.simple_tag
def rows(listing: Any, may_pick: bool) -> SafeString:  # noqa: FBT001 - a template passes by position
    """The body of a register's table."""
    return rows_html(listing.register.name, listing.shown, may_pick=may_pick)


@register.filter(name="initials")
def initials_filter(name: object) -> str:
    """Two letters for an avatar."""
    return initials(str(name))


@register.filter(is_safe=True)
def sentence(text: str) -> str:
    """Words In Title Case as a sentence has them."""
    return " ".join(text.split()).capitalize()


@register.simple_tag(name="opens")
def opens_tag(viewer: Viewer, address: str) -> bool:
    """Whether the page at an address of ours opens to the viewer: `{% opens viewer task.subject_url as may_open %}`."""
    return bool(address) and opens(viewer, address)


@register.simple_tag
def ago(moment: datetime | None, missing: str = "never") -> SafeString:
    """A time relative to now, with the exact time on hover."""
    if moment is None:
        return mark_safe(f'<span class="quiet">{escape(missing)}</span>')  # noqa: S308 - escaped
    now = timezone.now()
    exact = moment.astimezone(UTC).isoformat(timespec="seconds")
    recent = " data-relative" if abs(now - moment) < timedelta(days=30) else ""
    return mark_safe(  # noqa: S308 - built from a datetime alone
        f'<time datetime="{exact}" title="{escape(moment_title(moment))}"{recent}>{escape(relative(moment, now))}</time>'
    )


@register.inclusion_tag("parts/tone.html")
def tone(text: object, tone: str = "neutral") -> dict[str, object]:
    """A state with a coloured dot: good, warn, high, bad, info, neutral or unknown."""
    return {"text": text, "tone": tone}


@register.inclusion_tag("parts/severity.html")
def severity(level: str, text: object = "") -> dict[str, object]:
    """A filled badge: critical, high, medium, low or informational."""
    return {"level": level, "text": text or level.capitalize()}


@register.inclusion_tag("parts/stat.html")
def stat(
    label: str,
    value: object,
    *,
    of: object = "",
    url: str = "",
    change: str = "",
    change_tone: str = "",
    tone: str = "",
    note: str = "",
    spark: Any = None,
) -> dict[str, object]:
    """A tile with one figure; give `of` so that the denominator is seen, None as value for "not assessed"."""
    return {
        "label": label,
        "value": value,
        "of": of,
        "url": url,
        "change": change,
        "change_tone": change_tone,
        "tone": tone,
        "note": note,
        "spark": spark,
        "unknown": value is None,
    }


@register.inclusion_tag("parts/meter.html")
def meter(value: float, maximum: float = 100, *, label: str = "Progress", tone: str = "") -> dict[str, object]:
    """A bar of how much of the whole is done, with the figure beside it."""
    # The bar ends at the whole; the figure says how far past it goes.
    share = 0 if maximum <= 0 else max(0.0, value / maximum)
    return {"value": value, "maximum": maximum or 1, "label": label, "tone": tone, "percent": round(share * 100)}


@register.inclusion_tag("parts/empty.html", takes_context=True)
def empty(
    context: template.Context, title: str, text: str = "", *, icon: str = "folder", url: str = "", action: str = ""
) -> dict[str, object]:
    """What to do when there is nothing to show; the next step only where it opens to the viewer."""
    viewer = context.get("viewer")
    if isinstance(viewer, Viewer) and not opens(viewer, url):
        url = ""
    return {"title": title, "text": text, "icon": icon, "url": url, "action": action}


@register.inclusion_tag("parts/field.html")
def field(bound: BoundField, *, plain: bool = False) -> dict[str, object]:
    """A form field with label, help and errors tied together for screen readers; `plain` writes a label In Title Case as ours."""
    described = " ".join(
        name
        for name, there in (
            (f"{bound.id_for_label}-help", bound.help_text),
            (f"{bound.id_for_label}-errors", bound.errors),
        )
        if there
    )
    attributes: dict[str, str | bool] = {"aria-describedby": described} if described else {}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    label = str(bound.label)
    if plain:
        label = label.capitalize()
        bound.field.widget.attrs.pop("placeholder", None)
    return {
        "field": bound,
        "label": label,
        "control": bound.as_widget(attrs=attributes),
        "is_check": bound.widget_type == "checkbox",
    }
