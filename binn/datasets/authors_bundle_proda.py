"""Parameters that PRODA estimated, from the authors' result files (spec section 12).

The files hold parameters normalised to 0..1, one line a profile (or grid point), one file a run of
their network; a second file says which row of the profiles (or of the grid) each line is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from binn.datasets.authors_bundle_files import BundleFiles
from binn.datasets.authors_bundle_filters import rows_from_one
from binn.datasets.authors_bundle_layout import PRODA_RANGES
from binn.datasets.number_files import Array
from binn.errors import InputError
from binn.parameters import KEYS

__all__ = ["Proda", "read_proda"]

_ENDING = "cesm2_clm5_cen_vr_v2_whole_time_exp_pc_cesm2_23_cross_valid_0_*.csv"
#: of profiles and of grid points: start of the file of rows, start of the file of parameters
_STARTS = {
    "site": ("nn_site_loc_full_", "nn_para_result_full_"),
    "grid": ("valid_grid_loc_", "grid_para_result_"),
}
LEAST = 1e-4
"""Smallest normalised parameter, as in the authors' maps: turnover times of zero do not exist."""


@dataclass(frozen=True)
class Proda:
    """PRODA's parameters of some rows, averaged over its runs.

    Attributes
    ----------
    rows
        (entry,) rows (from 0) of the profiles or of the grid, ascending.
    parameters
        (entry, 21) physical units, table order.
    runs
        Numbers of the runs that were averaged.
    clipped
        How many normalised means were below :data:`LEAST` or above 1.
    ranges
        Which ranges they were read with: "binn" or "proda".
    """

    rows: NDArray[np.int64]
    parameters: Array
    runs: tuple[int, ...]
    clipped: int
    ranges: str

    def of(self, rows: NDArray[np.integer]) -> Array:
        """Parameters of rows (row, 21); NaN for those that PRODA has not."""
        found = np.full((len(rows), len(KEYS)), np.nan)
        place = np.minimum(np.searchsorted(self.rows, rows), max(len(self.rows) - 1, 0))
        if len(self.rows):
            there = self.rows[place] == rows
            found[there] = self.parameters[place[there]]
        return found

    def attributes(self) -> dict[str, str | int]:
        """What a variable of these must say about itself."""
        bounds = {"binn": "those of BINN, as in binn.parameters", "proda": "those of PRODA's code"}
        return {
            "comment": (
                f"mean over runs {', '.join(map(str, self.runs))} of PRODA's network, normalised "
                f"values held inside {LEAST:g} to 1, ranges {bounds[self.ranges]}"
            ),
            "range_set": self.ranges,
            "clipped": self.clipped,
        }


def read_proda(files: BundleFiles, what: str, total: int, ranges: str) -> Proda | None:
    """Read the results for profiles or for grid points; None where there are none.

    Parameters
    ----------
    files : BundleFiles
        Where from.
    what : {"site", "grid"}
        Which.
    total : int
        Number of rows of the profiles or of the grid.
    ranges : {"binn", "proda"}
        Bounds to take the normalised values between.

    Raises
    ------
    InputError
        When one of the two files of a run is missing, a file is damaged, the two have different
        numbers of lines, or a row is past the table.
    """
    places, results = (files.numbered(start + _ENDING) for start in _STARTS[what])
    if not places and not results:
        return None
    for run in sorted(places.keys() ^ results.keys()):
        start = _STARTS[what][run in places]
        raise InputError(f"{files.root} lacks {start}{_ENDING.replace('*', str(run))}")
    sums, counts = np.zeros((total, len(KEYS))), np.zeros(total, np.int64)
    for run, place in places.items():
        rows, values = _run(files, place, results[run], total)
        sums[rows] += values
        counts[rows] += 1
    known = np.flatnonzero(counts)
    mean = sums[known] / counts[known, None]
    clipped = int(((mean < LEAST) | (mean > 1)).sum())
    lower, upper = PRODA_RANGES[ranges]
    parameters = lower + np.clip(mean, LEAST, 1.0) * (upper - lower)
    return Proda(known, parameters, tuple(places), clipped, ranges)


def _run(
    files: BundleFiles, place: Path, result: Path, total: int
) -> tuple[NDArray[np.int64], Array]:
    """Rows (from 0) and normalised parameters of one run."""
    rows = rows_from_one(files.csv(place, 1)[:, 0], total, str(place))
    values = files.csv(result, len(KEYS))
    if len(values) != len(rows):
        raise InputError(f"{result} has {len(values)} lines, {place.name} has {len(rows)}")
    if np.unique(rows).size < rows.size:
        raise InputError(f"{place} names a row twice")
    whole = np.isfinite(values).all(axis=1)
    return rows[whole], values[whole]
