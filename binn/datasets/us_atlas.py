"""Build ``data/outlines/states.geojson`` from npm's ``us-atlas`` 3.0.1 (a maintainers' tool).

::

    npm pack us-atlas@3.0.1
    python -m binn.datasets.us_atlas us-atlas-3.0.1.tgz

The outlines are the US Census Bureau's cartographic boundary files of 2017, 1:10 million, in the
public domain, as TopoJSON: neighbouring states share their arcs. Arcs are densified and projected
before polygons are made of them, so that a border along a parallel follows it on a projected map.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry import MultiPolygon, Polygon, mapping
from shapely.geometry.base import BaseGeometry

from binn.errors import InputError

__all__ = ["build", "decode_arcs", "main", "polygons", "simplified"]

PACKAGE_SHA256 = "e6daba1800885868303ad3549da62f85a557b8142bb72629ec15651de62f9c5d"
MEMBER = "package/states-10m.json"
# FIPS codes: Alaska, Hawaii; 57 and above are territories
OUTSIDE = {"02", "15"}
FIRST_TERRITORY = 57
ALBERS = "EPSG:5070"  # NAD83 / Conus Albers: tolerances in metres, the same everywhere
TOLERANCE = 2_000.0  # m
LONGEST_EDGE = 0.1  # degree: the chord of a parallel then stays within 10 m of it
DIGITS = 3  # of a degree: about 100 m, well below the tolerance

Points = npt.NDArray[np.float64]


def decode_arcs(topology: dict[str, Any]) -> list[Points]:
    """Undo TopoJSON's quantisation and delta encoding.

    Parameters
    ----------
    topology : dict
        A quantised TopoJSON topology.

    Returns
    -------
    list of numpy.ndarray
        One (point, 2) array of longitude and latitude for each arc.
    """
    scale = np.array(topology["transform"]["scale"])
    translate = np.array(topology["transform"]["translate"])
    return [np.cumsum(np.array(arc), axis=0) * scale + translate for arc in topology["arcs"]]


def polygons(geometry: dict[str, Any], arcs: list[Points]) -> BaseGeometry:
    """Assemble one TopoJSON Polygon or MultiPolygon from arcs.

    Parameters
    ----------
    geometry : dict
        TopoJSON geometry; index ``~i`` is arc ``i`` backwards.
    arcs : list of numpy.ndarray
        Points of each arc, in whatever coordinates the polygon is wanted.

    Returns
    -------
    shapely MultiPolygon
    """

    def ring(indices: list[int]) -> Points:
        pieces = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
        return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])

    parts = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    rings = [[ring(indices) for indices in part] for part in parts]
    # three corners and the first again make the smallest ring; less is left of islets
    whole = [[r for r in part if len(r) > 3] for part in rings if len(part[0]) > 3]
    return MultiPolygon([Polygon(shell, holes) for shell, *holes in whole])


def _densified(arc: Points) -> Points:
    """Drop repeated points and insert points so that no edge is longer than LONGEST_EDGE."""
    steps = np.abs(np.diff(arc, axis=0)).max(axis=1)
    arc, steps = arc[np.concatenate([[True], steps > 0])], steps[steps > 0]
    position = np.concatenate([[0], np.cumsum(np.ceil(steps / LONGEST_EDGE))])
    every = np.arange(position[-1] + 1)
    return np.column_stack([np.interp(every, position, column) for column in arc.T])


def simplified(topology: dict[str, Any]) -> list[tuple[str, str, BaseGeometry]]:
    """Simplify the lower 48 states and DC together, keeping the borders they share.

    Parameters
    ----------
    topology : dict
        ``states-10m.json`` of us-atlas.

    Returns
    -------
    list of (str, str, shapely geometry)
        FIPS code, name and polygon in longitude and latitude, by code.
    """
    there = pyproj.Transformer.from_crs("EPSG:4326", ALBERS, always_xy=True)
    arcs = [np.column_stack(there.transform(*_densified(arc).T)) for arc in decode_arcs(topology)]
    wanted = sorted(
        (
            state
            for state in topology["objects"]["states"]["geometries"]
            if state["id"] not in OUTSIDE and int(state["id"]) < FIRST_TERRITORY
        ),
        key=lambda state: str(state["id"]),
    )
    exact = np.array([polygons(state, arcs) for state in wanted])
    # quantisation left Oregon a spike of no width between California and Nevada
    exact = shapely.make_valid(exact, method="structure", keep_collapsed=False)
    coverage = shapely.coverage_simplify(exact, TOLERANCE)

    def to_degrees(xy: Points) -> Points:
        lon, lat = there.transform(xy[:, 0], xy[:, 1], direction="INVERSE")
        return np.round(np.column_stack([lon, lat]), DIGITS)

    degrees = [shapely.transform(geometry, to_degrees) for geometry in coverage]
    named = zip(wanted, degrees, strict=True)
    return [(state["id"], state["properties"]["name"], geometry) for state, geometry in named]


def _feature(code: str, name: str, geometry: BaseGeometry) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"fips": code, "name": name},
        "geometry": mapping(geometry),
    }


def build(package: Path, out: Path) -> None:
    """Write the states of the package as GeoJSON.

    Parameters
    ----------
    package : pathlib.Path
        ``us-atlas-3.0.1.tgz`` as `npm pack` leaves it.
    out : pathlib.Path
        GeoJSON file to write; replaced as a whole or not at all.

    Raises
    ------
    InputError
        If the package is missing or is not the release the outlines are made from.
    """
    try:
        found = hashlib.sha256(package.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{package} cannot be read ({error}); get it with `npm pack`.") from error
    if found != PACKAGE_SHA256:
        raise InputError(
            f"{package} is not us-atlas 3.0.1: its sha256 is {found}, not {PACKAGE_SHA256}."
        )
    with tarfile.open(package) as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None, MEMBER  # the hash says it is there
        topology = json.load(member)
    collection = {
        "type": "FeatureCollection",
        "source": "US Census Bureau cartographic boundary files 2017, by way of npm us-atlas 3.0.1",
        "licence": "public domain (US Census Bureau); us-atlas is under the ISC licence",
        "provenance": "real",
        "simplified": f"{TOLERANCE / 1000:g} km in {ALBERS}, neighbours share their borders",
        "features": [_feature(*state) for state in simplified(topology)],
    }
    partial = out.with_name(out.name + ".part")
    partial.write_text(json.dumps(collection, separators=(",", ":")) + "\n", "utf-8")
    partial.replace(out)


def main() -> int:
    """Run the tool from the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m binn.datasets.us_atlas",
        description="Build data/outlines/states.geojson from us-atlas-3.0.1.tgz (npm pack).",
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("--out", type=Path, default=Path("data/outlines/states.geojson"))
    options = parser.parse_args()
    try:
        build(options.package, options.out)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
