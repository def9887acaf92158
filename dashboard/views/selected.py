"""How many sites are selected, what they are, and the way to let go of them."""

from __future__ import annotations

import param
from panel.layout import Column
from panel.viewable import Viewer

from dashboard.selection_line import SelectionLine
from dashboard.state.attention import Attention
from dashboard.state.page_state import PageState
from dashboard.theme import plain, text

__all__ = ["Selected"]

_LISTED = 4


class Selected(Viewer):
    """The text "N sites selected" with Clear, and the profile ids while there are few.

    Parameters
    ----------
    state : PageState
        What is shown and changed.
    attention : Attention, optional
        Whether somebody looks.
    """

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        self._session, self._selection = state.session, state.selection
        self._which = text(
            muted=True,
            size="0.82rem",
            margin=(0, 8, 6, 8),
            sizing_mode="stretch_width",
            min_height=39,  # two lines: what is below stays where it is
        )
        self._line = SelectionLine(state, attention)
        self._say()
        (attention or Attention()).follow(self._say, state.selection, ["sites", "how"])

    def _say(self, *_: param.parameterized.Event) -> None:
        self._which.object = plain(self._description())

    def _description(self) -> str:
        selection, dataset = self._selection, self._session.opened.dataset
        if not len(selection):
            return "Tap a site, drag a box or lasso, or type an id. Until then: all sites."
        if len(selection) == 1:
            site = int(selection.sites[0])
            lon, lat = float(dataset["lon"][site]), float(dataset["lat"][site])
            where = [str(dataset[name].to_numpy()[site]) for name in ("state", "biome")]
            place = f"{lat:.3f}° N, {abs(lon):.3f}° {'W' if lon < 0 else 'E'}"
            return ", ".join(
                [f"Profile {selection.profile(site)} (site #{site})", place, *filter(None, where)]
            )
        listed = ", ".join(selection.profile(site) for site in selection.sites[:_LISTED])
        more = "" if len(selection) <= _LISTED else f" and {len(selection) - _LISTED:,} more"
        return (f"{selection.how}: " if selection.how else "") + f"profiles {listed}{more}"

    def __panel__(self) -> Column:
        return Column(
            self._line,
            self._which,
            sizing_mode="stretch_width",
            margin=0,
        )
