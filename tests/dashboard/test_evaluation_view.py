"""Evaluation: scores of the science, drawn densities, maps and boxes that hold them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
import torch
from bokeh.events import SelectionGeometry

import binn
from binn.clm5 import NODES, soc_at_depth, solve
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.evaluation import score as science_score
from binn.observations import Observations
from binn.parameters import KEYS, LOWER, UPPER
from dashboard.state.attention import Attention
from dashboard.state.estimate import owners
from dashboard.state.evaluation import (
    below_deepest_node,
    density,
    deviation,
    score,
    simulated,
    split_parts,
    thickness,
)
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.residuals import LEVELS, by_biome, by_depth
from dashboard.state.work import Lane
from dashboard.theme import ink
from dashboard.views.evaluation import Evaluation
from dashboard.views.evaluation.density import MOST_POINTS

pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")


@pytest.fixture
def state(opened: Opened) -> PageState:
    found = PageState(opened)
    found.results.start()
    return found


@pytest.fixture(scope="module")
def demo() -> PageState:
    return PageState.open("demo", "demo")


@pytest.fixture
def truth(opened: Opened) -> np.ndarray:
    """SOC at the observations straight from the science."""
    with torch.no_grad():
        soc = solve(torch.from_numpy(opened.parameters), opened.forcing).soc
        return soc_at_depth(
            soc,
            opened.observations.depth,
            opened.forcing.per_site("nbedrock"),
            torch.from_numpy(owners(opened.observations)),
        ).numpy()


@pytest.mark.parametrize("sites", [None, [3, 4, 20, 44]])
def test_scores_are_those_of_the_science(
    opened: Opened, truth: np.ndarray, sites: list[int] | None
) -> None:
    chosen = None if sites is None else np.array(sites)
    found = score("x", opened, truth, below_deepest_node(opened), chosen)
    rows = np.arange(len(truth)) if chosen is None else opened.observations.of(chosen)[0]
    expected = science_score(opened.dataset, rows, truth[rows])
    for key in ("nse", "r", "rmse", "bias", "n"):
        np.testing.assert_allclose(found.every[key], expected[key], rtol=1e-12)
        np.testing.assert_allclose(
            found.above[key], expected["above_deepest_node"][key], rtol=1e-12
        )
    assert found.sites == (opened.count if sites is None else len(sites))


def test_observations_below_the_deepest_node_are_known(opened: Opened) -> None:
    below = below_deepest_node(opened)
    assert below.any()
    assert not below.all()
    nbedrock = opened.dataset["nbedrock"].to_numpy()[opened.dataset["site_cell"].to_numpy()]
    owner = owners(opened.observations)
    for row in range(len(below)):
        deepest = NODES[nbedrock[owner[row]] - 1]
        assert below[row] == (opened.observations.depth[row] > deepest)


def test_a_site_without_observations_has_no_score(opened: Opened) -> None:
    below = below_deepest_node(opened)
    found = score("none", opened, np.ones(len(below)), below, np.empty(0, dtype=np.int64))
    assert found.every is None
    assert "no observations" in found.words


def test_an_estimate_that_leaves_sites_out_is_refused(state: PageState) -> None:
    opened = state.opened
    parameters = opened.parameters.copy()
    parameters[0] = np.nan
    with pytest.raises(InputError, match="not simulated at the observations"):
        simulated(opened, opened.solved(parameters, "conserving", "site"))


def test_density_counts_every_observation_once() -> None:
    rng = np.random.default_rng(1)
    observed, values = np.exp(rng.normal(8, 1, (2, 5000)))
    found = density(observed, values, bins=40)
    assert found.counts.sum() + found.outside == 5000
    assert found.outside <= 5000 * 0.002
    expected, *_ = np.histogram2d(values / 1000, observed / 1000, bins=[found.edges, found.edges])
    assert np.abs(found.counts - expected).sum() <= 2  # rounding at borders
    assert density(np.array([0.0]), np.array([1.0])) is None


def some_observations() -> Observations:
    return Observations(
        depth=np.array([0.3, 0.1, 0.4, 1.0]),
        soc=np.array([3000.0, 9000.0, 2000.0, 1000.0]),
        start=np.array([0, 3, 3]),
        count=np.array([3, 0, 1]),
    )


def test_layers_reach_half_way_to_their_neighbours() -> None:
    # 0.1: 0 to 0.2; 0.3: 0.2 to 0.35; 0.4: 0.35 to 0.45; alone: 0 to 2
    np.testing.assert_allclose(thickness(some_observations()), [0.15, 0.2, 0.1, 2.0])


def test_the_deviation_is_summed_over_the_layers() -> None:
    observations = some_observations()
    values = np.array([2000.0, 8000.0, 4000.0, 1500.0])
    found = deviation(observations, values)
    np.testing.assert_allclose(found[0], 1.0 * 0.15 + 1.0 * 0.2 - 2.0 * 0.1)
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[2], -0.5 * 2.0)


def test_boxes_are_percentiles_of_the_residuals(opened: Opened, truth: np.ndarray) -> None:
    observations = opened.observations
    residual = (truth - observations.soc) / 1000
    rows = np.arange(len(truth))
    biome = opened.dataset["biome"].to_numpy().astype(str)
    found = by_biome(observations, truth, rows, biome)
    owner = owners(observations)
    for i, name in enumerate(found.names):
        here = residual[biome[owner] == name]
        assert found.n[i] == len(here)
        np.testing.assert_allclose(found.mean[i], here.mean())
        for level in LEVELS:
            expected = np.percentile(here, float(level[1:]))
            np.testing.assert_allclose(found.percentiles[level][i], expected)
    depths = by_depth(observations, truth, rows)
    assert depths.n.sum() == len(rows)
    top = residual[observations.depth < 0.02 if "0–0.02 m" in depths.names else rows < 0]
    if len(top):
        np.testing.assert_allclose(depths.mean[0], top.mean())
    assert depths.names == sorted(depths.names, key=lambda name: float(name.split("–")[0]))
    nothing = by_depth(observations, truth, rows[:0])
    assert nothing.names == []


def test_drawn_numbers_are_the_computed_ones(state: PageState, truth: np.ndarray) -> None:
    view = Evaluation(state)
    answer = view.answer
    assert answer.part == "all"  # no checkpoint, no split
    np.testing.assert_allclose(answer.values, truth, rtol=1e-12)
    (counts,) = view.scatter.counts.data["counts"]
    np.testing.assert_array_equal(counts, density(state.opened.observations.soc, truth).counts)
    np.testing.assert_allclose(
        view.map.source.data["value"], deviation(state.opened.observations, truth), rtol=1e-6
    )
    expected = metrics(state.opened.observations.soc, truth)
    assert answer.shown.every == expected
    assert f"n = {expected['n']:,}" in view._words.object
    assert view.biomes.source.data["n"].sum() == expected["n"]
    for level in LEVELS:
        np.testing.assert_array_equal(
            view.biomes.source.data[level], answer.by_biome.percentiles[level]
        )


def test_a_selection_is_scored_and_drawn(state: PageState, truth: np.ndarray) -> None:
    view = Evaluation(state)
    state.selection.choose([3, 4, 20])
    rows = state.opened.observations.of(np.array([3, 4, 20]))[0]
    expected = metrics(state.opened.observations.soc[rows], truth[rows])
    assert view.answer.scores[-1].name == "Selection"
    assert view.answer.scores[-1].every == pytest.approx(expected)
    np.testing.assert_allclose(
        view.scatter.points.data["observed"], state.opened.observations.soc[rows] / 1000
    )
    np.testing.assert_allclose(view.scatter.points.data["simulated"], truth[rows] / 1000)
    assert np.flatnonzero(view.map.source.data["chosen"]).tolist() == [3, 4, 20]
    view.part = "selection"
    assert view.answer.rows.tolist() == rows.tolist()
    shown = np.flatnonzero(np.isfinite(view.map.source.data["value"]))
    assert shown.tolist() == [3, 4, 20]
    state.selection.clear()
    assert view.answer.part == "all"
    assert not len(view.scatter.points.data["observed"])


def test_every_residual_says_its_sign(state: PageState) -> None:
    """The map's is that of the paper's Fig. 6a, the others' that of the bias."""
    view = Evaluation(state)
    bars = [one.title for one in view.map.figure.below if one.__class__.__name__ == "ColorBar"]
    axes = [one.figure.xaxis[0].axis_label for one in (view.depths, view.biomes)]
    on_map = [view.map.figure.title.text, *bars]
    assert len(on_map) == len(axes) == 2
    assert all(one.startswith("Observed − simulated") for one in on_map)
    assert all(one.startswith("Simulated − observed") for one in axes)
    # too much simulated everywhere: the map is below zero
    observations = state.opened.observations
    assert (deviation(observations, observations.soc + 1.0)[observations.count > 0] < 0).all()


def test_boxes_tell_how_many_observations_they_are_made_of(state: PageState) -> None:
    view = Evaluation(state)
    for boxes in (view.depths, view.biomes):
        data = boxes.source.data
        assert list(data["count"]) == [f"n = {n:,}" for n in data["n"]]
        assert (data["at"] == boxes.figure.x_range.end).all()


def test_a_selection_is_marked_in_the_density_of_any_part(demo: PageState) -> None:
    view = Evaluation(demo)
    parts = split_parts(demo.opened)
    demo.selection.choose(parts["train"][:40])
    assert view.answer.part == "test"
    rows = demo.opened.observations.of(demo.selection.sites)[0]
    np.testing.assert_allclose(
        view.scatter.points.data["observed"], demo.opened.observations.soc[rows] / 1000
    )
    demo.selection.choose(parts["train"])  # too many to draw every one: some stand for all
    assert len(view.scatter.points.data["observed"]) == MOST_POINTS
    assert f"{MOST_POINTS:,} of the" in view._note.object
    demo.selection.clear()
    assert not len(view.scatter.points.data["observed"])


def test_series_keep_their_contrast_in_the_dark(demo: PageState) -> None:
    view = Evaluation(demo)
    drawn = next(one for one in view._measured if "history" in one.figures[0].name)
    line = drawn.figures[0].renderers[0].glyph
    assert line.line_color == ink(False)["blue"]
    demo.session.dark = True
    assert line.line_color == ink(True)["blue"] != ink(False)["blue"]
    assert ink(True)["blue"] in drawn.legend.object
    demo.session.dark = False


def test_observations_below_the_deepest_node_can_be_left_out(state: PageState) -> None:
    view = Evaluation(state)
    below = below_deepest_node(state.opened)
    assert view.answer.below == below.sum()
    view.above = True
    assert view.answer.rows.tolist() == np.flatnonzero(~below).tolist()
    (counts,) = view.scatter.counts.data["counts"]
    assert counts.sum() + view.answer.density.outside == (~below).sum()


def test_a_box_in_the_density_selects_sites_by_their_observations(
    state: PageState, truth: np.ndarray
) -> None:
    view = Evaluation(state)
    observed, values = state.opened.observations.soc / 1000, truth / 1000
    owner = owners(state.opened.observations)
    for share in (0.2, 0.5, 0.9):
        x1, y0 = np.quantile(observed, share), np.quantile(values, 1 - share)
        geometry = {"type": "rect", "x0": 0.0, "x1": x1, "y0": y0, "y1": 1e6}
        view.scatter.figure._trigger_event(SelectionGeometry(view.scatter.figure, geometry))
        expected = np.unique(owner[(observed <= x1) & (values >= y0)])
        assert state.selection.sites.tolist() == expected.tolist()


def test_a_box_on_the_map_selects_exact_sites(state: PageState) -> None:
    view = Evaluation(state)
    x, y = view.map.x, view.map.y
    geometry = {"type": "rect", "x0": -1e9, "x1": np.median(x), "y0": np.median(y), "y1": 1e9}
    figure = view.map.figure
    figure._trigger_event(SelectionGeometry(figure, geometry, final=False))
    assert not len(state.selection)
    figure._trigger_event(SelectionGeometry(figure, geometry))
    expected = np.flatnonzero((x <= np.median(x)) & (y >= np.median(y)))
    assert state.selection.sites.tolist() == expected.tolist()


def test_another_scheme_is_scored_anew(state: PageState) -> None:
    view = Evaluation(state)
    before = view.answer.shown.every
    state.session.bedrock = "published"
    assert view.answer.shown.every != before
    assert "published" in view._note.object


def test_work_is_done_in_the_lane_and_delivered(state: PageState) -> None:
    answers: Queue = Queue()
    with ThreadPoolExecutor(1) as executor:
        view = Evaluation(state, lane=Lane(executor, answers.put))
        deliver = answers.get(timeout=30)
        assert view.answer is None
        deliver()
        assert view.answer is not None


def test_the_demo_is_scored_by_the_parts_of_its_split(demo: PageState) -> None:
    view = Evaluation(demo)
    parts = split_parts(demo.opened)
    assert view.answer.part == "test"
    assert list(parts) == ["train", "validation", "test"]
    assert sum(map(len, parts.values())) == demo.opened.count
    by_name = {one.name: one for one in view.answer.scores}
    stored = demo.opened.models[0].checkpoint
    assert by_name["Test"].sites == stored.split.sites["test"]
    scored = binn.evaluation.evaluate(demo.opened.models[0], demo.opened.dataset, parts["test"])
    for key in ("nse", "r", "rmse", "bias", "n"):
        np.testing.assert_allclose(by_name["Test"].every[key], scored[key], rtol=1e-9)
    shown = np.flatnonzero(np.isfinite(view.map.source.data["value"]))
    assert shown.tolist() == parts["test"].tolist()


def test_the_demo_tells_of_its_folds_history_and_recovery(demo: PageState) -> None:
    evidence = Evaluation(demo).answer.evidence
    assert [len(folds.each) for folds in evidence.folds] == [10]
    assert [one.name for one in evidence.histories] == ["demo"]
    assert "recovery.json" in [one.file for one in evidence.by_parameter]
    assert [one.file for one in evidence.settings] == ["training.json"]


def with_proda(page_file: Path, folder: Path) -> PageState:
    """SYNTHETIC sites with invented PRODA parameters: all at the middle of their ranges."""
    from binn.datasets.storage import write_dataset

    dataset = binn.open_dataset(page_file).load()
    middle = np.tile((LOWER + UPPER) / 2, (dataset.sizes["site"], 1))
    about = {"units": "1", "provenance": "synthetic"}
    dataset["parameter"] = ("parameter", list(KEYS))
    dataset["proda_parameters_site"] = (("site", "parameter"), middle, about)
    dataset["proda_parameters"] = (
        ("cell", "parameter"),
        middle[: dataset.sizes["cell"]],
        about,
    )
    write_dataset(dataset, folder / "proda.nc")
    return PageState.open(str(folder / "proda.nc"))


def test_proda_is_scored_on_the_same_observations(page_file: Path, tmp_path: Path) -> None:
    state = with_proda(page_file, tmp_path)
    view = Evaluation(state)
    view.source = "proda"
    opened = state.opened
    with torch.no_grad():
        middle = torch.from_numpy(np.tile((LOWER + UPPER) / 2, (opened.count, 1)))
        soc = solve(middle, opened.forcing).soc
        expected = soc_at_depth(
            soc,
            opened.observations.depth,
            opened.forcing.per_site("nbedrock"),
            torch.from_numpy(owners(opened.observations)),
        ).numpy()
    np.testing.assert_allclose(view.answer.values, expected, rtol=1e-12)
    assert "PRODA" in view._note.object


def test_a_closed_tab_is_redrawn_once_it_opens(state: PageState) -> None:
    attention = Attention(looked_at=False)
    view = Evaluation(state, attention)
    state.selection.choose([1])
    state.selection.choose([1, 2])
    assert not view.map.source.data["chosen"].any()
    attention.looked_at = True
    assert np.flatnonzero(view.map.source.data["chosen"]).tolist() == [1, 2]
