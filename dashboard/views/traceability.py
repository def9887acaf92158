"""The Traceability tab: why storage differs, by influx, residence time, environment and baseline.

Both diagrams of Fig. 7 over one set of sources; numbers are of :mod:`dashboard.state.traceability`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import panel_material_ui as pmui
import param
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import ColumnDataSource
from panel.layout import Column, FlexBox
from panel.pane import HTML, Bokeh
from panel.viewable import Viewer

from binn.figures.style import GROUP_COLOURS, GROUP_MARKERS
from binn.quantities import TRACEABILITY
from dashboard.brushing import nearest_on_screen, rows_within
from dashboard.diagram import RELATIONS, Diagram, Sources
from dashboard.selection_line import SelectionLine
from dashboard.state.attention import Attention
from dashboard.state.estimate import Estimate
from dashboard.state.page_state import PageState
from dashboard.state.traceability import (
    Group,
    by_region,
    changed_group,
    selected_group,
    selected_parts,
    source_of,
)
from dashboard.state.traceability_words import budget_words, listed_groups, source_words
from dashboard.tables import folded, table
from dashboard.theme import UNSEEN_LABEL, ink, legend, plain, text
from dashboard.units import number

__all__ = ["Traceability"]

_MARKERS = {name: mark for name, (_, mark) in GROUP_MARKERS.items()}
_REACH = 14.0
"""How far from a biome's mark a tap may land, pixels."""
_HALF = {"flex": "1 1 340px", "min-width": "min(100%, 340px)"}
_NOTE = (
    "Storage counts litter and coarse woody debris besides soil carbon, over the whole column. "
    "A mark is its sites taken together: residence time is mean storage / mean influx, and the "
    "environmental scalar is weighted by storage, so that the equations hold for what is drawn and "
    "listed; bars are quartiles over the sites. The paper (Fig. 7) averages by ecoregion over "
    "grid cells, each the median over cross-validation folds; here each profile counts once."
)
_TABLE = "Traceable quantities by biome, and of the selection: sites together, as drawn"
_SPREAD = "Median (quartiles) over the sites"
_TOLD = 4
"""Of so many biomes in a selection, each is told in a line of its own."""


def _look(row: int) -> tuple[str, str]:
    """Colour and marker of a biome."""
    return GROUP_COLOURS[row % len(GROUP_COLOURS)], list(_MARKERS)[row % len(_MARKERS)]


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
        and ``chosen``: 0 where it is not selected, 1 where it is, and if sites of several biomes
        are, 2 and more by biome.
    groups : ColumnDataSource
        Named ``traceability-biomes``. A row is a biome: ``name``, ``n``, and of each traceable
        quantity that of its sites together, and quartiles as ``KEY_low`` and ``KEY_high``.
    selection : ColumnDataSource
        Named ``traceability-selection``. The same of the selection, of the selection under
        the scenario, which also has where it came from as ``from_KEY``, and of its biomes.
    """

    scale = param.Selector(
        default="Linear", objects=["Linear", "Log"], doc="Scale of all four axes."
    )

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        state.look.tie(self, scale="traceability_scale")
        attention = attention or Attention()
        self._session, self._selection = state.session, state.selection
        self._results, self._field = state.results, state.field
        self._drawn: Estimate | None = None
        self._selected = SelectionLine(state, attention)
        self._biome = state.opened.dataset["biome"].to_numpy().astype(str)
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
        attention.follow(self._solved, self._results, ["estimates", "problem"])
        attention.follow(self._solved, self._field, ["source"])
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
        if self._drawn is not None:
            for diagrams in self._diagrams.values():
                for diagram in diagrams:
                    diagram.fit(self._drawn.traceability)

    @property
    def _source(self) -> str:
        return source_of(self._field, self._session.opened)

    def _solved(self, *_: param.parameterized.Event) -> None:
        """All sites may be new: solved again, or of another source."""
        self._results.want((self._source, "site"))
        estimate = self._results.get(self._source, "site")
        if estimate is not None and estimate is not self._drawn:
            self._drawn, found = estimate, estimate.traceability
            self._biomes = by_region(found, self._biome)
            drawn = {key: found[key].astype(np.float32) for key in self._axes}
            self.sites.data = {**drawn, "chosen": self._mask()}
            self.groups.data = self._columns(self._biomes)
            self._fit()
        self._compare()

    def _mask(self) -> np.ndarray:
        """Which sites are selected, and if those of several biomes are, of which biome each is."""
        sites = self._selection.sites
        chosen = np.zeros(self._selection.count, dtype=np.uint8)
        chosen[sites] = 1
        here = self._biome[sites]
        if len(set(here.tolist()) - {""}) > 1:
            for row, group in enumerate(self._biomes):
                chosen[sites[here == group.name]] = 2 + row
        return chosen

    def _chose(self, *_: param.parameterized.Event) -> None:
        chosen = self._mask()
        if not np.array_equal(chosen, self.sites.data["chosen"]):
            self.sites.patch({"chosen": [(slice(0, len(chosen)), chosen)]})
        self._compare()

    def _compare(self, *_: param.parameterized.Event) -> None:
        """The selection, and what the scenario makes of it."""
        before, after, parts = self._groups()
        whole = [one for one in (before, after) if one is not None]
        columns = self._columns([*whole, *parts])
        colours = ink(self._session.dark)
        biomes = {group.name: row for row, group in enumerate(self._biomes)}
        looks = [(colours["base"], "circle"), (colours["changed"], "diamond")][: len(whole)]
        looks += [_look(biomes[part.name]) for part in parts]
        columns["colour"] = [colour for colour, _ in looks]
        columns["marker"] = [marker for _, marker in looks]
        for key in TRACEABILITY:
            came = np.full(len(looks), np.nan)
            if after is not None and before is not None:
                came[1] = before.budget.each[key]
            columns[f"from_{key}"] = came
        self.selection.data = columns
        shades = [_look(row)[0] for row in biomes.values()]
        for diagrams in self._diagrams.values():
            for diagram in diagrams:
                diagram.shade(colours, len(self._selection), shades)
        self._say()

    def _groups(self) -> tuple[Group | None, Group | None, list[Group]]:
        """The selection, the same under the scenario, and its biomes if it has several."""
        results, selection, source = self._results, self._selection, self._source
        if self._drawn is None or self._drawn is not results.get(source, "site"):
            return None, None, []  # what is chosen is on its way
        before = selected_group(results, selection, source)
        # a scenario changes the parameters of BINN
        after = changed_group(results, selection) if source == "binn" and before else None
        return before, after, selected_parts(results, selection, self._biome, source)

    def _columns(self, groups: list[Group]) -> dict[str, object]:
        """Groups as columns of a source."""
        columns: dict[str, object] = {
            "name": [group.name for group in groups],
            "n": np.array([group.n for group in groups], dtype=np.int32),
            "colour": [_look(i)[0] for i in range(len(groups))],
            "marker": [_look(i)[1] for i in range(len(groups))],
        }
        for key in TRACEABILITY:
            columns[key] = np.array([group.budget.each[key] for group in groups])
            for end in ("low", "high"):
                columns[f"{key}_{end}"] = np.array([getattr(group, end)[key] for group in groups])
            columns[f"from_{key}"] = np.full(len(groups), np.nan)
        return columns

    def _brushed(self, diagram: Diagram):  # type: ignore[no-untyped-def]
        def brushed(event: SelectionGeometry) -> None:
            drawn = self._drawn
            if drawn is None or not event.final:
                return
            x, y = (drawn.traceability[key] for key in (diagram.relation.x, diagram.relation.y))
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
        before, after, parts = self._groups()
        said = source_words(self._field, self._session.opened, self._session.bedrock)
        if before is None:
            self._words.object = plain(f"{said}\n{self._results.problem or 'Computing …'}")
            return
        kind, name = self._selection.region
        who = name if kind else before.name
        lines = [said, f"{who}, {before.n:,} sites: {budget_words(before.budget)}."]
        if len(parts) <= _TOLD:
            lines += [
                f"{part.name}, {part.n:,} of them: {budget_words(part.budget)}." for part in parts
            ]
        if after is not None:
            share = after.budget.storage / before.budget.storage - 1
            lines.append(
                f"Changed (storage of all pools in the whole column {number(100 * share)} %): "
                f"{budget_words(after.budget)}."
            )
        elif self._results.change is not None and self._source != "binn":
            lines.append("What if changes the parameters of BINN: it is shown from BINN only.")
        self._words.object = plain("\n".join(lines))
        note = _NOTE
        beyond = [
            diagram.beyond(self._drawn.traceability) for diagram in self._diagrams[self.scale]
        ]
        if any(beyond):
            note += f" Beyond the axes: {beyond[0]:,} and {beyond[1]:,} sites; Log shows all."
        self._note.object = plain(" ".join(filter(None, (note, self._session.notice))))
        self._legend.object = self._entries(before, after)
        sizes = {group.name: group.n for group in self._biomes}
        every = self._biomes + [before] + ([after] if after is not None else [])
        every += [
            replace(part, name=f"{part.name}, selected")
            for part in parts
            if part.n < sizes[part.name]
        ]
        head, whole, spread = listed_groups(every)
        self._table.object = table(_TABLE, head, whole) + table(_SPREAD, head, spread)

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
