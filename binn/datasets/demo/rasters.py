"""Read the source rasters over the contiguous US, and look values up at points and cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["Raster", "read_climate", "read_elevation", "read_geotiff"]

Array = NDArray[np.float64]

#: degrees: what is read of each raster, a margin around the contiguous US
WEST, EAST, SOUTH, NORTH = -126.0, -66.0, 23.5, 50.5


@dataclass(frozen=True)
class Raster:
    """Values on a regular grid of longitude and latitude.

    Attributes
    ----------
    values : ndarray (..., row, column)
        Rows from south to north, columns from west to east; no gaps.
    west, south : float
        Centre of the first column and row, degrees.
    step : float
        Distance of columns and of rows, degrees.
    """

    values: Array
    west: float
    south: float
    step: float

    def nearest(self, lon: Array, lat: Array) -> Array:
        """Values at the nearest centres (..., point)."""
        return self.values[..., self._row(lat), self._column(lon)]

    def linear(self, lon: Array, lat: Array) -> Array:
        """Values between the four centres around a point (..., point)."""
        x = np.clip((lon - self.west) / self.step, 0, self.values.shape[-1] - 1.001)
        y = np.clip((lat - self.south) / self.step, 0, self.values.shape[-2] - 1.001)
        i, j = x.astype(int), y.astype(int)
        dx, dy = x - i, y - j
        v = self.values
        low = v[..., j, i] * (1 - dx) + v[..., j, i + 1] * dx
        high = v[..., j + 1, i] * (1 - dx) + v[..., j + 1, i + 1] * dx
        return np.asarray(low * (1 - dy) + high * dy)

    def around(self, lon: Array, lat: Array, size: float) -> Array:
        """All values in squares of `size` degrees about points (..., point, k), nearest centres."""
        half = max(1, round(size / self.step / 2))
        offsets = (np.arange(-half, half) + 0.5) * size / (2 * half)
        x, y = np.broadcast_arrays(
            lon[:, None, None] + offsets[None, None, :], lat[:, None, None] + offsets[None, :, None]
        )
        values = self.values[..., self._row(y), self._column(x)]
        return values.reshape(*values.shape[:-2], -1)

    def _row(self, lat: Array) -> NDArray[np.int64]:
        row = np.rint((lat - self.south) / self.step).astype(np.int64)
        return np.clip(row, 0, self.values.shape[-2] - 1)

    def _column(self, lon: Array) -> NDArray[np.int64]:
        column = np.rint((lon - self.west) / self.step).astype(np.int64)
        return np.clip(column, 0, self.values.shape[-1] - 1)


def read_geotiff(path: Path, lowest: float, factor: float = 1.0) -> Raster:
    """A global 0.05-degree GeoTIFF; gaps (below `lowest`) take the nearest value.

    Parameters
    ----------
    path : Path
        The file.
    lowest : float
        Smallest valid raw value.
    factor : float
        Of raw values.
    """
    from PIL import Image
    from scipy.ndimage import distance_transform_edt

    step = 0.05
    with Image.open(path) as image:
        left, top, right, bottom = (
            round(degrees / step) for degrees in (WEST + 180, 90 - NORTH, EAST + 180, 90 - SOUTH)
        )
        raw = np.asarray(image.crop((left, top, right, bottom)), dtype=np.float64)[::-1]
    gap = ~(raw >= lowest)
    row, column = distance_transform_edt(gap, return_distances=False, return_indices=True)
    return Raster(raw[row, column] * factor, WEST + step / 2, SOUTH + step / 2, step)


def read_climate(path: Path) -> tuple[Raster, Raster]:
    """Monthly air temperature (degC) and precipitation (mm month-1) of ERA5, 0.25 degree.

    The file's attributes say K and m; its values are degC and mm a month.
    """
    with h5py.File(path) as file:
        lat, lon = file["latitude"][:], file["longitude"][:]
        east = np.where(lon >= 180, lon - 360, lon)
        columns = np.flatnonzero((east >= WEST) & (east <= EAST))
        columns = columns[np.argsort(east[columns])]
        rows = np.flatnonzero((lat >= SOUTH) & (lat <= NORTH))
        rows = rows[np.argsort(lat[rows])]

        def window(name: str) -> Raster:
            values = file[name][:][:, rows][:, :, columns].astype(np.float64)
            step = float(east[columns[1]] - east[columns[0]])
            return Raster(values, float(east[columns[0]]), float(lat[rows[0]]), step)

        temperature, rain = window("t2m"), window("tp")
    return temperature, Raster(np.maximum(rain.values, 0.0), rain.west, rain.south, rain.step)


def read_elevation(path: Path) -> Raster:
    """Elevation of ETOPO5 (m), 5 arc minutes; negative under the sea."""
    from scipy.io import netcdf_file

    with netcdf_file(path, mmap=False) as file:
        lon = np.array(file.variables["ETOPO05_X"][:], dtype=np.float64)
        lat = np.array(file.variables["ETOPO05_Y"][:], dtype=np.float64)
        heights = np.array(file.variables["ROSE"][:], dtype=np.float64)
    east = np.where(lon >= 180, lon - 360, lon)
    columns = np.flatnonzero((east >= WEST) & (east <= EAST))
    rows = np.flatnonzero((lat >= SOUTH) & (lat <= NORTH))
    columns, rows = columns[np.argsort(east[columns])], rows[np.argsort(lat[rows])]
    west, south = float(east[columns[0]]), float(lat[rows[0]])
    return Raster(heights[np.ix_(rows, columns)], west, south, float(lat[1] - lat[0]))
