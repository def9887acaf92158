"""One row of the comparison (Fig. 5): maps of BINN, PRODA and their difference, and their scatter.

What the rows share, and how little a brush sends, is in :mod:`dashboard.comparison_ground`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    HoverTool,
    Image,
    LassoSelectTool,
    Line,
    LinearInterpolator,
    LogColorMapper,
    PanTool,
    Range1d,
    Rect,
    Scatter,
    Slope,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard.comparison_ground import MAPS, Ground
from dashboard.state.comparison import Compared
from dashboard.theme import Ink, ground, plain, quiet
from dashboard.units import number, written

__all__ = ["FIGURES", "TOOLS", "ComparisonRow", "colour_bar"]

FIGURES = (*MAPS, "scatter")
"""The figures of a row, from left to right."""
TOOLS = {"Box": "box", "Lasso": "lasso", "Pan": "pan"}
"""What dragging does, for people, and its tool."""
_FAINT = 0.25
"""Opacity of sites outside the selection."""
_SCATTER = 1.35
"""Width to height of the scatter, axes included."""
_BINS = 48
_FEW = 3000
"""Up to this many sites the points are drawn large."""
_SHADES = 32
_STOPS = 17


class ComparisonRow:
    """The four figures of a component, made one after the other.

    Parameters
    ----------
    key, name, unit : str
        Of the component; the name is for people.
    ground : Ground
        Shared with the other rows.

    Attributes
    ----------
    figures : dict of bokeh.plotting.figure
        Those made so far, of :data:`FIGURES`; the maps pan and zoom together.
    images : ColumnDataSource
        Named ``comparison-KEY-images``: the maps, an image of colour numbers each.
    density : ColumnDataSource
        Named ``comparison-KEY-density``: ``count`` (one image), and where it lies.
    """

    def __init__(self, key: str, name: str, unit: str, ground: Ground) -> None:
        self.key, self.name, self.unit, self._ground = key, name, written(unit), ground
        left, bottom, right, top = ground.extent
        self._x = Range1d(left, right, reset_start=left, reset_end=right)
        self._y = Range1d(bottom, top, reset_start=bottom, reset_end=top)
        self._axes = Range1d(0, 1), Range1d(0, 1)
        self.images = ColumnDataSource({}, name=f"comparison-{key}-images")
        self.density = ColumnDataSource({}, name=f"comparison-{key}-density")
        self._counts = LogColorMapper(low=1, high=2, nan_color="#00000000")
        self._one_to_one = Slope(gradient=1, y_intercept=0, line_dash=[5, 4], line_width=1)
        self._lines: list[Line] = []
        self.figures: dict[str, figure] = {}

    def add(self, one: str) -> figure:
        """Make one of :data:`FIGURES`."""
        made = self._scatter() if one == "scatter" else self._map(one)
        self.figures[one] = made
        return made

    def _map(self, one: str) -> figure:
        fig = figure(
            name=f"comparison-{self.key}-{one}",
            x_range=self._x,
            y_range=self._y,
            sizing_mode="scale_width",
            aspect_ratio=self._ground.ratio,
            title=None,
            x_axis_type=None,
            y_axis_type=None,
            toolbar_location=None,
            tools="",
        )
        ground, places = self._ground, self._ground.places
        if ground.kind == "cell":
            # glyphs as such: the figure's own methods add three models to each, for other states
            frame = {"x": "x", "y": "y", "dw": "width", "dh": "height"}
            drawn = Image(image=one, **frame, color_mapper=ground.colours(one))
            fig.add_glyph(self.images, drawn)
            veil = Image(image="image", **frame, color_mapper=ground.veiled)
            fig.add_glyph(ground.veil, veil)
            size = {"width": "width", "height": "height", "angle": "angle"}
            # not to be seen: they tell the hover box which cell lies under the pointer
            shape = Rect(x="x", y="y", **size, fill_color=None, line_color=None)
        else:
            few = len(places.data["x"]) <= _FEW
            strength = LinearInterpolator(x=[0, 1], y=[_FAINT, 1])
            shape = Scatter(
                x="x",
                y="y",
                size=5 if few else 3,
                fill_color={"field": f"{self.key}_{one}_colour", "transform": ground.colours(one)},
                fill_alpha={"field": "shown", "transform": strength},
                line_color=None,
            )
        told = fig.add_glyph(places, shape)
        self._lines.append(Line(x="x", y="y", line_width=0.7))
        fig.add_glyph(ground.outline, self._lines[-1])
        self._tools(fig)
        tips = [(ground.kind, "@place")]
        columns = {title: f"{self.key}_{name}" for name, title in MAPS.items()}
        tips += [(title, f"@{name}{{%.4g}} {self.unit}") for title, name in columns.items()]
        printed = {f"@{name}": "printf" for name in columns.values()}
        hover = HoverTool(renderers=[told], tooltips=tips, formatters=printed, limit=1)
        hover.point_policy = "follow_mouse"
        fig.add_tools(hover)
        quiet(fig, f"{self.name}: map of {MAPS[one]}")
        fig.min_border = 0  # the frame is the figure, so that its shape is that of the map
        return fig

    def _scatter(self) -> figure:
        unit = f" ({self.unit})" if self.unit else ""
        fig = figure(
            name=f"comparison-{self.key}-scatter",
            title=None,
            x_range=self._axes[0],
            y_range=self._axes[1],
            x_axis_label=f"PRODA{unit}",
            y_axis_label=f"BINN{unit}",
            sizing_mode="scale_width",
            aspect_ratio=_SCATTER,
            toolbar_location=None,
            tools="",
        )
        frame = {"x": "x", "y": "y", "dw": "size", "dh": "size"}
        image = Image(image="count", **frame, color_mapper=self._counts)
        counted = fig.add_glyph(self.density, image)
        fig.add_layout(self._one_to_one)
        x, y = f"{self.key}_proda", f"{self.key}_binn"
        self._marked = Scatter(x=x, y=y, size="marked", line_color=None)
        fig.add_glyph(self._ground.marks, self._marked)
        self._tools(fig)
        tips = [(f"{self._ground.kind}s here", "@count{0}")]
        fig.add_tools(HoverTool(renderers=[counted], tooltips=tips))
        fig.axis.axis_label_text_font_size = "11px"
        fig.axis.axis_label_standoff = 2
        fig.axis.major_label_text_font_size = "10px"
        for axis in fig.axis:
            axis.ticker.update(desired_num_ticks=3, mantissas=[1, 2, 3, 5])
        fig.grid.grid_line_alpha = 0.25
        return quiet(fig, f"{self.name}: BINN against PRODA")

    def _tools(self, fig: figure) -> None:
        # what lies in a box or lasso is worked out on the server, from its geometry
        fig.add_tools(
            BoxSelectTool(renderers=[], name="box"),
            LassoSelectTool(renderers=[], continuous=False, name="lasso"),
            PanTool(name="pan"),
            WheelZoomTool(name="zoom"),
        )
        fig.toolbar.active_scroll = None
        # the page's own colour, also before its theme has reached the figure
        fig.background_fill_color = fig.border_fill_color = None

    def show(self, found: Compared) -> None:
        """Colours, axes and density of a component."""
        self._ground.draw(self.images, found)
        counted = found.density(_BINS)
        start, size = counted.start, counted.end - counted.start
        for span in self._axes:
            span.update(start=start, end=counted.end, reset_start=start, reset_end=counted.end)
        highest = float(np.nanmax(counted.count)) if np.isfinite(counted.count).any() else 1.0
        self._counts.update(low=1, high=max(2.0, highest))
        drawn = {"count": counted.count, "x": start, "y": start, "size": size}
        before = {name: values[0] for name, values in self.density.data.items()}
        if not (before and all(np.array_equal(drawn[n], before[n], equal_nan=True) for n in drawn)):
            self.density.data = {name: [value] for name, value in drawn.items()}

    def drag(self, tool: str, zoom: bool) -> None:
        """What dragging does on these figures, and whether the wheel zooms (or scrolls the page).

        Parameters
        ----------
        tool : {"box", "lasso", "pan"}
        zoom : bool
        """
        for fig in self.figures.values():
            named = {one.name: one for one in fig.toolbar.tools}
            fig.toolbar.active_drag = named[tool]
            fig.toolbar.active_scroll = named["zoom"] if zoom else None

    def whole(self) -> None:
        """Back to the whole map and all of the scatter."""
        for span in (self._x, self._y, *self._axes):
            span.update(start=span.reset_start, end=span.reset_end)

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        for line in self._lines:
            line.line_color = colours["border"]
        for one in MAPS:
            if one in self.figures:
                ground(self.figures[one], colours)
        self._one_to_one.line_color = colours["muted"]
        self._counts.palette = list(_shading(colours["outline"], colours["text"]))
        if "scatter" in self.figures:
            self._marked.fill_color = colours["changed"]


def _shading(start: str, end: str) -> Iterator[str]:
    """Colours from one to another: greys, on which the marks of the selection stand out."""
    first, last = (np.array(bytearray.fromhex(one[1:]), dtype=float) for one in (start, end))
    for share in np.linspace(0, 1, _SHADES):
        yield "#{:02x}{:02x}{:02x}".format(*(first + share * (last - first)).round().astype(int))


def colour_bar(title: str, palette: tuple[str, ...], low: float, high: float, unit: str) -> str:
    """A colour bar between its limits, under a name, as HTML.

    Parameters
    ----------
    title, unit : str
        Plain words.
    palette : tuple of str
    low, high : float
        Limits.
    """
    steps = np.linspace(0, len(palette) - 1, _STOPS).astype(int)
    colours = ", ".join(palette[step] for step in steps)
    unit = f" {written(unit)}".rstrip()
    return (
        f'<div style="font-size:0.78rem;line-height:1.35;font-variant-numeric:tabular-nums">'
        f"<b>{plain(title)}</b>"
        f'<div style="display:flex;gap:5px;align-items:center;white-space:nowrap">'
        f"{number(low)}"
        f'<span aria-hidden="true" style="flex:1;height:7px;background:'
        f'linear-gradient(to right, {colours})"></span>{number(high)}{unit}</div></div>'
    )
