"""The 21 parameters of the selection on their prior ranges."""

from __future__ import annotations

import numpy as np
import param
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray
from panel.layout import Column
from panel.pane import HTML, Bokeh
from panel.viewable import Viewer

from binn.parameters import KEYS, LOWER, PARAMETERS, UPPER, to_normalised
from dashboard.state.attention import Attention
from dashboard.state.page_state import PageState
from dashboard.tables import OnDemand, table
from dashboard.theme import ink, legend, quiet
from dashboard.units import number, with_unit, written

__all__ = ["SiteParameters"]

_ROW = 13
"""Height of a parameter's row, pixels."""
_RIGHT = 1.62
"""Where the axis ends: bars take 0 to 1, the values stand beside them."""
_OTHERS = {"proda": ("square", "□"), "truth": ("x", "✕")}
"""Marks of the sources beside BINN, where a dataset has them, and their signs in the legend."""
_DEFAULTS = np.array([p.default for p in PARAMETERS])


class SiteParameters(Viewer):
    """Median and spread of each parameter over the selection, as a mark on its prior range.

    Parameters
    ----------
    state : PageState
        What is drawn: the selected sites, or all of them if none is selected.
    attention : Attention, optional
        Whether somebody looks.

    Attributes
    ----------
    source : ColumnDataSource
        Named ``parameters``. A row is a parameter, in table order: ``key``; ``value``, median in
        physical units; ``at``, ``low``, ``high``, median and 5 and 95 % in normalised units;
        ``changed``, ``proda``, ``truth``, the normalised medians of the scenario and of the other
        sources, or NaN.
    numbers : OnDemand
        The same as a table, in physical units.
    """

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._session, self._selection = state.session, state.selection
        self._results = state.results
        default = to_normalised(_DEFAULTS)
        inside = (default >= 0) & (default <= 1)
        self._fixed = {
            "row": np.arange(len(KEYS)),
            "key": list(KEYS),
            "name": [p.long_name for p in PARAMETERS],
            "prior": [f"{number(p.lower)} to {with_unit(p.upper, p.unit)}" for p in PARAMETERS],
            "clm5": [with_unit(p.default, p.unit) for p in PARAMETERS],
            "default": np.where(inside, default, np.nan),
            "note": [
                "not identifiable from SOC: no effect at steady state" if k == "tau4cwd" else ""
                for k in KEYS
            ],
        }
        self.source = ColumnDataSource(self._columns(), name="parameters")
        self._figure = self._build()
        self._legend = HTML(sizing_mode="stretch_width", margin=(0, 8))
        self.numbers = OnDemand("Numbers of the parameters", self._table)
        self._follow_theme()
        attention.follow(self._redraw, state.selection, ["sites"])
        attention.follow(self._redraw, state.results, ["estimate", "estimates", "change"])
        attention.follow(self._follow_theme, state.session, ["dark"])

    def _build(self) -> figure:
        fig = figure(
            name="parameter-bars",
            x_range=Range1d(-0.03, _RIGHT),
            y_range=Range1d(len(KEYS) - 0.4, -0.6),
            height=_ROW * len(KEYS) + 8,
            sizing_mode="stretch_width",
            toolbar_location=None,
            tools="",
        )
        src = self.source
        self._bar = fig.hbar(y="row", left=0, right=1, height=0.42, source=src, line_color=None)
        self._default = fig.scatter(
            "default", "row", source=src, marker="dash", angle=np.pi / 2, size=10, line_width=1.6
        )
        self._spread = fig.segment(
            "low", "row", "high", "row", source=src, line_width=4, line_alpha=0.45
        )
        self._median = fig.scatter("at", "row", source=src, size=6.5, line_color=None)
        self._others = {
            source: fig.scatter(
                source, "row", source=src, size=7, marker=marker, fill_alpha=0.0, line_width=1.4
            )
            for source, (marker, _) in _OTHERS.items()
        }
        self._changed = fig.scatter(
            "changed", "row", source=src, size=9, marker="diamond", line_color=None
        )
        self._value = fig.text(
            x=1.05,
            y="row",
            text="written",
            source=src,
            text_font_size="10.5px",
            text_baseline="middle",
        )
        tips = [
            ("Parameter", "@name"),
            ("Median", "@written"),
            ("5–95 %", "@range"),
            ("Prior range", "@prior"),
            ("CLM5 default", "@clm5"),
            ("", "@note"),
        ]
        fig.add_tools(HoverTool(renderers=[self._bar], tooltips=tips))
        fig.yaxis.ticker = FixedTicker(ticks=list(range(len(KEYS))))
        fig.yaxis.major_label_overrides = dict(enumerate(KEYS))
        fig.yaxis.axis_line_color = None
        fig.yaxis.major_label_text_font_size = "10.5px"
        fig.xaxis.visible = False
        fig.grid.grid_line_color = None
        quiet(fig, "Parameters on their prior ranges")
        fig.yaxis.major_tick_out = 0
        return fig

    def _columns(self) -> dict[str, object]:
        estimate = self._results.estimate
        nothing = np.full(len(KEYS), np.nan)
        low, value, high = nothing, nothing, nothing
        if estimate is not None:
            chosen = estimate.parameters[self._selection.active]
            low, value, high = np.percentile(chosen, (5, 50, 95), axis=0)
        middle = self._changed_to()
        moved = np.where(middle != value, to_normalised(middle), np.nan)
        shown = np.clip(to_normalised(np.stack([low, value, high])), 0, 1)
        several = len(self._selection.active) > 1
        beyond = (value < LOWER * (1 - 1e-9)) | (value > UPPER * (1 + 1e-9))
        return {
            **self._fixed,
            "value": value,
            "low": shown[0] if several else nothing,
            "at": shown[1],
            "high": shown[2] if several else nothing,
            "changed": moved,
            **{source: self._other(source) for source in _OTHERS},
            "written": [
                with_unit(v, p.unit) + (" (outside)" if out else "")
                for v, p, out in zip(value, PARAMETERS, beyond, strict=True)
            ],
            "range": [
                f"{number(a)} to {number(b)} {written(p.unit)}".rstrip()
                for a, b, p in zip(low, high, PARAMETERS, strict=True)
            ],
        }

    def _other(self, source: str) -> NDArray[np.float64]:
        """Median over the selection by another source, normalised; NaN where there is none."""
        shown: NDArray[np.float64] = np.clip(to_normalised(self._middle(source)), 0, 1)
        return shown

    def _middle(self, source: str) -> NDArray[np.float64]:
        """The same in physical units."""
        found = self._results.get(source, "site")
        if found is None:
            return np.full(len(KEYS), np.nan)
        rows = found.parameters[self._selection.active]
        rows = rows[np.isfinite(rows[:, 0])]  # numpy's nanmedian takes many times as long
        if not len(rows):
            return np.full(len(KEYS), np.nan)
        middle: NDArray[np.float64] = np.median(rows, axis=0)
        return middle

    def _changed_to(self) -> NDArray[np.float64]:
        """Median of the changed parameters over the selection, physical; NaN without a change."""
        change = self._results.change
        rows = [] if change is None else change.rows(self._selection.active)
        if change is None or not len(rows):
            return np.full(len(KEYS), np.nan)
        middle: NDArray[np.float64] = np.median(change.parameters[rows], axis=0)
        return middle

    def _table(self) -> str:
        """What is drawn, in numbers."""
        opened, drawn = self._session.opened, self.source.data
        several = len(self._selection.active) > 1
        others = {one: self._middle(one) for one in _OTHERS} | {"changed": self._changed_to()}
        shown = {one: values for one, values in others.items() if np.isfinite(values).any()}
        head = ["Parameter", f"{opened.source_name('binn')}{', median' if several else ''}"]
        head += ["5–95 %"] if several else []
        head += ["Changed" if one == "changed" else opened.source_name(one) for one in shown]
        head += ["Prior range", "CLM5 default", "What it is"]
        rows = []
        for k, parameter in enumerate(PARAMETERS):
            row = [parameter.key, str(drawn["written"][k])]
            row += [str(drawn["range"][k])] if several else []
            row += [with_unit(float(values[k]), parameter.unit) for values in shown.values()]
            fixed = (drawn["prior"][k], drawn["clm5"][k], parameter.long_name)
            rows.append([*row, *map(str, fixed)])
        return table("Parameters of the selection, medians if it holds several sites", head, rows)

    def _redraw(self, *_: param.parameterized.Event) -> None:
        self.source.data = self._columns()
        self._say()

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        colours = ink(self._session.dark)
        self._bar.glyph.fill_color = colours["bar"]
        self._default.glyph.line_color = colours["muted"]
        self._spread.glyph.line_color = colours["base"]
        self._median.glyph.fill_color = colours["base"]
        self._changed.glyph.fill_color = colours["changed"]
        for source, drawn in self._others.items():
            drawn.glyph.line_color = colours[source]
        self._value.glyph.text_color = colours["text"]
        self._say()

    def _say(self) -> None:
        colours = ink(self._session.dark)
        count = len(self._selection.active)
        entries = [
            (
                "●",
                colours["base"],
                f"median and 5–95 % of {count:,} sites" if count > 1 else "this site",
            )
        ]
        for source, (_, mark) in _OTHERS.items():
            if self._results.get(source, "site") is not None:
                name = self._session.opened.source_name(source)
                entries.append((mark, colours[source], name))
        entries.append(("│", colours["muted"], "CLM5 default"))
        if self._results.change is not None:
            entries.append(("◆", colours["changed"], "changed"))
        entries.append(("▬", colours["muted"], "prior range"))
        entries.append(("", colours["muted"], "tau4cwd: not identifiable from SOC"))
        self._legend.object = legend(entries)
        self.numbers.renew()

    def __panel__(self) -> Column:
        return Column(
            Bokeh(self._figure, sizing_mode="stretch_width"),
            self._legend,
            self.numbers.layout,
            sizing_mode="stretch_width",
            margin=0,
        )
