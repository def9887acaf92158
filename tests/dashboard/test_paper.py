"""Paper figures of the page's state: what the page shows is what the figure holds."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from proda_data import opened_on_grid, opened_on_sites

from binn.errors import InputError
from dashboard.figures import VIEWS, paper
from dashboard.state.comparison import compared
from dashboard.state.evaluated import Question, Worker
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.traceability import group_of

NOTICE = "Demo data: simulated soils and SOC, not for scientific conclusions"


@pytest.fixture
def state(opened: Opened) -> PageState:
    """Solved at once, nothing selected or changed."""
    found = PageState(opened)
    found.results.start()
    return found


def texts_of(figure) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_the_map_is_the_map_of_the_page(state):
    state.field.param.update(key="carbon_input", reach="fixed", limits=(100.0, 500.0))
    figure = paper("map", state).draw()
    points = figure.axes[0].collections[0]
    assert_allclose(points.get_array(), state.results.mapped.values)
    assert points.get_clim() == (100.0, 500.0)
    assert "Plant carbon input (gC m⁻² yr⁻¹)" in texts_of(figure)
    assert NOTICE in texts_of(figure)


@pytest.mark.parametrize("on", ["site", "cell"])
def test_the_map_shows_the_selection(on):
    state = PageState(opened_on_grid())
    state.results.start()
    state.field.on = on
    state.selection.choose([2, 5, 30])
    figure = paper("map", state).draw()
    drawn = figure.axes[0].collections[0]
    rows = state.selection.sites if on == "site" else state.selection.cells
    strong = drawn.get_alpha() == 1.0
    assert_allclose(np.sort(drawn.get_array()[strong]), np.sort(state.results.mapped.values[rows]))
    assert strong.sum() == len(rows) < len(strong)
    assert f"{len(rows)} selected" in texts_of(figure)


def test_profile_and_parameters_follow_the_selection(state):
    state.selection.choose([4, 9, 17])
    figure = paper("profile", state, "single").draw()
    line = figure.axes[0].lines[0]
    expected = np.median(state.results.estimate.soc[[4, 9, 17]], axis=0)
    assert_allclose(line.get_xdata() * 1e3, expected)
    count = int(state.opened.observations.count[[4, 9, 17]].sum())
    assert f"observed, n = {count}" in texts_of(figure)
    assert "3 selected sites" in texts_of(figure)
    assert "CLM5 defaults" in texts_of(paper("parameters", state).draw())
    state.look.param.update(profile_scale="Log", profile_depth="1 m")
    axes = paper("profile", state, "single").draw().axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_ylim()[0] == 1.0


def test_traceability_shows_selection_and_change(state):
    state.selection.choose(np.arange(10))
    state.scenario.warming = 3.0
    figure = paper("traceability", state).draw()
    texts = texts_of(figure)
    for words in ("Selection, n = 10", "Changed, n = 10", "Invented forest", "Invented meadow"):
        assert words in texts
    axes = figure.axes[0]
    marks = {line.get_label(): line.get_xydata()[0] for line in axes.lines}
    found = state.results.estimate.traceability
    budget = group_of("", found, np.arange(10)).budget.each
    mean = [budget[name] for name in ("influx", "residence_time")]
    assert_allclose(marks["Selection, n = 10"], mean)
    assert marks["Changed, n = 10"][1] < mean[1]
    selected = axes.collections[1].get_offsets()
    assert_allclose(selected, np.column_stack([found["influx"], found["residence_time"]])[:10])
    assert axes.get_xscale() == "linear"
    state.look.traceability_scale = "Log"
    assert paper("traceability", state).draw().axes[0].get_xscale() == "log"


def test_biomes_look_alike_on_the_page_and_in_the_figure(state):
    from matplotlib.colors import to_hex

    from binn.figures.style import GROUP_MARKERS
    from dashboard.views.traceability import Traceability

    on_page = Traceability(state).groups.data
    lines = {line.get_label(): line for line in paper("traceability", state).draw().axes[0].lines}
    for name, n, colour, marker in zip(
        *(on_page[key] for key in ("name", "n", "colour", "marker")), strict=True
    ):
        line = lines[f"{name}, n = {n}"]
        assert to_hex(line.get_color()) == colour
        assert line.get_marker() == GROUP_MARKERS[marker][0]


@pytest.mark.parametrize("opened_on", [opened_on_grid, opened_on_sites])
def test_the_comparison_is_that_of_the_page(opened_on):
    state = PageState(opened_on())
    state.results.start()
    state.selection.choose(np.arange(9))
    place = "cell" if opened_on is opened_on_grid else "site"
    figure = paper("comparison", state).draw()
    binn, proda = (
        state.opened.estimate("conserving", source, place) for source in ("binn", "proda")
    )
    maps = [axes for axes in figure.axes if hasattr(axes, "projection")]
    scatters = [axes for axes in figure.axes if axes.get_ylabel() == "CLM5 defaults"]
    assert len(scatters) == 6
    rows = state.selection.cells if place == "cell" else state.selection.sites
    for k, key in enumerate(state.results.estimate.components["stock"]):
        found = compared(key, "stock", binn, proda, None, state.field)
        first, second, difference = (axes.collections[0] for axes in maps[3 * k : 3 * k + 3])
        assert first.get_clim() == second.get_clim() == (found.low, found.high)
        assert difference.get_clim() == (-found.reach, found.reach)
        axes = scatters[k]
        assert axes.get_xlabel() == "PRODA"
        assert axes.get_xlim() == axes.get_ylim() == found.span
        marks = axes.collections[-1].get_offsets()
        assert_allclose(marks, np.column_stack([found.proda, found.binn])[rows])
        assert (first.get_alpha() == 1.0).sum() == len(rows)


def test_plant_input_is_the_same_for_both_and_its_difference_has_the_bar_of_the_page():
    state = PageState(opened_on_grid())
    state.results.start()
    figure = paper("comparison", state).draw()
    maps = [axes for axes in figure.axes if hasattr(axes, "projection")]
    at = list(state.results.estimate.components["stock"]).index("carbon_input")
    assert maps[3 * at + 2].collections[0].get_clim() == (-0.5, 0.5)


def test_a_scenario_has_a_map_a_profile_and_a_way(state):
    for view in ("change", "transient"):
        with pytest.raises(InputError, match="nothing is changed"):
            paper(view, state)
    state.selection.choose([1, 2, 3])
    state.scenario.warming = 2.0
    change = paper("change", state).draw()
    assert_allclose(
        np.sort(change.axes[0].collections[0].get_array()),
        np.sort(state.results.changed_map.values[np.isfinite(state.results.changed_map.values)]),
    )
    assert "Changed" in texts_of(paper("profile", state).draw())
    way = paper("transient", state, years=7).draw()
    lines = {line.get_label(): line for line in way.axes[0].lines}
    assert_allclose(lines["Changed (median, quartiles)"].get_xdata(), np.arange(8))
    assert "3 sites" in texts_of(way)


def test_a_way_is_as_long_as_on_the_page(state):
    state.selection.choose([1, 2, 3])
    state.scenario.warming = 2.0
    for years in (200, 50):
        state.look.years = years
        assert paper("transient", state).draw().axes[0].get_xlim() == (0, years)


def test_what_is_being_solved_again_is_not_left_out_of_a_figure(state):
    state.selection.choose([1, 2, 3])
    state.scenario.warming = 2.0
    state.results.change = None  # as while a slider moves
    for view in ("profile", "parameters", "traceability"):
        assert "Changed" in texts_of(paper(view, state).draw())


def test_evaluation_shows_the_part_of_the_page_and_marks_the_selection(state):
    observations, estimate = state.opened.observations, state.results.estimate
    everything = paper("evaluation", state).draw()
    assert f"n = {len(observations.soc):,}" in texts_of(everything)
    assert "All sites, 45 sites" in texts_of(everything)  # this dataset has no split
    state.selection.choose(np.arange(12))
    count = int(observations.count[:12].sum())
    figure = paper("evaluation", state).draw()
    assert f"n = {len(observations.soc):,}" in texts_of(figure)
    assert f"{count} selected" in texts_of(figure)
    answer = Worker(state.opened).answer(Question(estimate, np.arange(12), "all", False))
    _, depths, biomes, where = figure.axes[:4]
    for axes, boxes in ((depths, answer.by_depth), (biomes, answer.by_biome)):
        medians = next(line for line in axes.lines if line.get_label() == "median")
        assert_allclose(medians.get_xdata(), boxes.percentiles["p50"])
        names = [label.get_text().split("\n")[0] for label in axes.get_yticklabels()]
        assert names == [name.removesuffix(" m") for name in boxes.names]
    points = where.collections[0]
    shown = answer.deviation[np.isfinite(answer.deviation)]
    assert_allclose(np.sort(points.get_array()), np.sort(shown))
    assert (points.get_alpha() == 1.0).sum() == 12
    state.look.evaluated = "selection"
    assert f"n = {count}" in texts_of(paper("evaluation", state).draw())


def test_a_figure_comes_with_its_sidecar_and_citation(state):
    state.selection.choose([5, 6])
    content = paper("profile", state, "single", tab="explore").zipped(["png", "pdf"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert set(files) == {"profile.png", "profile.pdf", "profile.json", "citation.txt"}
    with Image.open(io.BytesIO(files["profile.png"])) as image:
        assert image.width == pytest.approx(89 / 25.4 * 300, abs=1)
    about = json.loads(files["profile.json"])
    assert about["figure"] == "profile"
    assert about["files"] == ["profile.png", "profile.pdf"]
    assert "sites=" in about["state"]["link"]
    assert about["state"]["selected"] == 2
    assert about["notice"] == NOTICE
    assert about["bedrock"] == "conserving"
    assert about["dataset"]["sites"] == 45
    assert about["checkpoint"] == "none: CLM5 default parameters"
    assert b"10.48550/arXiv.2502.00672" in files["citation.txt"]


def test_a_figure_does_not_follow_what_happens_after_it_was_asked_for(state):
    state.selection.choose([5, 6])
    asked = paper("profile", state)
    state.selection.clear()
    assert "2 selected sites" in texts_of(asked.draw())


def test_what_has_nothing_to_draw_says_so(state, opened):
    with pytest.raises(InputError, match="no paper figure of 'chart'"):
        paper("chart", state)
    with pytest.raises(InputError, match="holds no PRODA"):
        paper("comparison", state)
    waiting = PageState(opened)
    for view in ("map", "profile", "traceability"):
        with pytest.raises(InputError, match="still being computed"):
            paper(view, waiting)
    assert set(VIEWS) >= {"map", "profile", "comparison", "evaluation"}


def test_no_page_is_loaded(root: Path):
    code = (
        "import sys, dashboard.figures;"
        "loaded = {'panel', 'bokeh', 'holoviews', 'matplotlib'} & set(sys.modules);"
        "assert not loaded, loaded"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
