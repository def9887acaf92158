"""Traceability: numbers of the science, diagrams that draw them, brushes that find exact sites."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bokeh.events import SelectionGeometry, Tap
from hypothesis import given
from hypothesis import strategies as st

from binn.clm5 import solve
from binn.diagnostics import TRACEABILITY, traceability
from dashboard.brushing import rows_within
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.traceability import (
    Group,
    axis_span,
    by_region,
    changed_group,
    equal_storage_pair,
    group_of,
    levels,
    selected_group,
)
from dashboard.tables import table
from dashboard.views.traceability import Traceability

pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")


@pytest.fixture
def state(opened: Opened) -> PageState:
    found = PageState(opened)
    found.results.start()
    return found


@pytest.fixture
def truth(opened: Opened) -> dict[str, np.ndarray]:
    """The quantities straight from the science."""
    with torch.no_grad():
        solved = solve(torch.from_numpy(opened.parameters), opened.forcing)
        return {key: value.numpy() for key, value in traceability(solved).items()}


def biomes(state: PageState) -> np.ndarray:
    return state.opened.dataset["biome"].to_numpy().astype(str)


def test_groups_hold_the_numbers_of_the_science(
    state: PageState, truth: dict[str, np.ndarray]
) -> None:
    groups = by_region(state.results.estimate.traceability, biomes(state))
    assert [group.name for group in groups] == ["Invented forest", "Invented meadow"]
    for group in groups:
        here = biomes(state) == group.name
        assert group.n == here.sum()
        for key in TRACEABILITY:
            values = truth[key][here]
            low, median, high = np.percentile(values, (25, 50, 75))
            np.testing.assert_allclose(
                [group.low[key], group.median[key], group.high[key]], [low, median, high], 1e-12
            )


def test_storage_is_influx_times_residence_time(
    state: PageState, truth: dict[str, np.ndarray]
) -> None:
    np.testing.assert_allclose(truth["storage"], truth["influx"] * truth["residence_time"], 1e-12)
    for group in by_region(state.results.estimate.traceability, biomes(state)):
        budget = group.budget
        within = biomes(state) == group.name
        np.testing.assert_allclose(budget.storage, truth["storage"][within].mean(), 1e-12)
        np.testing.assert_allclose(budget.influx, truth["influx"][within].mean(), 1e-12)
        np.testing.assert_allclose(budget.influx * budget.residence_time, budget.storage, 1e-12)
        np.testing.assert_allclose(
            budget.baseline_residence_time / budget.environmental_scalar, budget.residence_time
        )
        here = biomes(state) == group.name
        influx = truth["influx"][here]
        for key in ("residence_time", "baseline_residence_time"):
            weighted = np.average(truth[key][here], weights=influx)
            np.testing.assert_allclose(getattr(budget, key), weighted, 1e-12)


def test_rows_without_numbers_are_left_out() -> None:
    some = {key: np.array([2.0, np.nan, 4.0]) for key in TRACEABILITY}
    assert group_of("x", some).n == 2
    assert group_of("x", some).budget.storage == 3.0
    nothing = group_of("x", some, np.array([1]))
    assert nothing.n == 0
    assert np.isnan(nothing.budget.storage)
    assert by_region(some, np.array(["", "a", ""])) == []


def group_with(name: str, storage: float, residence: float, n: int = 50) -> Group:
    values = {
        "storage": storage,
        "influx": storage / residence,
        "residence_time": residence,
        "baseline_residence_time": 0.2 * residence,
        "environmental_scalar": 0.2,
    }
    return group_of(name, {key: np.full(n, value) for key, value in values.items()})


def test_equal_storage_for_different_reasons() -> None:
    groups = [
        group_with("a", 100.0, 10.0),
        group_with("b", 105.0, 60.0),
        group_with("c", 98.0, 30.0),
        group_with("far", 300.0, 900.0),
        group_with("few", 100.0, 500.0, n=3),
    ]
    slow, fast = equal_storage_pair(groups)
    assert (slow.name, fast.name) == ("b", "a")
    slow, fast = equal_storage_pair(groups, within=0.03)
    assert (slow.name, fast.name) == ("c", "a")
    assert equal_storage_pair(groups[:1]) is None
    assert equal_storage_pair([groups[0], groups[3]]) is None


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=50))
def test_axes_and_contours_are_about_the_data(values: list[float]) -> None:
    known = np.array([*values, np.nan])
    for scale in ("Linear", "Log"):
        start, end = axis_span(known, scale)
        assert start < end
    start, end = axis_span(known, "Log")
    assert 0 < start <= min(values)
    assert max(values) <= end
    found = levels(known)
    assert 1 <= len(found) <= 7
    assert found == sorted(set(found))
    assert all(min(values) <= one * 1.01 and one <= max(values) * 1.01 for one in found)


def view_of(state: PageState, scale: str = "Linear") -> Traceability:
    return Traceability(state, scale=scale)


def test_drawn_numbers_are_the_computed_ones(
    state: PageState, truth: dict[str, np.ndarray]
) -> None:
    view = view_of(state)
    for key in set(view.sites.data) - {"chosen"}:
        np.testing.assert_allclose(view.sites.data[key], truth[key], rtol=1e-6)
    assert not view.sites.data["chosen"].any()
    for row, group in enumerate(by_region(truth, biomes(state))):
        assert view.groups.data["name"][row] == group.name
        for key in TRACEABILITY:
            np.testing.assert_allclose(view.groups.data[key][row], group.budget.each[key], 1e-6)
            np.testing.assert_allclose(view.groups.data[f"{key}_low"][row], group.low[key], 1e-6)
            np.testing.assert_allclose(view.groups.data[f"{key}_high"][row], group.high[key], 1e-6)


def diagrams(view: Traceability) -> list:
    return view._diagrams[view.scale]


@pytest.mark.parametrize("scale", ["Linear", "Log"])
def test_contours_hold_one_value_each(state: PageState, scale: str) -> None:
    view = view_of(state, scale)
    for diagram, invariant in zip(
        diagrams(view), (lambda x, y: x * y / 1000, lambda x, y: y / x), strict=True
    ):
        x, y = (np.asarray(diagram.contours.data[end]) for end in "xy")
        assert len(diagram.labels.data["level"])
        found = invariant(x, y)
        drawn = np.unique(np.round(found[np.isfinite(found)], 6))
        np.testing.assert_allclose(drawn, sorted(diagram.labels.data["level"]))
        at = invariant(*(np.asarray(diagram.labels.data[end]) for end in "xy"))
        np.testing.assert_allclose(at, diagram.labels.data["level"])


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("scale", ["Linear", "Log"])
def test_a_box_selects_exactly_what_lies_in_it(state: PageState, scale: str, which: int) -> None:
    view = view_of(state, scale)
    diagram = diagrams(view)[which]
    found = state.results.estimate.traceability
    x, y = found[diagram.relation.x], found[diagram.relation.y]
    for ends in np.random.default_rng(3).uniform(0, 1, (12, 4)):
        (x0, x1), (y0, y1) = np.quantile(x, ends[:2]), np.quantile(y, ends[2:])
        geometry = {"type": "rect", "x0": x0, "x1": x1, "y0": y1, "y1": y0}
        diagram.figure._trigger_event(SelectionGeometry(diagram.figure, geometry))
        inside = (x >= min(x0, x1)) & (x <= max(x0, x1)) & (y >= min(y0, y1)) & (y <= max(y0, y1))
        expected = np.flatnonzero(inside).tolist()
        assert state.selection.sites.tolist() == expected
        assert np.flatnonzero(view.sites.data["chosen"]).tolist() == expected


def test_a_lasso_has_straight_sides_on_the_screen() -> None:
    x, y = np.array([1.0, 10.0, 100.0, np.nan]), np.array([1.5, 3.0, 1.5, 1.0])
    corners = {"type": "poly", "x": [0.1, 1000.0, 10.0], "y": [0.5, 0.5, 8.0]}
    assert rows_within(corners, x, y, log=True).tolist() == [0, 1, 2]
    assert rows_within(corners, x, y).tolist() == [1, 2]  # the left side is another one there
    assert rows_within({"type": "point", "x": 1, "y": 1}, x, y).tolist() == []


def test_a_brush_that_goes_on_selects_nothing_yet(state: PageState) -> None:
    view = view_of(state)
    figure = diagrams(view)[0].figure
    everything = {"type": "rect", "x0": 0, "x1": 1e9, "y0": 0, "y1": 1e9}
    figure._trigger_event(SelectionGeometry(figure, everything, final=False))
    assert not len(state.selection)
    figure._trigger_event(SelectionGeometry(figure, everything))
    assert len(state.selection) == state.selection.count


@pytest.mark.parametrize("scale", ["Linear", "Log"])
def test_a_tap_on_a_biome_selects_it(state: PageState, scale: str) -> None:
    view = view_of(state, scale)
    for row, name in enumerate(("Invented forest", "Invented meadow")):
        diagram = diagrams(view)[row]
        x, y = (view.groups.data[key][row] for key in (diagram.relation.x, diagram.relation.y))
        diagram.figure._trigger_event(Tap(diagram.figure, x=x, y=y))
        assert state.selection.region == ("biome", name)
        assert name in view._words.object
    state.selection.clear()
    figure = diagrams(view)[0].figure
    figure._trigger_event(Tap(figure, x=figure.x_range.end, y=figure.y_range.end))
    assert not len(state.selection)


def test_a_selection_made_elsewhere_is_shown(state: PageState) -> None:
    view = view_of(state)
    state.selection.choose([4, 7, 11])
    assert np.flatnonzero(view.sites.data["chosen"]).tolist() == [4, 7, 11]
    assert view.sites.data["chosen"].dtype == np.uint8
    expected = state.results.estimate.traceability["storage"][[4, 7, 11]].mean()
    np.testing.assert_allclose(view.selection.data["storage"][0], expected, 1e-12)
    assert "3 sites" in view._words.object


def test_the_scenario_moves_the_point(state: PageState, opened: Opened) -> None:
    view = view_of(state)
    state.selection.choose([4, 7, 11])
    state.scenario.warming = 3.0
    after = changed_group(state.results, state.selection)
    with torch.no_grad():
        forcing = opened.forcing.changed(warming=3.0, npp=1.0, moisture=1.0).take(
            np.array([4, 7, 11])
        )
        solved = solve(torch.from_numpy(opened.parameters[[4, 7, 11]]), forcing)
        found = traceability(solved)
        expected = (found["storage"].mean() / found["influx"].mean()).item()
    np.testing.assert_allclose(after.budget.residence_time, expected, rtol=1e-12)
    before = selected_group(state.results, state.selection)
    drawn = view.selection.data
    np.testing.assert_allclose(
        drawn["residence_time"][:2], [before.budget.residence_time, expected], 1e-12
    )
    assert drawn["from_residence_time"][1] == drawn["residence_time"][0]
    assert drawn["residence_time"][1] < drawn["residence_time"][0]
    state.scenario.reset()
    assert "Changed" not in view.selection.data["name"]


def test_marks_lie_where_the_words_say(state: PageState) -> None:
    """Storage is influx times residence time for whatever is drawn, on both diagrams."""
    view = view_of(state)
    state.selection.choose([4, 7, 11, 30])
    state.scenario.warming = 3.0
    for drawn in (view.groups.data, view.selection.data):
        at = {key: np.asarray(drawn[key]) for key in TRACEABILITY}
        np.testing.assert_allclose(at["storage"], at["influx"] * at["residence_time"], 1e-12)
        np.testing.assert_allclose(
            at["residence_time"], at["baseline_residence_time"] / at["environmental_scalar"], 1e-12
        )
    assert "storage of all pools in the whole column −" in view._words.object


def test_several_biomes_keep_their_colours(state: PageState) -> None:
    view = view_of(state)
    names = biomes(state)
    forest, meadow = (np.flatnonzero(names == name)[:3] for name in np.unique(names))
    state.selection.choose(forest)
    assert set(view.sites.data["chosen"].tolist()) == {0, 1}
    assert view.selection.data["name"] == ["Selection"]
    state.selection.choose([*forest, *meadow])
    assert view.sites.data["chosen"][forest].tolist() == [2] * 3
    assert view.sites.data["chosen"][meadow].tolist() == [3] * 3
    drawn = view.selection.data
    assert drawn["name"] == ["Selection", "Invented forest", "Invented meadow"]
    assert drawn["colour"][1:] == view.groups.data["colour"]
    palette = diagrams(view)[0]._shade.palette
    assert [shade[:7] for shade in palette[2:]] == view.groups.data["colour"]
    found = state.results.estimate.traceability["storage"]
    np.testing.assert_allclose(drawn["storage"][1], found[forest].mean())
    assert "Invented forest, selected" in view._table.object


def test_the_source_is_that_of_the_map_and_is_named() -> None:
    state = PageState.open("demo")  # CLM5 defaults; the demo knows PRODA and the truth
    view = view_of(state)
    opened = state.opened
    assert opened.source in view._words.object
    for source in ("proda", "truth", "difference", "binn"):
        state.field.source = source
        shown = source if source in opened.sources else "binn"
        expected = opened.estimate("conserving", shown).traceability
        drawn = view.sites.data["residence_time"]
        np.testing.assert_allclose(drawn, expected["residence_time"], 1e-6)
        name = opened.source if shown == "binn" else opened.source_name(shown)
        assert view._words.object.startswith(f"{name}, bedrock scheme conserving.")
        assert ("no answer of its own" in view._words.object) == (source == "difference")


def test_the_table_holds_every_group(state: PageState) -> None:
    view = view_of(state)
    state.selection.choose([4, 7, 11])
    state.scenario.warming = 1.0
    for name in ("Invented forest", "Invented meadow", "Selection", "Changed"):
        assert f'<th scope="row">{name}</th>' in view._table.object


def test_a_table_shows_text_and_never_markup() -> None:
    written = table("a <b>", ["x", "y"], [["<i>one</i>", "<script>"]])
    assert "<script>" not in written
    assert "&lt;i&gt;one&lt;/i&gt;" in written


def test_the_demo_has_a_pair_for_the_lesson() -> None:
    """The lesson tells of two biomes; the data must have them."""
    state = PageState.open("demo", "demo")
    groups = by_region(state.results.estimate.traceability, biomes(state))
    slow, fast = equal_storage_pair(groups)
    assert abs(slow.budget.storage / fast.budget.storage - 1) <= 0.1
    assert slow.budget.residence_time > 2 * fast.budget.residence_time
