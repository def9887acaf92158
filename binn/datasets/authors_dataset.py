"""Put the authors' profiles and cells together as a canonical dataset."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.datasets import regions
from binn.datasets.authors_cells import Cells
from binn.datasets.authors_files import Array
from binn.datasets.authors_layout import COLUMNS
from binn.datasets.authors_tables import Profiles
from binn.datasets.covariates import covariate
from binn.datasets.schema import CONVENTIONS, variable

__all__ = ["assemble"]

_NAMES = COLUMNS[2:]
_ELEVATION = _NAMES.index("Elevation")
_ATTRIBUTES = {
    "Conventions": CONVENTIONS,
    "title": "New York: soil profiles, covariates and CLM5 forcing of the BINN workshop",
    "licence": "none stated by the authors of the source; not for redistribution",
    "source": (
        "github.com/Hardyxu8067/BINN_Demo, Input_Data (Xu et al. 2025, arXiv:2502.00672): WoSIS "
        "soil profiles, environmental covariates, and forcing from the CESM2 simulation "
        "sasu_f05_g16_checked_step4, model years 661-680"
    ),
    # no date: the same input gives the same file, byte for byte
    "history": "binn import authors-demo",
}
#: what is not read from the source but computed or drawn
_PROVENANCE = {
    "site_cell": "derived",
    "state": "derived",
    "biome": "schematic",
    "cell_biome": "schematic",
    "cell_lon": "derived",
    "cell_lat": "derived",
    "obs_count": "derived",
    "source_row": "derived",
    "covariate_unit": "derived",
    "covariate_kind": "derived",
    "covariate_min": "derived",
    "covariate_max": "derived",
}
_EXTRA: dict[str, dict[str, Any]] = {
    "profile_id": {"cf_role": "profile_id", "comment": "number of the WoSIS profile"},
    "obs_count": {"sample_dimension": "obs"},
    "obs_depth": {"axis": "Z", "positive": "down"},
    "covariates": {"comment": "units by column: covariate_unit"},
    "cell_covariates": {"comment": "units by column: covariate_unit"},
    "biome": {"comment": "hand-drawn ecoregions: schematic, not EPA polygons"},
    "cell_biome": {"comment": "hand-drawn ecoregions: schematic, not EPA polygons"},
    "cell_lon": {"comment": "prediction point, or nearest CESM2 grid centre of the profiles"},
    "cell_lat": {"comment": "prediction point, or nearest CESM2 grid centre of the profiles"},
}


def assemble(
    profiles: Profiles,
    keep: NDArray[np.bool_],
    measured: NDArray[np.bool_],
    cells: Cells,
    limits: Array,
    sha256: dict[str, str],
) -> xr.Dataset:
    """The canonical dataset of the kept profiles.

    Parameters
    ----------
    profiles : Profiles
        As read.
    keep : ndarray of bool
        (row,) profiles to keep.
    measured : ndarray of bool
        (row, column) observations to keep.
    cells : Cells
        Merged forcing.
    limits : ndarray
        (covariate, 2) smallest and largest value on the authors' grid.
    sha256 : dict of str to str
        Hash of each input file.
    """
    lonlat, covariates = profiles.lonlat[keep], profiles.covariates[keep]
    taken = measured[keep]
    about = [covariate(name) for name in _NAMES]
    values: dict[str, Any] = {
        "lon": lonlat[:, 0],
        "lat": lonlat[:, 1],
        "profile_id": profiles.ids[keep],
        "site_cell": cells.site_cell,
        "state": regions.state(lonlat[:, 0], lonlat[:, 1]),
        "biome": regions.biome(lonlat[:, 0], lonlat[:, 1], covariates[:, _ELEVATION]),
        "obs_count": taken.sum(axis=1),
        "covariates": covariates,
        # boolean indexing runs along a row first: observations come site after site
        "obs_depth": profiles.depth[keep][taken],
        "obs_soc": profiles.soc[keep][taken],
        "cell_lon": cells.lonlat[:, 0],
        "cell_lat": cells.lonlat[:, 1],
        "cell_biome": regions.biome(
            cells.lonlat[:, 0], cells.lonlat[:, 1], _cell_elevation(cells, covariates)
        ),
        "cell_covariates": cells.covariates,
        **cells.forcing,
        "nbedrock": cells.forcing["nbedrock"].astype(np.int64),
        "covariate": np.array(_NAMES),
        "covariate_unit": np.array([entry.unit for entry in about]),
        "covariate_kind": np.array([entry.kind for entry in about]),
        "covariate_min": limits[:, 0],
        "covariate_max": limits[:, 1],
        "source_row": np.flatnonzero(keep) + 1,
    }
    ds = xr.Dataset(
        {name: (variable(name).dims, array, _attributes(name)) for name, array in values.items()}
    )
    ds.attrs = _ATTRIBUTES | {"sha256": json.dumps(sha256, sort_keys=True)}
    return ds


def _attributes(name: str) -> dict[str, Any]:
    entry = variable(name)
    attrs = {"units": entry.units, "long_name": entry.long_name}
    if entry.standard_name:
        attrs["standard_name"] = entry.standard_name
    return attrs | {"provenance": _PROVENANCE.get(name, "real")} | _EXTRA.get(name, {})


def _cell_elevation(cells: Cells, covariates: Array) -> Array:
    """Elevation of each cell (cell,), m: its own, else the mean of its profiles'."""
    number = np.bincount(cells.site_cell, minlength=len(cells.lonlat))
    total = np.bincount(
        cells.site_cell, weights=covariates[:, _ELEVATION], minlength=len(cells.lonlat)
    )
    own = cells.covariates[:, _ELEVATION]
    mean = np.divide(total, number, out=np.full(len(own), np.nan), where=number > 0)
    return np.where(np.isnan(own), mean, own)
