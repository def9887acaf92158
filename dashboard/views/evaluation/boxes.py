"""Boxes of simulated - observed SOC: 5 and 95 %, quartiles, median and mean of each group."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d, Span
from bokeh.plotting import figure

from dashboard.state.residuals import LEVELS, Boxes
from dashboard.tables import table
from dashboard.theme import Ink, quiet
from dashboard.units import number

__all__ = ["ResidualBoxes"]

_ROW = 19
_FRAME = 90
_COUNTS = 0.24
"""Room for the numbers of observations, as a share of that for the boxes."""


class ResidualBoxes:
    """A row a group, from the top.

    Parameters
    ----------
    name : str
        Of the source, after ``evaluation-``.
    groups : str
        What the groups are, in the title.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    source : ColumnDataSource
        Columns ``name``, ``n``, ``count`` (n in words), ``mean`` and
        :data:`dashboard.state.residuals.LEVELS`, kgC m-3.
    """

    def __init__(self, name: str, groups: str) -> None:
        self._groups = groups
        columns = ("name", "row", "n", "count", "at", "mean", *LEVELS)
        self.source = ColumnDataSource(
            {column: [] for column in columns}, name=f"evaluation-{name}"
        )
        self.figure = fig = figure(
            name=f"evaluation-{name}-boxes",
            title=f"Residuals by {groups}",
            x_axis_label="Simulated − observed (kgC m⁻³)",
            x_range=Range1d(-1, 1),
            y_range=Range1d(0.5, -0.5),
            sizing_mode="stretch_width",
            height=_FRAME,
            toolbar_location=None,
            tools="",
        )
        self._zero = Span(location=0, dimension="height", line_width=1)
        fig.add_layout(self._zero)
        source = self.source
        self._whiskers = fig.segment("p5", "row", "p95", "row", source=source, line_width=1.4)
        self._box = fig.hbar(
            y="row", left="p25", right="p75", height=0.55, source=source, line_color=None
        )
        self._median = fig.scatter(
            "p50", "row", source=source, marker="dash", angle=np.pi / 2, size=11, line_width=2.2
        )
        self._mean = fig.scatter("mean", "row", source=source, marker="diamond", size=7)
        self._count = fig.text(
            x="at",
            y="row",
            text="count",
            source=source,
            text_font_size="10px",
            text_align="right",
            text_baseline="middle",
        )
        tips = [
            ("", "@name"),
            ("Observations", "@n{0,0}"),
            ("Median", "@p50{%.3g} kgC m⁻³"),
            ("Quartiles", "@p25{%.3g} to @p75{%.3g}"),
            ("5–95 %", "@p5{%.3g} to @p95{%.3g}"),
            ("Mean (bias)", "@mean{%.3g}"),
        ]
        printed = {f"@{column}": "printf" for column in ("mean", *LEVELS)}
        fig.add_tools(
            HoverTool(renderers=[self._box], tooltips=tips, formatters=printed),
        )
        fig.yaxis.ticker = FixedTicker(ticks=[])
        fig.ygrid.grid_line_color = None
        fig.xgrid.grid_line_alpha = 0.25
        quiet(fig, f"Residuals of SOC by {groups}")
        fig.yaxis.major_tick_out = 0
        fig.xaxis.axis_label_text_font_size = "11.5px"  # beside long names it stays in the frame

    def show(self, boxes: Boxes) -> None:
        """Draw other boxes."""
        rows = len(boxes.names)
        low, high = -1.0, 1.0
        if rows:
            low, high = (
                float(boxes.percentiles[one].min() if one == "p5" else boxes.percentiles[one].max())
                for one in ("p5", "p95")
            )
            room = 0.04 * (high - low) or 0.5
            low, high = low - room, high + room
            high += _COUNTS * (high - low)  # where n stands, right of all boxes
        self.source.data = {
            "name": [f"{name} (n = {n:,})" for name, n in zip(boxes.names, boxes.n, strict=True)],
            "row": np.arange(rows),
            "n": boxes.n,
            "count": [f"n = {n:,}" for n in boxes.n],
            "at": np.full(rows, high),
            "mean": boxes.mean,
            **boxes.percentiles,
        }
        fig = self.figure
        fig.yaxis.major_label_overrides = dict(enumerate(boxes.names))
        fig.yaxis.ticker.ticks = list(range(rows))
        fig.y_range.update(start=rows - 0.4, end=-0.6)
        fig.height = _FRAME + _ROW * rows
        fig.x_range.update(start=low, end=high)

    def table(self, boxes: Boxes) -> str:
        """The numbers as HTML."""
        each = zip(boxes.names, boxes.n, boxes.mean, *boxes.percentiles.values(), strict=True)
        rows = [[name, f"{n:,}", *(number(float(v)) for v in values)] for name, n, *values in each]
        return table(
            f"Simulated − observed SOC by {self._groups} (kgC m⁻³)",
            [self._groups.capitalize(), "n", "Mean", "5 %", "25 %", "Median", "75 %", "95 %"],
            rows,
        )

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        self._zero.line_color = colours["muted"]
        self._whiskers.glyph.line_color = colours["base"]
        self._box.glyph.fill_color = colours["base"]
        self._box.glyph.fill_alpha = 0.45
        self._count.glyph.text_color = colours["muted"]
        self._median.glyph.line_color = colours["text"]
        self._mean.glyph.fill_color = colours["changed"]
        self._mean.glyph.line_color = colours["changed"]
