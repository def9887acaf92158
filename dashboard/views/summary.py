"""The map in words: what is shown, from where, n, median and quartiles."""

from __future__ import annotations

import numpy as np
import param
from numpy.typing import NDArray
from panel.layout import Column
from panel.viewable import Viewer

from dashboard.state.field import FieldChoice
from dashboard.state.results import Results
from dashboard.state.selection import Selection
from dashboard.state.session import Session
from dashboard.theme import plain, text
from dashboard.units import number, written

__all__ = ["MapSummary", "described"]


class MapSummary(Viewer):
    """Numbers beside the map, for reading and for those who cannot see it.

    Parameters
    ----------
    session, field, selection, results
        What is summarised.
    """

    def __init__(
        self,
        session: Session,
        field: FieldChoice,
        selection: Selection,
        results: Results,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self._session, self._field = session, field
        self._selection, self._results = selection, results
        self._numbers = text(sizing_mode="stretch_width", margin=(4, 10, 0, 10), size="0.85rem")
        self._origin = text(
            muted=True, sizing_mode="stretch_width", margin=(0, 10, 4, 10), size="0.8rem"
        )
        self._say()
        field.param.watch(self._say, ["key", "depth"])
        selection.param.watch(self._say, "sites")
        results.param.watch(self._say, ["estimate", "problem"])
        session.param.watch(self._say, "bedrock")

    def _say(self, *_: param.parameterized.Event) -> None:
        session, field = self._session, self._field.field
        values = self._field.values(self._results.estimate, session.opened.observations)
        unit = written(field.unit)
        if self._results.problem:
            self._numbers.object = plain(self._results.problem)
        elif values is None:
            self._numbers.object = plain(f"{self._field.title}: computing …")
        else:
            lines = [f"{self._field.title}, all sites: {described(values, unit)}"]
            if len(self._selection):
                chosen = values[self._selection.sites]
                lines.append(f"Selected: {described(chosen, unit)}")
            else:
                lines.append("Selected: none")
            self._numbers.object = plain("\n".join(lines))
        origin = f"{session.opened.name} ({session.badge}). "
        if field.measured:
            origin += "Observed."
        else:
            origin += f"{session.opened.source}; bedrock scheme {session.bedrock}."
        self._origin.object = plain(f"{origin} {session.notice}".strip())

    def __panel__(self) -> Column:
        return Column(self._numbers, self._origin, sizing_mode="stretch_width", margin=0)


def described(values: NDArray[np.float64], unit: str) -> str:
    """Median, quartiles and number of the finite values, and how many are missing."""
    known = values[np.isfinite(values)]
    missing = len(values) - len(known)
    tail = f", {missing:,} without a value" if missing else ""
    if not len(known):
        return f"n = 0{tail}"
    low, middle, high = (number(float(v)) for v in np.percentile(known, (25, 50, 75)))
    return f"median {middle} {unit}".rstrip() + f" (IQR {low} to {high}), n = {len(known):,}{tail}"
