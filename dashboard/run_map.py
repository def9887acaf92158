"""The map of a run's latest validation, as it forms while the run trains."""

from __future__ import annotations

import numpy as np
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    LinearColorMapper,
    SaveTool,
)
from bokeh.plotting import figure

from binn.runs import LiveMap
from dashboard.projection import outlines, to_albers
from dashboard.state.job_map import drawn
from dashboard.theme import batlow, ground, ink, quiet
from dashboard.units import number, with_unit, written

__all__ = ["RunMap"]

_ENDS = (2, 98)  # per cent
_FEW = 500
"""Up to so many sites the points are drawn large."""
_COLUMNS = ("x", "y", "value", "profile")


class RunMap:
    """Validation sites coloured by one quantity.

    Attributes
    ----------
    figure : bokeh.plotting.figure
        Named ``run-map``.
    source : ColumnDataSource
        ``x, y, value, profile``, a row a validation site; in the units of the page.
    """

    def __init__(self) -> None:
        self.source = ColumnDataSource({key: np.empty(0) for key in _COLUMNS}, name="run-sites")
        self._mapper = LinearColorMapper(palette=list(batlow()), low=0, high=1)
        self.figure = fig = figure(
            name="run-map",
            match_aspect=True,
            height=300,
            min_width=280,
            sizing_mode="stretch_width",
            toolbar_location="above",
            tools="pan,wheel_zoom,reset",
        )
        x, y = outlines()
        self._outline = fig.line(
            x.astype(np.float32), y.astype(np.float32), line_width=1, level="underlay"
        )
        self._points = fig.scatter(
            "x",
            "y",
            source=self.source,
            size=6,
            fill_color={"field": "value", "transform": self._mapper},
            line_width=0.5,
            line_alpha=0.6,
        )
        for axis in ("x_range", "y_range"):
            span = DataRange1d(renderers=[self._points], range_padding=0.08, default_span=2e5)
            setattr(fig, axis, span)
        self._hover = HoverTool(
            renderers=[self._points],
            tooltips=[("Profile", "@profile"), ("Value", "@value{%.4g}")],
            formatters={"@value": "printf"},
            limit=4,
        )
        fig.add_tools(self._hover, SaveTool(filename="binn-training-map"))
        fig.axis.visible = False
        fig.grid.visible = False
        self._bar = ColorBar(
            color_mapper=self._mapper,
            height=10,
            padding=6,
            title_standoff=6,
            border_line_color=None,
        )
        fig.add_layout(self._bar, "below")
        quiet(fig)

    def draw(self, shown: LiveMap | None, dark: bool) -> None:
        """Draw a map; None draws none."""
        colours = ink(dark)
        ground(self.figure, colours)
        self._outline.glyph.line_color = colours["border"]
        self._points.glyph.line_color = colours["text"]
        if shown is None:
            self.source.data = {key: np.empty(0) for key in _COLUMNS}
            return
        x, y = to_albers(shown.lon, shown.lat)
        self._points.glyph.size = 7 if len(x) <= _FEW else 4
        found = drawn(shown)
        known = np.isfinite(found.value)
        low, high = np.percentile(found.value[known], _ENDS) if known.any() else (0.0, 1.0)
        if high <= low:
            low, high = low - 0.5, high + 0.5
        self._mapper.update(low=float(low), high=float(high))
        unit = written(found.unit)
        self._bar.title = f"{found.name} ({unit})" if unit else found.name
        self.source.data = {
            "x": x,
            "y": y,
            "value": found.value,
            "profile": shown.profile_id.astype(str),
        }

    @staticmethod
    def words(shown: LiveMap | None) -> str:
        """What the map shows, for who does not see it."""
        if shown is None:
            return "The map of the validation sites appears with the first validation."
        found = drawn(shown)
        value = found.value[np.isfinite(found.value)]
        head = f"{found.name} at {len(shown.value):,} validation sites after epoch {shown.epoch:,}"
        head += f" of member {shown.member + 1}" if shown.member else ""
        if not len(value):
            return f"{head}: no value is finite."
        low, middle, high = np.percentile(value, (25, 50, 75))
        return (
            f"{head}: median {with_unit(float(middle), found.unit)} "
            f"(IQR {number(float(low))} to {number(float(high))}); colours from the 2nd to the "
            "98th percentile."
        )
