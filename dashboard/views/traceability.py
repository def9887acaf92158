"""The Traceability tab: why storage differs, by influx, residence time, environment and baseline.

Both diagrams of Fig. 7 over one set of sources; numbers are of :mod:`dashboard.state.traceability`.
"""

from __future__ import annotations

import numpy as np
import panel_material_ui as pmui
import param
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import ColumnDataSource
from panel.layout import Column, FlexBox
from panel.pane import HTML, Bokeh
from panel.viewable import Viewer

from binn.quantities import TRACEABILITY, TRACEABILITY_NAMES
from dashboard.brushing import nearest_on_screen, rows_within
from dashboard.diagram import RELATIONS, Diagram, Sources
from dashboard.selection_line import SelectionLine
from dashboard.state.attention import Attention
from dashboard.state.page_state import PageState
from dashboard.state.traceability import (
    Group,
    budget_words,
    by_region,
    changed_group,
    selected_group,
)
from dashboard.tables import folded, table
from dashboard.theme import OKABE_ITO, UNSEEN_LABEL, ink, legend, plain, text
from dashboard.units import number, written

__all__ = ["Traceability"]

_COLOURS = ("green", "orange", "purple", "yellow", "sky", "grey", "vermillion", "blue")
_MARKERS = {
    "circle": "●",
    "square": "■",
    "triangle": "▲",
    "diamond": "◆",
    "inverted_triangle": "▼",
    "star": "★",
    "hex": "⬢",
    "circle_dot": "◉",
    "square_dot": "▣",
    "diamond_dot": "◈",
}
_REACH = 14.0
"""How far from a biome's mark a tap may land, pixels."""
_HALF = {"flex": "1 1 340px", "min-width": "min(100%, 340px)"}
_NOTE = (
    "Storage counts litter and coarse woody debris besides soil carbon. Marks are means over the "
    "sites, bars are quartiles. The equations divide mean storage by mean influx, and so hold "
    "for the region as a whole."
)


class Traceability(Viewer):
    """Influx x residence time, and environmental scalar x baseline residence time.

    Parameters
    ----------
    state : PageState
        What is drawn; boxes, lassos and taps on a biome change its selection.
    attention : Attention, optional
        Whether somebody looks.

    Attributes
    ----------
    sites : ColumnDataSource
        Named ``traceability-sites``. A row is a site: the four quantities of the axes (float32)
        and ``chosen``, 1 where it is selected.
    groups : ColumnDataSource
        Named ``traceability-biomes``. A row is a biome: ``name``, ``n``, and of each traceable
        quantity the mean, and its quartiles as ``KEY_low`` and ``KEY_high``.
    selection : ColumnDataSource
        Named ``traceability-selection``. The same of the selection, and of the selection under
        the scenario, which also has where it came from as ``from_KEY``.
    """

    scale = param.Selector(
        default="Linear", objects=["Linear", "Log"], doc="Scale of all four axes."
    )

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._session, self._selection = state.session, state.selection
        self._results = state.results
        self._selected = SelectionLine(state, attention)
        self._biome = state.opened.dataset["biome"].to_numpy()
        self._axes = sorted({key for one in RELATIONS for key in (one.x, one.y)})
        nothing = np.full(self._selection.count, np.nan, dtype=np.float32)
        chosen = np.zeros(self._selection.count, dtype=np.uint8)
        self.sites = ColumnDataSource(
            {**dict.fromkeys(self._axes, nothing), "chosen": chosen}, name="traceability-sites"
        )
        self.groups = ColumnDataSource(self._columns([]), name="traceability-biomes")
        self.selection = ColumnDataSource(self._columns([]), name="traceability-selection")
        self._biomes: list[Group] = []
        self._diagrams: dict[str, list[Diagram]] = {}
        self._bodies = [Column(sizing_mode="stretch_width", styles=_HALF) for _ in RELATIONS]
        wide = {"sizing_mode": "stretch_width", "margin": (0, 10)}
        self._legend = HTML(**wide)
        self._words = text(size="0.88rem", styles={"font-weight": "500"}, **wide)
        self._note = text(muted=True, size="0.8rem", **wide)
        self._table = HTML(**wide)
        self._show()
        self._solved()
        attention.follow(self._solved, self._results, ["estimate"])
        attention.follow(self._chose, self._selection, ["sites"])
        attention.follow(self._compare, self._results, ["change"])
        attention.follow(self._follow_theme, self._session, ["dark"])
        self.param.watch(self._show, ["scale"])

    def _show(self, *_: param.parameterized.Event) -> None:
        """Show the diagrams of the chosen scale; those of the other are made when asked for."""
        if self.scale not in self._diagrams:
            sources = Sources(self.sites, self.groups, self.selection)
            made = [Diagram(relation, self.scale, sources) for relation in RELATIONS]
            self._diagrams[self.scale] = made
            for diagram, body in zip(made, self._bodies, strict=True):
                diagram.figure.on_event(SelectionGeometry, self._brushed(diagram))
                diagram.figure.on_event(Tap, self._tapped(diagram))
                body.append(Bokeh(diagram.figure, sizing_mode="stretch_width", height=380))
            self._fit()
            self._follow_theme()
        for body in self._bodies:
            for scale, pane in zip(self._diagrams, body, strict=True):
                pane.visible = scale == self.scale
        self._say()

    def _fit(self) -> None:
        if self._results.estimate is not None:
            for diagrams in self._diagrams.values():
                for diagram in diagrams:
                    diagram.fit(self._results.estimate.traceability)

    def _solved(self, *_: param.parameterized.Event) -> None:
        """All sites are new."""
        estimate = self._results.estimate
        if estimate is not None:
            found = estimate.traceability
            self._biomes = by_region(found, self._biome)
            drawn = {key: found[key].astype(np.float32) for key in self._axes}
            self.sites.data = {**drawn, "chosen": self._mask()}
            self.groups.data = self._columns(self._biomes)
            self._fit()
        self._compare()

    def _mask(self) -> np.ndarray:
        chosen = np.zeros(self._selection.count, dtype=np.uint8)
        chosen[self._selection.sites] = 1
        return chosen

    def _chose(self, *_: param.parameterized.Event) -> None:
        chosen = self._mask()
        if not np.array_equal(chosen, self.sites.data["chosen"]):
            self.sites.patch({"chosen": [(slice(0, len(chosen)), chosen)]})
        self._compare()

    def _compare(self, *_: param.parameterized.Event) -> None:
        """The selection, and what the scenario makes of it."""
        before = selected_group(self._results, self._selection)
        after = changed_group(self._results, self._selection)
        columns = self._columns([one for one in (before, after) if one is not None])
        colours = ink(self._session.dark)
        rows = len(columns["name"])
        columns["colour"] = [colours["base"], colours["changed"]][:rows]
        columns["marker"] = ["circle", "diamond"][:rows]
        for key in TRACEABILITY:
            came = np.full(rows, np.nan)
            if after is not None and before is not None:
                came[1] = before.mean[key]
            columns[f"from_{key}"] = came
        self.selection.data = columns
        for diagrams in self._diagrams.values():
            for diagram in diagrams:
                diagram.shade(colours, len(self._selection))
        self._say()

    def _columns(self, groups: list[Group]) -> dict[str, object]:
        """Groups as columns of a source."""
        columns: dict[str, object] = {
            "name": [group.name for group in groups],
            "n": np.array([group.n for group in groups], dtype=np.int32),
            "colour": [OKABE_ITO[_COLOURS[i % len(_COLOURS)]] for i in range(len(groups))],
            "marker": [list(_MARKERS)[i % len(_MARKERS)] for i in range(len(groups))],
        }
        for key in TRACEABILITY:
            for end, name in (("", "mean"), ("_low", "low"), ("_high", "high")):
                columns[key + end] = np.array([getattr(group, name)[key] for group in groups])
            columns[f"from_{key}"] = np.full(len(groups), np.nan)
        return columns

    def _brushed(self, diagram: Diagram):  # type: ignore[no-untyped-def]
        def brushed(event: SelectionGeometry) -> None:
            estimate = self._results.estimate
            if estimate is None or not event.final:
                return
            x, y = (estimate.traceability[key] for key in (diagram.relation.x, diagram.relation.y))
            sites = rows_within(event.geometry, x, y, log=diagram.scale == "Log")
            self._selection.choose(sites, "brushed in the traceability diagram")

        return brushed

    def _tapped(self, diagram: Diagram):  # type: ignore[no-untyped-def]
        def tapped(event: Tap) -> None:
            if event.x is None or event.y is None or not self._biomes:
                return
            x, y = (self.groups.data[key] for key in (diagram.relation.x, diagram.relation.y))
            place, log = (event.x, event.y), diagram.scale == "Log"
            row = nearest_on_screen(diagram.figure, place, x, y, _REACH, log)
            if row is not None:
                self._selection.choose_region("biome", self._biomes[row].name)

        return tapped

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        colours = ink(self._session.dark)
        for diagrams in self._diagrams.values():
            for diagram in diagrams:
                diagram.paint(colours)
        self._compare()

    def _say(self) -> None:
        before = selected_group(self._results, self._selection)
        if before is None:
            self._words.object = plain(self._results.problem or "Computing …")
            return
        after = changed_group(self._results, self._selection)
        kind, name = self._selection.region
        who = name if kind else before.name
        lines = [f"{who}, {before.n:,} sites: {budget_words(before.budget)}."]
        if after is not None:
            share = after.budget.storage / before.budget.storage - 1
            lines.append(f"Changed ({number(100 * share)} %): {budget_words(after.budget)}.")
        self._words.object = plain("\n".join(lines))
        note = _NOTE
        found = self._results.estimate.traceability
        beyond = [diagram.beyond(found) for diagram in self._diagrams[self.scale]]
        if any(beyond):
            note += f" Beyond the axes: {beyond[0]:,} and {beyond[1]:,} sites; Log shows all."
        self._note.object = plain(note)
        self._legend.object = self._entries(before, after)
        every = self._biomes + [before] + ([after] if after is not None else [])
        self._table.object = self._numbers(every)

    def _entries(self, before: Group, after: Group | None) -> str:
        marks = list(_MARKERS.values())
        entries = [
            (marks[i % len(marks)], str(colour), f"{group.name} ({group.n:,})")
            for i, (group, colour) in enumerate(
                zip(self._biomes, self.groups.data["colour"], strict=True)
            )
        ]
        colours = ink(self._session.dark)
        entries.append(("⬤", colours["base"], f"{before.name} ({before.n:,})"))
        if after is not None:
            entries.append(("◆", colours["changed"], "under the scenario"))
        return legend(entries)

    def _numbers(self, groups: list[Group]) -> str:
        """The table: of every group the mean, median and quartiles of every quantity."""
        head = ["Sites of", "n"]
        for key in TRACEABILITY:
            name, unit = TRACEABILITY_NAMES[key]
            head += [f"{name}, mean ({written(unit) or '1'})", "median (IQR)"]
        rows = []
        for group in groups:
            row = [group.name, f"{group.n:,}"]
            for key in TRACEABILITY:
                spread = f"{number(group.low[key])} to {number(group.high[key])}"
                row += [number(group.mean[key]), f"{number(group.median[key])} ({spread})"]
            rows.append(row)
        caption = "Traceable quantities by biome, and of the selection. Storage includes litter."
        return table(caption, head, rows)

    def __panel__(self) -> Column:
        switch = pmui.RadioButtonGroup.from_param(
            self.param["scale"],
            size="small",
            label="Axes",
            description="",
            color="default",
            margin=(4, 10),
            stylesheets=[UNSEEN_LABEL],
        )
        return Column(
            FlexBox(switch, self._selected, sizing_mode="stretch_width", align_items="center"),
            FlexBox(*self._bodies, sizing_mode="stretch_width", margin=0),
            self._legend,
            self._words,
            self._note,
            folded("Numbers by biome", self._table),
            sizing_mode="stretch_width",
            margin=0,
        )
