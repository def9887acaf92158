"""Cells as an image: every place, pixel and brush has the cell that geography says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.projection import to_albers, to_lonlat
from dashboard.state.grid import Grid, grid_of, regular_grid, within
from dashboard.state.opened import Opened

STEP = 0.625, 0.46875
"""CESM2's grid, degrees east and north."""


@pytest.fixture(scope="module")
def centres() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """An L with a hole, as a coast and a lake leave it."""
    column, row = (part.ravel() for part in np.meshgrid(np.arange(34), np.arange(26)))
    land = ((column < 20) | (row < 12)) & ~((column == 6) & (row == 7))
    return -118.2 + STEP[0] * column[land], 31.4 + STEP[1] * row[land]


@pytest.fixture(scope="module")
def grid(centres: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Grid:
    found = regular_grid(*centres)
    assert found is not None
    return found


def test_projection_goes_both_ways() -> None:
    lon, lat = np.array([-124.3, -96.0, -67.1]), np.array([48.2, 23.0, 45.5])
    np.testing.assert_allclose(to_lonlat(*to_albers(lon, lat)), [lon, lat], atol=1e-9)


def test_the_steps_are_found(grid: Grid) -> None:
    assert grid.step == pytest.approx(STEP, abs=1e-9)


def test_every_centre_lies_in_its_cell(grid: Grid) -> None:
    np.testing.assert_array_equal(grid.cells_at(grid.x, grid.y), np.arange(len(grid)))
    assert [grid.cell_at(x, y) for x, y in zip(grid.x, grid.y, strict=True)] == list(
        range(len(grid))
    )


def test_a_hole_and_the_sea_hold_no_cell(grid: Grid) -> None:
    hole = to_albers(-118.2 + 6 * STEP[0], 31.4 + 7 * STEP[1])
    assert grid.cell_at(float(hole[0]), float(hole[1])) is None
    left, bottom, right, top = grid.extent
    assert grid.cell_at(right - 1e3, top - 1e3) is None
    assert grid.cell_at(left - 5e6, bottom) is None


def test_every_pixel_within_half_a_cell_is_filled_and_no_other(
    grid: Grid, centres: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    left, bottom, right, top = grid.extent
    rows, columns = grid.shape
    values = np.arange(len(grid)) * 0.5
    image = grid.image(values)
    assert image.dtype == np.float32
    assert image.shape == grid.shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
    lon, lat = to_lonlat(*np.meshgrid(x, y))
    east = abs(lon.ravel()[:, None] - centres[0]) / STEP[0]
    north = abs(lat.ravel()[:, None] - centres[1]) / STEP[1]
    far = np.maximum(east, north)
    nearest, distance = far.argmin(1), far.min(1)
    sure = abs(distance - 0.5) > 1e-6
    expected = np.where(distance < 0.5, values[nearest], np.nan).astype(np.float32)
    np.testing.assert_array_equal(image.ravel()[sure], expected[sure])
    assert sure.mean() > 0.999
    assert np.isin(np.arange(len(grid)), grid.lookup).all()


@pytest.mark.parametrize("pixels", [2_000, 25_000, 200_000])
def test_pixels_are_square_and_not_too_many(
    centres: tuple[NDArray[np.float64], NDArray[np.float64]], pixels: int
) -> None:
    grid = regular_grid(*centres, pixels=pixels)
    assert grid is not None
    left, bottom, right, top = grid.extent
    rows, columns = grid.shape
    assert 0.9 * pixels < rows * columns <= pixels
    assert (right - left) / columns == pytest.approx((top - bottom) / rows, rel=1e-9)


def test_a_mask_is_a_byte_a_pixel(grid: Grid) -> None:
    mask = grid.mask(np.array([3, 40]))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask == 1, np.isin(grid.lookup, [3, 40]))
    assert not grid.mask(np.empty(0, dtype=np.int64)).any()


def test_a_box_takes_exactly_the_centres_in_it(grid: Grid) -> None:
    x0, x1 = np.quantile(grid.x, [0.3, 0.6])
    y0, y1 = np.quantile(grid.y, [0.2, 0.5])
    expected = [
        cell
        for cell, (x, y) in enumerate(zip(grid.x, grid.y, strict=True))
        if x0 <= x <= x1 and y0 <= y <= y1
    ]
    assert expected
    assert grid.cells_in_box(x1, y0, x0, y1).tolist() == expected


def test_a_lasso_takes_exactly_the_centres_in_it(grid: Grid) -> None:
    middle = np.median(grid.x), np.median(grid.y)
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = 3.3e5
    xs, ys = middle[0] + radius * np.cos(turn), middle[1] + radius * np.sin(turn)
    far = np.hypot(grid.x - middle[0], grid.y - middle[1])
    cells = grid.cells_in_polygon(xs, ys)
    assert set(np.flatnonzero(far < 0.999 * radius)) <= set(cells.tolist())
    assert not set(np.flatnonzero(far > radius)) & set(cells.tolist())
    assert grid.cells_in_polygon(xs[:2], ys[:2]).tolist() == []


def test_a_lasso_leaves_out_what_has_no_place() -> None:
    x, y = np.array([0.5, np.nan, 3.0]), np.array([0.5, 0.5, 0.5])
    square = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    assert within(*square, x, y).tolist() == [0]


def test_scattered_places_are_no_grid(opened: Opened) -> None:
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(-80, -72, 400), rng.uniform(40, 45, 400)
    assert regular_grid(lon, lat) is None
    assert regular_grid(lon.round(2), lat.round(2)) is None
    assert regular_grid(lon[:1], lat[:1]) is None
    twice = np.tile(np.arange(4.0), 2)
    assert regular_grid(twice, np.repeat([30.0, 30.5, 30.0, 30.5], 2)) is None
    assert grid_of(opened) is None
    assert grid_of(opened) is grid_of(opened)


def test_the_demo_is_a_half_degree_grid() -> None:
    import xarray as xr

    path = Path(__file__).parents[2] / "data" / "demo" / "conus.nc"
    with xr.open_dataset(path) as dataset:
        lon, lat = dataset["cell_lon"].to_numpy(), dataset["cell_lat"].to_numpy()
    grid = regular_grid(lon, lat)
    assert grid is not None
    assert grid.step == pytest.approx((0.5, 0.5))
    assert len(grid) == len(lon)
    assert grid.image(lon).nbytes <= 100_000
