"""State and ecoregion outlines that ship with the project: one file serves screen, export, lookup.

``data/outlines/states.geojson`` is built by :mod:`binn.datasets.us_atlas`;
``data/outlines/ecoregions_schematic.geojson`` is drawn by hand and says so wherever it is shown.
Coordinates are longitude and latitude in degrees (WGS 84).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiLineString, shape
from shapely.geometry.base import BaseGeometry

from binn.errors import InputError

__all__ = ["ECOREGIONS_LABEL", "Ecoregion", "borders", "ecoregions", "outlines_folder", "states"]

ECOREGIONS_LABEL = "schematic, not EPA polygons"


@dataclass(frozen=True)
class Ecoregion:
    """One piece of a Level-I ecoregion.

    A point belongs to the first piece, by `order`, that contains it and whose limits of elevation
    it meets. A region may have several pieces, which share `code` and `name`.

    Parameters
    ----------
    order : int
        Rank of the piece, from 1.
    code : int
        Number of the Level-I region.
    name : str
        Name of the Level-I region.
    min_elevation, max_elevation : float or None
        Limits of elevation in m; None where there is no limit.
    geometry : shapely geometry
        Polygon in longitude and latitude.
    """

    order: int
    code: int
    name: str
    min_elevation: float | None
    max_elevation: float | None
    geometry: BaseGeometry


def outlines_folder() -> Path:
    """Return the folder of the shipped outlines, in a checkout or in an installed package.

    Raises
    ------
    InputError
        If the outlines are in neither place.
    """
    checkout = Path(__file__).resolve().parents[2] / "data" / "outlines"
    installed = Path(sys.prefix) / "share" / "binn-explorer" / "outlines"
    for folder in (checkout, installed):
        if (folder / "states.geojson").is_file():
            return folder
    raise InputError(
        f"The outlines that ship with the project are missing: no states.geojson in {checkout} "
        f"or {installed}; restore data/outlines from the repository."
    )


def _features(name: str) -> list[dict[str, Any]]:
    path = outlines_folder() / name
    try:
        features: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["features"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read as GeoJSON ({error}); restore it from the repository."
        ) from error
    return features


@cache
def states() -> list[tuple[str, BaseGeometry]]:
    """Return the 48 contiguous states and the District of Columbia, by name.

    Returns
    -------
    list of (str, shapely geometry)
        Name and polygon in longitude and latitude; neighbours share their borders exactly. Borders
        are simplified to about 2 km.
    """
    return [
        (feature["properties"]["name"], shape(feature["geometry"]))
        for feature in _features("states.geojson")
    ]


@cache
def borders() -> MultiLineString:
    """Return the borders of all states, each line once, for drawing.

    Returns
    -------
    shapely MultiLineString
        Lines in longitude and latitude.
    """
    once = shapely.union_all([geometry.boundary for _, geometry in states()])
    merged = shapely.line_merge(once)
    return MultiLineString(list(shapely.get_parts(merged)))


@cache
def ecoregions() -> list[Ecoregion]:
    """Return the pieces of the schematic Level-I ecoregions, in the order they are tried.

    Returns
    -------
    list of Ecoregion
        Show :data:`ECOREGIONS_LABEL` wherever they appear.
    """
    pieces = [
        Ecoregion(
            order=feature["properties"]["order"],
            code=feature["properties"]["code"],
            name=feature["properties"]["name"],
            min_elevation=feature["properties"]["min_elevation_m"],
            max_elevation=feature["properties"]["max_elevation_m"],
            geometry=shape(feature["geometry"]),
        )
        for feature in _features("ecoregions_schematic.geojson")
    ]
    return sorted(pieces, key=lambda piece: piece.order)
