"""Real level-I ecoregions from the shapefile that a user gives, instead of the schematic ones.

The file is EPA's and CEC's ``NA_CEC_Eco_Level1.shp`` (or any other polygons with level-I names).
It is public, but too large to ship.
"""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyproj
import shapefile
import shapely
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from binn.datasets.outlines import ecoregions as schematic
from binn.datasets.regions import SHORE_KM
from binn.datasets.sources import add_sources
from binn.datasets.storage import file_sha256
from binn.errors import InputError

__all__ = ["EcoregionFile", "read_ecoregions", "use_ecoregions"]

#: names of level I: in EPA's files NA_L1NAME; some copies say L1_NAME or NAL1NAME
_LEVEL_1 = re.compile(r"(NA_?)?L1_?NAME", re.IGNORECASE)
#: water of level I is a lake, of which no soil is
_WATER = "water"
_METRIC = "EPSG:5070"  # Albers, CONUS: distances to the nearest polygon
_PARTS = (".shp", ".shx", ".dbf", ".prj")
#: what the library raises for half a file
_DAMAGE = (OSError, ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error)


@dataclass
class EcoregionFile:
    """Polygons of a shapefile, in its own projection.

    Attributes
    ----------
    path
        The shapefile.
    names
        (polygon,) level-I names, spelled as the schematic ones where they are the same.
    polygons
        (polygon,) geometries.
    crs
        Their projection.
    """

    path: Path
    names: NDArray[np.str_]
    polygons: list[BaseGeometry]
    crs: pyproj.CRS
    _metric: dict[int, BaseGeometry] = field(default_factory=dict, repr=False)

    def biome(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.str_]:
        """Level-I ecoregion of a point.

        A point in none (at sea, in a lake) takes the nearest within
        :data:`binn.datasets.regions.SHORE_KM`.

        Parameters
        ----------
        lon, lat : array_like
            (point,) degrees.

        Returns
        -------
        ndarray of str
            (point,) names; "" where no ecoregion is near.
        """
        x, y = np.atleast_1d(np.asarray(lon, np.float64)), np.atleast_1d(np.asarray(lat, float))
        forward = pyproj.Transformer.from_crs("EPSG:4326", self.crs, always_xy=True)
        places = shapely.points(*forward.transform(x, y))
        tree = shapely.STRtree(self.polygons)
        found = np.full(x.size, -1)
        points, polygons = tree.query(places, predicate="intersects")
        found[points[::-1]] = polygons[::-1]  # on a shared border: the first
        margin = 2 * SHORE_KM / 111.2
        for point in np.flatnonzero((found < 0) & np.isfinite(x) & np.isfinite(y)):
            wide = margin / np.cos(np.radians(y[point]))
            corners = shapely.box(
                x[point] - wide, y[point] - margin, x[point] + wide, y[point] + margin
            )
            box = shapely.transform(corners, forward.transform, interleaved=False)
            found[point] = self._nearest(tree.query(box), x[point], y[point])
        answer: NDArray[np.str_] = np.array([*self.names, ""])[found]
        return answer

    def _nearest(self, candidates: NDArray[np.int64], lon: float, lat: float) -> int:
        """Index of the nearest candidate within SHORE_KM, -1 if there is none."""
        to_metric = pyproj.Transformer.from_crs("EPSG:4326", _METRIC, always_xy=True)
        reproject = pyproj.Transformer.from_crs(self.crs, _METRIC, always_xy=True)
        here = shapely.Point(to_metric.transform(lon, lat))
        distances = {}
        for number in map(int, candidates):
            if number not in self._metric:
                self._metric[number] = shapely.transform(
                    self.polygons[number], reproject.transform, interleaved=False
                )
            distances[number] = shapely.distance(here, self._metric[number])
        nearest = min(distances, key=distances.__getitem__, default=-1)
        return nearest if nearest >= 0 and distances[nearest] <= SHORE_KM * 1000 else -1


def read_ecoregions(path: str | os.PathLike[str]) -> EcoregionFile:
    """Read a shapefile of level-I ecoregions.

    Parameters
    ----------
    path : str or path
        The ``.shp`` file; ``.shx``, ``.dbf`` and ``.prj`` lie beside it.

    Raises
    ------
    InputError
        When a part is missing or damaged, when it has no level-I names or no polygons, or when
        its projection is unknown.
    """
    path = Path(path)
    if path.suffix.lower() != ".shp":
        raise InputError(f"{path} is no shapefile: give the .shp file of the ecoregions")
    for suffix in _PARTS:
        part = path.with_suffix(suffix)
        if not part.is_file() and not path.with_suffix(suffix.upper()).is_file():
            raise InputError(f"the ecoregions lack {part}: a shapefile is {', '.join(_PARTS)}")
    crs = _projection(path)
    try:
        with warnings.catch_warnings():
            # a file that is shorter than it says is half a file
            warnings.simplefilter("error", shapefile.PossiblyCorruptFileHeader)
            pieces = _read(path)
    except InputError:
        raise
    except (*_DAMAGE, shapefile.ShapefileException, shapefile.PossiblyCorruptFileHeader) as error:
        raise InputError(f"{path} is damaged or cut short: download it again") from error
    if not pieces:
        raise InputError(f"{path} holds no polygons with a name of level I")
    names, polygons = zip(*pieces, strict=True)
    return EcoregionFile(path, np.array(names), list(polygons), crs)


def use_ecoregions(ds: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Put real ecoregions in place of the schematic ones, and say so.

    Parameters
    ----------
    ds : xarray.Dataset
        A canonical dataset; its variables ``biome`` and ``cell_biome`` are replaced.
    path : str or path
        As :func:`read_ecoregions`.

    Raises
    ------
    InputError
        As :func:`read_ecoregions`, or when none of the sites lies in or near a polygon.
    """
    regions = read_ecoregions(path)
    label = f"level-I ecoregions of {regions.path.name}, as the user gave it"
    found = {
        "biome": regions.biome(ds["lon"].values, ds["lat"].values),
        "cell_biome": regions.biome(ds["cell_lon"].values, ds["cell_lat"].values),
    }
    if not (found["biome"] != "").any():
        raise InputError(f"no profile lies in or near a polygon of {regions.path}")
    for name, values in found.items():
        attrs = dict(ds[name].attrs) | {"provenance": "real", "comment": label}
        ds[name] = (ds[name].dims, values, attrs)
    ds.attrs["ecoregions"] = label
    parts = (regions.path.with_suffix(suffix) for suffix in _PARTS)
    add_sources(ds, {part.name: file_sha256(part) for part in parts if part.is_file()})


def _projection(path: Path) -> pyproj.CRS:
    """Projection of the .prj file."""
    part = path.with_suffix(".prj")
    part = part if part.is_file() else path.with_suffix(".PRJ")
    try:
        return pyproj.CRS.from_wkt(part.read_text("utf-8", errors="replace"))
    except pyproj.exceptions.CRSError as error:
        raise InputError(f"{part} names no projection that is known") from error


def _read(path: Path) -> list[tuple[str, BaseGeometry]]:
    """Names and outlines of a shapefile.

    Raises
    ------
    InputError
        When it has no level-I names.
    """
    with shapefile.Reader(str(path), encodingErrors="replace") as reader:
        fields = [entry[0] for entry in reader.fields if entry[0] != "DeletionFlag"]
        column = next((name for name in fields if _LEVEL_1.fullmatch(name)), None)
        if column is None:
            raise InputError(
                f"{path} has no names of level I (a field NA_L1NAME); its fields are "
                f"{', '.join(fields)}"
            )
        return list(_pieces(reader, column))


def _pieces(reader: shapefile.Reader, column: str) -> Iterator[tuple[str, BaseGeometry]]:
    """Name and outline of each polygon, without lakes."""
    spelled = {_plain(piece.name): piece.name for piece in schematic()}
    for row in reader.iterShapeRecords(fields=[column]):
        name = str(row.record[column]).strip().strip("\x00")
        if not name or _plain(name) == _WATER or not row.shape.points:
            continue
        outline = shape(row.shape.__geo_interface__)
        if not outline.is_valid:
            outline = shapely.make_valid(outline)
        yield spelled.get(_plain(name), name.title()), outline


def _plain(name: str) -> str:
    """A name without case, blanks and hyphens: spellings differ from file to file."""
    return re.sub(r"[^a-z]", "", name.lower())
