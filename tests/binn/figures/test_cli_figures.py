"""``binn figures`` as a user runs it: files, sidecars, what is left out, one line of error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import page_data
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from binn.clm5 import Forcing, clm5_defaults, soc_at_depth, solve, stock
from binn.datasets import open_dataset
from binn.datasets.storage import write_dataset
from binn.diagnostics import components
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.figures.material import Material
from binn.figures.style import short
from binn.figures.views import FIELDS, FIGURES, Choice, draw, field_of
from binn.observations import Observations
from binn.parameters import to_physical

NOTICE = "Demo data: simulated soils and SOC, not for scientific conclusions"
pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "binn", "figures", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """SYNTHETIC: 45 invented sites without a checkpoint."""
    return page_data.write_synthetic(tmp_path_factory.mktemp("data") / "invented.nc")


@pytest.fixture(scope="module")
def with_proda(data, tmp_path_factory) -> Path:
    """The same with parameters called PRODA's."""
    ds = open_dataset(data)
    u = np.random.default_rng(5).uniform(0.2, 0.8, (page_data.N_CELLS, 21))
    attributes = {"units": "1", "provenance": "synthetic"}
    ds["proda_parameters"] = (("cell", "parameter"), to_physical(u), attributes)
    path = tmp_path_factory.mktemp("data") / "proda.nc"
    write_dataset(ds, path)
    return path


def test_the_command_writes_figures_and_says_what_it_left_out(data, tmp_path):
    out = tmp_path / "new" / "figures"
    done = run(data, "--out", out, "--columns", "single", "--format", "png,pdf", "--years", 5)
    assert done.returncode == 0, done.stderr
    drawn = [name for name in FIGURES if name != "comparison"]
    assert done.stdout.split() == [str(out / f"{n}.{s}") for n in drawn for s in ("png", "pdf")]
    assert done.stderr == "comparison is left out: the dataset holds no PRODA parameters\n"
    assert {one.name for one in out.iterdir()} == {
        f"{name}.{suffix}" for name in drawn for suffix in ("png", "pdf", "json")
    }
    for name in drawn:
        with Image.open(out / f"{name}.png") as image:
            assert image.width == pytest.approx(89 / 25.4 * 300, abs=1)
        about = json.loads((out / f"{name}.json").read_text("utf-8"))
        assert about["figure"] == name
        assert about["files"] == [f"{name}.png", f"{name}.pdf"]
        assert about["notice"] == NOTICE
        assert about["checkpoint"] == "none: CLM5 default parameters"
        assert about["bedrock"] == "conserving"
        assert about["dataset"]["name"] == str(data)
        assert about["dataset"]["provenance"] == "synthetic"
        assert len(about["dataset"]["fingerprint"]) == 64
        assert about["state"]["columns"] == "single"
    assert json.loads((out / "transient.json").read_text())["state"]["years"] == 5


def test_wrong_usage_and_wrong_data(data, tmp_path):
    for arguments, words in (
        ((data,), "--out"),
        ((data, "--out", tmp_path, "--only", ","), "an empty list is not known"),
        ((data, "--out", tmp_path, "--only", "map,chart"), "chart is not known"),
        ((data, "--out", tmp_path, "--format", "jpg"), "jpg is not known"),
        ((data, "--out", tmp_path, "--years", "-1"), "less than 0"),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert words in done.stderr
    (tmp_path / "file").write_text("not a folder")
    for arguments, words in (
        ((tmp_path / "none.nc", "--out", tmp_path), "there is no dataset"),
        ((data, "--out", tmp_path / "file"), "the folder of figures could not be saved"),
        ((data, "--out", tmp_path, "--only", "comparison"), "holds no PRODA parameters"),
    ):
        done = run(*arguments)
        assert done.returncode == 1
        assert words in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def texts_of(figure) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_the_map_shows_the_field_of_the_sites(data):
    material = Material.load(data)
    figure, about = draw("map", material, Choice(top=0.0, bottom=0.3, on="site"))
    ds = open_dataset(data)
    sand = ds["sand"].to_numpy()[ds["site_cell"].to_numpy()]
    state = solve(clm5_defaults(sand), Forcing.from_dataset(ds))
    expected = stock(state.soc, 0.0, 0.3).numpy() / 1e3
    assert_allclose(figure.axes[0].collections[0].get_array(), expected, rtol=1e-12)
    assert "SOC stock, 0–0.3 m, CLM5 defaults (kgC m⁻²)" in texts_of(figure)
    assert NOTICE in texts_of(figure)
    assert about["state"]["bottom"] == 0.3
    values, *_ = field_of("carbon_input", material.answer(), 0.0, 1.0)
    assert_allclose(values, components(state)["carbon_input"].numpy())
    for key in FIELDS:
        assert field_of(key, material.answer(), 0.0, 1.0)[0].shape == (45,)


def test_the_evaluation_scores_the_observations(data):
    material = Material.load(data)
    figure, _ = draw("evaluation", material, Choice())
    ds, state = material.ds, material.answer().state
    observations = Observations.from_dataset(ds)
    owner = np.repeat(np.arange(45), observations.count)
    nbedrock = Forcing.from_dataset(ds).per_site("nbedrock")
    simulated = soc_at_depth(state.soc, observations.depth, nbedrock, owner).numpy()
    scores = metrics(observations.soc, simulated)
    assert f"NSE = {short(scores['nse'])}" in texts_of(figure)
    assert f"n = {scores['n']:,}" in texts_of(figure)


def test_proda_is_compared_where_it_is(with_proda):
    material = Material.load(with_proda, definition="published")
    assert material.sources == ("binn", "proda")
    figure, about = draw("comparison", material, Choice(on="site"))
    maps = [axes for axes in figure.axes if hasattr(axes, "projection")]
    assert len(maps) == 18
    ds = open_dataset(with_proda)
    parameters = ds["proda_parameters"].to_numpy()[ds["site_cell"].to_numpy()]
    proda = components(solve(parameters, Forcing.from_dataset(ds)), "published")
    expected = proda["carbon_transfer_efficiency"].numpy()
    assert_allclose(maps[1].collections[0].get_array(), expected, rtol=1e-12)
    assert about["definition"] == "published"
    profile, _ = draw("profile", material, Choice(sites=(page_data.FIRST_ID,)))
    assert [line.get_label() for line in profile.axes[0].lines] == ["CLM5 defaults", "PRODA"]


def test_the_way_of_a_warmer_climate(data):
    material = Material.load(data)
    figure, _ = draw("transient", material, Choice(warming=3.0, years=4))
    state = material.answer().state
    end = solve(state.parameters, state.forcing.changed(warming=3.0))
    expected = np.median((stock(end.soc, 0, 1) - stock(state.soc, 0, 1)).numpy()) / 1e3
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert_allclose(lines["new equilibrium"].get_ydata(), expected)
    way = lines["CLM5 defaults (median, quartiles)"]
    assert_allclose(way.get_xdata(), np.arange(5))
    assert way.get_ydata()[0] == 0.0
    assert 0.0 > way.get_ydata()[-1] > expected
    assert "+3 K, 45 sites" in texts_of(figure)


def test_what_is_asked_for_must_be_there(data):
    material = Material.load(data)
    for figure, choice, message in (
        ("maps", Choice(), "there is no figure 'maps'"),
        ("map", Choice(field="carbon"), "there is no field 'carbon'"),
        ("map", Choice(bottom=20.0), "depth range"),
        ("profile", Choice(sites=(1,)), "holds no profile 1"),
        ("comparison", Choice(), "holds no PRODA parameters"),
        ("transient", Choice(npp=-1.0), "npp=-1.0"),
    ):
        with pytest.raises(InputError, match=message):
            draw(figure, material, choice)
    with pytest.raises(InputError, match="no parameters of PRODA"):
        material.answer("proda")


@pytest.mark.slow
def test_the_demo_draws_all_figures(tmp_path):
    done = run("demo", "--out", tmp_path, "--only", "map,comparison,traceability")
    assert done.returncode == 0, done.stderr
    for name in ("map", "comparison", "traceability"):
        about = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        assert about["checkpoint"] == "demo"
        assert about["notice"] == NOTICE
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.width == pytest.approx(183 / 25.4 * 300, abs=1)
