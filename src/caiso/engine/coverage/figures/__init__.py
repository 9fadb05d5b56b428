"""Figures of the organisation as coordinates and as SVG text: chart, Euler, UpSet, heat map."""

from caiso.engine.coverage.figures.chart import Box, Chart, Link, layout_chart
from caiso.engine.coverage.figures.sets import Euler, Upset, euler, upset
from caiso.engine.coverage.figures.svg import chart_svg, difference_svg, euler_svg, heat_svg, upset_svg

__all__ = [
    "Box",
    "Chart",
    "Euler",
    "Link",
    "Upset",
    "chart_svg",
    "difference_svg",
    "euler",
    "euler_svg",
    "heat_svg",
    "layout_chart",
    "upset",
    "upset_svg",
]
