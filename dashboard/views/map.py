"""The map of sites: coloured by the chosen field, selected by tap, box and lasso.

Sites are projected once and drawn as points of one Bokeh source whose row is the site, so that what
the tools return is the exact set of sites. Only the column ``value`` is sent again when the field
changes.
"""

from __future__ import annotations

import numpy as np
import param
from bokeh.events import DoubleTap, Tap
from bokeh.models import (
    BoxSelectTool,
    ColorBar,
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    SaveTool,
)
from bokeh.plotting import figure
from panel.pane import Bokeh
from panel.viewable import Viewer

from dashboard.projection import outlines, to_albers
from dashboard.state.field import FieldChoice, limits
from dashboard.state.results import Results
from dashboard.state.selection import Selection
from dashboard.state.session import Session
from dashboard.theme import batlow, ink, quiet, vik
from dashboard.units import written

__all__ = ["SiteMap"]

_REACH = 12
"""How far from a point a tap may land, in pixels."""
_LINES = 6
"""So many sites the hover box tells at most."""
_FEW = 3000
"""Up to this many sites the points are drawn large."""


class SiteMap(Viewer):
    """Sites over state outlines.

    Parameters
    ----------
    session, field, selection, results
        What is shown, and the selection that taps and drags change.
    """

    def __init__(
        self,
        session: Session,
        field: FieldChoice,
        selection: Selection,
        results: Results,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self._session, self._field = session, field
        self._selection, self._results = selection, results
        dataset = session.opened.dataset
        self._x, self._y = to_albers(dataset["lon"].to_numpy(), dataset["lat"].to_numpy())
        sites = np.arange(selection.count)
        self._source = ColumnDataSource(
            {
                "x": self._x,
                "y": self._y,
                "value": np.full(selection.count, np.nan, dtype=np.float32),
                "site": sites.astype(np.int32),
                "profile": [selection.profile(site) for site in sites],
            },
            name="sites",
        )
        self._mapper = LinearColorMapper(
            palette=list(batlow()), low=0, high=1, nan_color="rgba(138,138,138,0.35)"
        )
        self._build()
        self._recolour()
        self._draw_selection()
        self._follow_theme()
        field.param.watch(self._recolour, ["key", "depth", "reach"])
        results.param.watch(self._recolour, "estimate")
        selection.param.watch(self._draw_selection, "sites")
        session.param.watch(self._follow_theme, "dark")
        self._source.selected.on_change("indices", self._brushed)
        for tap in (Tap, DoubleTap):  # two taps in quick succession come as one of the latter
            self.figure.on_event(tap, self._tapped)

    def _build(self) -> None:
        self.figure = figure(
            name="map",
            match_aspect=True,
            sizing_mode="stretch_both",
            min_height=320,
            toolbar_location="above",
            tools="pan,wheel_zoom,reset",
            active_scroll="wheel_zoom",
        )
        outline_x, outline_y = outlines()
        self._outline = self.figure.line(
            outline_x.astype(np.float32),
            outline_y.astype(np.float32),
            line_width=1,
            level="underlay",
        )
        size = 8 if self._selection.count <= _FEW else 4
        self._points = self.figure.scatter(
            "x",
            "y",
            source=self._source,
            size=size,
            fill_color={"field": "value", "transform": self._mapper},
            line_width=0.5,
            line_alpha=0.6,
            selection_line_width=1.6,
            selection_line_alpha=1,
            nonselection_fill_alpha=0.25,
            nonselection_line_alpha=0.1,
        )
        for axis in ("x_range", "y_range"):
            span = DataRange1d(renderers=[self._points], range_padding=0.06, default_span=2e5)
            setattr(self.figure, axis, span)
        box = BoxSelectTool(renderers=[self._points])
        self._hover = HoverTool(
            renderers=[self._points],
            formatters={"@value": "printf"},
            point_policy="follow_mouse",
            limit=_LINES,
        )
        self.figure.add_tools(
            box,
            LassoSelectTool(renderers=[self._points], continuous=False),
            self._hover,
            SaveTool(filename="binn-map"),
        )
        self.figure.toolbar.active_drag = box
        self.figure.axis.visible = False
        self.figure.grid.visible = False
        self._bar = ColorBar(
            color_mapper=self._mapper,
            height=10,
            padding=6,
            title_standoff=6,
            border_line_color=None,
        )
        self.figure.add_layout(self._bar, "below")
        quiet(self.figure)

    def _recolour(self, *_: param.parameterized.Event) -> None:
        """Send the field's values, and say what they are."""
        field = self._field.field
        values = self._field.values(self._results.estimate, self._session.opened.observations)
        unit = written(field.unit)
        self._bar.title = f"{self._field.title} ({unit})" if unit else self._field.title
        # one line a site: several often lie under the pointer (Bokeh escapes what comes from @)
        self._hover.tooltips = (
            '<div style="white-space:nowrap;font-size:12px"><b>@profile</b> '
            f'<span style="opacity:0.7">#@site</span> &nbsp; @value{{%.4g}} {unit}</div>'
        )
        if values is None:
            values = np.full(self._selection.count, np.nan)
        else:
            low, high = limits(values, self._field.reach, field.diverging)
            palette = list(vik() if field.diverging else batlow())
            if self._mapper.palette != palette:
                self._mapper.palette = palette
            self._mapper.update(low=low, high=high)
        self._source.patch({"value": [(slice(0, len(values)), values.astype(np.float32))]})

    def _draw_selection(self, *_: param.parameterized.Event) -> None:
        indices = self._selection.sites.tolist()
        if sorted(self._source.selected.indices) != indices:
            self._source.selected.indices = indices

    def _brushed(self, _attr: str, _old: list[int], new: list[int]) -> None:
        if not np.array_equal(np.unique(np.asarray(new, dtype=np.int64)), self._selection.sites):
            self._selection.choose(new, "brushed on the map")

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        site = self.nearest(event.x, event.y)
        if site is not None:
            extend = bool(event.modifiers and event.modifiers.get("shift"))
            self._selection.tap(site, extend=extend)

    def nearest(self, x: float, y: float) -> int | None:
        """The site closest to a place (metres), if it is within reach of a tap there."""
        if not self._selection.count:
            return None
        distance = np.hypot(self._x - x, self._y - y)
        site = int(distance.argmin())
        return site if distance[site] <= _REACH * self._metres_per_pixel() else None

    def _metres_per_pixel(self) -> float:
        """Scale of the map as the browser last reported it."""
        span, width = self.figure.x_range, self.figure.inner_width
        if not width or span.start is None or span.end is None or not np.isfinite(span.start):
            return float(np.ptp(self._x)) / 500 or 500.0
        return abs(span.end - span.start) / width

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        colours = ink(self._session.dark)
        self._outline.glyph.line_color = colours["outline"]
        for glyph in (self._points.glyph, self._points.selection_glyph):
            glyph.line_color = colours["text"]
        self._points.nonselection_glyph.line_color = colours["text"]

    def __panel__(self) -> Bokeh:
        return Bokeh(self.figure, sizing_mode="stretch_both", min_height=320)
