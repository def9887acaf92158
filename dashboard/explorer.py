"""The page of an opened dataset: one state, the views of it, and where they stand."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from dashboard.state.field import FieldChoice
from dashboard.state.library import Opened
from dashboard.state.results import Results
from dashboard.state.scenario import Scenario
from dashboard.state.selection import Selection
from dashboard.state.session import SCHEMES, Session
from dashboard.state.work import Lane
from dashboard.theme import text
from dashboard.views.controls import Controls
from dashboard.views.map import SiteMap
from dashboard.views.methods import Methods
from dashboard.views.profile import DepthProfile
from dashboard.views.scenario import ScenarioSliders
from dashboard.views.selected import Selected
from dashboard.views.site import SiteParameters
from dashboard.views.summary import MapSummary

__all__ = ["Explorer"]

_LEFT = {"flex": "3 1 420px", "min-width": "min(100%, 420px)"}
_RIGHT = {"flex": "2 1 340px", "min-width": "min(100%, 340px)"}
_STAYS = "@media (min-width: 900px) { :host { position: sticky !important; top: 0 } }"
"""In sight while the sliders beside it are scrolled."""
_NOT_ON_PHONES = "@media (max-width: 600px) { :host { display: none } }"
_MAP = {
    "height": "min(100vh - 205px, 120vw)",
    "min-height": "320px",
    "width": "100%",
    "flex": "none",
}


class Explorer:
    """State and views of one visitor.

    Parameters
    ----------
    opened : Opened
        What is looked at.
    estimates, changes : Lane
        Where all sites, and the changed selection, are solved.

    Attributes
    ----------
    session, selection, field, scenario, results
        The state; change it and every view follows.
    header, drawer : list
        What goes into the page's header and drawer.
    main : panel_material_ui.Tabs
    """

    def __init__(
        self, opened: Opened, estimates: Lane | None = None, changes: Lane | None = None
    ) -> None:
        dataset = opened.dataset
        names = ("lon", "lat", "profile_id", "state", "biome")
        self.session = Session(opened)
        self.selection = Selection(*(dataset[name].to_numpy() for name in names))
        self.field = FieldChoice()
        self.scenario = Scenario()
        self.results = Results(self.session, self.selection, self.scenario, estimates, changes)
        self.header = self._header()
        self.drawer = [Controls(self.field, self.selection)]
        self.main = self._tabs(
            {"Explore": self._explore, "What if": self._what_if, "Methods": self._methods}
        )
        self.results.start()

    def _header(self) -> list[object]:
        opened = self.session.opened
        clip = {"white-space": "nowrap", "overflow": "hidden", "text-overflow": "ellipsis"}
        words = (
            f"{opened.name}  ·  {self.session.badge}  ·  {opened.source}  ·  {self.session.device}"
        )
        name = text(
            words,
            muted=True,
            size="0.82rem",
            styles=clip,
            stylesheets=[_NOT_ON_PHONES],
            sizing_mode="stretch_width",
            margin=(0, 16),
            align="center",
        )
        scheme = pmui.Select(
            label="Bedrock",
            options={words.split(":")[0]: key for key, words in SCHEMES.items()},
            value=self.session.bedrock,
            description="\n".join(SCHEMES.values()),
            size="small",
            width=130,
            margin=(4, 8),
        )
        scheme.link(self.session, value="bedrock")
        return [name, scheme]

    def _tabs(self, pages: dict[str, Callable[[], object]]) -> pmui.Tabs:
        """Tabs that are filled when they are first opened."""
        bodies = [pn.Column(sizing_mode="stretch_width", margin=0) for _ in pages]
        makers = list(pages.values())
        tabs = pmui.Tabs(
            *zip(pages, bodies, strict=True),
            sizing_mode="stretch_width",
            margin=0,
            sx={"& > .MuiBox-root": {"overflow": "visible"}},  # the page scrolls, not the tab
        )

        def fill(number: int) -> None:
            if not bodies[number].objects:
                bodies[number].append(makers[number]())

        tabs.param.watch(lambda event: fill(event.new), "active")
        fill(0)
        return tabs

    def _explore(self) -> pn.FlexBox:
        state = (self.session, self.selection, self.results)
        site_map = SiteMap(self.session, self.field, self.selection, self.results)
        summary = MapSummary(self.session, self.field, self.selection, self.results)
        left = pn.Column(
            pn.Column(site_map, styles=_MAP, margin=0, sizing_mode="stretch_width"),
            summary,
            styles=_LEFT,
            margin=0,
        )
        right = pn.Column(
            Selected(self.session, self.selection),
            DepthProfile(*state),
            SiteParameters(*state),
            styles=_RIGHT,
            margin=0,
        )
        return pn.FlexBox(left, right, sizing_mode="stretch_width", margin=0)

    def _what_if(self) -> pn.FlexBox:
        state = (self.session, self.selection, self.results)
        sliders = ScenarioSliders(
            self.session, self.selection, self.scenario, self.field, self.results
        )
        left = pn.Column(sliders, styles=_LEFT, margin=0)
        right = pn.Column(
            Selected(self.session, self.selection),
            DepthProfile(*state, tag="what-if-"),
            sliders.outcome,
            styles=_RIGHT,
            stylesheets=[_STAYS],
            margin=0,
        )
        # on a phone the profile comes first, so that one sees what a slider does
        return pn.FlexBox(
            left,
            right,
            sizing_mode="stretch_width",
            flex_wrap="wrap-reverse",
            align_items="flex-end",
            margin=0,
        )

    def _methods(self) -> Methods:
        return Methods(self.session)
