"""The BINN vs PRODA tab: six components by both, where they differ, and how well they agree.

Rows are made one at a time, each in a turn of the event loop of its own; afterwards only data are
sent. Numbers are of :mod:`dashboard.state.comparison`, figures of :mod:`dashboard.comparison_row`.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import numpy as np
import panel as pn
import param
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.plotting import figure
from numpy.typing import NDArray
from panel.layout import Column
from panel.pane import HTML
from panel.viewable import Viewer

from binn.quantities import COMPONENT_NAMES, COMPONENTS
from dashboard.brushing import nearest_on_screen, rows_within
from dashboard.comparison_ground import Ground, where_of
from dashboard.comparison_panes import RowPanes, top_bar
from dashboard.comparison_row import FIGURES, ComparisonRow
from dashboard.selection_line import SelectionLine
from dashboard.state.attention import Attention
from dashboard.state.comparison import Compared, compared
from dashboard.state.comparison_places import place_of, rows_of
from dashboard.state.comparison_words import DEFINITIONS, MISSING, headline, sentences, table_of
from dashboard.state.grid import grid_of
from dashboard.state.page_state import PageState
from dashboard.tables import folded, table
from dashboard.theme import heading, ink, plain, text
from dashboard.turns import in_turns

__all__ = ["Comparison"]

_REACH = 12
"""How far from a site a tap may land, pixels."""
_PIXELS = 32_000
"""Of an image: eighteen of them, and all that comes with them, stay below 2 MB."""
_SOURCES = ("binn", "proda", "truth")


class Comparison(Viewer):
    """Maps, differences and scatters of the six components.

    Parameters
    ----------
    state : PageState
        What is drawn; brushes and taps change its selection.
    attention : Attention, optional
        Whether somebody looks.

    Attributes
    ----------
    rows : dict of ComparisonRow
        By component; empty until there is something to draw.
    ground : Ground or None
        What the maps share; None if the dataset holds no PRODA.
    """

    enlarged = param.Selector(
        default="", objects=["", *COMPONENTS], doc="The component shown large; none by default."
    )
    tool = param.Selector(default="box", objects=["box", "lasso", "pan"], doc="What dragging does.")

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        state.look.tie(self, enlarged="enlarged")
        attention = attention or Attention()
        self._session, self._selection = state.session, state.selection
        self._field, self._results = state.field, state.results
        self.rows: dict[str, ComparisonRow] = {}
        self.ground: Ground | None = None
        self._panes: dict[str, RowPanes] = {}
        self._selected = SelectionLine(state, attention)
        self._found: dict[str, dict[str, Compared]] = {}
        self._shown: tuple[object, ...] = ()
        self._document, self._attention = pn.state.curdoc, attention
        wide = {"sizing_mode": "stretch_width", "margin": (0, 10)}
        self._note = text(size="0.85rem", **wide)
        self._table = HTML(**wide)
        self._body = Column(sizing_mode="stretch_width", margin=0)
        if "proda" not in state.opened.sources:
            self._note.object = plain(MISSING)
            return
        self.place = place_of(state.opened)
        kind = "cell_biome" if self.place == "cell" else "biome"
        self._biome = state.opened.dataset[kind].to_numpy().astype(str)
        self._grid = grid_of(state.opened, _PIXELS) if self.place == "cell" else None
        self._where = where_of(state.opened.dataset, self._grid)
        self._x, self._y = self._where["x"], self._where["y"]
        self._results.want(*((s, self.place) for s in _SOURCES if s in state.opened.sources))
        self._redraw()
        attention.follow(self._redraw, self._results, ["estimates", "problem"])
        attention.follow(self._redraw, self._field, ["definition", "reach", "limits", "key"])
        attention.follow(self._choose, self._selection, ["sites"])
        attention.follow(self._follow_theme, self._session, ["dark"])
        self.param.watch(self._enlarge, ["enlarged", "tool"])

    def _redraw(self, *_: param.parameterized.Event) -> None:
        """Compare what is there, and show it; nothing is done where nothing has changed."""
        every = {source: self._results.get(source, self.place) for source in _SOURCES}
        binn, proda = every["binn"], every["proda"]
        field = self._field
        if binn is None or proda is None:
            self._note.object = plain(self._results.problem or "Computing …")
            return
        shown = (*map(id, every.values()), field.definition, field.reach, field.limits, field.key)
        if shown == self._shown:
            return
        self._shown = shown
        self._found = {
            definition: {
                key: compared(key, definition, binn, proda, every["truth"], field)
                for key in COMPONENTS
            }
            for definition in DEFINITIONS
        }
        if self.ground is None:
            self._begin()
        else:
            self.ground.show(self.found)
        for key in self.rows:
            self._fill(key)
        numbers = [found[key] for key in COMPONENTS for found in self._found.values()]
        self._table.object = table(*table_of(numbers, self.place))
        self._introduce()

    @property
    def found(self) -> dict[str, Compared]:
        """What is shown, by component; empty while it is computed."""
        return self._found.get(self._field.definition, {})

    def _begin(self) -> None:
        """Make the rows, each figure in a turn of its own where there is an event loop."""
        self.ground = Ground(self._where, self._grid, self.found)
        self.ground.paint(self._session.dark)
        self.ground.select(rows_of(self._selection, self.place))
        figures = [partial(self._add, key, one) for key in COMPONENTS for one in FIGURES]
        in_turns(self._document, [*figures, self._end], self._attention)

    def _end(self) -> None:
        """The table comes last: the page gives figures its colours when something follows them."""
        self._body.append(folded("Numbers by component and definition", self._table))

    def _add(self, key: str, one: str) -> None:
        """Make a figure and show it; with the first of a row, its words and buttons."""
        if key not in self.rows:
            self.rows[key] = ComparisonRow(key, *COMPONENT_NAMES[key], self.ground)
            self._panes[key] = RowPanes(
                select=lambda _: self._select_most(key),
                enlarge=lambda _: self.param.update(enlarged="" if self.enlarged == key else key),
            )
            self._fill(key)
        row, panes = self.rows[key], self._panes[key]
        fig = row.add(one)
        if one == "scatter":
            fig.on_event(SelectionGeometry, self._scatter_brushed(key))
        else:
            fig.on_event(SelectionGeometry, self._map_brushed(key, one))
            for tap in (Tap, DoubleTap):  # two taps in quick succession come as one of the latter
                fig.on_event(tap, self._tapped(fig))
        row.paint(ink(self._session.dark))
        self._arrange(key)
        panes.add(one, fig)
        if panes.layout not in self._body:
            self._body.append(panes.layout)

    def _fill(self, key: str) -> None:
        found = self.found[key]
        self.rows[key].show(found)
        panes = self._panes[key]
        panes.title.object = heading(headline(found, self.place))
        panes.select.disabled = not len(found.most_different)
        panes.name(self._session.opened.source_name("binn"), found)
        self._say(key)

    def _say(self, key: str) -> None:
        found, rows = self.found[key], rows_of(self._selection, self.place)
        selected = found.among(rows) if len(rows) else None
        self._panes[key].words.object = plain(sentences(found, self.place, self._biome, selected))

    def _introduce(self) -> None:
        opened, session = self._session.opened, self._session
        said = [f"{opened.source} against PRODA, bedrock scheme {session.bedrock}."]
        if self._field.definition == "published":
            said.append(
                "As published: baseline decomposition is weighted by summed concentrations, and "
                "input allocation is the normalised beta; the other four are as by stock."
            )
        said.append(session.notice)
        self._note.object = plain(" ".join(filter(None, said)))

    def _choose(self, *_: param.parameterized.Event) -> None:
        """The selection was changed, here or elsewhere."""
        if self.ground is None:
            return
        self.ground.select(rows_of(self._selection, self.place))
        for key in self.rows:
            self._say(key)

    def _choose_rows(self, rows: NDArray[np.int64], how: str, extend: bool = False) -> None:
        if self.place == "cell":
            self._selection.choose_cells(rows, how, extend=extend)
        else:
            self._selection.choose(rows, how)

    def _map_brushed(self, key: str, one: str):  # type: ignore[no-untyped-def]
        def brushed(event: SelectionGeometry) -> None:
            if event.final:
                label = COMPONENT_NAMES[key][0].lower()
                rows = rows_within(event.geometry, self._x, self._y)
                which = "difference" if one == "difference" else one.upper()
                self._choose_rows(rows, f"brushed on the {which} map of {label}")

        return brushed

    def _scatter_brushed(self, key: str):  # type: ignore[no-untyped-def]
        def brushed(event: SelectionGeometry) -> None:
            if event.final and self.found:
                found = self.found[key]
                rows = rows_within(event.geometry, found.proda, found.binn)
                self._choose_rows(rows, f"brushed in the scatter of {found.label.lower()}")

        return brushed

    def _tapped(self, fig: figure):  # type: ignore[no-untyped-def]
        def tapped(event: Tap) -> None:
            if event.x is None or event.y is None:
                return
            extend = bool(event.modifiers and event.modifiers.get("shift"))
            if self._grid is not None:
                cell = self._grid.cell_at(event.x, event.y)
                if cell is not None:
                    self._choose_rows(np.array([cell]), f"grid cell {cell}", extend)
                return
            site = nearest_on_screen(fig, (event.x, event.y), self._x, self._y, _REACH)
            if site is not None:
                self._selection.tap(site, extend=extend)

        return tapped

    def _select_most(self, key: str) -> None:
        found = self.found[key]
        how = f"the 5 % of {self.place}s where BINN and PRODA differ most in {found.label.lower()}"
        self._choose_rows(found.most_different, how)

    def _enlarge(self, *_: param.parameterized.Event) -> None:
        document = self._document
        # or the document would be searched for models at each of the figures
        with nullcontext() if document is None else document.models.freeze():
            for key in self._panes:
                self._arrange(key)

    def _arrange(self, key: str) -> None:
        """A row large, folded, or as one of six."""
        large = self.enlarged == key
        self._panes[key].arrange(large=large, folded=bool(self.enlarged) and not large)
        self.rows[key].drag(self.tool, zoom=large)

    def _reset(self, *_: object) -> None:
        for row in self.rows.values():
            row.whole()

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        if self.ground is not None:
            self.ground.paint(self._session.dark)
        for row in self.rows.values():
            row.paint(ink(self._session.dark))

    def __panel__(self) -> Column:
        if "proda" not in self._session.opened.sources:
            return Column(self._note, sizing_mode="stretch_width", margin=(16, 0))
        return Column(
            top_bar(self, self._field, self._reset, self._selected),
            self._note,
            self._body,
            sizing_mode="stretch_width",
            margin=0,
        )
