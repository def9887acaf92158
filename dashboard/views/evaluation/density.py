"""Observed against simulated SOC: a density of all observations, and those of the selection."""

from __future__ import annotations

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    ColorBar,
    ColumnDataSource,
    LassoSelectTool,
    LogColorMapper,
    Range1d,
    SaveTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard.state.evaluation import Density
from dashboard.theme import Ink, quiet

__all__ = ["MOST_POINTS", "DensityScatter"]

MOST_POINTS = 3000
"""So many observations of a selection are drawn at most, evenly taken from all of them."""
_LARGE, _SMALL, _FEW = 9, 4, 100
"""Sizes of the selection's points, and up to how many they are large."""
_SHADES = 64
_HEIGHT = 380


class DensityScatter:
    """A figure of counts on logarithmic axes, with the 1:1 line.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    counts : ColumnDataSource
        Named ``evaluation-density``: ``counts``, one image (rows simulated, columns observed).
    points : ColumnDataSource
        Named ``evaluation-selected``: ``observed`` and ``simulated`` of the selection, kgC m-3.
    """

    def __init__(self) -> None:
        self.counts = ColumnDataSource(
            {name: [] for name in ("counts", "low", "span")}, name="evaluation-density"
        )
        self.points = ColumnDataSource(
            {"observed": [], "simulated": []}, name="evaluation-selected"
        )
        self._line = ColumnDataSource({"at": [0.1, 100.0]})
        self.figure = fig = figure(
            name="evaluation-scatter",
            title="Observed and simulated SOC",
            x_axis_type="log",
            y_axis_type="log",
            x_range=Range1d(0.1, 100),
            y_range=Range1d(0.1, 100),
            x_axis_label="Observed SOC (kgC m⁻³)",
            y_axis_label="Simulated SOC (kgC m⁻³)",
            sizing_mode="stretch_width",
            height=_HEIGHT,
            toolbar_location="above",
            tools="pan,wheel_zoom,reset",
        )
        self._shades = LogColorMapper(
            palette=["#888888"] * 2, low=1, high=10, low_color="rgba(0,0,0,0)"
        )
        fig.image(
            "counts",
            x="low",
            y="low",
            dw="span",
            dh="span",
            source=self.counts,
            color_mapper=self._shades,
        )
        self._equal = fig.line("at", "at", source=self._line, line_dash=[6, 4], line_width=1.4)
        self._chosen = fig.scatter(
            "observed", "simulated", source=self.points, size=_LARGE, fill_alpha=0.9, line_width=1
        )
        box = BoxSelectTool(renderers=[])  # what lies inside is worked out from the geometry
        fig.add_tools(
            box,
            LassoSelectTool(renderers=[], continuous=False),
            SaveTool(filename="binn-evaluation"),
        )
        fig.toolbar.active_drag = box
        self._bar = ColorBar(
            color_mapper=self._shades,
            height=10,
            padding=6,
            title="Observations in a bin",
            title_standoff=6,
            border_line_color=None,
        )
        fig.add_layout(self._bar, "below")
        fig.grid.grid_line_alpha = 0.25
        quiet(fig)

    def show(self, density: Density | None) -> None:
        """Draw another density; None is an empty frame."""
        if density is None:
            self.counts.data = {"counts": [], "low": [], "span": []}
            return
        low, high = density.low, density.high
        for span in (self.figure.x_range, self.figure.y_range):
            span.update(start=low, end=high, reset_start=low, reset_end=high)
        self._line.data = {"at": [low, high]}
        self._shades.high = max(2, int(density.counts.max()))
        self.counts.data = {"counts": [density.counts], "low": [low], "span": [high - low]}

    def highlight(self, observed: NDArray[np.float64], simulated: NDArray[np.float64]) -> None:
        """Draw observations of the selection, kgC m-3."""
        if len(observed) or len(self.points.data["observed"]):
            self._chosen.glyph.size = _LARGE if len(observed) <= _FEW else _SMALL
            self.points.data = {"observed": observed, "simulated": simulated}

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        self._shades.palette = _between(colours["bar"], colours["text"])
        self._equal.glyph.line_color = colours["changed"]
        self._chosen.glyph.fill_color = colours["changed"]
        self._chosen.glyph.line_color = colours["bar"]


def _between(first: str, last: str) -> list[str]:
    """Colours from one to the other, starting where one can see it on the page."""
    ends = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (first, last)])
    share = np.linspace(0.12, 1.0, _SHADES)[:, None]
    rows = (ends[0] + (ends[1] - ends[0]) * share).round().astype(int)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in rows]
