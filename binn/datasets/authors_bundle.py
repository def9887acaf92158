"""Import the paper's full input folder: WoSIS profiles, covariates, CESM2 forcing, PRODA's results.

Profiles stand on the forcing of their nearest CESM2 grid cell, which they share. Points of the
0.5-degree grid become cells of their own, with covariates, for maps. Tables are read a block of
rows at a time, fields only where profiles and points are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.clm5.column import NODES
from binn.datasets.authors_bundle_dataset import Found, assemble
from binn.datasets.authors_bundle_files import BundleFiles
from binn.datasets.authors_bundle_filters import (
    Profiles,
    choose,
    read_profiles,
    usable_or_say_why,
)
from binn.datasets.authors_bundle_forcing import read_forcing
from binn.datasets.authors_bundle_layout import SOURCES
from binn.datasets.authors_bundle_proda import read_proda
from binn.datasets.authors_bundle_tables import (
    GridPoints,
    Layers,
    read_covariates,
    read_grid,
    read_layers,
    read_limits,
)
from binn.datasets.authors_layout import cesm2_centre, cesm2_index
from binn.datasets.number_files import Array
from binn.datasets.report import LeftOut, Report

__all__ = ["import_authors_bundle"]

_GRID_COLUMNS = 576


def import_authors_bundle(
    source: str | Path,
    progress: Callable[[str], None] = lambda _: None,
    *,
    proda_ranges: str = "binn",
    representative: bool = False,
) -> tuple[xr.Dataset, Report]:
    """Read the folder ``ENSEMBLE/INPUT_DATA`` of the authors' repository, or a clone of it.

    Parameters
    ----------
    source : str or Path
        The folder.
    progress : callable
        Is told what is being done, a short phrase at a time.
    proda_ranges : {"binn", "proda"}
        Ranges that PRODA's normalised parameters are read with: BINN's, as the paper does, or
        those of PRODA's own code.
    representative : bool
        Only the authors' representative profiles (about a thousand).

    Returns
    -------
    ds : xarray.Dataset
        The canonical dataset, with the report in it.
    report : Report
        Profiles and observations left out, by number and reason; a note a filter.

    Raises
    ------
    InputError
        When a file is missing, damaged, of another shape or another grid, or no profile is usable.
    """
    files = BundleFiles(Path(source), progress)
    profiles = read_profiles(files)
    where = str(files.path(SOURCES["profiles"]))
    report = Report(read={"site": profiles.number})
    proda = read_proda(files, "site", profiles.number, proda_ranges)
    keep = choose(files, profiles, None if proda is None else proda.rows, representative, report)
    usable_or_say_why(keep, report, where)
    covariates, largest = read_covariates(files, profiles, keep, report)
    usable_or_say_why(keep, report, where)
    layers = read_layers(files, profiles, keep, report)
    usable_or_say_why(keep, report, where)
    points = read_grid(files, largest, report)
    grid_proda = None
    if points is not None:
        grid_proda = read_proda(files, "grid", points.total, proda_ranges)
    cells = _cells(files, profiles, keep, points, report)
    usable_or_say_why(keep, report, where)

    kept = keep[layers.owner]
    layers = Layers(layers.owner[kept], layers.depth[kept], layers.soc[kept])
    report.kept |= {"site": int(keep.sum()), "observation": len(layers.owner)}
    if points is not None:
        report.kept["point"] = len(cells.point)
    site_cell = cells.of_profile[keep]
    _note_deep(layers, keep, site_cell, cells.forcing["nbedrock"], report)
    progress("finding states and ecoregions")
    chosen = np.flatnonzero(keep)
    ds = assemble(
        Found(
            source_row=chosen + 1,
            ids=profiles.ids[keep],
            lonlat=profiles.lonlat[keep],
            covariates=covariates[keep],
            obs_count=np.bincount(layers.owner, minlength=profiles.number)[keep],
            obs_depth=layers.depth,
            obs_soc=layers.soc,
            site_cell=site_cell,
            cell_lonlat=cells.lonlat,
            cell_covariates=_cell_covariates(cells, points, covariates.shape[1]),
            forcing=cells.forcing,
            limits=read_limits(files, report),
            site_proda=None if proda is None else proda.of(chosen),
            cell_proda=None
            if grid_proda is None or points is None
            else np.concatenate(
                [
                    np.full((cells.shared, grid_proda.parameters.shape[1]), np.nan),
                    grid_proda.of(points.row[cells.point]),
                ]
            ),
            proda=proda or grid_proda,
        ),
        files.sha256,
    )
    report.store(ds)
    return ds, report


@dataclass(frozen=True)
class _Cells:
    """Cells of the dataset: first those that profiles share, then a cell a grid point.

    Attributes
    ----------
    lonlat
        (cell, 2) degrees.
    forcing
        By canonical name (cell, ...).
    of_profile
        (profile,) index of the cell, -1 for profiles that are not kept.
    shared
        Number of cells that profiles share.
    point
        (grid cell,) index of its grid point.
    """

    lonlat: Array
    forcing: dict[str, Array]
    of_profile: NDArray[np.int64]
    shared: int
    point: NDArray[np.intp]


def _cells(
    files: BundleFiles,
    profiles: Profiles,
    keep: NDArray[np.bool_],
    points: GridPoints | None,
    report: Report,
) -> _Cells:
    """Forcing of the profiles and points; those without any are left out of `keep` and reported."""
    lonlat = profiles.lonlat[keep]
    if points is not None:
        lonlat = np.concatenate([lonlat, points.lonlat])
    row, column = cesm2_index(*lonlat.T)
    place, index = np.unique(row * _GRID_COLUMNS + column, return_inverse=True)
    forcing, fault = read_forcing(files, place // _GRID_COLUMNS, place % _GRID_COLUMNS)

    chosen = np.flatnonzero(keep)
    own = index[: len(chosen)]
    for profile, why in zip(chosen, fault[own], strict=True):
        if why:
            keep[profile] = False
            reason, _, names = why.partition(": ")
            ident = str(profiles.ids[profile])
            report.left_out.append(LeftOut("site", int(profile) + 1, ident, reason, names))
    used, of_site = np.unique(own[fault[own] == ""], return_inverse=True)
    of_profile = np.full(profiles.number, -1, dtype=np.int64)
    of_profile[chosen[fault[own] == ""]] = of_site

    centre = np.stack(cesm2_centre(*lonlat.T), axis=1)
    middle = np.empty((len(place), 2))
    middle[index] = centre
    everywhere, at, point = used, middle[used], np.empty(0, dtype=np.intp)
    if points is not None:
        theirs = index[len(chosen) :]
        for number in np.flatnonzero(fault[theirs] != ""):
            reason, _, names = fault[theirs[number]].partition(": ")
            line = int(points.row[number]) + 1
            report.left_out.append(LeftOut("point", line, str(line), reason, names))
        point = np.flatnonzero(fault[theirs] == "")
        everywhere = np.concatenate([used, theirs[point]])
        at = np.concatenate([at, points.lonlat[point]])
    return _Cells(
        at,
        {name: values[everywhere] for name, values in forcing.items()},
        of_profile,
        len(used),
        point,
    )


def _cell_covariates(cells: _Cells, points: GridPoints | None, number: int) -> Array:
    """Covariates of the cells (cell, 58): NaN for those that are only forcing."""
    values = np.full((len(cells.lonlat), number), np.nan)
    if points is not None:
        values[cells.shared :] = points.covariates[cells.point]
    return values


def _note_deep(
    layers: Layers,
    keep: NDArray[np.bool_],
    site_cell: NDArray[np.int64],
    nbedrock: Array,
    report: Report,
) -> None:
    """Note observations below the deepest soil node."""
    site = np.cumsum(keep) - 1
    layer = nbedrock[site_cell].astype(np.intp)
    deep = int((layers.depth > NODES[layer - 1][site[layers.owner]]).sum())
    report.numbers["observations_below_soil_kept"] = deep
    report.notes.append(
        f"{deep} of {len(layers.depth)} observations kept lie below the deepest soil node: under "
        "`conserving` they take that node's value"
    )
