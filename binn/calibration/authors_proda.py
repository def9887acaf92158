"""Import PRODA's published results: the authors' CSV files, one pair a run of their network.

Each run has normalised parameters at sites (``nn_para_result_full_*_RUN.csv``) and on the grid
(``grid_para_result_*_RUN.csv``), 21 columns without a header, and the row of the authors' table of
profiles or of grid points for each line, counted from 1 (``nn_site_loc_full_*_RUN.csv``,
``valid_grid_loc_*_RUN.csv``); spec section 12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import binn
from binn.atomic import saving, write_file
from binn.calibration.proda import proda_variables
from binn.calibration.ranges import LEAST
from binn.datasets.authors_files import SourceFiles
from binn.errors import InputError
from binn.parameters import KEYS

__all__ = ["import_authors_proda", "write_authors_proda"]

#: of sites and of grid points: start of the names of the rows, of the parameters
_STARTS = {
    "site": ("nn_site_loc_full_", "nn_para_result_full_"),
    "cell": ("valid_grid_loc_", "grid_para_result_"),
}
_NOUNS = {"site": "profile", "cell": "grid point"}
_EXPECTED = 10  # runs that the authors published
_FARTHEST = 10.0  # a linear output may leave 0 to 1 a little; physical units leave it by far
_FOLDERS = ("", "PRODA_Results", "ENSEMBLE/INPUT_DATA/PRODA_Results", "INPUT_DATA/PRODA_Results")


def import_authors_proda(
    source: Path, progress: Callable[[str], None] = lambda _: None
) -> xr.Dataset:
    """Read the results of all runs.

    Parameters
    ----------
    source : Path
        The folder PRODA_Results, or one that holds it.
    progress : callable
        Is told what is being read.

    Returns
    -------
    xarray.Dataset
        ``proda_runs*`` and ``proda_normalised*``, as published, counted in PRODA's ranges
        (attribute ``range_set``); ``proda_parameters*``, their mean over runs held in [1e-4, 1] and
        taken between BINN's ranges, as the BINN authors do; ``site_number`` and ``cell_number``,
        rows of the authors' tables from 1; attribute ``clipped``, how many means were held.

    Raises
    ------
    InputError
        When there are no such files, one of a pair is missing, or a file is cut short, has another
        number of columns, a NaN, or rows that do not fit its partner or the other runs.
    """
    files = SourceFiles(_folder(source), progress)
    out = xr.Dataset(coords={"parameter": list(KEYS)})
    clipped: dict[str, int] = {}
    runs: dict[str, list[int]] = {}
    for on, starts in _STARTS.items():
        places, results = (_numbered(files.root, start) for start in starts)
        for run in sorted(places.keys() ^ results.keys()):
            there, missing = starts if run in places else starts[::-1]
            raise InputError(f"{files.root} has {there}*_{run}.csv but no {missing}*_{run}.csv")
        if not places:
            continue
        numbers, values = _read(files, on, places, results)
        runs[on] = list(places)
        for name, variable in proda_variables(on, values, "proda", np.float64).items():
            out[name] = variable
        out[f"{on}_number"] = (
            (on,),
            numbers,
            {
                "units": "1",
                "long_name": f"row of the authors' table of {_NOUNS[on]}s, from 1",
                "provenance": "real",
            },
        )
        mean = values.mean(axis=0)
        clipped[on] = int(((mean < LEAST) | (mean > 1.0)).sum())
    if len({tuple(one) for one in runs.values()}) > 1:
        raise InputError(
            f"{files.root} has runs {_list(runs['site'])} of profiles but {_list(runs['cell'])} of "
            "grid points: download what is missing"
        )
    every = next(iter(runs.values()))
    out = out.assign_coords(run=("run", every, {"long_name": "number of the run"}))
    if len(every) < _EXPECTED:
        progress(f"only {len(every)} of {_EXPECTED} runs are there: {_list(every)}")
    out.attrs = {
        "Conventions": "CF-1.11",
        "title": "PRODA's parameters as its authors published them",
        "source": "PRODA (Tao et al. 2023) and BINN (Xu et al. 2025), result files of the authors",
        "history": f"{datetime.now(UTC).isoformat(timespec='seconds')} binn {binn.__version__} "
        "import authors-proda",
        "sha256": json.dumps(files.sha256),
        "clipped": sum(clipped.values()),
    }
    return out


def write_authors_proda(ds: xr.Dataset, path: Path) -> None:
    """Write the imported results as NetCDF4, in one step.

    Raises
    ------
    InputError
        If it cannot be written; what was there before is intact.
    """
    packed = {
        name: {"zlib": True, "complevel": 4, "shuffle": True}
        for name, values in ds.data_vars.items()
        if values.dtype.kind in "fiu"
    }
    content = ds.to_netcdf(None, engine="h5netcdf", format="NETCDF4", encoding=packed)
    with saving("PRODA's parameters", path):
        write_file(path, bytes(content))


def _folder(source: Path) -> Path:
    """Where the files are."""
    if not source.is_dir():
        raise InputError(f"there is no folder {source}: give the authors' folder PRODA_Results")
    starts = [start for pair in _STARTS.values() for start in pair]
    for below in _FOLDERS:
        if any(_numbered(source / below, start) for start in starts):
            return source / below
    raise InputError(
        f"{source} holds no results of PRODA: there is no file such as {starts[1]}*_1.csv"
    )


def _numbered(folder: Path, start: str) -> dict[int, Path]:
    """Files by the number of their run, in order."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob(f"{start}*.csv")):
        number = re.search(r"_(\d+)\.csv$", path.name)
        if number is None:
            continue
        run = int(number[1])
        if run in found:
            raise InputError(
                f"{folder} holds two files of run {run}, {found[run].name} and {path.name}: keep "
                "those of one experiment"
            )
        found[run] = path
    return dict(sorted(found.items()))


def _read(
    files: SourceFiles, on: str, places: dict[int, Path], results: dict[int, Path]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows from 1 (row,), and normalised parameters (run, row, 21)."""
    first, numbers = 0, np.empty(0, dtype=np.int64)
    values: list[NDArray[np.float64]] = []
    for run, place in places.items():
        here = _row_numbers(files.table(place.name, 1)[:, 0], place)
        if not values:
            first, numbers = run, here
        elif not np.array_equal(here, numbers):
            raise InputError(
                f"{place} names other {_NOUNS[on]}s than run {first} does: the runs do not belong "
                "together"
            )
        table = files.table(results[run].name, len(KEYS))
        _check_values(table, results[run])
        if len(table) != len(here):
            raise InputError(
                f"{results[run]} has {len(table)} rows, but {place.name} names {len(here)} "
                f"{_NOUNS[on]}s: one of them is cut short; download it again"
            )
        values.append(table)
    return numbers, np.stack(values)


def _row_numbers(values: NDArray[np.float64], path: Path) -> NDArray[np.int64]:
    wrong = ~(np.isfinite(values) & (values >= 1) & (values == np.round(values)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{path}: {values[row]:g} in row {row + 1} is no row number from 1")
    numbers = values.astype(np.int64)
    once, count = np.unique(numbers, return_counts=True)
    if (count > 1).any():
        raise InputError(f"{path} names row {once[count > 1][0]} more than once")
    return numbers


def _check_values(table: NDArray[np.float64], path: Path) -> None:
    missing = ~np.isfinite(table)
    if missing.any():
        row, column = (int(one) for one in np.argwhere(missing)[0])
        raise InputError(
            f"{path} holds no number (NaN) in row {row + 1}, column {column + 1} "
            f"({KEYS[column]}), and in {int(missing.sum()) - 1} more places"
        )
    far = np.abs(table) > _FARTHEST
    if far.any():
        row, column = (int(one) for one in np.argwhere(far)[0])
        raise InputError(
            f"{path}: {table[row, column]:g} in row {row + 1}, column {column + 1} is no "
            "normalised parameter: PRODA's files hold values around 0 to 1"
        )


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
