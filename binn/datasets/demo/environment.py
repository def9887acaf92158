"""Real layers at a set of points, and what follows from them: climate, relief, cover, greenness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from binn.datasets.demo import climate, koppen, landcover, rasters
from binn.datasets.demo.grid import STEP

__all__ = ["Environment", "Layers"]

Array = NDArray[np.float64]
Classes = NDArray[np.int64]

#: the only large land below the sea, as box of west, east, south, north; ETOPO5 is negative along
#: coasts too, where its pixels are mostly water
_BELOW_SEA = (-117.5, -114.5, 32.0, 37.0)


@dataclass(frozen=True)
class Layers:
    """The source rasters."""

    temperature: rasters.Raster
    rain: rasters.Raster
    elevation: rasters.Raster
    land_cover: rasters.Raster
    ndvi_max: rasters.Raster
    ndvi_min: rasters.Raster
    fapar: rasters.Raster

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Layers:
        """Read the files of `binn.datasets.demo.sources.fetch`."""
        temperature, rain = rasters.read_climate(files["climate"])
        return cls(
            temperature,
            rain,
            rasters.read_elevation(files["elevation"]),
            rasters.read_geotiff(files["land_cover"], lowest=1),
            rasters.read_geotiff(files["ndvi_max"], lowest=0.02),
            rasters.read_geotiff(files["ndvi_min"], lowest=-0.19),
            rasters.read_geotiff(files["fapar"], lowest=0, factor=1e-4),
        )


@dataclass(frozen=True)
class Environment:
    """What is known of n points.

    Attributes
    ----------
    lon, lat : ndarray (n,)
        Degrees.
    temperature, rain : ndarray (n, 12)
        degC, mm month-1.
    elevation, relief : ndarray (n,)
        m; relief is the standard deviation of elevation within half a degree.
    esa : ndarray (n,) of int
        ESA land cover class.
    ndvi_max, ndvi_min, fapar : ndarray (n,)
        Greenness.
    """

    lon: Array
    lat: Array
    temperature: Array
    rain: Array
    elevation: Array
    relief: Array
    esa: Classes
    ndvi_max: Array
    ndvi_min: Array
    fapar: Array

    @classmethod
    def of_cells(cls, layers: Layers, lon: Array, lat: Array) -> Environment:
        """Half-degree cells: means of numbers, the most frequent land cover."""

        def mean(raster: rasters.Raster) -> Array:
            return np.asarray(raster.around(lon, lat, STEP).mean(-1))

        def smooth(raster: rasters.Raster) -> Array:
            quarter = STEP / 4
            corners = [(a * quarter, b * quarter) for a in (-1, 1) for b in (-1, 1)]
            values = [raster.linear(lon + a, lat + b) for a, b in corners]
            return np.asarray(np.mean(values, axis=0).T)

        heights = layers.elevation.around(lon, lat, STEP)
        return cls(
            lon,
            lat,
            smooth(layers.temperature),
            smooth(layers.rain),
            _dry_land(heights, lon[:, None], lat[:, None]).mean(-1),
            heights.clip(0).std(-1),
            landcover.esa_class(landcover.majority(layers.land_cover, lon, lat, STEP)),
            mean(layers.ndvi_max),
            np.clip(mean(layers.ndvi_min), 0, None),
            mean(layers.fapar),
        )

    @classmethod
    def of_sites(cls, layers: Layers, lon: Array, lat: Array) -> Environment:
        """Points: climate and elevation between the nearest values, the nearest pixel of others."""
        return cls(
            lon,
            lat,
            layers.temperature.linear(lon, lat).T,
            layers.rain.linear(lon, lat).T,
            _dry_land(layers.elevation.linear(lon, lat), lon, lat),
            layers.elevation.around(lon, lat, STEP).clip(0).std(-1),
            landcover.esa_class(layers.land_cover.nearest(lon, lat)),
            layers.ndvi_max.nearest(lon, lat),
            np.clip(layers.ndvi_min.nearest(lon, lat), 0, None),
            layers.fapar.nearest(lon, lat),
        )

    @property
    def bioclim(self) -> dict[str, Array]:
        """BIO1 to BIO19 (n,)."""
        return climate.bioclim(self.temperature, self.rain, self.diurnal)

    @property
    def diurnal(self) -> Array:
        """Modelled diurnal range of temperature (n,), K."""
        return climate.diurnal_range(self.rain.sum(1), self.elevation, self.ndvi_max)

    @property
    def evaporation(self) -> Array:
        """Potential evapotranspiration (n, 12), mm month-1."""
        return climate.potential_evapotranspiration(self.temperature, self.lat, self.diurnal)

    @property
    def humidity(self) -> Array:
        """Precipitation over potential evapotranspiration of the year (n,)."""
        return np.asarray(self.rain.sum(1) / self.evaporation.sum(1))

    @property
    def koppen(self) -> Classes:
        """Köppen-Geiger class (n,)."""
        return koppen.koppen(self.temperature, self.rain)

    @property
    def woody(self) -> Array:
        """Share of woody plants (n,)."""
        return landcover.woody_share(self.esa)


def _dry_land(heights: Array, lon: Array, lat: Array) -> Array:
    """Elevations with the sea floor at 0, but for the deserts that lie below the sea."""
    west, east, south, north = _BELOW_SEA
    below = (lon > west) & (lon < east) & (lat > south) & (lat < north)
    return np.where(below, np.maximum(heights, -86.0), np.maximum(heights, 0.0))
