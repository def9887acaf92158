"""The map's projection: Albers equal area over the contiguous United States (EPSG:5070)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pyproj import Transformer

__all__ = ["EPSG", "outlines", "to_albers", "to_lonlat"]

Floats = NDArray[np.float64]

EPSG = 5070


@cache
def _transformer() -> Transformer:
    from pyproj import Transformer

    return Transformer.from_crs(4326, EPSG, always_xy=True)


def to_albers(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Longitude and latitude (degrees, WGS 84) to metres east and north."""
    x, y = _transformer().transform(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    return np.asarray(x), np.asarray(y)


def to_lonlat(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Metres east and north to longitude and latitude (degrees, WGS 84)."""
    lon, lat = _transformer().transform(
        np.asarray(x, dtype=float), np.asarray(y, dtype=float), direction="INVERSE"
    )
    return np.asarray(lon), np.asarray(lat)


@cache
def outlines() -> tuple[Floats, Floats]:
    """State borders as one path, metres; the lines are separated by NaN."""
    from binn.datasets.outlines import borders

    gap = np.full((1, 2), np.nan)
    parts = [np.vstack([np.asarray(line.coords)[:, :2], gap]) for line in borders().geoms]
    lon, lat = np.vstack(parts)[:-1].T
    x, y = to_albers(lon, lat)
    lost = np.isnan(lon)
    x[lost], y[lost] = np.nan, np.nan  # pyproj answers inf there
    return x, y
