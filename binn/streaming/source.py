"""Chunks of a dataset that stays in its file: rows, their forcing and their observations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import Forcing
from binn.datasets.blocks import BLOCK, blocks
from binn.datasets.storage import reading
from binn.model import BINN
from binn.prediction import Seen, known_rows
from binn.site_inputs import On

__all__ = ["Piece", "Source"]

_READ = {
    "site": ("covariates", "lon", "lat", "site_cell"),
    "cell": ("cell_covariates", "cell_lon", "cell_lat"),
}
_SHARED_CELLS = 20_000
"""Forcing of so many cells is held in memory (160 MB) and shared by all chunks."""


@dataclass(frozen=True)
class Piece:
    """A chunk of a dataset, all that is needed to predict it.

    Attributes
    ----------
    data : xarray.Dataset
        Covariates and places of its rows, in memory.
    cells : ndarray (row,) of int
        Which row of the forcing each uses.
    forcing : Forcing or None
        Rows of forcing of this piece alone; None: those that all pieces share.
    seen : Seen or None
        Observations of its sites.
    """

    data: xr.Dataset
    cells: NDArray[np.int64]
    forcing: Forcing | None
    seen: Seen | None


class Source:
    """A dataset opened lazily, and the rows of it that can be predicted.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`binn.datasets.storage.stream_dataset`.
    path : path
        Where it is, for messages.
    models : sequence of BINN
        What reads the covariates.
    on : {"site", "cell"}
        Rows.

    Attributes
    ----------
    rows : ndarray of int
        Sites or cells to predict.
    forcing : Forcing or None
        Rows of forcing of all cells, unless they are too many to hold.

    Raises
    ------
    InputError
        If a covariate is missing or there is nothing to predict.
    """

    def __init__(
        self, ds: xr.Dataset, path: Path, models: list[BINN], on: On, shared: int = _SHARED_CELLS
    ) -> None:
        self.ds, self.path, self.on = ds, path, on
        with reading(path):
            step = max(1, BLOCK // (8 * max(1, ds.sizes["covariate"])))
            self.rows = known_rows(models, ds, on, step)
            few = ds.sizes["cell"] <= shared
            self.forcing = Forcing.from_dataset(ds, on="cell") if few else None

    def pieces(self, size: int, done: int = 0) -> Iterator[Piece]:
        """Pieces of `size` rows, without the first `done` rows.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        with reading(self.path):
            seen = self._observations_before(done) if self.on == "site" else 0
        for start in range(done, len(self.rows), size):
            with reading(self.path):
                piece = self._piece(self.rows[start : start + size], seen)
            seen += 0 if piece.seen is None else len(piece.seen.depth)
            yield piece

    def _observations_before(self, site: int) -> int:
        counts = self.ds["obs_count"][:site]
        return sum(int(values.sum()) for _, values in blocks(counts, BLOCK))

    def _piece(self, rows: NDArray[np.int64], first_observation: int) -> Piece:
        window = slice(int(rows[0]), int(rows[-1]) + 1)
        names = [*_READ[self.on], "covariate"]
        data = self.ds[names].isel({self.on: window}).load()
        seen = None
        if self.on == "site":
            cells = data["site_cell"].to_numpy().astype(np.int64)
            count = self.ds["obs_count"][window].to_numpy().astype(np.int64)
            depth = self.ds["obs_depth"][first_observation : first_observation + count.sum()]
            seen = Seen(
                depth.to_numpy().astype(np.float64), np.repeat(np.arange(len(count)), count)
            )
        else:
            data = data.isel(cell=rows - rows[0])
            cells = rows
        if self.forcing is not None:
            return Piece(data, cells, None, seen)
        needed, local = np.unique(cells, return_inverse=True)
        return Piece(data, local, self._forcing_of(needed), seen)

    def _forcing_of(self, cells: NDArray[np.int64]) -> Forcing:
        """Forcing of a few of many cells, in their order."""
        some: Any = cells
        if cells[-1] - cells[0] < 2 * len(cells):  # neighbours are read as one, which is quicker
            near = self.ds.isel(cell=slice(int(cells[0]), int(cells[-1]) + 1))
            return Forcing.from_dataset(near, on="cell").take(cells - cells[0])
        return Forcing.from_dataset(self.ds.isel(cell=some), on="cell")
