"""Where the demonstration lives: half-degree cells and random places of the contiguous US."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from binn.datasets.demo.noise import correlated, generator
from binn.datasets.outlines import states

__all__ = ["STEP", "cells", "places"]

STEP = 0.5
"""Degrees: width of a cell."""
_DIGITS = 4  # of a degree, about 10 m: what soil surveys give

Array = NDArray[np.float64]


def _land() -> shapely.Geometry:
    return shapely.union_all([outline for _, outline in states()])


def cells() -> tuple[Array, Array]:
    """Centres of the half-degree cells whose centre lies in a state: (cell,) longitude, latitude.

    From the northwest, row by row.
    """
    lon, lat = np.meshgrid(np.arange(-124.75, -66, STEP), np.arange(49.75, 24, -STEP))
    land = _land()
    shapely.prepare(land)
    inside = shapely.contains_xy(land, lon, lat)
    return lon[inside], lat[inside]


def places(lon: Array, lat: Array, number: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Random places in the cells, denser here and there as soil surveys are.

    Parameters
    ----------
    lon, lat : ndarray (cell,)
        Centres of the cells.
    number : int
        How many places are wanted.

    Returns
    -------
    lon, lat : ndarray (number,)
        Degrees, no two places the same.
    cell : ndarray (number,) of int
        The cell a place lies in.
    """
    random = generator("places")
    effort = 0.7 * correlated("effort", lon, lat, 250) + 0.7 * correlated("effort", lon, lat, 60)
    weight = np.exp(effort) * np.cos(np.radians(lat))
    land = _land()
    shapely.prepare(land)
    drawn = random.choice(len(lon), size=2 * number, p=weight / weight.sum())
    spot = (random.random((2, 2 * number)) - 0.5) * STEP
    x, y = np.round(lon[drawn] + spot[0], _DIGITS), np.round(lat[drawn] + spot[1], _DIGITS)
    _, first = np.unique(np.stack([x, y], 1), axis=0, return_index=True)
    kept = np.sort(first)
    kept = kept[shapely.contains_xy(land, x[kept], y[kept])][:number]
    assert len(kept) == number
    # by cell, so that rows of neighbours stand together and the file packs well
    kept = kept[np.argsort(drawn[kept], kind="stable")]
    return x[kept], y[kept], drawn[kept]
