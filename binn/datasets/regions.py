"""State and ecoregion of a point, from the outlines that ship with the project."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from binn.datasets.outlines import ecoregions, states

__all__ = ["SHORE_KM", "biome", "state"]

#: a point this near to a state belongs to it: outlines are simplified to about 2 km, and the
#: coordinates of old profiles are not better than some kilometres
SHORE_KM = 10.0
_KM_PER_DEGREE = 111.2

Names = NDArray[np.str_]


def state(lon: ArrayLike, lat: ArrayLike) -> Names:
    """Name of the contiguous US state (or District of Columbia) that a point lies in.

    A point in none takes the nearest within :data:`SHORE_KM`.

    Parameters
    ----------
    lon, lat : array_like
        (point,) degrees.

    Returns
    -------
    ndarray of str
        (point,) names; "" where no state is near.
    """
    x, y = _points(lon, lat)
    names = [name for name, _ in states()]
    outlines = [geometry for _, geometry in states()]
    found = np.full(x.size, -1)
    for number, outline in enumerate(outlines):
        open_ = np.flatnonzero(found < 0)
        found[open_[_inside(outline, x[open_], y[open_])]] = number
    for point in np.flatnonzero((found < 0) & np.isfinite(x) & np.isfinite(y)):
        found[point] = _nearest(outlines, x[point], y[point])
    answer: Names = np.array([*names, ""])[found]
    return answer


def biome(lon: ArrayLike, lat: ArrayLike, elevation: ArrayLike) -> Names:
    """Level-I ecoregion of a point: schematic, not EPA polygons.

    A point takes the first piece that contains it and whose limits of elevation it meets. Where
    the elevation is not known, a piece with a limit is not met.

    Parameters
    ----------
    lon, lat : array_like
        (point,) degrees.
    elevation : array_like
        (point,) m; NaN where unknown.

    Returns
    -------
    ndarray of str
        (point,) names; "" outside the contiguous US.
    """
    x, y = _points(lon, lat)
    height = np.broadcast_to(np.asarray(elevation, dtype=np.float64), x.shape)
    pieces = ecoregions()
    found = np.full(x.size, -1)
    for number, piece in enumerate(pieces):
        met = found < 0
        if piece.min_elevation is not None:
            met &= height >= piece.min_elevation
        if piece.max_elevation is not None:
            met &= height <= piece.max_elevation
        rows = np.flatnonzero(met)
        found[rows[_inside(piece.geometry, x[rows], y[rows])]] = number
    answer: Names = np.array([*(piece.name for piece in pieces), ""])[found]
    return answer


def _points(lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
    return np.atleast_1d(x), np.atleast_1d(y)


def _inside(
    outline: BaseGeometry, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether points lie in an outline or on its border (point,)."""
    shapely.prepare(outline)
    inside: NDArray[np.bool_] = shapely.intersects_xy(outline, x, y)
    return inside


def _nearest(outlines: list[BaseGeometry], x: float, y: float) -> int:
    """Index of the nearest outline within SHORE_KM, -1 if there is none."""
    narrowing = np.array([np.cos(np.radians(y)), 1.0])  # degrees of longitude are shorter
    reach = SHORE_KM / _KM_PER_DEGREE
    box = shapely.box(
        x - 2 * reach / narrowing[0], y - 2 * reach, x + 2 * reach / narrowing[0], y + 2 * reach
    )
    here = shapely.Point(np.array([x, y]) * narrowing)
    distances = {
        number: shapely.distance(
            here, shapely.transform(outline.intersection(box), lambda xy: xy * narrowing)
        )
        for number, outline in enumerate(outlines)
        if outline.intersects(box)
    }
    nearest = min(distances, key=distances.__getitem__, default=-1)
    return nearest if nearest >= 0 and distances[nearest] <= reach else -1
