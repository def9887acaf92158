"""A diagram of two traceable quantities whose product or quotient is a third (Fig. 7).

Sites are faint points, groups are marks with quartile bars, and contours tell the third quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    CustomJSHover,
    CustomJSTickFormatter,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    Range1d,
    SaveTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard.state.traceability import axis_span, levels
from dashboard.theme import Ink, quiet
from dashboard.units import number

__all__ = ["RELATIONS", "Diagram", "Relation", "Sources"]

Floats = NDArray[np.float64]

_STEPS = 240
_BEYOND = 3.0
"""Contours go on to so many times the axis, for those who pan."""
_UNSEEN = ["rgba(0,0,0,0)"] * 2
_FAINT, _FAINT_FEW = 0.13, 0.4
"""Opacity of sites that are not selected, of many and of few."""
_APART = 0.05
"""Labels of contours keep this part of the frame between them."""
_LABELS = ("x", "y", "text", "level", "align", "baseline", "offset")
_NEAR_END = 0.92
"""Labels beyond this part of the frame end at their line instead of standing on it."""
_ROOM = 4
"""Between such a label and its line or the frame, pixels."""
_MANY = 3000
"""Beyond so many sites their points are drawn small and faint."""


@dataclass(frozen=True)
class Relation:
    """What a diagram shows.

    Attributes
    ----------
    name, title : str
        For sources and files; for people.
    x, y, z : str
        Keys of the traceable quantities along the axes and of the contours.
    x_label, y_label : str
        With units.
    y_of, x_of : callable
        The contour of a value of z: y at x, and x at y.
    scale, unit : float, str
        Contour labels are ``z * scale`` in this unit.
    x_scale : float
        What is read along x is the quantity times this.
    """

    name: str
    title: str
    x: str
    y: str
    z: str
    x_label: str
    y_label: str
    y_of: Callable[[float, Floats], Floats]
    x_of: Callable[[float, float], float]
    scale: float
    unit: str
    x_scale: float = 1.0


RELATIONS = (
    Relation(
        name="traceability-storage",
        title="Storage = influx × residence time",
        x="influx",
        y="residence_time",
        z="storage",
        x_label="Carbon influx (kgC m⁻² yr⁻¹)",
        y_label="Ecosystem residence time (yr)",
        y_of=lambda storage, influx: storage / influx,
        x_of=lambda storage, residence_time: storage / residence_time,
        scale=1e-3,
        unit="kgC m⁻²",
        x_scale=1e-3,
    ),
    Relation(
        name="traceability-residence",
        title="Residence time = baseline / environmental scalar",
        x="environmental_scalar",
        y="baseline_residence_time",
        z="residence_time",
        x_label="Environmental scalar (1)",
        y_label="Baseline residence time (yr)",
        y_of=lambda residence_time, scalar: residence_time * scalar,
        x_of=lambda residence_time, baseline: baseline / residence_time,
        scale=1.0,
        unit="yr",
    ),
)
"""Both diagrams of Fig. 7."""


@dataclass(frozen=True, eq=False)
class Sources:
    """What all diagrams draw: sites, groups and the selection; columns named by quantity."""

    sites: ColumnDataSource
    groups: ColumnDataSource
    selection: ColumnDataSource


class Diagram:
    """One figure with contours.

    Parameters
    ----------
    relation : Relation
        What it shows.
    scale : {"Linear", "Log"}
        Of both axes.
    sources : Sources
        Shared with the other diagrams.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    contours, labels : ColumnDataSource
        ``x, y`` of the lines, NaN between them; ``x, y, text, level`` of their labels.
    """

    def __init__(self, relation: Relation, scale: str, sources: Sources) -> None:
        self.relation, self.scale = relation, scale
        name = f"{relation.name}-{scale.lower()}"
        self.contours = ColumnDataSource({"x": [], "y": []}, name=f"{name}-contours")
        self.labels = ColumnDataSource(
            {key: [] for key in _LABELS},
            name=f"{name}-labels",
        )
        self.figure = fig = figure(
            name=name,
            title=relation.title,
            x_axis_type=scale.lower(),
            y_axis_type=scale.lower(),
            x_range=Range1d(0.1, 1),
            y_range=Range1d(0.1, 1),
            x_axis_label=relation.x_label,
            y_axis_label=relation.y_label,
            sizing_mode="stretch_width",
            height=380,
            toolbar_location="above",
            tools="pan,wheel_zoom,reset",
        )
        self._many = len(sources.sites.data["chosen"]) > _MANY
        self._shade = LinearColorMapper(palette=_UNSEEN, low=-0.5, high=1.5)
        if relation.x_scale != 1:
            code = f"return String(parseFloat((tick * {relation.x_scale}).toPrecision(6)))"
            fig.xaxis.formatter = CustomJSTickFormatter(code=code)
        fig.scatter(  # one glyph for those selected and the others: drawing them costs most
            relation.x,
            relation.y,
            source=sources.sites,
            marker="square" if self._many else "circle",
            size=3 if self._many else 6,
            fill_color={"field": "chosen", "transform": self._shade},
            line_color=None,
        )
        self._lines = fig.line("x", "y", source=self.contours, line_dash=[5, 4], line_alpha=0.7)
        self._texts = fig.text(
            "x",
            "y",
            text="text",
            source=self.labels,
            text_align="align",
            text_baseline="baseline",
            text_font_size="11px",
            x_offset="offset",
            background_fill_alpha=0.75,
        )
        self._edges = []
        for source, size, width in ((sources.groups, 11, 1.2), (sources.selection, 17, 2.4)):
            x, y = relation.x, relation.y
            style = {"source": source, "line_width": width}
            fig.segment(f"{x}_low", y, f"{x}_high", y, line_color="colour", **style)
            fig.segment(x, f"{y}_low", x, f"{y}_high", line_color="colour", **style)
            if source is sources.selection:
                self._edges.append(fig.segment(f"from_{x}", f"from_{y}", x, y, **style))
            marks = fig.scatter(x, y, marker="marker", fill_color="colour", size=size, **style)
            self._edges.append(marks)
            fig.add_tools(self._hover(marks))
        box = BoxSelectTool(renderers=[])  # what lies inside is worked out from the geometry
        fig.add_tools(
            box, LassoSelectTool(renderers=[], continuous=False), SaveTool(filename=f"binn-{name}")
        )
        fig.toolbar.active_drag = box
        fig.grid.grid_line_alpha = 0.25
        quiet(fig)

    def _hover(self, marks: object) -> HoverTool:
        relation = self.relation
        tips = [("", "@name"), ("Sites", "@n{0,0}")]
        printed: dict[str, object] = {}
        code = f"return (value * {relation.x_scale}).toPrecision(3)"
        for key, label in self._keys:
            tips.append((label, f"@{key}{{%.4g}} (@{key}_low{{%.4g}} to @{key}_high{{%.4g}})"))
            scaled = key == relation.x and relation.x_scale != 1
            shown = CustomJSHover(code=code) if scaled else "printf"
            printed |= {f"@{key}{end}": shown for end in ("", "_low", "_high")}
        return HoverTool(renderers=[marks], tooltips=tips, formatters=printed)

    @property
    def _keys(self) -> tuple[tuple[str, str], ...]:
        relation = self.relation
        return ((relation.x, relation.x_label), (relation.y, relation.y_label))

    def fit(self, traceability: dict[str, Floats]) -> None:
        """Fit the axes to all sites, and draw the contours over them."""
        relation, fig = self.relation, self.figure
        for span, key in ((fig.x_range, relation.x), (fig.y_range, relation.y)):
            start, end = axis_span(traceability[key], self.scale)
            span.update(start=start, end=end, reset_start=start, reset_end=end)
        shown = self._labelled(levels(traceability[relation.z] * relation.scale))
        x0, x1 = fig.x_range.start, fig.x_range.end
        along = np.geomspace(max(x0, x1 * 1e-3) / _BEYOND, x1 * _BEYOND, _STEPS)
        lines_x, lines_y = [], []
        for level in shown["level"]:
            y = relation.y_of(level / relation.scale, along)
            y = np.where(y <= fig.y_range.end * _BEYOND, y, np.nan)
            lines_x.append(np.append(along, np.nan))
            lines_y.append(np.append(y, np.nan))
        empty = [np.empty(0)]
        self.contours.data = {
            "x": np.concatenate(lines_x or empty),
            "y": np.concatenate(lines_y or empty),
        }
        self.labels.data = shown

    def beyond(self, traceability: dict[str, Floats]) -> int:
        """How many sites lie outside the axes."""
        relation, fig = self.relation, self.figure
        x, y = traceability[relation.x], traceability[relation.y]
        known = np.isfinite(x) & np.isfinite(y)
        return int((known & ((x > fig.x_range.end) | (y > fig.y_range.end))).sum())

    def _labelled(self, found: list[float]) -> dict[str, list[object]]:
        """Those contours that reach the frame at a place of their own, and their labels there."""
        relation, (xs, ys) = self.relation, (self.figure.x_range, self.figure.y_range)
        columns: dict[str, list[object]] = {key: [] for key in self.labels.data}
        taken: list[tuple[float, float]] = []
        for level in sorted(found, reverse=True):
            z = level / relation.scale
            y = float(relation.y_of(z, np.array([xs.end]))[0])
            right = y <= ys.end
            place = (xs.end, y) if right else (relation.x_of(z, ys.end), ys.end)
            at = self._share(place[0], xs), self._share(place[1], ys)
            free = all(np.hypot(at[0] - x, at[1] - y) > _APART for x, y in taken)
            if not (min(at) > 0.02 and free):
                continue
            taken.append(at)
            text = f"{number(level, 2)} {relation.unit}"
            ending = right or at[0] > _NEAR_END  # else it would be cut off there, or at the start
            align, offset = ("right", -_ROOM) if ending else ("center", 0)
            row = (*place, text, level, align, "bottom" if right else "top", offset)
            for key, value in zip(_LABELS, row, strict=True):
                columns[key].append(value)
        return columns

    def _share(self, value: float, span: Range1d) -> float:
        """Where a value stands between the ends of an axis, 0 to 1."""
        if self.scale == "Log":
            return float(np.log(value / span.start) / np.log(span.end / span.start))
        return float((value - span.start) / (span.end - span.start))

    def shade(self, colours: Ink, n: int, biomes: Sequence[str] = ()) -> None:
        """Colours of the sites, `n` of which are selected: more of them let more through.

        ``chosen`` is 0 where a site is not selected, 1 where it is, and from 2 on the number of
        its biome's colour among `biomes`.
        """
        strength = min(1.0, max(0.2, 30 / max(n, 1) ** 0.5))
        faint = _FAINT if self._many else _FAINT_FEW
        palette = [f"{colours['muted']}{_byte(faint)}"]
        palette += [f"{colour}{_byte(strength)}" for colour in (colours["base"], *biomes)]
        if self._shade.palette != palette:
            self._shade.update(palette=palette, high=len(palette) - 0.5)

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        self._lines.glyph.line_color = colours["text"]
        self._texts.glyph.text_color = colours["text"]
        self._texts.glyph.background_fill_color = colours["bar"]
        for drawn in self._edges:
            drawn.glyph.line_color = colours["text"]


def _byte(share: float) -> str:
    """An opacity as the last two digits of a colour."""
    return f"{round(255 * share):02x}"
