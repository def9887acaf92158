"""PRODA's parameters beside the demo: there, made from it, and from chains."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import binn
from binn.datasets import shipped
from binn.datasets.shipped import demo_folder
from binn.datasets.storage import open_dataset, stream_dataset
from binn.errors import InputError
from binn.fingerprint import dataset_fingerprint
from binn.parameters import KEYS, LOWER, UPPER, to_normalised


@pytest.fixture(scope="module")
def demo() -> xr.Dataset:
    return binn.open_dataset("demo")


@pytest.fixture(scope="module")
def results() -> xr.Dataset:
    with xr.open_dataset(demo_folder() / "proda.nc", engine="h5netcdf") as file:
        return file.load()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo folder that may be changed."""
    for name in ("conus.nc", "proda.nc"):
        shutil.copy(demo_folder() / name, tmp_path / name)
    monkeypatch.setattr(shipped, "demo_folder", lambda: tmp_path)
    return tmp_path


def test_the_demo_has_proda_on_cells_and_sites(demo: xr.Dataset) -> None:
    for name, dim in (("proda_parameters", "cell"), ("proda_parameters_site", "site")):
        values = demo[name]
        assert values.dims == (dim, "parameter")
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert (values >= LOWER.astype(np.float32)).all()
        assert (values <= UPPER.astype(np.float32)).all()
    with stream_dataset("demo") as ds:
        np.testing.assert_array_equal(ds["proda_parameters"], demo["proda_parameters"])


def test_it_is_a_result_not_part_of_the_data(demo: xr.Dataset) -> None:
    plain = open_dataset(demo_folder() / "conus.nc")
    assert "proda_parameters" not in plain
    assert dataset_fingerprint(plain) == dataset_fingerprint(demo)


def test_the_file_says_how_it_was_made(results: xr.Dataset) -> None:
    assert (demo_folder() / "proda.nc").stat().st_size < 3e6
    assert results.sizes["sampled"] >= 2000
    assert np.unique(results["sampled_profile_id"]).size == results.sizes["sampled"]
    for key in ("site_step", "profiles", "network", "notice", "history"):
        assert results.attrs[key]
    assert "chains 3" in results.attrs["site_step"]
    low, middle, high = (results["sampled_quantiles"][:, k] for k in range(3))
    assert ((low <= middle) & (middle <= high)).all()
    converged = results["sampled_gelman_rubin"].mean("parameter") < 1.05
    assert converged.mean() > 0.9
    assert (results["sampled_learnt"] == 1).sum() == results.attrs["profiles_learnt_from"]


def test_it_comes_from_observations_not_from_the_truth(
    demo: xr.Dataset, results: xr.Dataset
) -> None:
    """The network repeats site results, whose profiles fit; the truth is far from both."""
    sites = results["sampled_site"].to_numpy()
    learnt = results["sampled_learnt"].to_numpy() == 1
    network = to_normalised(demo["proda_parameters_site"].to_numpy()[sites].astype(float))
    chains = to_normalised(results["sampled_mean"].to_numpy().astype(float))
    truth = to_normalised(demo["true_parameters_site"].to_numpy()[sites].astype(float))
    assert np.abs(network - chains)[learnt].mean() < 0.8 * np.abs(network - truth)[learnt].mean()
    beta = KEYS.index("beta")
    assert abs(np.corrcoef(chains[:, beta], truth[:, beta])[0, 1]) < 0.9
    assert np.median(results["sampled_r2"]) > 0.8


def test_results_of_another_dataset_are_refused(copy: Path, demo: xr.Dataset) -> None:
    with (copy / "conus.nc").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(InputError, match=r"proda\.nc was made from another conus\.nc"):
        open_dataset("demo")
    (copy / "proda.nc").unlink()
    assert "proda_parameters" not in open_dataset("demo")


def test_a_damaged_file_is_named(copy: Path) -> None:
    (copy / "proda.nc").write_bytes(b"no")
    with pytest.raises(InputError, match=r"proda\.nc is damaged"):
        open_dataset("demo")
