"""Files of a selection: the numbers computed, their units, and what they were made from."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import page_data
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_array_equal

from binn.clm5 import Forcing
from binn.errors import InputError
from binn.figures.citation import CITATIONS
from binn.observations import Observations
from binn.parameters import KEYS, PARAMETERS, to_physical
from dashboard.state.estimate import Estimate, estimate
from dashboard.state.export import about_export, csv_zip, gathered, netcdf

ROWS = np.array([7, 2, 30, 44])
ORDER = np.sort(ROWS)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return page_data.synthetic_dataset()


@pytest.fixture(scope="module")
def whole(ds) -> Estimate:
    """Of all 45 sites."""
    u = np.random.default_rng(2).uniform(0.2, 0.8, (45, 21))
    forcing = Forcing.from_dataset(ds)
    return estimate(to_physical(u), forcing, "conserving", Observations.from_dataset(ds))


@pytest.fixture(scope="module")
def changed(ds) -> Estimate:
    """Of the selected sites alone."""
    u = np.random.default_rng(3).uniform(0.2, 0.8, (len(ORDER), 21))
    return estimate(to_physical(u), Forcing.from_dataset(ds).take(ORDER), "conserving")


@pytest.fixture(scope="module")
def about(ds) -> dict:
    return about_export(
        ds,
        "invented.nc",
        checkpoint="runs/one",
        bedrock="conserving",
        definition="published",
        state={"sites": ORDER.tolist(), "warming": 2.0},
    )


@pytest.fixture(scope="module")
def found(ds, whole, changed) -> xr.Dataset:
    both = {"binn": whole, "changed": changed}
    return gathered(ds, ROWS, both, definition="published")


def test_numbers_are_those_of_the_selected_sites(ds, found, whole, changed):
    assert_array_equal(found["profile_id"], page_data.FIRST_ID + ORDER)
    assert_array_equal(found["source"], ["binn", "changed"])
    for name in ("parameters", "pools", "soc"):
        assert_array_equal(found[name].sel(source="binn"), getattr(whole, name)[ORDER])
        assert_array_equal(found[name].sel(source="changed"), getattr(changed, name))
    for name, values in whole.components["published"].items():
        assert_array_equal(found[name].sel(source="binn"), values[ORDER])
    assert_array_equal(
        found["residence_time"].sel(source="changed"), changed.traceability["residence_time"]
    )
    rows, _ = Observations.from_dataset(ds).of(ORDER)
    assert_array_equal(found["obs_soc"], ds["obs_soc"].to_numpy()[rows])
    assert_array_equal(found["soc_obs"].sel(source="binn"), whole.soc_observed_depths[rows])
    assert np.isnan(found["soc_obs"].sel(source="changed")).all()
    assert int(found["obs_count"].sum()) == len(rows)


def test_netcdf_carries_units_provenance_and_citation(found, about):
    content = netcdf(found, about)
    with xr.open_dataset(io.BytesIO(content), engine="h5netcdf") as opened:
        read = opened.load()
    for name in ("parameters", "pools", "soc", "carbon_input", "storage", "obs_soc", "soc_obs"):
        assert_array_equal(read[name], found[name])
        assert read[name].attrs["units"]
        assert read[name].attrs["long_name"]
        assert read[name].attrs["provenance"]
    assert read["pools"].attrs["units"] == "gC m-3"
    assert read["residence_time"].attrs["units"] == "yr"
    assert list(read["parameter"].to_numpy()) == list(KEYS)
    assert list(read["parameter_unit"].to_numpy()) == [one.unit for one in PARAMETERS]
    attributes = read.attrs
    assert attributes["Conventions"] == "CF-1.11"
    assert attributes["bedrock"] == "conserving"
    assert attributes["definition"] == "published"
    assert attributes["checkpoint"] == "runs/one"
    assert attributes["notice"].startswith("Demo data: simulated soils and SOC")
    assert attributes["dataset_fingerprint"] == about["dataset"]["fingerprint"]
    assert json.loads(attributes["state"]) == {"sites": ORDER.tolist(), "warming": 2.0}
    for reference in CITATIONS:
        assert reference in attributes["references"]


def tables(content: bytes) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    read = {name: pd.read_csv(io.StringIO(text)) for name, text in texts.items() if "csv" in name}
    return read, texts


def test_tables_hold_every_number_once(found, about, whole, changed):
    read, texts = tables(csv_zip(found, about))
    sites, layers, observations = (
        read[name] for name in ("sites.csv", "layers.csv", "observations.csv")
    )
    assert len(sites) == 2 * len(ORDER)
    base = sites[sites["source"] == "binn"]
    assert_array_equal(base["profile_id"], page_data.FIRST_ID + ORDER)
    assert_array_equal(base[list(KEYS)].to_numpy(), whole.parameters[ORDER])
    assert_array_equal(base["storage"], whole.traceability["storage"][ORDER])
    assert len(layers) == 2 * len(ORDER) * 20
    second = layers[layers["source"] == "changed"]
    assert_array_equal(second["soil3"].to_numpy().reshape(-1, 20), changed.pools[:, 6])
    assert_array_equal(second["soc"].to_numpy().reshape(-1, 20), changed.soc)
    assert_array_equal(observations["obs_soc"], found["obs_soc"])
    assert_array_equal(observations["soc_binn"], found["soc_obs"].sel(source="binn"))
    described = read["columns.csv"].set_index(["table", "column"])
    for name in ("sites", "layers", "observations"):
        for column in read[f"{name}.csv"].columns:
            assert described.loc[(name, column), "description"]
    assert described.loc[("sites", "tau4s3"), "unit"] == "yr"
    assert described.loc[("layers", "soil1"), "unit"] == "gC m-3"
    beside = json.loads(texts["about.json"])
    assert beside["state"]["warming"] == 2.0
    assert beside["citation"] == list(CITATIONS)
    assert texts["citation.txt"].splitlines() == list(CITATIONS)
    assert csv_zip(found, about) == csv_zip(found, about)


def test_cells_have_no_observations(ds, about):
    forcing = Forcing.from_dataset(ds, on="cell")
    u = np.random.default_rng(4).uniform(0.2, 0.8, (page_data.N_CELLS, 21))
    cells = estimate(to_physical(u), forcing, "published")
    found = gathered(ds, np.array([1, 4]), {"binn": cells}, on="cell")
    assert "obs_soc" not in found
    assert "soc_obs" not in found
    read, _ = tables(csv_zip(found, about))
    assert set(read) == {"cells.csv", "layers.csv", "columns.csv"}
    assert_array_equal(read["cells.csv"]["cell"], [1, 4])
    assert_array_equal(read["cells.csv"]["q10"], cells.parameters[[1, 4], 2])
    with xr.open_dataset(io.BytesIO(netcdf(found, about)), engine="h5netcdf") as opened:
        assert opened.attrs["bedrock"] == "published"
        assert_array_equal(opened["cell"], [1, 4])


def test_what_cannot_be_exported_is_said(ds, whole, changed):
    for rows, estimates, message in (
        (ROWS[:0], {"binn": whole}, "no site is selected"),
        (ROWS, {}, "nothing has been computed"),
        (ROWS, {"other": whole}, "no source 'other'"),
        (ROWS[:2], {"binn": changed}, "4 rows does not fit 2 selected of 45"),
    ):
        with pytest.raises(InputError, match=message):
            gathered(ds, rows, estimates)
