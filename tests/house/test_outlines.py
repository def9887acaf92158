"""Shipped outlines: valid, sharing borders, and right about well-known places."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry import Point

from binn.datasets import outlines, us_atlas
from binn.errors import InputError

CITIES = {  # one capital in each corner and in the middle, and two that lie on a border river
    "Washington": (-122.90, 47.04),
    "California": (-121.47, 38.56),
    "Maine": (-69.77, 44.31),
    "Florida": (-84.28, 30.44),
    "Kansas": (-95.69, 39.05),
    "District of Columbia": (-77.01, 38.90),
    "New Jersey": (-74.756, 40.2206),
    "New York": (-73.757, 42.6526),
}


def test_the_lower_48_and_dc_are_there_once() -> None:
    names = [name for name, _ in outlines.states()]
    assert len(names) == len(set(names)) == 49
    assert not {"Alaska", "Hawaii", "Puerto Rico"} & set(names)


def test_neighbours_share_their_borders_exactly() -> None:
    geometries = np.array([geometry for _, geometry in outlines.states()])
    assert shapely.is_valid(geometries).all()
    assert shapely.coverage_is_valid(geometries)


@pytest.mark.parametrize(("state", "lonlat"), CITIES.items())
def test_capitals_lie_in_one_state_and_the_right_one(
    state: str, lonlat: tuple[float, float]
) -> None:
    found = [name for name, shape in outlines.states() if shape.contains(Point(lonlat))]
    assert found == [state]


def test_areas_survive_the_simplification() -> None:
    """Colorado and Kansas have hardly any water: area of the state as the Census gives it."""
    geod = pyproj.Geod(ellps="GRS80")
    area = {n: abs(geod.geometry_area_perimeter(g)[0]) / 1e6 for n, g in outlines.states()}
    assert area["Colorado"] == pytest.approx(269_601, rel=2e-3)
    assert area["Kansas"] == pytest.approx(213_100, rel=2e-3)


def test_straight_borders_follow_their_parallel_when_projected() -> None:
    states = dict(outlines.states())
    border = shapely.intersection(states["Colorado"].boundary, states["New Mexico"].boundary)
    chord = shapely.segmentize(border, 0.01)  # as the map draws it: straight between its points
    project = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:5070", always_xy=True).transform
    drawn = shapely.transform(border, lambda p: np.column_stack(project(p[:, 0], p[:, 1])))
    true = shapely.transform(chord, lambda p: np.column_stack(project(p[:, 0], p[:, 1])))
    assert drawn.length > 4e5
    assert shapely.hausdorff_distance(drawn, true) < 2_000


def test_borders_are_drawn_once() -> None:
    lines = outlines.borders()
    whole = shapely.union_all([geometry for _, geometry in outlines.states()])
    around = sum(geometry.length for _, geometry in outlines.states())
    # every inner border counts twice in the sum over states, the outer one once
    assert lines.length == pytest.approx((around + whole.length) / 2, rel=1e-9)


def test_shipped_outlines_stay_small(root: Path) -> None:
    assert sum(path.stat().st_size for path in (root / "data/outlines").iterdir()) < 300_000


def test_ecoregions_cover_the_country_and_say_what_they_are(root: Path) -> None:
    pieces = outlines.ecoregions()
    assert [piece.order for piece in pieces] == list(range(1, len(pieces) + 1))
    assert len({piece.name for piece in pieces}) == len({piece.code for piece in pieces}) == 10
    remainder = [p.geometry for p in pieces if (p.min_elevation, p.max_elevation) == (None, None)]
    country = shapely.union_all([geometry for _, geometry in outlines.states()])
    assert shapely.union_all(remainder).covers(country)
    label = json.loads((root / "data/outlines/ecoregions_schematic.geojson").read_text())["label"]
    assert label == outlines.ECOREGIONS_LABEL


def test_missing_outlines_are_an_error_that_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(outlines, "__file__", str(tmp_path / "binn/datasets/outlines.py"))
    monkeypatch.setattr(outlines.sys, "prefix", str(tmp_path))
    with pytest.raises(InputError, match=r"no states\.geojson in .*data/outlines"):
        outlines.outlines_folder()


def test_topojson_arcs_are_decoded_and_shared() -> None:
    """Two unit squares side by side, quantised to tenths; the right one runs its arc backwards."""
    topology = {
        "transform": {"scale": [0.1, 0.1], "translate": [-100.0, 40.0]},
        "arcs": [
            [[10, 0], [0, 10]],  # the border they share
            [[10, 10], [-10, 0], [0, -10], [10, 0]],
            [[10, 10], [10, 0], [0, -10], [-10, 0]],
        ],
    }
    arcs = us_atlas.decode_arcs(topology)
    left = us_atlas.polygons({"type": "Polygon", "arcs": [[0, 1]]}, arcs)
    right = us_atlas.polygons({"type": "MultiPolygon", "arcs": [[[2, -1]]]}, arcs)
    np.testing.assert_allclose(left.bounds, (-100, 40, -99, 41))
    np.testing.assert_allclose(right.bounds, (-99, 40, -98, 41))
    assert shapely.coverage_is_valid(np.array([left, right]))


def test_another_package_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    package, out = tmp_path / "us-atlas.tgz", tmp_path / "states.geojson"
    out.write_text("old")
    with tarfile.open(package, "w:gz"):
        pass
    with pytest.raises(InputError, match=r"not us-atlas 3\.0\.1"):
        us_atlas.build(package, out)
    with pytest.raises(InputError, match="cannot be read"):
        us_atlas.build(tmp_path / "nowhere.tgz", out)
    assert out.read_text() == "old"
