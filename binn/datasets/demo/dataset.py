"""The blocks as one canonical dataset, each variable with its provenance, packed small."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.datasets.covariates import AUTHORS_COVARIATES, covariate
from binn.datasets.demo import koppen, landcover, profiles, soil_classes
from binn.datasets.demo.noise import SEED
from binn.datasets.outlines import ECOREGIONS_LABEL
from binn.datasets.schema import CONVENTIONS, variable

__all__ = ["COVARIATES", "NOTICE", "PROVENANCE", "assemble", "quantised"]

NOTICE = "Demo data: simulated soils and SOC, not for scientific conclusions"
COVARIATES: tuple[str, ...] = AUTHORS_COVARIATES
"""Every covariate of Table S1."""
_REAL = {"Elevation", "ESA_Land_Cover", *(f"BIO{k}" for k in (1, 4, *range(8, 20)))}
_DERIVED = {
    "Koppen_Climate_2018",
    "cesm2_npp",
    "cesm2_npp_std",
    "cesm2_vegc",
    *(f"BIO{k}" for k in (2, 3, 5, 6, 7)),
}
#: by variable; what is not named is synthetic
PROVENANCE: dict[str, str] = {
    "cell_lon": "real",
    "cell_lat": "real",
    "state": "real",
    "biome": "schematic",
    "cell_biome": "schematic",
    "site_cell": "derived",
    "temperature": "derived",
    "covariate": "derived",
    "covariate_unit": "derived",
    "covariate_kind": "derived",
    "covariate_provenance": "derived",
}
_MIXED = "real, derived and synthetic columns: see covariate_provenance; unit by covariate_unit"
_SCHEMATIC = f"hand-drawn ecoregions: {ECOREGIONS_LABEL}"
_TRUE = "behind the simulated observations; no network may read it"
_COMMENTS: dict[str, dict[str, Any]] = {
    "lon": {"comment": "drawn at random inside the cells, denser here and there"},
    "lat": {"comment": "drawn at random inside the cells, denser here and there"},
    "state": {"comment": "US Census outlines (us-atlas 3.0.1) at the site's place"},
    "profile_id": {"cf_role": "profile_id", "comment": "of a simulated profile"},
    "obs_count": {"sample_dimension": "obs"},
    "obs_depth": {"axis": "Z", "positive": "down"},
    "obs_soc": {
        "comment": "CLM5 with the true parameters times a lognormal error of mean 1",
        "error_log_sd": profiles.ERROR,
        "bedrock": profiles.BEDROCK,
    },
    "covariates": {"comment": _MIXED},
    "cell_covariates": {"comment": _MIXED},
    "biome": {"comment": _SCHEMATIC},
    "cell_biome": {"comment": _SCHEMATIC},
    "true_parameters": {"comment": _TRUE},
    "true_parameters_site": {"comment": _TRUE},
    "temperature": {"comment": "ERA5 air temperature, damped and delayed with depth"},
}
_CODES: dict[str, Mapping[int, str]] = {
    "Koppen_Climate_2018": koppen.CLASSES,
    "ESA_Land_Cover": landcover.ESA_CLASSES,
    "Texture_USDA": soil_classes.TEXTURES,
    "USDA_Suborder": soil_classes.SUBORDERS,
    "WRB_Subgroup": soil_classes.WRB_SUBGROUPS,
}
_ATTRIBUTES = {
    "Conventions": CONVENTIONS,
    "title": "CONUS demo: simulated soils and SOC on real climate, terrain and vegetation",
    "notice": NOTICE,
    "licence": (
        "simulated and derived variables: BSD-3-Clause, as this project; contains modified "
        "Copernicus Climate Change Service information (ERA5), NASA MODIS MCD12C1 and NDVI, NOAA "
        "ETOPO5 and US Census outlines: attributions in data/README.md"
    ),
    "source": (
        "ERA5 climatology 2000-2025, ETOPO5, MODIS land cover and greenness; soils, forcing, true "
        "parameters and SOC simulated by binn.datasets.demo"
    ),
    # no date: the same sources give the same values
    "history": "binn demo build",
    "seed": SEED,
}
#: bits of the mantissa that are kept: 11 are four digits
_BITS = {"obs_soc": 11, "obs_depth": 14, "true_parameters": 12, "true_parameters_site": 12}
_DEFAULT_BITS = 10
_WHOLE = ("lon", "lat", "cell_lon", "cell_lat")
_STEPS = {"temperature": 1 / 64, "water": 1 / 512, "nitrogen": 1 / 512}


def quantised(values: NDArray[np.float64], bits: int) -> NDArray[np.float32]:
    """Nearest float32 with only `bits` bits of mantissa: what is left packs well."""
    drop = 23 - bits
    raw = values.astype(np.float32).view(np.uint32)
    half = np.uint32(1 << (drop - 1))
    mask = np.uint32(0xFFFFFFFF ^ ((1 << drop) - 1))
    rounded: NDArray[np.float32] = ((raw + half) & mask).view(np.float32)
    return rounded


def assemble(values: Mapping[str, Any], inputs: Mapping[str, str]) -> xr.Dataset:
    """The canonical dataset.

    Parameters
    ----------
    values : mapping
        Arrays by the names of `binn.datasets.schema`, without the tables of covariates' names.
    inputs : mapping
        sha256 of each source package.
    """
    about = [covariate(name) for name in COVARIATES]
    kinds = np.array([entry.kind for entry in about])
    whole = dict(values) | {
        "covariate": np.array(COVARIATES),
        "covariate_unit": np.array([entry.unit for entry in about]),
        "covariate_kind": kinds,
        "covariate_provenance": np.array([covariate_provenance(name) for name in COVARIATES]),
    }
    ds = xr.Dataset()
    for name, array in whole.items():
        entry = variable(name)
        ds[name] = (entry.dims, _packed(name, np.asarray(array), kinds), _attributes(name))
    ds["covariate"].attrs["codes"] = json.dumps(_CODES)
    ds.attrs = _ATTRIBUTES | {"sha256": json.dumps(dict(inputs), sort_keys=True)}
    return ds


def covariate_provenance(name: str) -> str:
    """Where the values of a covariate come from."""
    if name in _REAL:
        return "real"
    return "derived" if name in _DERIVED else "synthetic"


def _attributes(name: str) -> dict[str, Any]:
    entry = variable(name)
    attrs: dict[str, Any] = {"units": entry.units, "long_name": entry.long_name}
    if entry.standard_name:
        attrs["standard_name"] = entry.standard_name
    return attrs | {"provenance": PROVENANCE.get(name, "synthetic")} | _COMMENTS.get(name, {})


def _packed(name: str, array: NDArray[Any], kinds: NDArray[np.str_]) -> NDArray[Any]:
    """The array as it is stored."""
    if array.dtype.kind in "iu":
        return array.astype(np.int32)
    if array.dtype.kind != "f" or name in _WHOLE:
        return array
    if name in _STEPS:
        return (np.rint(array / _STEPS[name]) * _STEPS[name]).astype(np.float32)
    packed = quantised(array, _BITS.get(name, _DEFAULT_BITS))
    if name in ("covariates", "cell_covariates"):
        classes = kinds == "category"
        packed[:, classes] = array[:, classes]
    return packed
