"""The paper's full input folder as data: files, columns, grid, filters (spec sections 2, 10, 12).

Orders of columns are those of the authors' training script; file names are those of
``ENSEMBLE/INPUT_DATA`` in their repository.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.parameters import KEYS, LOWER, UPPER

__all__ = [
    "BOX",
    "ENV_COLUMNS",
    "FIELDS",
    "FORCING",
    "GRID_COLUMNS",
    "GRID_SHAPE",
    "LAYER_COLUMNS",
    "LITTER",
    "PRODA_RANGES",
    "PROFILE_COLUMNS",
    "SOURCES",
    "US",
    "Source",
]


@dataclass(frozen=True)
class Source:
    """One file of the folder.

    Attributes
    ----------
    patterns
        Shell patterns of its name; it may lie in any folder below the root.
    variable
        Name of the array in it.
    about
        What it is, for messages.
    """

    patterns: tuple[str, ...]
    variable: str
    about: str


_WOSIS = "wosis_2019_snapshot_hugelius_mishra"
_MODEL = "cesm2_clm5_cen_vr_v2"
_CASE = "sasu_f05_g16_checked_step4_cesm2_ss_4da_661_680"

#: the authors' own names come first: other runs and periods may lie in the same folders
SOURCES: dict[str, Source] = {
    "profiles": Source(
        (f"soc_profile_{_WOSIS}.nc", "soc_profile_*.nc"), "soc_profile_info", "the WoSIS profiles"
    ),
    "layers": Source(
        (f"soc_data_integrate_{_WOSIS}.nc", "soc_data_integrate*.nc"),
        "data_soc_integrate",
        "the WoSIS layers",
    ),
    "env": Source(
        (f"{_WOSIS}_env_info.mat", "*env_info.mat"), "EnvInfo", "the covariates of the profiles"
    ),
    "grid": Source(
        ("world_grid_envinfo_present.mat", "*grid_envinfo_present.mat"),
        "EnvInfo",
        "the covariates of the 0.5-degree grid",
    ),
    "limits": Source(
        (f"world_grid_envinfo_present_{_MODEL}_whole_time_col_max_min.mat", "*col_max_min.mat"),
        "col_max_min",
        "the limits of the covariates",
    ),
    "gelman_rubin": Source(
        (f"{_MODEL}_para_gr.mat", "*para_gr.mat"), "para_gr", "the Gelman-Rubin statistics"
    ),
    "chain_r2": Source(
        (f"{_MODEL}_stat_r2.mat", "*stat_r2.mat"), "stat_r2", "the R2 of the chains"
    ),
    "eligible": Source(
        (f"eligible_profile_loc_0_{_MODEL}_whole_time.mat", "eligible*loc_0*.mat"),
        "eligible_loc_0",
        "the eligible profiles (eligible_loc_0)",
    ),
    "representative": Source(
        (
            f"{_WOSIS}_representative_profiles.mat",
            "*representative_profiles.mat",
            "sample_profile_id*.mat",
        ),
        "sample_profile_id",
        "the representative profiles",
    ),
}

#: canonical name -> variable of the CESM2 run, the end of its file's name
FORCING: dict[str, str] = {
    "cwd": "CWD_INPUT_ACC_VECTOR",
    "litter1": "LITR1_INPUT_ACC_VECTOR",
    "litter2": "LITR2_INPUT_ACC_VECTOR",
    "litter3": "LITR3_INPUT_ACC_VECTOR",
    "altmax": "ALTMAX",
    "altmax_lastyear": "ALTMAX_LASTYEAR",
    "nbedrock": "nbedrock",
    "oxygen": "O_SCALAR",
    "nitrogen": "FPI_vr",
    "water": "W_SCALAR",
    "temperature": "TSOI",
    "sand": "CELLSAND",
}
FIELDS: dict[str, Source] = {
    name: Source(
        (f"{_CASE}_{field}.mat", f"*_{field}.mat", f"{field}.mat"),
        "var_record_monthly_mean",
        f"the CESM2 field {field}",
    )
    for name, field in FORCING.items()
}
"""File of each field, by canonical name."""
#: given by layer, gC m-3 month-1; the model sees the sum over layers of value times thickness
LITTER = ("cwd", "litter1", "litter2", "litter3")
GRID_SHAPE = (384, 576)
"""Latitudes from north to south, longitudes from the date line eastwards."""

PROFILE_COLUMNS = ("profile_id", "country_id", "country_name", "lon", "lat", "layer_num", "date")
LAYER_COLUMNS = (
    "profile_id",
    "date",
    "upper_depth",
    "lower_depth",
    "node_depth",
    "soc_layer_weight",
    "soc_stock",
    "bulk_density",
    "is_pedo",
)


def _three(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}_{depth}cm" for name in names for depth in (0, 30, 100))


ENV_COLUMNS: tuple[str, ...] = (
    *("ProfileNum", "ProfileID", "LayerNum", "Lon", "Lat", "Date", "Rmean", "Rmax", "Rmin"),
    *("ESA_Land_Cover", "ET", "IGBP", "Climate", "Soil_Type"),
    *("NPPmean", "NPPmax", "NPPmin", "Veg_Cover"),
    *(f"BIO{number}" for number in range(1, 20)),
    "Abs_Depth_to_Bedrock",
    *_three("Bulk_Density", "CEC", "Clay_Content", "Coarse_Fragments_v"),
    *("Depth_Bedrock_R", "Garde_Acid", "Occurrence_R_Horizon"),
    *_three("pH_Water", "Sand_Content", "Silt_Content", "SWC_v_Wilting_Point", "Texture_USDA"),
    *("USDA_Suborder", "WRB_Subgroup", "Drought", "Elevation", "Max_Depth"),
    *("Koppen_Climate_2018", "cesm2_npp", "cesm2_npp_std", "cesm2_gpp", "cesm2_gpp_std"),
    *("cesm2_vegc", "nbedrock", "R_Squared"),
)
GRID_COLUMNS: tuple[str, ...] = ENV_COLUMNS[3:-1]

US = 156.0
"""Number of the United States among the countries."""
BOX = (-124.763068, -66.949895, 24.5, 49.384358)
"""West, east, south and north of the contiguous US, degrees, as the authors have it."""


def _nature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ranges of PRODA's own code, which differ from BINN's in ten places (spec section 3b)."""
    lower, upper = LOWER.copy(), UPPER.copy()
    for key, low, high in (
        ("efolding", 0.0, 1.0),
        ("tau4l1", 0.0, 0.11),
        ("tau4s1", 0.0, 1.0),
        ("tau4s2", 1.0, 50.0),
        ("tau4s3", 200.0, 1000.0),
        ("fs1s2", 0.0, 0.4),
        ("fs1s3", 0.0, 0.05),
        ("fs2s3", 0.0, 0.1),
        ("fs3s1", 0.0, 0.9),
        ("w_scaling", 0.0, 5.0),
    ):
        lower[KEYS.index(key)], upper[KEYS.index(key)] = low, high
    return lower, upper


PRODA_RANGES: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
    "binn": (LOWER, UPPER),
    "proda": _nature(),
}
"""Lower and upper bounds, in table order, that normalised parameters of PRODA may be read with."""
