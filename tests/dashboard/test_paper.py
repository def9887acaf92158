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

from binn.errors import InputError
from dashboard.figures import VIEWS, paper
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState

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


def test_traceability_shows_selection_and_change(state):
    state.selection.choose(np.arange(10))
    state.scenario.warming = 3.0
    figure = paper("traceability", state).draw()
    texts = texts_of(figure)
    for words in ("Selection, n = 10", "Changed, n = 10", "Invented forest", "Invented meadow"):
        assert words in texts
    marks = {line.get_label(): line.get_xydata()[0] for line in figure.axes[0].lines}
    found = state.results.estimate.traceability
    mean = [found[name][:10].mean() for name in ("influx", "residence_time")]
    assert_allclose(marks["Selection, n = 10"], mean)
    assert marks["Changed, n = 10"][1] < mean[1]


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


def test_evaluation_takes_the_observations_of_the_selection(state):
    everything = texts_of(paper("evaluation", state).draw())
    assert f"n = {len(state.opened.observations.soc):,}" in everything
    state.selection.choose(np.arange(12))
    count = int(state.opened.observations.count[:12].sum())
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
