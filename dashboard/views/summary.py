"""The map in words and numbers: what is shown, from where, n, median and quartiles; a table."""

from __future__ import annotations

import numpy as np
import param
from numpy.typing import NDArray
from panel.layout import Column
from panel.viewable import Viewer

from dashboard.state.attention import Attention
from dashboard.state.field import FIELDS
from dashboard.state.listed import listed_map
from dashboard.state.mapped import Mapped
from dashboard.state.page_state import PageState
from dashboard.tables import OnDemand, table
from dashboard.theme import plain, text
from dashboard.units import number, written

__all__ = ["MapSummary", "described"]


class MapSummary(Viewer):
    """Numbers beside the map, for reading and for those who cannot see it.

    Parameters
    ----------
    state : PageState
        What is summarised.
    attention : Attention, optional
        Whether somebody looks.
    shows : {"mapped", "changed_map"}
        Which of the results.

    Attributes
    ----------
    numbers : OnDemand
        The map as a table: by ecoregion, and of the selected sites or cells while they are few.
    """

    def __init__(
        self,
        state: PageState,
        attention: Attention | None = None,
        shows: str = "mapped",
        **params: object,
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._session, self._selection = state.session, state.selection
        self._results, self._shows = state.results, shows
        self._numbers = text(sizing_mode="stretch_width", margin=(4, 10, 0, 10), size="0.85rem")
        self._origin = text(
            muted=True, sizing_mode="stretch_width", margin=(0, 10, 4, 10), size="0.8rem"
        )
        self.numbers = OnDemand("Numbers of the map", self._table)
        self._say()
        attention.follow(self._say, self._selection, ["sites"])
        attention.follow(self._say, self._results, [shows, "mapped", "problem", "waiting"])
        attention.follow(self._say, self._session, ["bedrock"])

    def _say(self, *_: param.parameterized.Event) -> None:
        session, shown = self._session, self._shown
        if self._results.problem:
            self._numbers.object = plain(self._results.problem)
        elif shown is None:
            self._numbers.object = plain("Computing …")
        else:
            unit, grid = written(shown.unit), shown.on == "cell"
            what = "all grid cells" if grid else "all sites"
            lines = [f"{shown.title}, {what}: {described(shown.values, unit)}"]
            if len(self._selection):
                rows = self._selection.cells if grid else self._selection.sites
                lines.append(f"Selected: {described(shown.values[rows], unit)}")
            else:
                lines.append("Selected: none")
            if self._results.waiting:
                lines.insert(0, "Computing what was chosen … The map still shows:")
            self._numbers.object = plain("\n".join(lines))
        self._origin.object = plain(f"{self._provenance(shown)} {session.notice}".strip())
        self.numbers.renew()

    @property
    def _shown(self) -> Mapped | None:
        """What the map draws; without a scenario its map shows what there is."""
        found: Mapped | None = getattr(self._results, self._shows)
        return found or self._results.mapped

    def _table(self) -> str:
        if self._shown is None:
            return ""
        every = listed_map(self._shown, self._session.opened, self._selection)
        return "".join(table(one.caption, one.head, one.rows) for one in every)

    def _provenance(self, shown: Mapped | None) -> str:
        session = self._session
        origin = f"{session.opened.name} ({session.badge}). "
        if shown is None:
            return origin
        if FIELDS[shown.key].measured:
            return f"{origin}Observed."
        sources = {
            "binn": session.opened.source,
            "proda": "PRODA parameters of the dataset",
            "difference": f"{session.opened.source}, less PRODA",
            "spread": f"{session.opened.source}, its cross-validation members",
            "truth": "the parameters the data were simulated with",
        }
        return f"{origin}{sources[shown.source]}; bedrock scheme {session.bedrock}."

    def __panel__(self) -> Column:
        parts = (self._numbers, self._origin, self.numbers.layout)
        return Column(*parts, sizing_mode="stretch_width", margin=0)


def described(values: NDArray[np.float64], unit: str) -> str:
    """Median, quartiles and number of the finite values, and how many are missing."""
    known = values[np.isfinite(values)]
    missing = len(values) - len(known)
    tail = f", {missing:,} without a value" if missing else ""
    if not len(known):
        return f"n = 0{tail}"
    if len(known) == 1:
        return f"{number(float(known[0]))} {unit}".rstrip() + f", n = 1{tail}"
    low, middle, high = (number(float(v)) for v in np.percentile(known, (25, 50, 75)))
    return f"median {middle} {unit}".rstrip() + f" (IQR {low} to {high}), n = {len(known):,}{tail}"
