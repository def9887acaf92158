"""Behind the selection, folded away: forcing, covariates, and what its SOC hangs on."""

from __future__ import annotations

import numpy as np
import panel_material_ui as pmui
import param
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure
from panel.layout import Column
from panel.pane import HTML, Bokeh
from panel.viewable import Viewer

from binn.parameters import KEYS, PARAMETERS
from dashboard.state.attention import Attention
from dashboard.state.inspect import covariates, forces, sensitivities
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane
from dashboard.tables import OnDemand, table
from dashboard.theme import ink, plain, quiet, text
from dashboard.units import number, with_unit, written

__all__ = ["Inspector"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ROW = 13
_PARTS = ("Local sensitivities", "Forcing", "Covariates")


class Inspector(Viewer):
    """Three folded parts; each is worked out while it is open.

    Parameters
    ----------
    state : PageState
        The selected sites are inspected, or all of them if none is selected.
    attention : Attention, optional
        Whether somebody looks.
    lane : Lane, optional
        Where the sensitivities are computed.

    Attributes
    ----------
    source : ColumnDataSource
        Named ``sensitivity``. A row is a parameter: ``value``, the median over the selection of
        the derivative of the SOC stock by the normalised parameter, kgC m-2; ``low``, ``high``,
        its quartiles.
    numbers : OnDemand
        The sensitivities as a table.
    """

    def __init__(
        self,
        state: PageState,
        attention: Attention | None = None,
        lane: Lane | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._state, self._lane = state, lane or Lane()
        nothing = np.full(len(KEYS), np.nan)
        self.source = ColumnDataSource(
            {
                "row": np.arange(len(KEYS)),
                "key": list(KEYS),
                "name": [p.long_name for p in PARAMETERS],
                "value": nothing,
                "low": nothing,
                "high": nothing,
            },
            name="sensitivity",
        )
        self._range = Range1d(-1, 1)
        self._figure = self._build()
        self._words = text(size="0.82rem", margin=(4, 8), sizing_mode="stretch_width")
        self.numbers = OnDemand("Numbers of the sensitivities", self._sensitivity_table)
        self._forcing = HTML(sizing_mode="stretch_width", margin=(0, 8))
        self._covariates = HTML(
            sizing_mode="stretch_width", margin=(0, 8), max_height=320, styles={"overflow": "auto"}
        )
        bars = Bokeh(self._figure, sizing_mode="stretch_width")
        parts = (self._words, bars, self.numbers.layout)
        self._parts = pmui.Accordion(
            (_PARTS[0], Column(*parts, sizing_mode="stretch_width", margin=0)),
            (_PARTS[1], self._forcing),
            (_PARTS[2], self._covariates),
            active=[],
            sizing_mode="stretch_width",
            margin=(6, 8),
        )
        self._parts.param.watch(self._redraw, "active")
        attention.follow(self._redraw, state.selection, ["sites"])
        attention.follow(self._redraw, state.results, ["estimate"])
        attention.follow(self._redraw, state.field, ["depth"])
        attention.follow(self._follow_theme, state.session, ["dark"])
        self._follow_theme()

    def _build(self) -> figure:
        fig = figure(
            name="sensitivity-bars",
            x_range=self._range,
            y_range=Range1d(len(KEYS) - 0.4, -0.6),
            height=_ROW * len(KEYS) + 46,
            sizing_mode="stretch_width",
            toolbar_location=None,
            tools="",
            x_axis_label="d SOC stock / d normalised parameter (kgC m⁻²)",
        )
        self._bars = fig.hbar(
            y="row", left=0, right="value", height=0.6, source=self.source, line_color=None
        )
        self._spread = fig.segment("low", "row", "high", "row", source=self.source, line_width=1.5)
        tips = [("Parameter", "@key · @name"), ("Median", "@value{%.3g} kgC m⁻²")]
        formatters = {"@value": "printf"}
        fig.add_tools(HoverTool(renderers=[self._bars], tooltips=tips, formatters=formatters))
        fig.yaxis.ticker = list(range(len(KEYS)))
        fig.yaxis.major_label_overrides = dict(enumerate(KEYS))
        fig.yaxis.major_label_text_font_size = "10.5px"
        fig.ygrid.grid_line_color = None
        return quiet(fig, "Local sensitivities: d SOC stock by d normalised parameter")

    def _redraw(self, *_: param.parameterized.Event) -> None:
        if self._state.results.estimate is None:
            return
        if 0 in self._parts.active:
            self._ask_sensitivities()
        if 1 in self._parts.active:
            self._forcing.object = self._forcing_table()
        if 2 in self._parts.active:
            self._covariates.object = self._covariate_table()

    def _ask_sensitivities(self) -> None:
        state, found = self._state, self._state.results.estimate
        sites, depth = state.selection.active, state.field.depth
        opened, parameters, bedrock = state.opened, found.parameters[sites], found.bedrock

        def work() -> np.ndarray:
            each = sensitivities(opened, parameters, sites, bedrock, depth)
            return np.percentile(each, (25, 50, 75), axis=0)

        self._lane.request(work, self._draw, self._failed)

    def _draw(self, quartiles: np.ndarray) -> None:
        low, middle, high = quartiles
        sites, (top, bottom) = self._state.selection.active, self._state.field.depth
        self.source.data = {
            **dict(self.source.data),
            **({"value": middle, "low": low, "high": high}),
        }
        reach = 1.05 * float(np.abs(quartiles).max()) or 1.0
        self._range.update(start=-reach, end=reach)
        order = np.argsort(-np.abs(middle))[:3]
        most = ", ".join(f"{KEYS[k]} ({with_unit(middle[k], 'kgC m-2')})" for k in order)
        several = f"median of {len(sites):,} sites" if len(sites) > 1 else "this site"
        self._words.object = plain(
            f"SOC stock {top:g}–{bottom:g} m, {several}; to first order, for a step across the "
            f"whole prior range. Most: {most}."
        )
        self.numbers.renew()

    def _failed(self, sentence: str) -> None:
        self._words.object = plain(sentence)

    def _sensitivity_table(self) -> str:
        drawn = self.source.data
        rows = [
            [
                p.key,
                number(float(drawn["value"][k])),
                f"{number(float(drawn['low'][k]))} to {number(float(drawn['high'][k]))}",
                p.long_name,
            ]
            for k, p in enumerate(PARAMETERS)
        ]
        caption = "d SOC stock / d normalised parameter (kgC m⁻²)"
        return table(caption, ("Parameter", "Median", "IQR", "What it is"), rows)

    def _forcing_table(self) -> str:
        found = forces(self._state.opened, self._state.selection.active)
        columns = (found.temperature, found.water, found.litter)
        rows = [
            [month, *(number(float(values[k])) for values in columns)]
            for k, month in enumerate(_MONTHS)
        ]
        head = (
            "Month",
            f"Soil temperature, {found.depth:.2g} m (°C)",
            f"Water scalar, {found.depth:.2g} m",
            f"Carbon input ({written('gC m-2')} month⁻¹)",
        )
        total = with_unit(float(found.litter.sum()), "gC m-2 yr-1")
        caption = f"Medians of the selection; input {total}; deepest soil layer {found.bedrock:g}."
        return table(caption, head, rows)

    def _covariate_table(self) -> str:
        rows = covariates(self._state.opened, self._state.selection.active)
        several = any(spread for _, _, spread, _, _ in rows)
        return table(
            "Median and quartiles, or the commonest class.",
            ("Covariate", "Value", *(("Spread",) if several else ()), "Name in the data"),
            [
                [name, f"{value} {unit}".rstrip(), *([spread] if several else []), code]
                for name, value, spread, unit, code in rows
            ],
        )

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        colours = ink(self._state.session.dark)
        self._bars.glyph.fill_color = colours["base"]
        self._spread.glyph.line_color = colours["text"]

    def __panel__(self) -> pmui.Accordion:
        return self._parts
