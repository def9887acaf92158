"""Map of observed - simulated SOC, weighted by the thickness of the observed layers (Fig. 6a)."""

from __future__ import annotations

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    ColorBar,
    ColumnDataSource,
    DataRange1d,
    LassoSelectTool,
    LinearColorMapper,
    SaveTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard.projection import outlines, to_albers
from dashboard.state.field import limits
from dashboard.state.listed import by_region, described
from dashboard.tables import table
from dashboard.theme import Ink, ground, quiet, vik

__all__ = ["DeviationMap"]

Floats = NDArray[np.float64]

_HEIGHT = 380
_MANY = 3000
_FAINT = 0.12


class DeviationMap:
    """Sites over state outlines, coloured about zero.

    Parameters
    ----------
    lon, lat : ndarray (site,)
        Degrees.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    source : ColumnDataSource
        Named ``evaluation-deviation``. A row is a site: ``x``, ``y`` (m), ``value`` (kgC m-2,
        float32, NaN where nothing is shown) and ``chosen``, 1 where it is selected.
    x, y : ndarray (site,)
        Where the sites are, m.
    """

    def __init__(self, lon: Floats, lat: Floats) -> None:
        self.x, self.y = to_albers(lon, lat)
        n = len(self.x)
        self.source = ColumnDataSource(
            {
                "x": self.x.astype(np.float32),
                "y": self.y.astype(np.float32),
                "value": np.full(n, np.nan, dtype=np.float32),
                "chosen": np.zeros(n, dtype=np.uint8),
            },
            name="evaluation-deviation",
        )
        self._mapper = LinearColorMapper(
            palette=list(vik()), low=-1, high=1, nan_color="rgba(0,0,0,0)"
        )
        self.figure = fig = figure(
            name="evaluation-map",
            title="Observed − simulated SOC over the observed layers",
            match_aspect=True,
            sizing_mode="stretch_width",
            height=_HEIGHT,
            toolbar_location="above",
            tools="pan,wheel_zoom,reset",
        )
        x, y = (path.astype(np.float32) for path in outlines())
        self._outline = fig.line(x, y, line_width=1, level="underlay")
        style = {
            "x": "x",
            "y": "y",
            "source": self.source,
            "size": 4 if n > _MANY else 7,
            "fill_color": {"field": "value", "transform": self._mapper},
            "line_color": None,
        }
        self._all = fig.scatter(**style)
        self._strong = fig.scatter(**style, fill_alpha="chosen")
        for axis in ("x_range", "y_range"):
            span = DataRange1d(renderers=[self._all], range_padding=0.06, default_span=2e5)
            setattr(fig, axis, span)
        box = BoxSelectTool(renderers=[])
        fig.add_tools(
            box,
            LassoSelectTool(renderers=[], continuous=False),
            SaveTool(filename="binn-deviation"),
        )
        fig.toolbar.active_drag = box
        fig.axis.visible = False
        fig.grid.visible = False
        bar = ColorBar(
            color_mapper=self._mapper,
            title="Observed − simulated (kgC m⁻²)",
            height=10,
            padding=6,
            title_standoff=6,
            border_line_color=None,
        )
        fig.add_layout(bar, "below")
        quiet(fig)

    def show(self, values: Floats) -> None:
        """Draw other deviations, kgC m-2: (site,), NaN where a site is not shown."""
        low, high = limits(values, "2-98 %", diverging=True)
        self._mapper.update(low=low, high=high)
        self.source.patch({"value": [(slice(0, len(values)), values.astype(np.float32))]})

    def table(self, regions: NDArray[np.str_]) -> str:
        """The values that are shown, by the region of each site: (site,)."""
        values = np.asarray(self.source.data["value"], dtype=np.float64)
        shown = np.isfinite(values)
        rows = [described("All sites shown", values), *by_region(values[shown], regions[shown])]
        head = ("Ecoregion", "Sites", "Median", "10 %", "90 %")
        return table("Observed − simulated SOC over the observed layers (kgC m⁻²)", head, rows)

    def choose(self, sites: NDArray[np.int64]) -> None:
        """Draw the selection strong and the others faint; all strong without one."""
        chosen = np.zeros(len(self.x), dtype=np.uint8)
        chosen[sites] = 1
        if not np.array_equal(chosen, self.source.data["chosen"]):
            self._all.glyph.fill_alpha = _FAINT if len(sites) else 1.0
            self.source.patch({"chosen": [(slice(0, len(chosen)), chosen)]})

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        ground(self.figure, colours)
        self._outline.glyph.line_color = colours["border"]
