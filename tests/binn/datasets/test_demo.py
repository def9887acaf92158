"""The embedded demonstration as shipped: whole, labelled, believable, and what the truth implies.

The build needs the network and is not run here; its pure parts are in test_demo_blocks.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import binn
from binn.clm5 import Forcing, solve, stock
from binn.datasets import regions
from binn.datasets.demo.dataset import COVARIATES
from binn.datasets.demo.profiles import ERROR, exact_soc
from binn.datasets.schema import PROVENANCES
from binn.datasets.shipped import demo_folder
from binn.datasets.validation import problems
from binn.errors import InputError
from binn.fingerprint import dataset_fingerprint
from binn.parameters import LOWER, UPPER

#: 0-1 m stocks by ecoregion, kgC m-2: median of the cells must lie here. Around the biome means of
#: Jobbagy & Jackson (2000, Table 3): deserts 6.2, shrubs 8.9, grassland 11.7, crops 11.2,
#: temperate forests 14.5 and 17.4; inventories of the contiguous US find less in its forests
STOCKS = {
    "North American Deserts": (3, 6.5),
    "Great Plains": (8, 13),
    "Eastern Temperate Forests": (8, 15),
    "Northern Forests": (12, 20),
    "Northwestern Forested Mountains": (8, 17),
    "Marine West Coast Forest": (12, 20),
    "Mediterranean California": (3, 9),
}


@pytest.fixture(scope="module")
def demo() -> xr.Dataset:
    return binn.open_dataset("demo")


@pytest.fixture(scope="module")
def stocks(demo: xr.Dataset) -> np.ndarray:
    """0-1 m, kgC m-2, of the cells."""
    truth = torch.as_tensor(demo["true_parameters"].to_numpy().astype(np.float64))
    return stock(solve(truth, Forcing.from_dataset(demo, on="cell")).soc, 0, 1).numpy() / 1000


def test_it_is_as_large_as_the_paper(demo: xr.Dataset) -> None:
    assert demo.sizes["site"] == 25_925
    assert 3_200 <= demo.sizes["cell"] <= 3_350
    assert 165_000 <= demo.sizes["obs"] <= 173_000
    assert demo["obs_count"].min() >= 3
    assert 6 <= demo["obs_count"].mean() <= 7
    assert tuple(demo["covariate"].to_numpy()) == COVARIATES
    assert len(set(COVARIATES)) == 58
    with_places = np.stack([demo["lon"], demo["lat"]], 1)
    assert len(np.unique(with_places, axis=0)) == 25_925


def test_the_shipped_files_stay_small() -> None:
    total = sum(path.stat().st_size for path in demo_folder().rglob("*") if path.is_file())
    assert total <= 12e6


def test_it_says_what_it_is(demo: xr.Dataset) -> None:
    assert list(problems(demo)) == []
    assert "simulated soils and SOC, not for scientific conclusions" in demo.attrs["notice"]
    assert "simulated" in demo.attrs["title"]
    for name, array in demo.variables.items():
        assert array.attrs["provenance"] in PROVENANCES, name
        assert array.attrs["units"], name
        assert array.attrs["long_name"], name
    of = {name: demo[name].attrs["provenance"] for name in demo.variables}
    for name in ("obs_soc", "true_parameters", "water", "nitrogen", "cwd", "nbedrock", "sand"):
        assert of[name] == "synthetic"
    assert of["biome"] == of["cell_biome"] == "schematic"
    assert of["temperature"] == "derived"
    columns = dict(zip(COVARIATES, demo["covariate_provenance"].to_numpy(), strict=True))
    assert columns["BIO12"] == columns["Elevation"] == columns["ESA_Land_Cover"] == "real"
    assert columns["BIO2"] == columns["Koppen_Climate_2018"] == columns["cesm2_npp"] == "derived"
    assert columns["Clay_Content_0cm"] == columns["WRB_Subgroup"] == "synthetic"
    for table in ("covariates", "cell_covariates"):
        # a table with any simulated column is not called real
        assert of[table] == "synthetic"


def test_no_gap_and_nothing_negative(demo: xr.Dataset) -> None:
    for name, array in demo.variables.items():
        if array.dtype.kind == "f":
            assert np.isfinite(array.to_numpy()).all(), name
    assert (demo["obs_soc"] > 0).all()
    signed = {"Elevation", *(f"BIO{k}" for k in (1, 6, 8, 9, 11))}
    for table in ("covariates", "cell_covariates"):
        for name, column in zip(COVARIATES, demo[table].to_numpy().T, strict=True):
            assert name in signed or (column >= 0).all(), name
    for text in ("state", "biome", "cell_biome"):
        assert (demo[text].to_numpy() != "").all()
    for depth in ("0cm", "30cm", "100cm"):
        parts = [COVARIATES.index(f"{n}_Content_{depth}") for n in ("Clay", "Silt", "Sand")]
        np.testing.assert_allclose(demo["covariates"].to_numpy()[:, parts].sum(1), 100, atol=0.2)


def test_sites_lie_in_their_cells_above_their_bedrock(demo: xr.Dataset) -> None:
    cell = demo["site_cell"].to_numpy()
    assert np.abs(demo["lon"].to_numpy() - demo["cell_lon"].to_numpy()[cell]).max() <= 0.2501
    assert np.abs(demo["lat"].to_numpy() - demo["cell_lat"].to_numpy()[cell]).max() <= 0.2501
    column = COVARIATES.index("nbedrock")
    assert (demo["covariates"].to_numpy()[:, column] == demo["nbedrock"].to_numpy()[cell]).all()
    some = slice(None, None, 500)
    found = regions.state(demo["lon"].to_numpy()[some], demo["lat"].to_numpy()[some])
    assert (found == demo["state"].to_numpy()[some]).all()
    assert demo["nbedrock"].min() >= 8
    assert 0.37 <= (demo["nbedrock"] < 20).mean() <= 0.57
    start = np.cumsum(demo["obs_count"].to_numpy())[:-1]
    deeper = np.diff(demo["obs_depth"].to_numpy()) > 0
    assert np.delete(deeper, start - 1).all()


def test_the_climate_is_that_of_the_contiguous_us(demo: xr.Dataset) -> None:
    """Means that every atlas gives: about 11 degC, 770 mm, litter as CLM5 has it."""
    area = np.cos(np.radians(demo["cell_lat"].to_numpy()))
    column = dict(zip(COVARIATES, demo["cell_covariates"].to_numpy().T, strict=True))
    assert 9 <= np.average(column["BIO1"], weights=area) <= 14
    assert 650 <= np.average(column["BIO12"], weights=area) <= 950
    assert np.average(column["cesm2_npp"], weights=area) == pytest.approx(390, rel=0.01)
    assert 8 <= column["BIO2"].min() < column["BIO2"].max() <= 17
    forest = np.isin(column["ESA_Land_Cover"], (50, 60, 70, 80, 90))
    carbon = sum(demo[name].sum("month") for name in ("cwd", "litter1", "litter2", "litter3"))
    assert 420 <= np.median(carbon.to_numpy()[forest]) <= 540
    wave = np.ptp(demo["temperature"].to_numpy(), axis=2)
    assert np.median(wave[:, 0]) == pytest.approx(21, abs=2)
    assert np.median(wave[:, 15]) == pytest.approx(5, abs=1)
    assert demo["water"].min() >= 0.05


def test_stocks_are_of_the_right_order(demo: xr.Dataset, stocks: np.ndarray) -> None:
    area = np.cos(np.radians(demo["cell_lat"].to_numpy()))
    assert 9 <= np.average(stocks, weights=area) <= 12
    biome = demo["cell_biome"].to_numpy()
    for name, (low, high) in STOCKS.items():
        assert low <= np.median(stocks[biome == name]) <= high, name
    assert stocks.min() > 0.2
    assert stocks.max() < 60


def test_soc_falls_with_depth(demo: xr.Dataset) -> None:
    """Tens of kgC m-3 on top, a few at one metre, in every ecoregion with more than 1,000 sites."""
    depth, soc = demo["obs_depth"].to_numpy(), demo["obs_soc"].to_numpy() / 1000
    biome = np.repeat(demo["biome"].to_numpy(), demo["obs_count"].to_numpy())
    for name, number in zip(*np.unique(demo["biome"], return_counts=True), strict=True):
        edges = [0, 0.1, 0.3, 0.6, 1.2, 2.0]
        medians = [
            np.median(soc[(biome == name) & (depth >= a) & (depth < b)]) for a, b in pairwise(edges)
        ]
        if number > 1000:
            assert (np.diff(medians) < 0).all(), name
            assert 10 <= medians[0] <= 60, name
            assert 1.5 <= medians[3] <= 9, name


def test_neighbouring_cells_have_no_seam(demo: xr.Dataset, stocks: np.ndarray) -> None:
    """No row or column of the grid is a jump: each differs from the next as others do."""
    lon, lat = demo["cell_lon"].to_numpy(), demo["cell_lat"].to_numpy()
    at = {place: k for k, place in enumerate(zip(lon, lat, strict=True))}
    for step in ((0.5, 0.0), (0.0, 0.5)):
        pairs = np.array(
            [(k, at[x + step[0], y + step[1]]) for (x, y), k in at.items()
             if (x + step[0], y + step[1]) in at]
        )  # fmt: skip
        jump = np.abs(np.diff(np.log(stocks)[pairs], axis=1))[:, 0]
        line = (lon if step[0] else lat)[pairs[:, 0]]
        means = np.array([jump[line == v].mean() for v in np.unique(line) if (line == v).sum() > 9])
        assert means.max() < 2.5 * np.median(means)


def test_the_truth_is_inside_the_prior_and_varies(demo: xr.Dataset) -> None:
    for name in ("true_parameters", "true_parameters_site"):
        u = (demo[name].to_numpy() - LOWER) / (UPPER - LOWER)
        assert (u > 0).all()
        assert (u < 1).all()
        assert (u.std(0) > 0.04).all()
    sensitive = [3, 9, 14, 19]
    assert (np.ptp(np.quantile(u[:, sensitive], [0.05, 0.95], axis=0), axis=0) > 0.2).all()


def test_observations_follow_from_the_truth(demo: xr.Dataset) -> None:
    """The process model with the true parameters, and an error of the size that is stated."""
    exact = exact_soc(
        demo["true_parameters_site"].to_numpy().astype(np.float64),
        Forcing.from_dataset(demo, on="site"),
        demo["obs_count"].to_numpy(),
        demo["obs_depth"].to_numpy().astype(np.float64),
    )
    observed = demo["obs_soc"].to_numpy()
    error = np.log(observed / exact)
    assert demo["obs_soc"].attrs["error_log_sd"] == ERROR
    assert error.std() == pytest.approx(ERROR, rel=0.01)
    assert (observed / exact).mean() == pytest.approx(1, abs=0.005)
    assert np.abs(np.corrcoef(error[:-1], error[1:])[0, 1]) < 0.02
    best = 1 - ((observed - exact) ** 2).sum() / ((observed - observed.mean()) ** 2).sum()
    assert best == pytest.approx(0.83, abs=0.01)  # as the data card says


def test_shipped_checkpoints_load_and_score(demo: xr.Dataset) -> None:
    from binn.evaluation import evaluate
    from binn.training.split import split_sites

    models = binn.load_ensemble("demo")
    assert len(models) == 10
    assert sorted(model.checkpoint.split.rule.fold for model in models) == list(range(10))
    fingerprint = dataset_fingerprint(demo)
    for model in [binn.load_checkpoint("demo"), *models]:
        record = model.checkpoint
        assert record.data.fingerprint == fingerprint
        assert not any("true" in name for name in record.model.inputs.covariates)
    for model in (binn.load_checkpoint("demo"), models[3]):
        test = split_sites(demo, model.checkpoint.split.rule).test
        found = evaluate(model, demo, test)["nse"]
        assert found > 0.6
        card = json.loads((demo_folder() / "checkpoint" / "metrics.json").read_text())
        if model is not models[3]:
            assert found == pytest.approx(card["test"]["nse"], abs=1e-6)


def test_the_command_line_knows_the_name(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "binn", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    (tmp_path / "demo").mkdir()  # a folder of the same name is not what is meant
    shown = run("info", "demo")
    assert shown.returncode == 0
    assert "not for scientific conclusions" in shown.stdout
    for kind in PROVENANCES:
        assert kind in shown.stdout
    about = json.loads(run("info", "demo", "--json").stdout)
    assert "BIO12" in about["covariate_provenance"]["real"]
    scores = json.loads(run("evaluate", "demo", "demo", "--json").stdout)
    assert scores["split"] == "test"
    assert scores["sites"] == 25_925


def test_a_missing_demo_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("binn.datasets.shipped.__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    for load in (binn.open_dataset, binn.load_checkpoint, binn.load_ensemble):
        with pytest.raises(InputError, match="demonstration is missing"):
            load("demo")
