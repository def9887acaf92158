"""The importer of the authors' New York set, on the real set and on a small one of its layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from binn.clm5.column import NODES
from binn.datasets import open_dataset, validate
from binn.datasets.authors import import_authors_demo
from binn.datasets.authors_layout import COLUMNS, MONTHLY, PROFILES, cesm2_centre
from binn.datasets.report import Report

Edit = Callable[..., None]


def _table(folder: Path, name: str) -> np.ndarray:
    return np.loadtxt(folder / "Training_Data" / f"{name}.txt", delimiter=",", ndmin=2)


@pytest.fixture(scope="module")
def ds(new_york: Path) -> xr.Dataset:
    return open_dataset(new_york)


def test_every_left_out_row_by_number_and_reason(ds: xr.Dataset, new_york_source: Path) -> None:
    """The published counts, and the rows behind them counted afresh from the source."""
    report = Report.of(ds)
    assert report.counts() == {
        ("site", "missing covariates"): 38,
        ("site", "missing forcing"): 3,
        ("site", "no observation"): 1,
        ("observation", "zero SOC"): 17,
        ("point", "missing forcing"): 1,
    }
    env, soc = _table(new_york_source, "env_info"), _table(new_york_source, "obs_soc_NY")
    ids = _table(new_york_source, "profile_id")[:, 0].astype(int)
    altmax = _table(new_york_source, "model_force_altmax_current_profile")
    rows = {
        "missing covariates": np.flatnonzero(np.isnan(env).any(axis=1)) + 1,
        "missing forcing": np.flatnonzero(np.isnan(altmax).any(axis=1)) + 1,
        "no observation": np.flatnonzero(np.isnan(soc).all(axis=1)) + 1,
    }
    for reason, expected in rows.items():
        found = [e for e in report.left_out if (e.table, e.reason) == ("site", reason)]
        assert [entry.row for entry in found] == expected.tolist()
        assert [entry.id for entry in found] == ids[expected - 1].astype(str).tolist()
    zeros = [entry.row for entry in report.left_out if entry.reason == "zero SOC"]
    assert zeros == (np.argwhere(soc == 0)[:, 0] + 1).tolist()
    gone = np.unique(np.concatenate(list(rows.values())))
    assert np.intersect1d(ds["source_row"], gone).size == 0
    assert ds.sizes["site"] == len(env) - gone.size
    assert report.read == {"site": 1200, "observation": 7466, "point": 132}
    assert report.kept["observation"] == ds.sizes["obs"]


def test_observations_below_the_deepest_soil_node_are_counted(ds: xr.Dataset) -> None:
    assert ds.attrs["observations_below_soil_read"] == 634
    site = np.repeat(np.arange(ds.sizes["site"]), ds["obs_count"])
    layer = ds["nbedrock"].values[ds["site_cell"].values[site]]
    below = ds["obs_depth"].values > NODES[layer - 1]
    assert ds.attrs["observations_below_soil_kept"] == below.sum()


def test_sites_carry_the_numbers_of_their_rows(ds: xr.Dataset, new_york_source: Path) -> None:
    rows = ds["source_row"].values - 1
    env = _table(new_york_source, "env_info")[rows]
    assert (ds["lon"].values == env[:, 0]).all()
    assert (ds["lat"].values == env[:, 1]).all()
    assert (ds["covariates"].values == env[:, 2:]).all()
    ids = _table(new_york_source, "profile_id")[rows, 0]
    assert (ds["profile_id"].values == ids).all()
    soc, depth = _table(new_york_source, "obs_soc_NY"), _table(new_york_source, "obs_soc_depth")
    start = 0
    for row, count in zip(rows, ds["obs_count"].values, strict=True):
        taken = soc[row] > 0
        assert (ds["obs_soc"].values[start : start + count] == soc[row][taken]).all()
        assert (ds["obs_depth"].values[start : start + count] == depth[row][taken]).all()
        start += count
    assert start == ds.sizes["obs"]


def test_the_cell_of_a_site_holds_its_forcing_bit_for_bit(
    ds: xr.Dataset, new_york_source: Path
) -> None:
    folder = new_york_source / "Training_Data"
    rows, cell = ds["source_row"].values - 1, ds["site_cell"].values
    for name, ending in MONTHLY.items():
        source = _table(new_york_source, f"model_force_{ending}")[rows]
        source = source[:, 0] if name == "nbedrock" else source
        assert (ds[name].values[cell] == source).all(), name
    for name, ending in PROFILES.items():
        source = np.load(folder / f"model_force_{ending}.npy")[rows]
        source = source[..., 0] if name == "sand" else source
        assert (ds[name].values[cell] == source).all(), name


def test_prediction_points_are_cells_with_covariates(ds: xr.Dataset, new_york_source: Path) -> None:
    folder = new_york_source / "Prediction_Data"
    env = np.loadtxt(folder / "grid_env_info_NY.txt", delimiter=",")
    altmax = np.loadtxt(folder / "model_force_pred_altmax_current_profile.txt", delimiter=",")
    env = env[np.isfinite(altmax).all(axis=1)]
    number = len(env)
    assert (ds["cell_lon"].values[:number] == env[:, 0]).all()
    np.testing.assert_array_equal(ds["cell_covariates"].values[:number], env[:, 2:])
    assert np.isnan(ds["cell_covariates"].values[number:]).all()
    known = np.isfinite(ds["cell_covariates"].values).all(axis=1).sum()
    assert known == np.isfinite(env).all(axis=1).sum() > 100


def test_one_cell_for_each_distinct_forcing(ds: xr.Dataset) -> None:
    """No two sites with the same forcing use different cells, and none is left unused."""
    used = np.unique(ds["site_cell"])
    flat = np.concatenate(
        [ds[name].values.reshape(ds.sizes["cell"], -1) for name in (*MONTHLY, *PROFILES)], axis=1
    )
    assert len(np.unique(flat[used], axis=0)) == used.size
    without = np.flatnonzero(np.isnan(ds["cell_covariates"].values).all(axis=1))
    points = 131
    assert set(without[without >= points]) <= set(used.tolist())


def test_cells_lie_near_their_sites(ds: xr.Dataset) -> None:
    cell = ds["site_cell"].values
    assert abs(ds["cell_lon"].values[cell] - ds["lon"].values).max() < 0.625
    assert abs(ds["cell_lat"].values[cell] - ds["lat"].values).max() < 0.5


def test_states_and_ecoregions(ds: xr.Dataset) -> None:
    assert {"New York", "Pennsylvania", "Vermont"} <= set(ds["state"].values.tolist())
    assert (ds["state"].values != "").all()
    for name in ("biome", "cell_biome"):
        assert set(ds[name].values.tolist()) == {"Northern Forests", "Eastern Temperate Forests"}
        assert ds[name].attrs["provenance"] == "schematic"


def test_every_variable_says_what_it_is(ds: xr.Dataset) -> None:
    for name, array in ds.variables.items():
        assert {"units", "long_name", "provenance"} <= set(array.attrs), name
    assert ds.attrs["Conventions"] == "CF-1.11"
    assert ds["obs_count"].attrs["sample_dimension"] == "obs"
    assert len(json.loads(ds.attrs["sha256"])) == 31  # one hash an input file


def test_categories_are_the_seven_of_the_paper(ds: xr.Dataset) -> None:
    category = ds["covariate"].values[ds["covariate_kind"].values == "category"]
    assert set(category.tolist()) == {
        "ESA_Land_Cover",
        "Texture_USDA_0cm",
        "Texture_USDA_30cm",
        "Texture_USDA_100cm",
        "USDA_Suborder",
        "WRB_Subgroup",
        "Koppen_Climate_2018",
    }


def test_columns_are_where_their_values_fit(ds: xr.Dataset) -> None:
    """Sand, silt and clay add up; rain and temperature are those of the north-east."""
    value = dict(zip(ds["covariate"].values, ds["covariates"].values.T, strict=True))
    for depth in ("0cm", "30cm", "100cm"):
        silt_clay = value[f"Silt_Content_{depth}"] + value[f"Clay_Content_{depth}"]
        assert silt_clay.max() <= 100
        assert 35 <= value[f"pH_Water_{depth}"].min() <= value[f"pH_Water_{depth}"].max() <= 85
        assert set(value[f"Texture_USDA_{depth}"]) <= set(range(1, 13))
    assert (value["Bulk_Density_0cm"].mean() < value["Bulk_Density_100cm"].mean()).all()
    assert 0 < value["BIO1"].min() < value["BIO1"].max() < 15
    assert 700 < value["BIO12"].min() < value["BIO12"].max() < 1800
    assert (ds["covariate_min"].values < ds["covariate_max"].values).all()


def test_the_small_source(small_source: Path) -> None:
    """A parent folder is found, nothing is left out, equal forcing is merged."""
    ds, report = import_authors_demo(small_source.parent)
    validate(ds)
    assert report.left_out == []
    assert "left_out_row" not in ds
    assert ds.sizes["site"] == 8
    assert ds["obs_count"].values.tolist() == list(range(1, 9))
    # three points, then one cell for rows 1 and 2 and one each for rows 5 to 8
    assert ds.sizes["cell"] == 3 + 5
    assert ds["site_cell"].values.tolist() == [3, 3, 1, 1, 4, 5, 6, 7]
    assert ds["profile_id"].values.tolist() == [1000 + 3 * row for row in range(8)]
    lon, lat = cesm2_centre(ds["lon"].values[:1], ds["lat"].values[:1])
    assert (ds["cell_lon"].values[3], ds["cell_lat"].values[3]) == (lon[0], lat[0])


def test_a_row_may_fail_twice(small_source: Path, edit_table: Edit) -> None:
    def no_soc(values: np.ndarray) -> None:
        values[0] = np.nan
        values[4, 2] = 0.0
        values[5, 1] = np.nan

    def no_clay(values: np.ndarray) -> None:
        values[0, COLUMNS.index("Clay_Content_0cm")] = np.nan

    edit_table("Training_Data/obs_soc_NY.txt", no_soc)
    edit_table("Training_Data/env_info.txt", no_clay)
    ds, report = import_authors_demo(small_source)
    shown = [(e.table, e.row, e.reason, e.detail) for e in report.left_out]
    assert shown[0] == ("site", 1, "missing covariates", "Clay_Content_0cm")
    assert shown[1] == ("site", 1, "no observation", "")
    assert [entry[:3] for entry in shown[2:]] == [
        ("observation", 1, "missing SOC"),
        ("observation", 5, "zero SOC"),
        ("observation", 6, "missing SOC"),
    ]
    assert ds["source_row"].values.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert ds["obs_count"].values.tolist() == [2, 3, 4, 4, 5, 7, 8]
    assert Report.of(ds) == report


def test_missing_forcing_leaves_out_the_row_and_the_point(small_source: Path) -> None:
    for folder, prefix, row in (("Training_Data", "", 6), ("Prediction_Data", "pred_", 0)):
        path = small_source / folder / f"model_force_{prefix}soil_temp_profile.npy"
        values = np.load(path)
        values[row, 3, 4] = np.nan
        np.save(path, values)
    ds, report = import_authors_demo(small_source)
    assert [(e.table, e.row, e.reason, e.detail) for e in report.left_out] == [
        ("site", 7, "missing forcing", "temperature"),
        ("point", 1, "missing forcing", "temperature"),
    ]
    assert ds.sizes["cell"] == 2 + 4
    validate(ds)


def test_profiles_far_apart_with_the_same_forcing_are_noted(
    small_source: Path, edit_table: Edit
) -> None:
    def move(values: np.ndarray) -> None:
        values[:2, 0] = [-80.0, -70.0]

    edit_table("Training_Data/env_info.txt", move)
    ds, report = import_authors_demo(small_source)
    assert any("row 1 is shared by profiles of 2 CESM2 grid cells" in n for n in report.notes)
    assert ds["cell_lon"].values[3] == pytest.approx(-75, abs=0.625)


def test_cesm2_grid() -> None:
    """Spec section 2: centres from -179.6875 eastward and from 89.765625 southward."""
    lon, lat = cesm2_centre(np.array([-180.0, -76.4, 179.9]), np.array([90.0, 42.4, -90.0]))
    assert lon.tolist() == [-179.6875, -76.5625, 179.6875]
    assert lat.tolist() == [89.765625, 42.421875, -89.765625]
