"""State and ecoregion of points whose place is common knowledge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binn.datasets.outlines import ecoregions
from binn.datasets.regions import biome, state


@pytest.mark.parametrize(
    ("lon", "lat", "name"),
    [
        (-76.50, 42.44, "New York"),  # Ithaca
        (-73.97, 40.78, "New York"),  # Manhattan
        (-121.49, 38.58, "California"),  # Sacramento
        (-77.04, 38.90, "District of Columbia"),
        (-104.99, 39.74, "Colorado"),  # Denver
        (-76.50, 43.55, "New York"),  # in Lake Ontario, some km from the shore
        (-70.0, 40.0, ""),  # open Atlantic
        (-79.38, 43.65, ""),  # Toronto
        (2.35, 48.86, ""),  # Paris
    ],
)
def test_state(lon: float, lat: float, name: str) -> None:
    assert state(lon, lat).tolist() == [name]


@pytest.mark.parametrize(
    ("lon", "lat", "elevation", "name"),
    [
        (-74.3, 44.1, 600.0, "Northern Forests"),  # Adirondacks
        (-76.5, 42.4, 250.0, "Eastern Temperate Forests"),
        (-99.0, 38.5, 600.0, "Great Plains"),  # Kansas
        (-80.6, 25.4, 2.0, "Tropical Wet Forests"),  # Everglades
        (-117.0, 39.5, 1700.0, "North American Deserts"),  # Nevada
        (2.35, 48.86, 35.0, ""),
    ],
)
def test_biome(lon: float, lat: float, elevation: float, name: str) -> None:
    assert biome(lon, lat, elevation).tolist() == [name]


def test_elevation_limits_decide_in_order() -> None:
    """Inside a piece with limits, the height decides; unknown heights meet no limit."""
    piece = next(p for p in ecoregions() if p.min_elevation is not None and p.order > 8)
    point = piece.geometry.representative_point()
    limit = piece.min_elevation
    assert limit is not None
    low, at, unknown = biome([point.x] * 3, [point.y] * 3, [limit - 1, limit, np.nan])
    assert at == piece.name
    assert low != piece.name
    assert unknown == low


@given(st.permutations(range(6)))
def test_order_of_points_does_not_matter(order: list[int]) -> None:
    lon = np.array([-76.5, -121.5, -99.0, -80.6, 2.0, -104.0])
    lat = np.array([42.4, 38.6, 38.5, 25.4, 48.0, 39.7])
    height = np.array([250.0, 10.0, 600.0, 2.0, 35.0, 1700.0])
    assert (state(lon, lat)[order] == state(lon[order], lat[order])).all()
    both = biome(lon[order], lat[order], height[order])
    assert (biome(lon, lat, height)[order] == both).all()
