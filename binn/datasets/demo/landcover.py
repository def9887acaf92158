"""Land cover: MODIS IGBP classes to the classes of ESA's land cover map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from binn.datasets.demo.rasters import Raster

__all__ = ["ESA_CLASSES", "FOREST", "GRASS", "esa_class", "majority", "woody_share"]

Array = NDArray[np.float64]

#: IGBP -> ESA CCI land cover, the nearest in meaning (water, 0, is never asked for)
_CROSSWALK = {
    1: 70,
    2: 50,
    3: 80,
    4: 60,
    5: 90,
    6: 120,
    7: 120,
    8: 100,
    9: 110,
    10: 130,
    11: 180,
    12: 10,
    13: 190,
    14: 40,
    15: 220,
    16: 200,
}
ESA_CLASSES: dict[int, str] = {
    10: "cropland",
    40: "mosaic natural vegetation and cropland",
    50: "broadleaved evergreen trees",
    60: "broadleaved deciduous trees",
    70: "needleleaved evergreen trees",
    80: "needleleaved deciduous trees",
    90: "mixed trees",
    100: "mosaic trees and shrubs with herbs",
    110: "mosaic herbs with trees and shrubs",
    120: "shrubland",
    130: "grassland",
    180: "flooded shrubs and herbs",
    190: "urban",
    200: "bare",
    220: "snow and ice",
}
FOREST = (50, 60, 70, 80, 90)
GRASS = (10, 40, 110, 130)
#: share of trees and shrubs in the carbon input, by ESA class
_WOODY = {50: 1, 60: 1, 70: 1, 80: 1, 90: 1, 100: 0.7, 110: 0.3, 120: 0.4, 40: 0.4, 180: 0.5}


def esa_class(igbp: Array) -> NDArray[np.int64]:
    """ESA class of IGBP classes 1 to 16."""
    return np.array([_CROSSWALK[int(code)] for code in igbp], dtype=np.int64)


def majority(raster: Raster, lon: Array, lat: Array, size: float) -> Array:
    """The most frequent class in squares of `size` degrees about points (point,)."""
    around = raster.around(lon, lat, size).astype(int)
    counts = np.stack([(around == code).sum(1) for code in range(1, 17)], axis=1)
    return np.asarray(counts.argmax(1) + 1, dtype=np.float64)


def woody_share(esa: NDArray[np.int64]) -> Array:
    """Share of woody plants in the vegetation (point,), 0 to 1, of ESA classes."""
    return np.array([_WOODY.get(int(code), 0.1) for code in esa], dtype=np.float64)
