"""Put the parts of the paper's input folder together as a canonical dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.datasets import regions
from binn.datasets.authors_bundle_proda import Proda
from binn.datasets.covariates import AUTHORS_COVARIATES, covariate
from binn.datasets.number_files import Array
from binn.datasets.outlines import ECOREGIONS_LABEL
from binn.datasets.schema import CONVENTIONS, variable
from binn.datasets.sources import source_record

__all__ = ["Found", "assemble"]

_ELEVATION = AUTHORS_COVARIATES.index("Elevation")
_ATTRIBUTES = {
    "Conventions": CONVENTIONS,
    "title": "Contiguous US: WoSIS soil profiles, covariates and CLM5 forcing of the BINN paper",
    "licence": (
        "none stated for the data by the authors of the source, whose code is under the MIT "
        "licence; the terms of WoSIS and of the covariates' products apply"
    ),
    "source": (
        "github.com/Hardyxu8067/BINN, ENSEMBLE/INPUT_DATA (Xu et al. 2025, arXiv:2502.00672): "
        "WoSIS 2019 snapshot, environmental covariates, forcing from the CESM2 simulation "
        "sasu_f05_g16_checked_step4, model years 661-680, parameters estimated by PRODA"
    ),
    # no date: the same input gives the same file, byte for byte
    "history": "binn import authors-bundle",
    "ecoregions": ECOREGIONS_LABEL,
}
#: what is not read from the source but computed or drawn
_PROVENANCE = {
    "biome": "schematic",
    "cell_biome": "schematic",
} | dict.fromkeys(
    (
        *("site_cell", "state", "obs_count", "source_row"),
        *("covariate_unit", "covariate_kind", "covariate_min", "covariate_max"),
        *("proda_parameters", "proda_parameters_site"),
    ),
    "derived",
)
_SCHEMATIC = {"comment": f"hand-drawn ecoregions: {ECOREGIONS_LABEL}"}
_CENTRE = {"comment": "centre of the CESM2 grid cell, or point of the 0.5-degree grid"}
_LITTER = {"comment": "sum over layers of input times thickness"}
_BY_COLUMN = {"comment": "units by column: covariate_unit"}
_EXTRA: dict[str, dict[str, Any]] = {
    "profile_id": {"cf_role": "profile_id", "comment": "number of the WoSIS profile"},
    "obs_count": {"sample_dimension": "obs"},
    "obs_depth": {"axis": "Z", "positive": "down"},
    "covariates": _BY_COLUMN,
    "cell_covariates": _BY_COLUMN,
    "biome": _SCHEMATIC,
    "cell_biome": _SCHEMATIC,
    "cell_lon": _CENTRE,
    "cell_lat": _CENTRE,
    "sand": {"comment": "mean over months"},
    "cwd": _LITTER,
    "litter1": _LITTER,
    "litter2": _LITTER,
    "litter3": _LITTER,
}


@dataclass(frozen=True)
class Found:
    """Everything that goes into the dataset, by the names of the schema where it has one.

    Attributes
    ----------
    ids
        Numbers of the WoSIS profiles (site,).
    lonlat, cell_lonlat
        (site, 2) and (cell, 2) degrees.
    limits
        (covariate, 2) smallest and largest values, or None.
    site_proda, cell_proda
        (site, 21) and (cell, 21), or None.
    proda
        What to say about these.
    """

    source_row: NDArray[np.int64]
    ids: NDArray[np.int64]
    lonlat: Array
    covariates: Array
    obs_count: NDArray[np.int64]
    obs_depth: Array
    obs_soc: Array
    site_cell: NDArray[np.int64]
    cell_lonlat: Array
    cell_covariates: Array
    forcing: dict[str, Array]
    limits: Array | None
    site_proda: Array | None
    cell_proda: Array | None
    proda: Proda | None


def assemble(found: Found, sha256: dict[str, str]) -> xr.Dataset:
    """The canonical dataset.

    Parameters
    ----------
    found : Found
        The kept profiles and their cells.
    sha256 : dict of str to str
        Hash of each input file.
    """
    lon, lat = found.lonlat.T
    cell_lon, cell_lat = found.cell_lonlat.T
    about = [covariate(name) for name in AUTHORS_COVARIATES]
    values: dict[str, Any] = {
        "lon": lon,
        "lat": lat,
        "profile_id": found.ids,
        "site_cell": found.site_cell,
        "state": regions.state(lon, lat),
        "biome": regions.biome(lon, lat, found.covariates[:, _ELEVATION]),
        "obs_count": found.obs_count,
        "covariates": found.covariates,
        "obs_depth": found.obs_depth,
        "obs_soc": found.obs_soc,
        "cell_lon": cell_lon,
        "cell_lat": cell_lat,
        "cell_biome": regions.biome(cell_lon, cell_lat, _cell_elevation(found)),
        "cell_covariates": found.cell_covariates,
        **found.forcing,
        "nbedrock": found.forcing["nbedrock"].astype(np.int64),
        "covariate": np.array(AUTHORS_COVARIATES),
        "covariate_unit": np.array([entry.unit for entry in about]),
        "covariate_kind": np.array([entry.kind for entry in about]),
        "source_row": found.source_row,
    }
    if found.limits is not None:
        values |= {"covariate_min": found.limits[:, 0], "covariate_max": found.limits[:, 1]}
    if found.site_proda is not None:
        values["proda_parameters_site"] = found.site_proda
    if found.cell_proda is not None:
        values["proda_parameters"] = found.cell_proda
    said = {} if found.proda is None else found.proda.attributes()
    ds = xr.Dataset(
        {
            name: (variable(name).dims, array, _attributes(name, said))
            for name, array in values.items()
        }
    )
    ds.attrs = _ATTRIBUTES | {"sha256": source_record(sha256)}
    return ds


def _attributes(name: str, proda: dict[str, str | int]) -> dict[str, Any]:
    entry = variable(name)
    attrs: dict[str, Any] = {"units": entry.units, "long_name": entry.long_name}
    if entry.standard_name:
        attrs["standard_name"] = entry.standard_name
    attrs["provenance"] = _PROVENANCE.get(name, "real")
    return attrs | (proda if name.startswith("proda_") else _EXTRA.get(name, {}))


def _cell_elevation(found: Found) -> Array:
    """Elevation of each cell (cell,), m: its own, else the mean of its profiles'."""
    cells = len(found.cell_lonlat)
    number = np.bincount(found.site_cell, minlength=cells)
    total = np.bincount(found.site_cell, weights=found.covariates[:, _ELEVATION], minlength=cells)
    own = found.cell_covariates[:, _ELEVATION]
    mean = np.divide(total, number, out=np.full(cells, np.nan), where=number > 0)
    return np.where(np.isnan(own), mean, own)
