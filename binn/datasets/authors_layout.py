"""The New York layout of the BINN authors as data: folders, files, columns, grid (spec section 12).

The order of the columns is that of `var4nn` in their workshop notebook; the grid is CESM2's
(spec section 2).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError

__all__ = [
    "COLUMNS",
    "MONTHLY",
    "PREDICTION",
    "PROFILES",
    "TRAINING",
    "cesm2_centre",
    "cesm2_index",
    "find_root",
]

TRAINING = "Training_Data"
PREDICTION = "Prediction_Data"

_DEPTHS = ("0cm", "30cm", "100cm")

#: columns of env_info.txt and grid_env_info_NY.txt, rows of col_max_min.txt
COLUMNS: tuple[str, ...] = (
    "Lon",
    "Lat",
    "ESA_Land_Cover",
    *(f"BIO{number}" for number in (1, 2, 3, 4, 12, 15)),
    *(
        f"{name}_{depth}"
        for name in (
            "Bulk_Density",
            "CEC",
            "Clay_Content",
            "Coarse_Fragments_v",
            "pH_Water",
            "Silt_Content",
            "SWC_v_Wilting_Point",
            "Texture_USDA",
        )
        for depth in _DEPTHS
    ),
    "USDA_Suborder",
    "WRB_Subgroup",
    "Elevation",
    "Koppen_Climate_2018",
    "nbedrock",
)

#: text tables (row, month): canonical name -> end of the file name
MONTHLY: dict[str, str] = {
    "cwd": "input_vector_cwd",
    "litter1": "input_vector_litter1",
    "litter2": "input_vector_litter2",
    "litter3": "input_vector_litter3",
    "altmax": "altmax_current_profile",
    "altmax_lastyear": "altmax_lastyear_profile",
    "nbedrock": "nbedrock",
}

#: arrays (row, layer, month): canonical name -> end of the file name
PROFILES: dict[str, str] = {
    "oxygen": "xio",
    "nitrogen": "xin",
    "water": "soil_water_profile",
    "temperature": "soil_temp_profile",
    "sand": "sand_vector",
}

_GRID_LAT = np.array(90 - 180 / 384 / 2 - 180 / 384 * np.arange(384), dtype=np.float64)
_GRID_LON = np.array(-180 + 360 / 576 / 2 + 360 / 576 * np.arange(576), dtype=np.float64)


def find_root(source: Path) -> Path:
    """The folder that holds Training_Data and Prediction_Data: `source`, or its Input_Data.

    Raises
    ------
    InputError
        When neither is there.
    """
    for root in (source, source / "Input_Data"):
        if (root / TRAINING).is_dir() and (root / PREDICTION).is_dir():
            return root
    if not source.is_dir():
        raise InputError(f"there is no folder {source}: give the clone of BINN_Demo")
    raise InputError(
        f"{source} holds no folders {TRAINING} and {PREDICTION}: give the clone of BINN_Demo "
        "or its Input_Data"
    )


def cesm2_index(
    lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the nearest CESM2 grid cell of each point; the first where two are as near.

    Parameters
    ----------
    lon, lat : ndarray
        (point,) degrees.

    Returns
    -------
    tuple of ndarray
        Rows from the north and columns from the date line (point,), from 0.
    """
    column = np.abs(_GRID_LON[None, :] - lon[:, None]).argmin(axis=1)
    row = np.abs(_GRID_LAT[None, :] - lat[:, None]).argmin(axis=1)
    return row, column


def cesm2_centre(
    lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre of the nearest CESM2 grid cell of each point; the first where two are as near.

    Parameters
    ----------
    lon, lat : ndarray
        (point,) degrees.

    Returns
    -------
    tuple of ndarray
        Longitudes and latitudes (point,), degrees.
    """
    row, column = cesm2_index(lon, lat)
    return _GRID_LON[column], _GRID_LAT[row]
