"""The page of an opened dataset: one state, the views of it, and where they stand."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document
from panel.viewable import Viewer

from binn.runs import runs_folder
from dashboard.state.attention import Attention
from dashboard.state.link import TABS
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane
from dashboard.turns import in_turns
from dashboard.views.controls import Controls
from dashboard.views.inspector import Inspector
from dashboard.views.map import FieldMap
from dashboard.views.profile import DepthProfile
from dashboard.views.selected import Selected
from dashboard.views.site import SiteParameters
from dashboard.views.summary import MapSummary

__all__ = ["Explorer"]

_LEFT = {"flex": "3 1 420px", "min-width": "min(100%, 420px)"}
_RIGHT = {"flex": "2 1 340px", "min-width": "min(100%, 340px)"}
_STAYS = "@media (min-width: 900px) { :host { position: sticky !important; top: 0 } }"
"""In sight while the sliders beside it are scrolled."""
_MAP = {"width": "100%", "flex": "none"}
_TALL = {**_MAP, "min-height": "320px", "height": "min(100vh - 205px, 120vw)"}
_LOW = {**_MAP, "height": "250px"}


class Explorer:
    """The tabs of one visitor; each is built, and what it draws with imported, when first opened.

    Parameters
    ----------
    state : PageState
        Change it and every view follows.
    names : (str, str)
        Of the dataset and checkpoint, as links name them.
    lane : callable
        Makes a lane for a kind of work that must not hold up the page.
    training : callable, optional
        Makes the Training tab; who may train is the page's business.

    Attributes
    ----------
    main : panel_material_ui.Tabs
    """

    def __init__(
        self,
        state: PageState,
        names: tuple[str, str] = ("demo", "demo"),
        lane: Callable[[str], Lane] = lambda _: Lane(),
        training: Callable[[Attention], object] | None = None,
    ) -> None:
        self.state, self._names, self._lane = state, names, lane
        self._makers: dict[str, Callable[[Attention], object]] = {
            "explore": self._explore,
            "traceability": self._traceability,
            "binn-vs-proda": self._comparison,
            "what-if": self._what_if,
            "evaluation": self._evaluation,
            **({} if training is None else {"training": training}),
            "methods": self._methods,
        }
        self._attention = {tab: Attention(looked_at=False) for tab in self._makers}
        self._bodies = {tab: pn.Column(sizing_mode="stretch_width", margin=0) for tab in TABS}
        self._bodies = {tab: body for tab, body in self._bodies.items() if tab in self._makers}
        self.main = pmui.Tabs(
            *((TABS[tab], body) for tab, body in self._bodies.items()),
            sizing_mode="stretch_width",
            margin=0,
            sx={"& > .MuiBox-root": {"overflow": "visible"}},  # the page scrolls, not the tab
        )
        self._document: Document | None = None
        self.main.param.watch(lambda _: self._open(), "active")

    @property
    def tab(self) -> str:
        """The tab that is open, as links name it."""
        return list(self._bodies)[self.main.active]

    def drawer(self) -> list[Viewer]:
        """What goes into the page's drawer."""
        return [Controls(self.state)]

    def start(self, tab: str = "explore") -> None:
        """Open a tab; what it shows comes when the state's results are started."""
        self.main.active = list(self._bodies).index(tab) if tab in self._bodies else 0
        self._open()
        self._document = pn.state.curdoc  # what is opened later is built in turns

    def _open(self) -> None:
        """Fill the open tab if it is empty; views in the others wait."""
        tab = self.tab
        for each, attention in self._attention.items():
            attention.looked_at = each == tab
        make = self._makers.pop(tab, None)
        if make is None:
            return
        attention, made = self._attention[tab], []
        steps = (
            lambda: made.append(make(attention)),
            lambda: self._bodies[tab].extend(made),
        )
        in_turns(self._document, steps, attention)

    def _explore(self, attention: Attention) -> pn.FlexBox:
        state = self.state
        left = pn.Column(
            pn.Column(
                FieldMap(state, attention), styles=_TALL, margin=0, sizing_mode="stretch_width"
            ),
            MapSummary(state, attention),  # never a map without what its numbers are
            styles=_LEFT,
            margin=0,
        )
        right = pn.Column(styles=_RIGHT, margin=0)
        steps = (
            lambda: right.append(Selected(state, attention)),
            lambda: right.append(DepthProfile(state, attention)),
            lambda: right.append(SiteParameters(state, attention)),
            lambda: right.append(Inspector(state, attention, self._lane("inspecting"))),
        )
        in_turns(pn.state.curdoc, steps, attention)
        return pn.FlexBox(left, right, sizing_mode="stretch_width", margin=0)

    def _traceability(self, attention: Attention) -> Viewer:
        from dashboard.views.traceability import Traceability

        return Traceability(self.state, attention)

    def _comparison(self, attention: Attention) -> Viewer:
        from dashboard.views.comparison import Comparison

        return Comparison(self.state, attention)

    def _what_if(self, attention: Attention) -> pn.FlexBox:
        from dashboard.views.climate import ClimateSliders
        from dashboard.views.scenario import ScenarioSliders
        from dashboard.views.way import WayThere

        state = self.state
        sliders = ScenarioSliders(state, attention)
        left = pn.Column(ClimateSliders(state, attention), styles=_LEFT, margin=0)
        right = pn.Column(
            Selected(state, attention),
            sliders.outcome,
            pn.Column(
                FieldMap(state, attention, shows="changed_map", tag="what-if-", least=250),
                styles=_LOW,
                margin=0,
                sizing_mode="stretch_width",
            ),
            styles=_RIGHT,
            stylesheets=[_STAYS],
            margin=0,
        )
        steps = (
            lambda: left.append(sliders),
            lambda: right.append(DepthProfile(state, attention, tag="what-if-")),
            lambda: right.append(MapSummary(state, attention, shows="changed_map")),
            lambda: right.append(WayThere(state, attention, self._lane("transient"))),
        )
        in_turns(pn.state.curdoc, steps, attention)
        # on a phone the profile comes first, so that one sees what a slider does
        return pn.FlexBox(
            left,
            right,
            sizing_mode="stretch_width",
            flex_wrap="wrap-reverse",
            align_items="flex-end",
            margin=0,
        )

    def _evaluation(self, attention: Attention) -> Viewer:
        from dashboard.views.evaluation import Evaluation

        return Evaluation(self.state, attention, self._lane("evaluating"), runs_folder())

    def _methods(self, _: Attention) -> Viewer:
        from dashboard.views.methods import Methods

        return Methods(self.state, self._names, self._lane("lessons"))
