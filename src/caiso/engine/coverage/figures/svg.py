"""Writes the figures as SVG text that stands alone; every text is bounded and escaped."""

import html
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from caiso.engine.coverage.deficiencies import DeficiencyReport
from caiso.engine.coverage.figures.chart import Chart, shorten
from caiso.engine.coverage.figures.sets import Euler, Upset
from caiso.engine.coverage.states import STATES, State

# Told apart by people who do not see red and green differently (after Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
INK, FAINT, PAPER = "#1f2937", "#9ca3af", "#ffffff"
STATE_COLOURS: dict[State, str] = {
    "covered": "#7fcfb5",
    "unqualified": "#f0e442",
    "unstaffed": "#e69f00",
    "contested": "#8ec9ee",
    "unowned": "#ea8a5a",
}
HEAT = ("#f3f4f6", "#fde3c8", "#f9b572", "#e8743b", "#b3401c")
PADDING = 16.0
LONGEST_LABEL, LONGEST_TITLE = 30, 400
# How a figure calls a role or duty: its id, unless the caller knows a title.
Names = Mapping[str, str]
NO_NAMES: Names = {}


def chart_svg(chart: Chart) -> str:
    """The organisation chart; vacant roles have a dashed edge and say so."""
    parts = []
    for link in chart.links:
        dotted = link.kind == "dotted"
        stroke = f'stroke="{COLOURS[0]}" stroke-dasharray="3 5"' if dotted else f'stroke="{FAINT}"'
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in link.points)
        about = f"{link.from_} reports to {link.to} ({link.kind})" + (f": {link.covers}" if link.covers else "")
        parts.append(f'<polyline points="{points}" fill="none" {stroke} stroke-width="1.5">{_title(about)}</polyline>')
    for box in chart.boxes:
        holders = ", ".join(box.holders) or "vacant"
        dashes = "" if box.holders else ' stroke-dasharray="4 3"'
        middle = box.x + box.width / 2
        parts.append(
            f'<g id="role-{_text(box.role)}">{_title(f"{box.title}: {holders}")}'
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6" '
            f'fill="{PAPER}" stroke="{INK}"{dashes}/>'
            f"{''.join(_label(line, middle, y, size=12, weight=600) for line, y in box.lines)}"
            f"{_label(box.name_line[0], middle, box.name_line[1], size=11)}</g>"
        )
    return _svg(parts, chart.width, chart.height, "Organisation chart")


def euler_svg(figure: Euler, names: Names = NO_NAMES) -> str:
    """Circles or ellipses with the count in each field; the title of a field lists its items."""
    parts = []
    for place, shape in enumerate(figure.shapes):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(
            f'<ellipse cx="{shape.cx:.1f}" cy="{shape.cy:.1f}" rx="{shape.rx:.1f}" ry="{shape.ry:.1f}" '
            f'transform="rotate({shape.angle:g} {shape.cx:.1f} {shape.cy:.1f})" fill="{colour}" fill-opacity="0.22" '
            f'stroke="{colour}" stroke-width="2">{_title(f"{names.get(shape.name, shape.name)}: {shape.size}")}</ellipse>'
        )
    for field in figure.fields:
        about = f"{_all(field.names, names, ' and ')}: {_all(field.items, names) or 'nothing'}"
        number = _label(str(len(field.items)), field.x, field.y + 5, size=16, weight=600) if field.items else ""
        parts.append(f'<g data-roles="{_text(" ".join(field.names))}">{_title(about)}{number}</g>')
    for place, shape in enumerate(figure.shapes):
        y = figure.height + 18 * (place + 1)
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<rect x="0" y="{y - 10:.1f}" width="12" height="12" fill="{colour}"/>')
        label = f"{names.get(shape.name, shape.name)} ({shape.size})"
        parts.append(_label(label, 20, y, size=12, anchor="start", most=60))
    return _svg(parts, figure.width, figure.height + 18 * len(figure.shapes) + 8, "Crossover of roles")


def upset_svg(figure: Upset, names: Names = NO_NAMES, *, most_columns: int = 40) -> str:
    """The largest intersections as columns over the sets they join; what is left out is said."""
    columns = figure.columns[:most_columns]
    left, column, row, bars = 220.0, 26.0, 24.0, 140.0
    tallest = max((len(items) for _, items in columns), default=1)
    parts = []
    rows = {name: bars + 30 + place * row for place, (name, _) in enumerate(figure.sets)}
    for name, size in figure.sets:
        called = f"{names.get(name, name)} ({size})"
        parts.append(_label(called, left - 14, rows[name] + 4, size=12, anchor="end", most=36))
    for place, (roles, items) in enumerate(columns):
        x = left + place * column + column / 2
        high = bars * len(items) / tallest
        inside = []
        for name, y in rows.items():
            colour = INK if name in roles else "#e5e7eb"
            inside.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>')
        span = [rows[name] for name in roles]
        inside.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{min(span):.1f}" y2="{max(span):.1f}" stroke="{INK}" stroke-width="2"/>'
        )
        inside.append(
            f'<rect x="{x - 8:.1f}" y="{bars - high + 14:.1f}" width="16" height="{high:.1f}" fill="{COLOURS[0]}"/>'
        )
        inside.append(_label(str(len(items)), x, bars - high + 10, size=11))
        about = f"{_all(roles, names, ' and ')}: {_all(items, names)}"
        parts.append(f'<g data-roles="{_text(" ".join(roles))}">{_title(about)}{"".join(inside)}</g>')
    height = bars + 40 + row * len(figure.sets)
    hidden = len(figure.columns) - len(columns)
    if hidden:
        parts.append(_label(f"{hidden} smaller intersections are not drawn", left, height, size=11, anchor="start"))
    return _svg(parts, left + column * max(len(columns), 1), height + 8, "Crossover of roles")


def heat_svg(report: DeficiencyReport, names: Names = NO_NAMES) -> str:
    """Roles down, AI security duties across; the number is the levels missing, 0 is left blank."""
    left, top, size = 230.0, 230.0, 30.0
    at_row = {role: top + place * size for place, role in enumerate(report.roles)}
    at_column = {duty: left + place * size for place, duty in enumerate(report.duties)}
    parts = [
        _label(names.get(role, role), left - 8, y + 19, size=12, anchor="end", most=36) for role, y in at_row.items()
    ]
    for duty, x in at_column.items():
        parts.append(
            f'<g transform="rotate(-60 {x + 15:.1f} {top - 8:.1f})">'
            f"{_label(names.get(duty, duty), x + 15, top - 8, size=11, anchor='start', most=44)}</g>"
        )
    for cell in report.cells:
        x, y = at_column[cell.duty], at_row[cell.role]
        lacks = ", ".join(f"{short.competence} {short.held} of {short.needed}" for short in cell.shortfalls)
        about = f"{_all((cell.role, cell.duty), names)}: {lacks or 'nothing is missing'}"
        shade = HEAT[min(cell.levels, len(HEAT) - 1)]
        number = _label(str(cell.levels), x + size / 2, y + 19, size=11) if cell.levels else ""
        parts.append(
            f"<g>{_title(about)}"
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{size - 2:.1f}" height="{size - 2:.1f}" rx="3" fill="{shade}"/>{number}</g>'
        )
    width = left + size * len(report.duties) + 130
    return _svg(parts, width, top + size * len(report.roles), "What roles lack for AI security duties")


def difference_svg(
    title: str, bars: Sequence[tuple[str, Mapping[State, int], Mapping[State, int]]], notes: Sequence[str]
) -> str:
    """Before and after as two stacked bars each, on one scale, with what the scenario brings in words below."""
    left, width, high, gap = 120.0, 560.0, 26.0, 8.0
    most = max((sum(counts.values()) for _, *pair in bars for counts in pair), default=1) or 1
    parts = [_label(title, 0, 14, size=14, weight=600, anchor="start", most=80)]
    y = 34.0
    for heading, before, after in bars:
        parts.append(_label(heading, 0, y + 8, size=12, weight=600, anchor="start", most=60))
        y += 18
        for word, counts in (("Before", before), ("After", after)):
            parts.append(_label(word, left - 10, y + 18, size=12, anchor="end"))
            x = left
            for state in reversed(STATES):
                part = width * counts.get(state, 0) / most
                if part:
                    about = f"{heading}, {word.lower()}: {counts[state]} {state}"
                    parts.append(
                        f'<g data-state="{state}">{_title(about)}<rect x="{x:.1f}" y="{y:.1f}" width="{part:.1f}" '
                        f'height="{high:.1f}" fill="{STATE_COLOURS[state]}"/>'
                        f"{_label(str(counts[state]), x + part / 2, y + 18, size=12, weight=600)}</g>"
                    )
                x += part
            y += high + gap
        y += 10
    x = left
    for state in reversed(STATES):
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="12" height="12" fill="{STATE_COLOURS[state]}"/>')
        parts.append(_label(state, x + 18, y + 10, size=12, anchor="start"))
        x += 30 + 7.5 * len(state)
    y += 36
    for note in notes:
        parts.append(_label(note, 0, y, size=12, anchor="start", most=110))
        y += 18
    return _svg(parts, left + width, y, title)


def _all(items: Iterable[str], names: Names, between: str = ", ") -> str:
    return between.join(names.get(item, item) for item in items)


def _svg(parts: Iterable[str], width: float, height: float, title: str) -> str:
    wide, high = width + 2 * PADDING, height + 2 * PADDING
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="{-PADDING:g} {-PADDING:g} {wide:.1f} {high:.1f}" '
        f'width="{wide:.0f}" height="{high:.0f}" font-family="system-ui, sans-serif">'
        f'{_title(title)}<rect x="{-PADDING:g}" y="{-PADDING:g}" width="{wide:.1f}" height="{high:.1f}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )


def _label(
    text: str, x: float, y: float, *, size: int, weight: int = 400, anchor: str = "middle", most: int = LONGEST_LABEL
) -> str:
    short = shorten(text, most)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{INK}">{_text(short)}</text>'
    )


def _title(text: str) -> str:
    return f"<title>{_text(text[:LONGEST_TITLE])}</title>"


def _text(text: str) -> str:
    """Escaped for text and attributes, without the control characters that XML forbids."""
    kept = "".join(letter if unicodedata.category(letter) not in {"Cc", "Cs", "Cn"} else " " for letter in text)
    return html.escape(kept, quote=True)
