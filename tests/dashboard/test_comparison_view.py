"""The BINN vs PRODA tab: it draws what was computed, and brushes take exactly what they enclose.

PRODA is SYNTHETIC here.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from proda_data import opened_on_grid, opened_on_sites

from binn.diagnostics import COMPONENT_NAMES, COMPONENTS
from dashboard.comparison_ground import Ground, shades, where_of
from dashboard.projection import to_albers
from dashboard.state.comparison import Compared
from dashboard.state.comparison_places import rows_of
from dashboard.state.grid import regular_grid
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.views.comparison import _PIXELS, Comparison


@pytest.fixture(scope="module")
def on_grid() -> Opened:
    return opened_on_grid()


def state_of(opened: Opened) -> PageState:
    state = PageState(opened)
    state.results.start()
    return state


@pytest.fixture(scope="module")
def once_made(on_grid: Opened) -> Comparison:
    return Comparison(state_of(on_grid))


@pytest.fixture
def view(once_made: Comparison) -> Comparison:
    """As it was made: its figures take a while, so all tests share them."""
    once_made._selection.clear()
    once_made._field.definition = "stock"
    once_made.param.update(enlarged="", tool="box")
    return once_made


def brush(view: Comparison, key: str, one: str, geometry: dict[str, Any]) -> None:
    """What the server gets when a box or lasso is let go."""
    fig = view.rows[key].figures[one]
    event = SimpleNamespace(
        event_name="selectiongeometry", geometry=geometry, final=True, model=fig
    )
    for callback in fig._event_callbacks["selectiongeometry"]:  # as the server calls them
        callback(event)


def tap(view: Comparison, key: str, one: str, x: float, y: float, shift: bool = False) -> None:
    fig = view.rows[key].figures[one]
    for callback in fig._event_callbacks["tap"]:
        callback(SimpleNamespace(x=x, y=y, modifiers={"shift": shift}))


def test_the_maps_hold_what_was_computed(view: Comparison) -> None:
    for key in COMPONENTS:
        found = view.found[key]
        for one in ("binn", "proda", "difference"):
            drawn = view.ground.places.data[f"{key}_{one}"]
            np.testing.assert_allclose(drawn, getattr(found, one), rtol=1e-6)
        images = view.rows[key].images.data
        expected = shades(found.difference, -found.reach, found.reach)
        lookup = view.ground.grid.lookup
        np.testing.assert_array_equal(
            images["difference"][0], np.where(lookup >= 0, expected[lookup], 0)
        )
    assert list(view.rows) == list(COMPONENTS)
    assert all(len(row.figures) == 4 for row in view.rows.values())


def test_another_definition_is_drawn_at_once(view: Comparison) -> None:
    before = {key: row.images.data for key, row in view.rows.items()}
    view._field.definition = "published"
    drawn = view.ground.places.data
    for key in COMPONENTS:
        np.testing.assert_allclose(drawn[f"{key}_binn"], view.found[key].binn, rtol=1e-6)
        assert view.found[key].definition == "published"
    changed = {key for key, row in view.rows.items() if row.images.data is not before[key]}
    assert changed == {"baseline_decomposition", "input_allocation"}  # the rest is the same


def test_a_box_on_a_map_takes_the_sites_of_the_cells_in_it(view: Comparison) -> None:
    x, y = (part[[0, 1, 3, 4]] for part in (view._x, view._y))  # the lower left four
    room = 2e4
    box = {
        "type": "rect", "x0": x.min() - room, "x1": x.max() + room,
        "y0": y.max() + room, "y1": y.min() - room,
    }  # fmt: skip
    brush(view, "input_allocation", "proda", box)
    site_cell = view._selection.site_cell
    expected = np.flatnonzero(np.isin(site_cell, [0, 1, 3, 4]))
    np.testing.assert_array_equal(view._selection.sites, expected)
    assert "PRODA map of input allocation" in view._selection.how
    marked = view.ground.marks.data["marked"]
    assert marked.dtype == np.uint8
    assert np.flatnonzero(marked).tolist() == [0, 1, 3, 4]
    veil = view.ground.veil.data["image"][0]
    lookup = view.ground.grid.lookup
    np.testing.assert_array_equal(veil, np.isin(lookup, [2, 5, 6, 7, 8]))
    assert "Selected: r = " in view._panes["vertical_transport"].words.object
    assert "n = 3 cells" in view._panes["vertical_transport"].words.object  # one is unknown


def test_a_lasso_in_a_scatter_takes_the_places_of_its_points(view: Comparison) -> None:
    found = view.found["carbon_transfer_efficiency"]
    x, y = found.proda[7], found.binn[7]
    near = 1e-9
    lasso = {"type": "poly", "x": [x - near, x + near, x], "y": [y - near, y - near, y + near]}
    brush(view, found.key, "scatter", lasso)
    assert view._selection.sites.tolist() == np.flatnonzero(view._selection.site_cell == 7).tolist()


def test_a_tap_takes_a_cell_and_shift_adds(view: Comparison) -> None:
    site_cell = view._selection.site_cell
    tap(view, "carbon_input", "binn", float(view._x[2]), float(view._y[2]))
    assert view._selection.cells.tolist() == [2]
    tap(view, "carbon_input", "difference", float(view._x[5]), float(view._y[5]), shift=True)
    expected = np.flatnonzero(np.isin(site_cell, [2, 5]))
    np.testing.assert_array_equal(view._selection.sites, expected)
    far = to_albers(-120.0, 30.0)
    tap(view, "carbon_input", "binn", float(far[0]), float(far[1]))
    np.testing.assert_array_equal(view._selection.sites, expected)


def test_a_selection_made_elsewhere_is_marked_and_let_go(view: Comparison) -> None:
    view._selection.choose([3, 4])
    cells = view._selection.cells
    assert np.flatnonzero(view.ground.marks.data["marked"]).tolist() == cells.tolist()
    assert rows_of(view._selection, "site").tolist() == [3, 4]
    view._selection.clear()
    assert not view.ground.marks.data["marked"].any()
    assert not view.ground.veil.data["image"][0].any()
    assert "Selected" not in view._panes["carbon_input"].words.object


def test_the_button_selects_where_they_differ_most(view: Comparison) -> None:
    found = view.found["vertical_transport"]
    view._panes["vertical_transport"].select.clicks += 1
    worst = int(np.nanargmax(abs(found.difference)))
    expected = np.flatnonzero(view._selection.site_cell == worst)
    np.testing.assert_array_equal(view._selection.sites, expected)
    assert "vertical transport" in view._selection.how
    assert view._panes["carbon_input"].select.disabled


def test_one_row_is_large_and_the_others_fold(view: Comparison) -> None:
    view._panes["environmental_modifier"]._enlarge.clicks += 1
    assert view.enlarged == "environmental_modifier"
    shown = {key for key, panes in view._panes.items() if panes._plots.visible}
    assert shown == {"environmental_modifier"}
    view._panes["environmental_modifier"]._enlarge.clicks += 1
    assert all(panes._plots.visible for panes in view._panes.values())


def test_dragging_does_what_was_chosen(view: Comparison) -> None:
    view.tool = "lasso"
    for row in view.rows.values():
        for fig in row.figures.values():
            assert fig.toolbar.active_drag.name == "lasso"
            assert fig.toolbar.active_scroll is None


def test_sites_where_there_is_no_grid() -> None:
    view = Comparison(state_of(opened_on_sites()))
    assert view.place == "site"
    assert view.ground.grid is None
    found = view.found["baseline_decomposition"]
    assert found.overall.n == view._selection.count == 45
    drawn = view.ground.places.data["baseline_decomposition_binn_colour"]
    np.testing.assert_array_equal(drawn, shades(found.binn, found.low, found.high))
    west = float(np.median(view._x))
    box = {"type": "rect", "x0": -9e6, "x1": west, "y0": -9e6, "y1": 9e6}
    brush(view, "baseline_decomposition", "binn", box)
    expected = np.flatnonzero(view._x <= west)
    np.testing.assert_array_equal(view._selection.sites, expected)
    assert np.flatnonzero(view.ground.places.data["shown"]).tolist() == expected.tolist()


def test_without_proda_it_says_what_to_do(opened: Opened) -> None:
    view = Comparison(state_of(opened))
    assert view.ground is None
    assert "binn proda" in view._note.object
    view._selection.choose([1])
    assert len(view.__panel__()) == 1


def test_opening_and_brushing_are_light() -> None:
    """With as many cells as the demo has; bytes of the data, which travel in binary."""
    cells = 3279
    rng = np.random.default_rng(0)
    column, row = np.arange(cells) % 80, np.arange(cells) // 80
    lon, lat = -110.0 + 0.5 * column, 28.0 + 0.5 * row
    cells_at = {"cell_lon": ("cell", lon), "cell_lat": ("cell", lat)}
    found = {
        key: Compared(
            key,
            *COMPONENT_NAMES[key],
            "stock",
            *rng.uniform(0, 1, (2, cells)),
            None,
            0,
            1,
            1,
            (0, 1),
        )
        for key in COMPONENTS
    }
    grid = regular_grid(lon, lat, _PIXELS)
    ground = Ground(where_of(xr.Dataset(cells_at), grid), grid, found)
    sources = (ground.places, ground.marks, ground.outline, ground.veil)
    data = [values for source in sources for values in source.data.values()]
    held = sum(np.asarray(values).nbytes for values in data)
    assert held + 18 * grid.lookup.size < 1.4e6  # a byte a pixel of eighteen maps
    assert grid.lookup.size + cells < 5e4  # what a brush sends
