"""Grid cells as an image in the map's projection: which cell every pixel, place and lasso holds."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from dashboard.projection import to_albers, to_lonlat

if TYPE_CHECKING:
    from dashboard.state.opened import Opened

__all__ = ["Grid", "grid_of", "regular_grid", "within"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PIXELS = 25_000
"""So many pixels an image has at most, unless another number is asked for: 100 kB as float32."""
_OFF = 0.02
"""Parts of a step by which centres of a regular grid may miss their place (rounded files do)."""
_ROUNDING = 1e-3
"""Degrees: coordinates closer than this are one."""
_TOGETHER = 0.5
"""Less than this share of cells with a neighbour is no grid, but scattered points."""
_EDGE_POINTS = 9
"""Points along each side of a cell from which the extent is found: sides are curved there."""


class Grid:
    """Cells of a regular longitude-latitude grid, not all of which need be there.

    A place belongs to the cell whose centre lies within half a step of it, east-west and
    north-south; a dataset's cells are numbered from 0 as in ``dataset.isel(cell=...)``.

    Parameters
    ----------
    lon, lat : ndarray (cell,)
        Centres, degrees.
    step : (float, float)
        Width and height of a cell, degrees.
    pixels : int
        So many pixels an image has at most.

    Attributes
    ----------
    x, y : ndarray (cell,)
        Centres, metres in the map's projection.
    extent : (float, float, float, float)
        Left, bottom, right and top of the image, metres.
    shape : (int, int)
        Rows and columns of the image; pixels are square.
    """

    def __init__(
        self, lon: Floats, lat: Floats, step: tuple[float, float], pixels: int = PIXELS
    ) -> None:
        self.step = step
        self.x, self.y = to_albers(lon, lat)
        self._west, self._south = float(lon.min()) - step[0] / 2, float(lat.min()) - step[1] / 2
        column, row = self._column(lon), self._row(lat)
        self._cell = np.full((int(row.max()) + 1, int(column.max()) + 1), -1, dtype=np.int64)
        self._cell[row, column] = np.arange(len(lon))
        self.extent, self.shape = self._fitted(lon, lat, pixels)

    def __len__(self) -> int:
        return len(self.x)

    def _column(self, lon: Floats) -> Integers:
        return np.floor((lon - self._west) / self.step[0]).astype(np.int64)

    def _row(self, lat: Floats) -> Integers:
        return np.floor((lat - self._south) / self.step[1]).astype(np.int64)

    def _fitted(
        self, lon: Floats, lat: Floats, pixels: int
    ) -> tuple[tuple[float, float, float, float], tuple[int, int]]:
        """Extent and shape of an image of square pixels that holds every cell to its corners."""
        along = np.linspace(-0.5, 0.5, _EDGE_POINTS)
        side = np.full(_EDGE_POINTS, 0.5)
        across = np.concatenate([along, along, side, -side]) * self.step[0]
        up = np.concatenate([side, -side, along, along]) * self.step[1]
        x, y = to_albers(lon[:, None] + across, lat[:, None] + up)
        left, bottom, right, top = (float(v) for v in (x.min(), y.min(), x.max(), y.max()))
        size = np.sqrt((right - left) * (top - bottom) / pixels)
        while int(np.ceil((right - left) / size)) * int(np.ceil((top - bottom) / size)) > pixels:
            size *= 1.005
        columns, rows = int(np.ceil((right - left) / size)), int(np.ceil((top - bottom) / size))
        return (left, bottom, left + columns * size, bottom + rows * size), (rows, columns)

    @cached_property
    def lookup(self) -> NDArray[np.int32]:
        """The cell of every pixel by its centre, -1 where there is none: (row, column).

        Row 0 is the southernmost, as Bokeh draws images.
        """
        left, bottom, right, top = self.extent
        rows, columns = self.shape
        x = left + (np.arange(columns) + 0.5) * (right - left) / columns
        y = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
        return self.cells_at(*np.meshgrid(x, y)).astype(np.int32)

    def image(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Values of the cells as an image: every pixel has its cell's value.

        Parameters
        ----------
        values : ndarray (cell,)

        Returns
        -------
        ndarray (row, column), float32
            NaN outside the cells and where a cell has no value; row 0 is the southernmost.
        """
        outside = np.array([np.nan], dtype=np.float32)
        return np.concatenate([np.asarray(values, dtype=np.float32), outside])[self.lookup]

    def coded(self, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Small whole numbers of the cells as an image, a byte a pixel.

        Parameters
        ----------
        codes : ndarray (cell,), uint8

        Returns
        -------
        ndarray (row, column), uint8
            0 outside the cells; row 0 is the southernmost.
        """
        return np.append(codes, np.uint8(0))[self.lookup]

    def mask(self, cells: Integers) -> NDArray[np.uint8]:
        """1 on the pixels of these cells, 0 elsewhere: (row, column), a byte a pixel."""
        chosen = np.zeros(len(self), dtype=np.uint8)
        chosen[cells] = 1
        return self.coded(chosen)

    def cells_at(self, x: Floats, y: Floats) -> Integers:
        """The cell at each place (metres), -1 where there is none; in the shape of `x`."""
        lon, lat = to_lonlat(x, y)
        row, column = self._row(lat), self._column(lon)
        rows, columns = self._cell.shape
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        return np.where(inside, self._cell[row.clip(0, rows - 1), column.clip(0, columns - 1)], -1)

    def cell_at(self, x: float, y: float) -> int | None:
        """The cell at a place (metres); None where there is none."""
        cell = int(self.cells_at(np.array([x], dtype=float), np.array([y], dtype=float))[0])
        return cell if cell >= 0 else None

    def cells_in_polygon(self, xs: object, ys: object) -> Integers:
        """Cells whose centre lies in a polygon, ascending; its corners in metres."""
        return within(np.asarray(xs, dtype=float), np.asarray(ys, dtype=float), self.x, self.y)

    def cells_in_box(self, x0: float, y0: float, x1: float, y1: float) -> Integers:
        """Cells whose centre lies in a box, ascending; two opposite corners in metres."""
        west, east = sorted((x0, x1))
        south, north = sorted((y0, y1))
        inside = (self.x >= west) & (self.x <= east) & (self.y >= south) & (self.y <= north)
        return np.flatnonzero(inside)


def within(xs: Floats, ys: Floats, x: Floats, y: Floats) -> Integers:
    """Which of the points (x, y) lie in a polygon, ascending; none if it has no area.

    Parameters
    ----------
    xs, ys : ndarray (corner,)
        The polygon, closed or not.
    x, y : ndarray (point,)
        NaN lies nowhere.
    """
    from shapely import Polygon, contains_xy

    if len(xs) < 3:
        return np.empty(0, dtype=np.int64)
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    return known[contains_xy(Polygon(np.column_stack([xs, ys])), x[known], y[known])]


def regular_grid(lon: Floats, lat: Floats, pixels: int = PIXELS) -> Grid | None:
    """The grid that these cells are of; None if they do not stand on a regular one.

    Parameters
    ----------
    lon, lat : ndarray (cell,)
        Centres, degrees.
    pixels : int
        So many pixels an image has at most.
    """
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    if len(lon) < 2 or not np.isfinite([lon, lat]).all():
        return None
    steps = _step(lon), _step(lat)
    if not all(steps):
        return None
    column, row = (lon - lon.min()) / steps[0], (lat - lat.min()) / steps[1]
    places = np.column_stack([column, row])
    whole = places.round()
    if np.abs(places - whole).max() > _OFF:
        return None
    taken = set(map(tuple, whole.astype(int).tolist()))
    if len(taken) < len(lon):
        return None
    beside = sum((c + 1, r) in taken or (c, r + 1) in taken for c, r in taken)
    beside += sum((c - 1, r) in taken or (c, r - 1) in taken for c, r in taken)
    if beside / 2 < _TOGETHER * len(taken):
        return None
    return Grid(lon, lat, steps, pixels)


def _step(degrees: Floats) -> float:
    """Smallest distance of neighbouring coordinates that is more than rounding; 0 without one."""
    gaps = np.diff(np.unique(degrees))
    gaps = gaps[gaps > _ROUNDING]
    if not len(gaps):
        return 0.0
    span = float(np.ptp(degrees))
    return span / round(span / float(gaps[gaps < 1.5 * gaps.min()].mean()))


_KEPT: WeakKeyDictionary[Opened, dict[int, Grid | None]] = WeakKeyDictionary()
"""Grids of the datasets that are open in this process, shared by all pages."""


def grid_of(opened: Opened, pixels: int = PIXELS) -> Grid | None:
    """The grid of a dataset, made once for all pages; None if its cells are not on a regular one.

    Parameters
    ----------
    opened : Opened
    pixels : int
        So many pixels an image has at most.
    """
    kept = _KEPT.setdefault(opened, {})
    if pixels not in kept:
        lon, lat = (opened.dataset[name].to_numpy() for name in ("cell_lon", "cell_lat"))
        kept[pixels] = regular_grid(lon, lat, pixels)
    return kept[pixels]
