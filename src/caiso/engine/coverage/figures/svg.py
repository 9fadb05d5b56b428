"""Writes the figures as SVG text that stands alone; every text is bounded and escaped."""

import html
import unicodedata
from collections.abc import Iterable

from caiso.engine.coverage.deficiencies import DeficiencyReport
from caiso.engine.coverage.figures.chart import Chart
from caiso.engine.coverage.figures.sets import Euler, Upset

# Told apart by people who do not see red and green differently (after Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
INK, FAINT, PAPER = "#1f2937", "#9ca3af", "#ffffff"
HEAT = ("#f3f4f6", "#fde3c8", "#f9b572", "#e8743b", "#b3401c")
PADDING = 16.0
LONGEST_LABEL, LONGEST_TITLE = 26, 400


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
            f"{_label(box.title, middle, box.y + 22, size=12, weight=600)}"
            f"{_label(holders, middle, box.y + 39, size=11)}</g>"
        )
    return _svg(parts, chart.width, chart.height, "Organisation chart")


def euler_svg(figure: Euler) -> str:
    """Circles or ellipses with the count in each field; the title of a field lists its items."""
    parts = []
    for place, shape in enumerate(figure.shapes):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(
            f'<ellipse cx="{shape.cx:.1f}" cy="{shape.cy:.1f}" rx="{shape.rx:.1f}" ry="{shape.ry:.1f}" '
            f'transform="rotate({shape.angle:g} {shape.cx:.1f} {shape.cy:.1f})" fill="{colour}" fill-opacity="0.22" '
            f'stroke="{colour}" stroke-width="2">{_title(f"{shape.name}: {shape.size}")}</ellipse>'
        )
    for field in figure.fields:
        about = f"{' and '.join(field.names)}: {', '.join(field.items) or 'nothing'}"
        names = " ".join(field.names)
        number = _label(str(len(field.items)), field.x, field.y + 5, size=16, weight=600) if field.items else ""
        parts.append(f'<g data-roles="{_text(names)}">{_title(about)}{number}</g>')
    for place, shape in enumerate(figure.shapes):
        y = figure.height + 18 * (place + 1)
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<rect x="0" y="{y - 10:.1f}" width="12" height="12" fill="{colour}"/>')
        parts.append(_label(f"{shape.name} ({shape.size})", 20, y, size=12, anchor="start"))
    return _svg(parts, figure.width, figure.height + 18 * len(figure.shapes) + 8, "Crossover of roles")


def upset_svg(figure: Upset, *, most_columns: int = 40) -> str:
    """The largest intersections as columns over the sets they join; what is left out is said."""
    columns = figure.columns[:most_columns]
    left, column, row, bars = 220.0, 26.0, 24.0, 140.0
    tallest = max((len(items) for _, items in columns), default=1)
    parts = []
    rows = {name: bars + 30 + place * row for place, (name, _) in enumerate(figure.sets)}
    for name, size in figure.sets:
        parts.append(_label(f"{name} ({size})", left - 14, rows[name] + 4, size=12, anchor="end"))
    for place, (names, items) in enumerate(columns):
        x = left + place * column + column / 2
        high = bars * len(items) / tallest
        inside = []
        for name, y in rows.items():
            colour = INK if name in names else "#e5e7eb"
            inside.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>')
        span = [rows[name] for name in names]
        inside.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{min(span):.1f}" y2="{max(span):.1f}" stroke="{INK}" stroke-width="2"/>'
        )
        inside.append(
            f'<rect x="{x - 8:.1f}" y="{bars - high + 14:.1f}" width="16" height="{high:.1f}" fill="{COLOURS[0]}"/>'
        )
        inside.append(_label(str(len(items)), x, bars - high + 10, size=11))
        about = f"{' and '.join(names)}: {', '.join(items)}"
        parts.append(f'<g data-roles="{_text(" ".join(names))}">{_title(about)}{"".join(inside)}</g>')
    height = bars + 40 + row * len(figure.sets)
    hidden = len(figure.columns) - len(columns)
    if hidden:
        parts.append(_label(f"{hidden} smaller intersections are not drawn", left, height, size=11, anchor="start"))
    return _svg(parts, left + column * max(len(columns), 1), height + 8, "Crossover of roles")


def heat_svg(report: DeficiencyReport) -> str:
    """Roles down, AI security duties across; the number is the levels missing, 0 is left blank."""
    left, top, size = 150.0, 190.0, 30.0
    at_row = {role: top + place * size for place, role in enumerate(report.roles)}
    at_column = {duty: left + place * size for place, duty in enumerate(report.duties)}
    parts = [_label(role, left - 8, y + 19, size=12, anchor="end") for role, y in at_row.items()]
    for duty, x in at_column.items():
        parts.append(
            f'<g transform="rotate(-60 {x + 15:.1f} {top - 8:.1f})">'
            f"{_label(duty, x + 15, top - 8, size=11, anchor='start')}</g>"
        )
    for cell in report.cells:
        x, y = at_column[cell.duty], at_row[cell.role]
        lacks = ", ".join(f"{short.competence} {short.held} of {short.needed}" for short in cell.shortfalls)
        about = f"{cell.role}, {cell.duty}: {lacks or 'nothing is missing'}"
        shade = HEAT[min(cell.levels, len(HEAT) - 1)]
        number = _label(str(cell.levels), x + size / 2, y + 19, size=11) if cell.levels else ""
        parts.append(
            f"<g>{_title(about)}"
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{size - 2:.1f}" height="{size - 2:.1f}" rx="3" fill="{shade}"/>{number}</g>'
        )
    width = left + size * len(report.duties) + 60
    return _svg(parts, width, top + size * len(report.roles), "What roles lack for AI security duties")


def _svg(parts: Iterable[str], width: float, height: float, title: str) -> str:
    wide, high = width + 2 * PADDING, height + 2 * PADDING
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="{-PADDING:g} {-PADDING:g} {wide:.1f} {high:.1f}" '
        f'width="{wide:.0f}" height="{high:.0f}" font-family="system-ui, sans-serif">'
        f'{_title(title)}<rect x="{-PADDING:g}" y="{-PADDING:g}" width="{wide:.1f}" height="{high:.1f}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )


def _label(text: str, x: float, y: float, *, size: int, weight: int = 400, anchor: str = "middle") -> str:
    short = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
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
