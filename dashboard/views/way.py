"""How long the change takes: the SOC stock year by year, from the old equilibrium to the new."""

from __future__ import annotations

import numpy as np
import panel_material_ui as pmui
import param
from bokeh.models import ColumnDataSource, HoverTool, Span
from bokeh.plotting import figure
from panel.layout import Column
from panel.pane import Bokeh
from panel.viewable import Viewer

from dashboard.state.attention import Attention
from dashboard.state.look import YEARS
from dashboard.state.page_state import PageState
from dashboard.state.way import Way, way
from dashboard.state.work import Lane
from dashboard.tables import OnDemand, table
from dashboard.theme import UNSEEN_LABEL, ink, plain, quiet, text
from dashboard.units import number, with_unit

__all__ = ["WayThere"]

_TOLD = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Years in the table."""
_SPANS = {f"{years:,} yr": years for years in YEARS}


class WayThere(Viewer):
    """SOC stock against years after the change; worked out while it is open.

    Parameters
    ----------
    state : PageState
    attention : Attention, optional
        Whether somebody looks.
    lane : Lane, optional
        Where it is computed.

    Attributes
    ----------
    source : ColumnDataSource
        Named ``way``: ``year``, and ``low``, ``middle``, ``high``, quartiles over the sites of the
        SOC stock, kgC m-2.
    numbers : OnDemand
        The same as a table, of some of the years.
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
        nothing = np.empty(0)
        columns = ("year", "low", "middle", "high")
        self.source = ColumnDataSource(dict.fromkeys(columns, nothing), name="way")
        self._end = Span(dimension="width", line_dash="dashed", line_width=1.2, visible=False)
        self._figure = self._build()
        self._words = text(size="0.82rem", margin=(4, 8), sizing_mode="stretch_width")
        self.numbers = OnDemand("Numbers of the way", self._table)
        self._span = pmui.RadioButtonGroup(
            label="Years shown",
            options=_SPANS,
            value=state.look.years,
            size="small",
            color="default",
            margin=(0, 8),
            stylesheets=[UNSEEN_LABEL],
        )
        self._panel = pmui.Accordion(
            (
                "The way there, year by year",
                Column(
                    self._span,
                    Bokeh(self._figure, sizing_mode="stretch_width", height=210),
                    self._words,
                    self.numbers.layout,
                    sizing_mode="stretch_width",
                    margin=0,
                ),
            ),
            active=[0] if state.look.way_open else [],
            sizing_mode="stretch_width",
            margin=(6, 8),
        )
        self._panel.param.watch(self._opened, "active")
        self._span.param.watch(self._spanned, "value")
        attention.follow(self._follow_look, state.look, ["years", "way_open"])
        attention.follow(self._ask, state.results, ["change"])
        attention.follow(self._ask, state.field, ["depth"])
        attention.follow(self._follow_theme, state.session, ["dark"])
        self._follow_theme()
        self._ask()

    def _opened(self, *_: param.parameterized.Event) -> None:
        self._state.look.way_open = bool(self._panel.active)

    def _spanned(self, *_: param.parameterized.Event) -> None:
        self._state.look.years = int(self._span.value)

    def _follow_look(self, *_: param.parameterized.Event) -> None:
        look = self._state.look
        self._span.value = look.years
        if bool(self._panel.active) != look.way_open:
            self._panel.active = [0] if look.way_open else []
        self._ask()

    def _build(self) -> figure:
        fig = figure(
            name="way-there",
            height=210,
            sizing_mode="stretch_width",
            toolbar_location=None,
            tools="",
            x_axis_label="Years after the change",
            y_axis_label="SOC stock (kgC m⁻²)",
        )
        self._band = fig.varea("year", "low", "high", source=self.source, fill_alpha=0.18)
        self._line = fig.line("year", "middle", source=self.source, line_width=2.2)
        tips = [("Year", "@year"), ("Median", "@middle{%.4g} kgC m⁻²")]
        hover = HoverTool(
            renderers=[self._line], tooltips=tips, formatters={"@middle": "printf"}, mode="vline"
        )
        fig.add_tools(hover)
        fig.add_layout(self._end)
        return quiet(fig, "SOC stock by years after the change")

    def _ask(self, *_: param.parameterized.Event) -> None:
        state, base = self._state, self._state.results.estimate
        if not self._state.look.way_open:
            return
        if base is None or not state.scenario.active:
            self._lane.forget()
            self.source.data = dict.fromkeys(self.source.data, np.empty(0))
            self._end.visible = False
            self._words.object = plain("Nothing is changed: move a slider first.")
            self.numbers.renew()
            return
        sites = state.selection.active
        if state.scenario.scope == "all":
            sites = np.arange(len(base))
        scenario = (dict(state.scenario.changes), state.scenario.climate)
        arguments = (scenario, base.bedrock, state.look.years, state.field.depth)
        opened, parameters = state.opened, base.parameters
        self._lane.request(
            lambda: way(opened, parameters, sites, *arguments), self._draw, self._failed
        )

    def _draw(self, found: Way) -> None:
        self.source.data = {
            "year": found.years,
            "low": found.low,
            "middle": found.middle,
            "high": found.high,
        }
        self._end.update(location=found.end, visible=True)
        self.numbers.renew()
        top, bottom = self._state.field.depth
        followed = f"{found.sites:,} sites"
        if found.sites < found.of:
            followed = f"{found.sites:,} of {found.of:,} sites (every so many-th by stock)"
        elif found.sites == 1:
            followed = "this site"
        half = found.half_life
        pace = (
            f"half of the change after {number(half)} years"
            if np.isfinite(half)
            else f"less than half of the change within {len(found.years) - 1:,} years"
        )
        self._words.object = plain(
            f"SOC stock {top:g}–{bottom:g} m, median and IQR of {followed}: "
            f"{with_unit(float(found.middle[0]), 'kgC m-2')} at first, "
            f"{with_unit(float(found.middle[-1]), 'kgC m-2')} after {len(found.years) - 1:,} yr, "
            f"{with_unit(found.end, 'kgC m-2')} at the new equilibrium (dashed); {pace}. Implicit "
            "yearly steps of the same model; the change comes at once and stays."
        )

    def _table(self) -> str:
        """The years that tell the story."""
        drawn = {name: np.asarray(values) for name, values in self.source.data.items()}
        if not len(drawn["year"]):
            return ""
        rows = [
            [f"{year:,}", *(number(float(drawn[one][at[0]])) for one in ("middle", "low", "high"))]
            for year in _TOLD
            if len(at := np.flatnonzero(drawn["year"] == year))
        ]
        rows.append(["new equilibrium", number(float(self._end.location)), "–", "–"])
        head = ("Years after the change", "Median", "25 %", "75 %")
        return table("SOC stock over the chosen depths (kgC m⁻²)", head, rows)

    def _failed(self, sentence: str) -> None:
        self._words.object = plain(sentence)

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        colours = ink(self._state.session.dark)
        self._band.glyph.fill_color = colours["changed"]
        self._line.glyph.line_color = colours["changed"]
        self._end.line_color = colours["text"]

    def __panel__(self) -> pmui.Accordion:
        return self._panel
