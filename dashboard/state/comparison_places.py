"""Where BINN and PRODA are compared: on the cells of the dataset's grid, or at its sites."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dashboard.state.grid import grid_of
from dashboard.state.opened import Opened
from dashboard.state.selection import Selection

__all__ = ["place_of", "rows_of"]


def place_of(opened: Opened) -> str:
    """Where BINN and PRODA are compared: ``cell``, or ``site`` if the cells are not on a grid.

    Nor are cells of use where PRODA or the covariates that BINN needs are unknown on all of them.
    Reads the dataset only, so that it need not wait for what is being solved.
    """
    dataset = opened.dataset
    if grid_of(opened) is None or "proda_parameters" not in dataset:
        return "site"
    needed = ["proda_parameters", *(["cell_covariates"] if opened.models else [])]
    known = all(np.isfinite(dataset[name].to_numpy()).any() for name in needed)
    return "cell" if known else "site"


def rows_of(selection: Selection, place: str) -> NDArray[np.int64]:
    """The selected places: cells that hold a selected site, or the sites; empty without any."""
    if not len(selection):
        return np.empty(0, dtype=np.int64)
    return selection.cells if place == "cell" else selection.sites
