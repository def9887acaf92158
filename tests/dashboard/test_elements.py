"""Elements for notebooks hold the numbers of the state, and both backends draw them."""

from __future__ import annotations

import geoviews as gv
import holoviews as hv
import numpy as np
import pytest
from cartopy import crs

from binn.errors import InputError
from dashboard.elements import ALBERS, density, depth_profile, field_map
from dashboard.projection import to_albers
from dashboard.state.library import Library
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState


@pytest.fixture(scope="module", autouse=True)
def backends() -> None:
    gv.extension("bokeh", "matplotlib")


@pytest.fixture(scope="module")
def demo() -> Opened:
    return Library().open("demo", ("demo",))


def state_of(opened: Opened) -> PageState:
    state = PageState(opened)
    state.results.start()
    return state


def test_the_projection_is_that_of_the_page() -> None:
    lon, lat = np.array([-120.0, -96.0, -70.0]), np.array([30.0, 40.0, 47.0])
    there = ALBERS.transform_points(crs.PlateCarree(), lon, lat)
    assert np.allclose(there[:, :2].T, to_albers(lon, lat), atol=2.0)  # metres; datum apart


def test_a_map_of_sites(opened: Opened) -> None:
    state = state_of(opened)
    state.selection.choose([2, 5], "by hand")
    drawn = field_map(state)
    points, _, rings = drawn
    assert np.array_equal(points.dimension_values("value"), state.results.mapped.values)
    assert points.get_dimension("value").label == state.results.mapped.title
    lon = opened.dataset["lon"].to_numpy()
    assert np.array_equal(rings.dimension_values(0), lon[[2, 5]])
    plot = hv.render(drawn, backend="bokeh")
    source = next(r.data_source for r in plot.renderers if "color" in r.data_source.data)
    x, y = to_albers(lon, opened.dataset["lat"].to_numpy())
    assert np.allclose(source.data["Longitude"], x, atol=2.0)
    assert np.allclose(source.data["Latitude"], y, atol=2.0)
    assert hv.render(drawn, backend="matplotlib").axes[0].projection == ALBERS


def test_sites_as_an_image_by_datashader(demo: Opened) -> None:
    state = state_of(demo)
    image = next(iter(field_map(state, pixels=60)))
    means = image.dimension_values("value")
    values = state.results.mapped.values
    assert np.isfinite(means).sum() > 300
    assert values.min() <= np.nanmin(means) <= np.nanmax(means) <= values.max()
    assert np.nanmedian(means) == pytest.approx(np.median(values), rel=0.25)


def test_the_grid_as_an_image(demo: Opened) -> None:
    state = state_of(demo)
    state.field.on = "cell"
    drawn = field_map(state)
    image = next(iter(drawn))
    assert isinstance(image, gv.Image)
    cells = state.results.mapped.values
    # the pixel under a cell's centre has its value
    lon, lat = (demo.dataset[name].to_numpy() for name in ("cell_lon", "cell_lat"))
    at = np.linspace(0, len(cells) - 1, 40).astype(int)
    x, y = to_albers(lon[at], lat[at])
    found = [image[a, b] for a, b in zip(x, y, strict=True)]
    assert np.allclose(found, cells[at], rtol=1e-6)


def test_a_profile(demo: Opened) -> None:
    state = state_of(demo)
    state.selection.choose([10, 11, 12], "by hand")
    state.scenario.warming = 2.0
    drawn = {one.label: one for one in depth_profile(state)}
    assert set(drawn) == {"Observed", "BINN", "PRODA", "True parameters", "Scenario"}
    soc = state.results.estimate.soc[[10, 11, 12]]
    assert np.allclose(drawn["BINN"].dimension_values("soc"), np.median(soc, axis=0) / 1000)
    ends = (drawn[name].dimension_values("soc")[0] for name in ("Scenario", "BINN"))
    assert next(ends) < next(ends)  # warmer
    assert len(drawn["Observed"]) == demo.observations.count[[10, 11, 12]].sum()
    assert hv.render(depth_profile(state), backend="matplotlib").axes


def test_a_density_counts_every_observation(demo: Opened) -> None:
    counts = density(state_of(demo)).dimension_values("count")
    total = len(demo.observations.soc)
    assert 0.998 * total <= np.nansum(counts) <= total
    hv.render(density(state_of(demo), "proda"), backend="bokeh")


def test_nothing_is_drawn_before_it_is_solved(opened: Opened) -> None:
    for draw in (field_map, depth_profile):
        with pytest.raises(InputError, match=r"PageState\.open"):
            draw(PageState(opened))
