"""Grid cells as they are drawn: a rectangle each, turned as the projection turns them there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.projection import to_albers

__all__ = ["CellShapes", "cell_shapes"]

Floats = NDArray[np.float64]

_DEFAULT_STEP = 0.5  # degrees: CESM2's grid over CONUS, where a dataset has a single cell
_OVERLAP = 1.012
"""Neighbours overlap by a hair, so that no background shows between them."""


@dataclass(frozen=True, eq=False)
class CellShapes:
    """Where cells lie on the map, metres in the map's projection.

    Attributes
    ----------
    x, y : ndarray (cell,)
        Centres.
    width, height : ndarray (cell,)
    angle : ndarray (cell,)
        Radians, counter-clockwise.
    """

    x: Floats
    y: Floats
    width: Floats
    height: Floats
    angle: Floats

    def within(self, x: Floats, y: Floats) -> NDArray[np.int64]:
        """Cells whose centre lies in a polygon (its corners, metres)."""
        from shapely import Polygon, contains_xy

        return np.flatnonzero(contains_xy(Polygon(np.column_stack([x, y])), self.x, self.y))

    def at(self, x: float, y: float) -> int | None:
        """The cell at a place (metres); None where there is none."""
        along, across = x - self.x, y - self.y
        turn = np.cos(-self.angle), np.sin(-self.angle)
        u, v = turn[0] * along - turn[1] * across, turn[1] * along + turn[0] * across
        inside = np.flatnonzero((abs(u) <= self.width / 2) & (abs(v) <= self.height / 2))
        if not len(inside):
            return None
        return int(inside[np.hypot(along, across)[inside].argmin()])


def cell_shapes(lon: Floats, lat: Floats) -> CellShapes:
    """Shapes of the cells of a regular grid.

    Parameters
    ----------
    lon, lat : ndarray (cell,)
        Centres, degrees.
    """
    half_x, half_y = _step(lon) / 2, _step(lat) / 2
    east, west = to_albers(lon + half_x, lat), to_albers(lon - half_x, lat)
    north, south = to_albers(lon, lat + half_y), to_albers(lon, lat - half_y)
    x, y = to_albers(lon, lat)
    across = east[0] - west[0], east[1] - west[1]
    up = north[0] - south[0], north[1] - south[1]
    return CellShapes(
        x=x,
        y=y,
        width=_OVERLAP * np.hypot(*across),
        height=_OVERLAP * np.hypot(*up),
        angle=np.arctan2(across[1], across[0]),
    )


def _step(degrees: Floats) -> float:
    """The grid's step: the usual distance of neighbouring coordinates."""
    values = np.unique(degrees.round(4))
    gaps = np.diff(values)
    gaps = gaps[gaps > 0.01]
    return float(np.median(gaps)) if len(gaps) else _DEFAULT_STEP
