"""The map: sites or grid cells coloured by a field, selected by tap, box and lasso.

Sites are projected once and drawn as points of one Bokeh source whose row is the site, so that what
the tools return is the exact set of sites. Cells are rectangles, chosen by their centres; what is
selected is always the sites in them. When the field changes, only the column ``value`` is sent.
"""

from __future__ import annotations

import numpy as np
import param
from bokeh.events import DoubleTap, SelectionGeometry, Tap
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

from dashboard.projection import outlines
from dashboard.state.attention import Attention
from dashboard.state.cells import CellShapes, cell_shapes
from dashboard.state.mapped import Mapped
from dashboard.state.page_state import PageState
from dashboard.theme import batlow, ground, ink, quiet, vik
from dashboard.units import written

__all__ = ["FieldMap"]

_REACH = 12
"""How far from a point a tap may land, in pixels."""
_FAINT = 0.3
"""Opacity of cells outside the selection."""
_FAINT_FEW, _FAINT_MANY, _FAINT_CROWD = 0.25, 0.08, 0.03
"""The same of sites; many lie upon each other, and the more so on a small map."""
_SMALL = 300
"""Least height of a map that is not small, pixels."""
_SPOKEN = {"mapped": "Map of the field", "changed_map": "Map of the change"}
"""What a screen reader calls the map; what it shows is said below it."""
_LINES = 6
"""So many sites the hover box tells at most."""
_SHAPE = ("x", "y", "width", "height", "angle")
_FEW = 3000
"""Up to this many sites the points are drawn large."""
_RINGED = 200
"""Up to so many selected places have a ring each: among thousands a small point is not seen."""


class FieldMap(Viewer):
    """Sites or cells over state outlines.

    Parameters
    ----------
    state : PageState
        What is shown, and the selection that taps and drags change.
    attention : Attention, optional
        Whether somebody looks.
    shows : {"mapped", "changed_map"}
        Which of the results is drawn.
    tag : str
        Goes before the names of sources and figures, where a page has several maps.
    least : int
        Least height, pixels.
    """

    def __init__(
        self,
        state: PageState,
        attention: Attention | None = None,
        shows: str = "mapped",
        tag: str = "",
        least: int = 320,
        **params: object,
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._least = least
        self._session, self._field = state.session, state.field
        self._selection, self._results = state.selection, state.results
        self._shows, self._tag = shows, tag
        places = state.opened.places
        self._x, self._y = places.x, places.y
        sites = np.arange(self._selection.count)
        self._source = ColumnDataSource(
            {
                "x": self._x,
                "y": self._y,
                "value": np.full(len(sites), np.nan, dtype=np.float32),
                "site": sites.astype(np.int32),
                "profile": places.profiles,
            },
            name=f"{tag}sites",
        )
        self._shapes: CellShapes | None = None
        self._cells = ColumnDataSource(
            {name: np.empty(0) for name in (*_SHAPE, "value", "cell", "chosen")},
            name=f"{tag}cells",
        )
        self._rings = ColumnDataSource({"x": np.empty(0), "y": np.empty(0)}, name=f"{tag}rings")
        self._mapper = LinearColorMapper(palette=list(batlow()), low=0, high=1)
        self._build()
        self._place()
        self._follow_theme()
        attention.follow(self._recolour, self._results, [shows, "mapped"])
        attention.follow(self._place, self._field, ["on"])
        attention.follow(self._draw_selection, self._selection, ["sites"])
        attention.follow(self._follow_theme, self._session, ["dark"])
        self._source.selected.on_change("indices", self._brushed)
        self.figure.on_event(SelectionGeometry, self._brushed_cells)
        for tap in (Tap, DoubleTap):  # two taps in quick succession come as one of the latter
            self.figure.on_event(tap, self._tapped)

    def _build(self) -> None:
        self.figure = figure(
            name=f"{self._tag}map",
            match_aspect=True,
            sizing_mode="stretch_both",
            min_height=self._least,
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
        rectangle = {"x": "x", "y": "y", "width": "width", "height": "height", "angle": "angle"}
        self._grid = self.figure.rect(
            **rectangle,
            source=self._cells,
            fill_color={"field": "value", "transform": self._mapper},
            fill_alpha="chosen",
            line_color=None,
        )
        few = self._selection.count <= _FEW  # outlines of many points double the time to paint
        faint = _FAINT_MANY if self._least >= _SMALL else _FAINT_CROWD
        size = 8 if few else 4
        self._points = self.figure.scatter(
            "x",
            "y",
            source=self._source,
            size=size,
            fill_color={"field": "value", "transform": self._mapper},
            line_width=0.5,
            line_alpha=0.6 if few else 0,
            selection_line_width=1.6,
            selection_line_alpha=1 if few else 0,
            nonselection_fill_alpha=_FAINT_FEW if few else faint,
            nonselection_line_alpha=0.1 if few else 0,
        )
        ring = {"x": "x", "y": "y", "source": self._rings, "fill_color": None}
        # a wide one of the ground's colour below, so that it stands out from its neighbours
        self._halo, self._ring = (
            self.figure.scatter(**ring, size=size + 8, line_width=width) for width in (5, 2)
        )
        for axis in ("x_range", "y_range"):
            span = DataRange1d(
                renderers=[self._points], only_visible=False, range_padding=0.06, default_span=2e5
            )
            setattr(self.figure, axis, span)
        self._box = BoxSelectTool(renderers=[self._points])
        self._lasso = LassoSelectTool(renderers=[self._points], continuous=False)
        self._hover = HoverTool(
            renderers=[self._points, self._grid],
            formatters={"@value": "printf"},
            point_policy="follow_mouse",
            limit=_LINES,
        )
        self.figure.add_tools(
            self._box,
            self._lasso,
            self._hover,
            SaveTool(filename=f"binn-{self._tag}map"),
        )
        self.figure.toolbar.active_drag = self._box
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
        quiet(self.figure, _SPOKEN[self._shows])

    @property
    def _shown(self) -> Mapped | None:
        """What is drawn; without a scenario its map shows what there is."""
        found: Mapped | None = getattr(self._results, self._shows)
        return found or self._results.mapped

    def _place(self, *_: param.parameterized.Event) -> None:
        """Show sites or the grid, whichever is chosen."""
        grid = self._field.on == "cell"
        if grid:
            self._make_cells()
        self._points.visible, self._grid.visible = not grid, grid
        for tool in (self._box, self._lasso):  # cells are chosen by their centres, below
            tool.renderers = [] if grid else [self._points]
        self._recolour()
        self._draw_selection()

    def _make_cells(self) -> None:
        """The shapes of the grid, once: when they are asked for, or their values come first."""
        if self._shapes is not None:
            return
        dataset = self._session.opened.dataset
        self._shapes = cell_shapes(*(dataset[name].to_numpy() for name in ("cell_lon", "cell_lat")))
        n = len(self._shapes.x)
        self._cells.data = {
            **{name: getattr(self._shapes, name).astype(np.float32) for name in _SHAPE},
            "value": np.full(n, np.nan, dtype=np.float32),
            "cell": np.arange(n, dtype=np.int32),
            "chosen": np.ones(n, dtype=np.float32),
        }

    def _recolour(self, *_: param.parameterized.Event) -> None:
        """Send the values, and say what they are."""
        shown = self._shown
        if shown is None or shown.on != self._field.on:
            return
        if shown.on == "cell":
            self._make_cells()
        unit = written(shown.unit)
        self._bar.title = f"{shown.title} ({unit})" if unit else shown.title
        # one line a site: several often lie under the pointer (Bokeh escapes what comes from @)
        name = (
            "cell @cell"
            if shown.on == "cell"
            else ('<b>@profile</b> <span style="opacity:0.7">#@site</span>')
        )
        self._hover.tooltips = (
            f'<div style="white-space:nowrap;font-size:12px">{name} '
            f"&nbsp; @value{{%.4g}} {unit}</div>"
        )
        palette = list(vik() if shown.diverging else batlow())
        if self._mapper.palette != palette:
            self._mapper.palette = palette
        self._mapper.update(low=shown.low, high=shown.high)
        source = self._cells if shown.on == "cell" else self._source
        source.patch({"value": [(slice(0, len(shown.values)), shown.values.astype(np.float32))]})

    def _draw_selection(self, *_: param.parameterized.Event) -> None:
        if self._field.on == "cell":
            chosen = np.ones(len(self._shapes.x), dtype=np.float32)
            if len(self._selection):
                chosen[:] = _FAINT
                chosen[self._selection.cells] = 1.0
            if not np.array_equal(chosen, self._cells.data["chosen"]):
                self._cells.patch({"chosen": [(slice(0, len(chosen)), chosen)]})
        self._draw_rings()
        indices = self._selection.sites.tolist()
        if sorted(self._source.selected.indices) != indices:
            self._source.selected.indices = indices

    def _draw_rings(self) -> None:
        """A ring around each selected place while they are few."""
        x, y, rows = self._x, self._y, self._selection.sites
        if self._field.on == "cell" and self._shapes is not None:
            x, y, rows = self._shapes.x, self._shapes.y, self._selection.cells
        rows = rows if len(rows) <= _RINGED else rows[:0]
        drawn = {"x": x[rows], "y": y[rows]}
        if not all(np.array_equal(drawn[axis], self._rings.data[axis]) for axis in drawn):
            self._rings.data = drawn

    def _brushed(self, _attr: str, _old: list[int], new: list[int]) -> None:
        if self._field.on == "cell":
            return
        if not np.array_equal(np.unique(np.asarray(new, dtype=np.int64)), self._selection.sites):
            self._selection.choose(new, "brushed on the map")

    def _brushed_cells(self, event: SelectionGeometry) -> None:
        """A box or lasso on the grid: every site of the cells whose centre lies in it."""
        if self._field.on != "cell" or not event.final or self._shapes is None:
            return
        shape = event.geometry
        if shape["type"] == "rect":
            x = [shape[end] for end in ("x0", "x1", "x1", "x0")]
            y = [shape[end] for end in ("y0", "y0", "y1", "y1")]
        elif shape["type"] == "poly":
            x, y = shape["x"], shape["y"]
        else:
            return
        cells = self._shapes.within(np.asarray(list(x), float), np.asarray(list(y), float))
        self._selection.choose_cells(cells, "brushed on the map")

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        extend = bool(event.modifiers and event.modifiers.get("shift"))
        if self._field.on == "cell":
            cell = None if self._shapes is None else self._shapes.at(event.x, event.y)
            if cell is not None:
                self._selection.choose_cells([cell], f"grid cell {cell}", extend=extend)
            return
        site = self.nearest(event.x, event.y)
        if site is not None:
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
        ground(self.figure, colours)
        self._mapper.nan_color = colours["unknown"]
        self._outline.glyph.line_color = colours["border"]
        self._halo.glyph.line_color = colours["ground"]
        self._ring.glyph.line_color = colours["text"]
        for glyph in (self._points.glyph, self._points.selection_glyph):
            glyph.line_color = colours["text"]
        self._points.nonselection_glyph.line_color = colours["text"]

    def __panel__(self) -> Bokeh:
        return Bokeh(self.figure, sizing_mode="stretch_both", min_height=self._least)
