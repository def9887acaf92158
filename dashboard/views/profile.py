"""The depth profile of the selection: what was observed, what is simulated, what a change does."""

from __future__ import annotations

from itertools import chain

import numpy as np
import panel_material_ui as pmui
import param
from bokeh.models import ColumnDataSource, GlyphRenderer, HoverTool, Line, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray
from panel.layout import Column, Row
from panel.pane import HTML, Bokeh
from panel.viewable import Viewer

from binn.clm5.column import NODES, POOL_NAMES, POOLS
from dashboard.state.attention import Attention
from dashboard.state.field import COLUMN_DEPTH
from dashboard.state.listed import (
    by_layer,
    listed_observations,
    listed_pools,
    listed_profile,
)
from dashboard.state.look import DEPTHS
from dashboard.state.page_state import PageState
from dashboard.tables import OnDemand, table
from dashboard.theme import OKABE_ITO, UNSEEN_LABEL, ink, legend, quiet

__all__ = ["DepthProfile"]

Floats = NDArray[np.float64]

_KILO = 1e-3
_MANY = 800
"""Beyond so many observations the median and quartiles of each layer are drawn instead."""
_FEW = 60
"""Up to so many, they are drawn large."""
_OBSERVED = ("depth", "soc", "low", "high", "profile", "size", "strength")
_DEPTHS = dict(zip(DEPTHS, (1.0, 2.0, COLUMN_DEPTH), strict=True))
_SWITCHES = {"parts": "Lines", "scale": "SOC axis", "reach": "Depth shown"}
_POOL_COLOURS = ("grey", "yellow", "green", "orange", "sky", "purple", "vermillion")
_DASH = [7, 4]
_DOTS = {"proda": [2, 3], "truth": [9, 3, 2, 3]}
_HEIGHT = 225
_LEGEND = 1.25
"""Height of a line of the legend, rem."""
_OTHERS = ("proda", "truth")
"""Sources beside BINN that are drawn where a dataset has them."""
_DENSEST = 200.0
"""kgC m-3: observations above (there are a few, hardly possible ones) do not stretch the axis."""
_DECADES = 1e-5
"""The logarithmic axis reaches down to this part of its upper end at most."""


def _median(rows: Floats) -> Floats:
    """Median over rows that are known; numpy's own form for that takes many times as long."""
    known = rows[np.isfinite(rows[:, 0])]
    return np.median(known, axis=0) if len(known) else np.full(rows.shape[1], np.nan)


class DepthProfile(Viewer):
    """SOC against depth.

    Parameters
    ----------
    state : PageState
        What is drawn: the selected sites, or all of them if none is selected.
    attention : Attention, optional
        Whether somebody looks.
    tag : str
        Goes before the names of sources and figures, where a page has several profiles.

    Attributes
    ----------
    simulated : ColumnDataSource
        Named ``profile``. A row is a layer: ``depth`` (m); ``base`` and ``changed``, SOC in
        kgC m-3 (the site's, or the median of several) with quartiles ``base_low`` and
        ``base_high``; ``base_POOL`` and ``changed_POOL``, the same of each pool.
    observed : ColumnDataSource
        Named ``observed``. A row is an observation, or of very many a layer's median.
    numbers : OnDemand
        The same as a table: a row a layer, and every observation while they are few.
    """

    scale = param.Selector(
        default="Linear", objects=["Linear", "Log"], doc="Scale of the SOC axis."
    )
    parts = param.Selector(default="SOC", objects=["SOC", "Pools"], doc="What the lines show.")
    reach = param.Selector(default="2 m", objects=list(_DEPTHS), doc="How deep the axis goes.")

    def __init__(
        self,
        state: PageState,
        attention: Attention | None = None,
        tag: str = "",
        **params: object,
    ) -> None:
        super().__init__(**params)
        state.look.tie(self, scale="profile_scale", parts="profile_parts", reach="profile_depth")
        self._tag = tag
        attention = attention or Attention()
        self._session, self._selection = state.session, state.selection
        self._results = state.results
        others = [(one, "site") for one in _OTHERS if one in state.opened.sources]
        self._results.want(*others)
        self.simulated = ColumnDataSource(self._simulated(), name=f"{tag}profile")
        self.observed = ColumnDataSource(self._observed(), name=f"{tag}observed")
        self._total: dict[str, list[GlyphRenderer]] = {
            role: [] for role in ("base", "changed", "observed", *_OTHERS)
        }
        self._pools: dict[str, list[GlyphRenderer]] = {}
        self._depths = Range1d(start=_DEPTHS[self.reach], end=0)
        self._across = {scale: Range1d() for scale in self.param.scale.objects}
        self._panes: dict[str, Bokeh] = {}
        self._plots = Column(sizing_mode="stretch_width", margin=0)
        lines = 2 + (len(state.opened.sources) > 1)
        room = {"min-height": f"{_LEGEND * lines}rem"}  # what is below stays where it is
        self._legend = HTML(sizing_mode="stretch_width", margin=(0, 8), styles=room)
        self.numbers = OnDemand("Numbers of the profile", self._table)
        self._show()
        attention.follow(self._redraw, state.selection, ["sites"])
        attention.follow(self._redraw, state.results, ["estimate", "estimates", "change"])
        attention.follow(self._follow_theme, state.session, ["dark"])
        attention.follow(self._show, self, ["scale", "parts", "reach"])

    def _figure(self, scale: str) -> figure:
        fig = figure(
            name=f"{self._tag}profile-{scale.lower()}",
            x_axis_type=scale.lower(),
            x_range=self._across[scale],
            y_range=self._depths,
            sizing_mode="stretch_width",
            height=_HEIGHT,
            x_axis_label="SOC (kgC m⁻³)",
            y_axis_label="Depth (m)",
            toolbar_location=None,
            tools="",
        )
        layers, points = self.simulated, self.observed
        marks = fig.scatter(
            "soc",
            "depth",
            source=points,
            size="size",
            fill_alpha=0.12,
            line_alpha="strength",
            line_width=1.2,
        )
        self._total["observed"] += [
            fig.segment("low", "depth", "high", "depth", source=points, line_width=1.2),
            marks,
        ]
        self._total["base"] += [
            fig.harea("base_low", "base_high", "depth", source=layers, fill_alpha=0.18),
            fig.line("base", "depth", source=layers, line_width=2.2),
        ]
        for source in _OTHERS:
            line = fig.line(source, "depth", source=layers, line_width=1.8, line_dash=_DOTS[source])
            self._total[source].append(line)
        self._total["changed"].append(
            fig.line("changed", "depth", source=layers, line_width=2.2, line_dash=_DASH)
        )
        tips = [
            ("Observed", "@soc{%.4g} kgC m⁻³"),
            ("Depth", "@depth{%.2f} m"),
            ("Profile", "@profile"),
        ]
        formatters = {"@soc": "printf", "@depth": "printf"}
        fig.add_tools(HoverTool(renderers=[marks], tooltips=tips, formatters=formatters))
        fig.ygrid.grid_line_color = None
        return quiet(fig, "Soil organic carbon by depth")

    def _draw_pools(self, fig: figure) -> list[GlyphRenderer]:
        """Lines of the pools; those of a figure are made when they are first asked for, at once."""
        drawn = []
        for pool, colour in zip(POOLS, _POOL_COLOURS, strict=True):
            style = {"line_width": 1.8, "line_color": OKABE_ITO[colour]}
            for line, dash in (("base", "solid"), ("changed", _DASH)):
                glyph = Line(x=f"{line}_{pool}", y="depth", line_dash=dash, **style)
                drawn.append(GlyphRenderer(data_source=self.simulated, glyph=glyph))
        # not one by one: for each the browser would lay out the whole page
        fig.renderers = [*fig.renderers, *drawn]
        return drawn

    def _simulated(self) -> dict[str, Floats]:
        """Columns of the lines, kgC m-3; NaN where there is nothing to draw."""
        nothing = np.full(len(NODES), np.nan)
        columns = {"depth": NODES.copy()}
        estimate, change = self._results.estimate, self._results.change
        sites = self._selection.active
        soc = None if estimate is None else estimate.soc[sites] * _KILO
        quartiles = [nothing] * 3 if soc is None else np.percentile(soc, (25, 50, 75), axis=0)
        several = len(sites) > 1
        columns["base"] = np.asarray(quartiles[1])
        columns["base_low"] = np.asarray(quartiles[0]) if several else nothing
        columns["base_high"] = np.asarray(quartiles[2]) if several else nothing
        for source in _OTHERS:
            other = self._results.get(source, "site")
            columns[source] = nothing if other is None else _median(other.soc[sites]) * _KILO
        rows = np.empty(0, dtype=np.int64) if change is None else change.rows(sites)
        moved = change is not None and len(rows) > 0
        columns["changed"] = np.median(change.soc[rows], axis=0) * _KILO if moved else nothing
        pools = self.parts == "Pools"
        for row, pool in enumerate(POOLS):
            columns[f"base_{pool}"] = (
                np.median(estimate.pools[sites, row], axis=0) * _KILO
                if pools and estimate is not None
                else nothing
            )
            columns[f"changed_{pool}"] = (
                np.median(change.pools[rows, row], axis=0) * _KILO if pools and moved else nothing
            )
        return columns

    def _observed(self) -> dict[str, object]:
        """Columns of the points: each observation, or medians and quartiles of each layer."""
        observations = self._session.opened.observations
        sites = self._selection.active
        rows, owner = observations.of(sites)
        depth, soc = observations.depth[rows], observations.soc[rows] * _KILO
        if len(rows) <= _MANY:
            unknown = np.full(len(rows), np.nan)
            profile = [self._selection.profile(site) for site in sites[owner]]
            few = len(rows) <= _FEW
            return {
                **{"depth": depth, "soc": soc, "low": unknown, "high": unknown, "profile": profile},
                "size": np.full(len(rows), 6.0 if few else 4.0),
                "strength": np.full(len(rows), 1.0 if few else 0.45),
            }
        columns: dict[str, list[object]] = {name: [] for name in _OBSERVED}
        layers = by_layer(depth, soc)
        each = zip(NODES, layers.middle, layers.low, layers.high, layers.n, strict=True)
        for *values, n in each:
            if n:
                row = (*values, f"median of {n:,} observations", 6.0, 1.0)
                for name, value in zip(columns, row, strict=True):
                    columns[name].append(value)
        return dict(columns)

    def _table(self) -> str:
        """What is drawn, as tables."""
        opened, estimate = self._session.opened, self._results.estimate
        columns = {name: np.asarray(values) for name, values in self.simulated.data.items()}
        sites = self._selection.active
        rows, _ = opened.observations.of(sites)
        observed = by_layer(opened.observations.depth[rows], opened.observations.soc[rows] * _KILO)
        base = opened.source_name("binn")
        names = {"base": base} | {one: opened.source_name(one) for one in _OTHERS}
        each = [listed_profile(columns, names | {"changed": "Changed"}, observed)]
        if self.parts == "Pools":
            each.append(listed_pools(columns))
        each.append(listed_observations(opened.observations, estimate, self._selection, base))
        return "".join(table(one.caption, one.head, one.rows) for one in each if one is not None)

    def _redraw(self, *events: param.parameterized.Event) -> None:
        self.simulated.data = self._simulated()
        if not events or any(event.name == "sites" for event in events):
            self.observed.data = self._observed()
        self._span()
        self._say()

    def _span(self) -> None:
        """Fit the SOC axes to what is drawn."""
        drawn = ["base", "base_high", "changed", *_OTHERS]
        if self.parts == "Pools":
            drawn = [f"{line}_{pool}" for line in ("base", "changed") for pool in POOLS]
        lines = [np.asarray(self.simulated.data[name], dtype=float) for name in drawn]
        points = [np.asarray(self.observed.data[name], dtype=float) for name in ("soc", "high")]
        values = np.concatenate([*lines, np.minimum(np.concatenate(points), _DENSEST)])
        values = values[np.isfinite(values) & (values > 0)]
        high = float(values.max()) if len(values) else 1.0
        low = max(float(values.min()) if len(values) else 0.1, high * _DECADES)
        self._across["Linear"].update(start=0, end=1.04 * high)
        self._across["Log"].update(start=0.8 * low, end=1.25 * high)

    def _show(self, *_: param.parameterized.Event) -> None:
        self._depths.start = _DEPTHS[self.reach]
        if self.scale not in self._panes:
            self._panes[self.scale] = Bokeh(
                self._figure(self.scale), sizing_mode="stretch_width", height=_HEIGHT
            )
            self._plots.append(self._panes[self.scale])
            self._follow_theme()
        for scale, pane in self._panes.items():
            pane.visible = scale == self.scale
        pools = self.parts == "Pools"
        if pools and self.scale not in self._pools:
            self._pools[self.scale] = self._draw_pools(self._panes[self.scale].object)
        for line in chain(*self._pools.values()):
            line.visible = pools
        sources = self._session.opened.sources
        for role in ("base", "changed", *_OTHERS):
            for line in self._total[role]:
                line.visible = self.parts == "SOC" and (role not in _OTHERS or role in sources)
        self.simulated.data = self._simulated()
        self._span()
        self._say()

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        colours = ink(self._session.dark)
        for role, drawn in self._total.items():
            for renderer in drawn:
                for name in {"line_color", "fill_color"} & renderer.glyph.properties():
                    setattr(renderer.glyph, name, colours[role])
        self._say()

    def _say(self) -> None:
        """The legend: every mark, what it is and of how many."""
        colours = ink(self._session.dark)
        sites = self._selection.active
        several = len(sites) > 1
        count = int(self._session.opened.observations.count[sites].sum())
        summed = several and count > _MANY
        measured = f"observed, n = {count:,}" + (", median and IQR of each layer" * summed)
        beyond = int(
            (np.asarray(self.observed.data["soc"], dtype=float) > self._across["Linear"].end).sum()
        )
        if beyond:
            measured += f" ({beyond} beyond the axis)"
        entries = [("○", colours["observed"], measured)]
        source = "BINN" if self._session.opened.origin == "checkpoint" else "CLM5 defaults"
        if self.parts == "Pools":
            entries += [
                ("━", OKABE_ITO[colour], name)
                for name, colour in zip(POOL_NAMES, _POOL_COLOURS, strict=True)
            ]
        else:
            label = f"{source}, median and IQR of {len(sites):,} sites" if several else source
            entries.append(("━", colours["base"], label))
            for source in _OTHERS:
                if self._results.get(source, "site") is not None:
                    name = self._session.opened.source_name(source)
                    mark = {"proda": "┈", "truth": "╌"}[source]
                    entries.append((mark, colours[source], name + (", median" if several else "")))
        if self._results.change is not None:
            label = "changed" + (", median" if several else "")
            entries.append(("╍", colours["changed" if self.parts == "SOC" else "text"], label))
        self._legend.object = legend(entries)
        self.numbers.renew()

    def __panel__(self) -> Column:
        look = {"size": "small", "margin": (0, 10, 0, 0), "color": "default", "description": ""}
        switches = [
            pmui.RadioButtonGroup.from_param(
                self.param[name], label=label, stylesheets=[UNSEEN_LABEL], **look
            )
            for name, label in _SWITCHES.items()
        ]
        return Column(
            Row(*switches, margin=(0, 8, 4, 8)),
            self._plots,
            self._legend,
            self.numbers.layout,
            sizing_mode="stretch_width",
            margin=0,
        )
