"""The paper's input folder, in small: what comes out of it, whichever way round it is stored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import authors_bundle as bundles
import numpy as np
import pytest
import scipy.io
import torch
import xarray as xr
from authors_bundle import Bundle

from binn import open_dataset
from binn.clm5 import Forcing, solve
from binn.datasets import write_dataset
from binn.datasets.authors_bundle import import_authors_bundle
from binn.datasets.authors_bundle_layout import ENV_COLUMNS, GRID_COLUMNS
from binn.datasets.authors_layout import cesm2_centre
from binn.datasets.covariates import AUTHORS_COVARIATES
from binn.datasets.report import Report
from binn.errors import InputError
from binn.parameters import KEYS, LOWER, UPPER, to_physical

COLUMN = {name: number for number, name in enumerate(ENV_COLUMNS)}


@pytest.fixture
def bundle() -> Bundle:
    return bundles.make()


@pytest.fixture
def read(bundle: Bundle, tmp_path: Path) -> Callable[..., tuple[xr.Dataset, Report]]:
    """Write the bundle and import it."""

    def do(**options: object) -> tuple[xr.Dataset, Report]:
        layout = {k: options.pop(k) for k in ("transposed", "old_matlab") if k in options}
        root = bundles.write(bundle, tmp_path / f"source{len(list(tmp_path.iterdir()))}", **layout)
        return import_authors_bundle(root, **options)

    return do


def test_the_whole_path_to_a_solved_dataset(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]], tmp_path: Path
) -> None:
    out = tmp_path / "out.nc"
    write_dataset(read()[0], out)
    ds = open_dataset(out)
    assert ds.sizes["site"] == len(bundle.profiles)
    assert ds["profile_id"].values.tolist() == bundle.profiles[:, 0].tolist()
    for site, profile in enumerate(ds["profile_id"].values):
        mine = bundle.layers[bundle.layers[:, 0] == profile]
        before = int(ds["obs_count"][:site].sum())
        here = slice(before, before + int(ds["obs_count"][site]))
        np.testing.assert_allclose(ds["obs_depth"][here], mine[:, 4] / 100)
        np.testing.assert_allclose(ds["obs_soc"][here], mine[:, 6])
        for name in ("BIO1", "nbedrock", "Texture_USDA_30cm"):
            value = ds["covariates"].values[site, AUTHORS_COVARIATES.index(name)]
            assert value == bundle.env[site, COLUMN[name]]
    forcing = Forcing.from_dataset(ds, on="site")
    state = solve(torch.from_numpy(ds["proda_parameters_site"].values), forcing)
    assert torch.isfinite(state.soc).all()
    assert (state.soc[:, 0] > 0).all()


def test_a_profile_stands_on_its_nearest_cell_of_the_run(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    ds, _ = read()
    lon, lat = cesm2_centre(ds["lon"].values, ds["lat"].values)
    cell = ds["site_cell"].values
    assert (ds["cell_lon"].values[cell] == lon).all()
    assert (ds["cell_lat"].values[cell] == lat).all()
    assert len(set(cell)) == 3
    for site in range(ds.sizes["site"]):
        place = bundle.cells.index(_place(ds, cell[site]))
        raw = {name: values[place] for name, values in bundle.forcing.items()}
        mine = {name: ds[name].values[cell[site]] for name in raw}
        np.testing.assert_allclose(mine["temperature"], raw["temperature"])
        np.testing.assert_allclose(mine["altmax"], raw["altmax"])
        assert mine["nbedrock"] == raw["nbedrock"][0]
        np.testing.assert_allclose(mine["sand"], raw["sand"].mean(axis=1))
        total = sum(raw["litter2"][k] * dz for k, dz in enumerate(bundles.THICKNESS))
        np.testing.assert_allclose(mine["litter2"], total)


@pytest.mark.parametrize(
    "layout",
    [{"transposed": False}, {"old_matlab": True}, {"old_matlab": True, "transposed": False}],
)
def test_either_way_round_gives_the_same(
    read: Callable[..., tuple[xr.Dataset, Report]], layout: dict[str, bool]
) -> None:
    """HDF5 shows MATLAB's arrays transposed; MATLAB 5 files do not."""
    wanted, found = read()[0], read(**layout)[0]
    xr.testing.assert_identical(found.drop_attrs(), wanted.drop_attrs())


@pytest.mark.parametrize("number", [7, 81])
def test_a_square_table_is_told_by_what_it_holds(tmp_path: Path, number: int) -> None:
    """As many profiles as columns: both ways round have the right shape."""
    bundle = bundles.make(profiles=number)
    straight = bundles.write(bundle, tmp_path / "straight", transposed=False)
    turned = bundles.write(bundle, tmp_path / "turned")
    one, two = import_authors_bundle(straight)[0], import_authors_bundle(turned)[0]
    assert one["profile_id"].values.tolist() == bundle.profiles[:, 0].tolist()
    xr.testing.assert_identical(one.drop_attrs(), two.drop_attrs())


def test_points_of_the_grid_become_cells_with_covariates(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    for name in ("ESA_Land_Cover", "Koppen_Climate_2018", "USDA_Suborder", "WRB_Subgroup"):
        bundle.grid[:, GRID_COLUMNS.index(name)] = 1
    bundle.grid[:, [GRID_COLUMNS.index(f"Texture_USDA_{d}cm") for d in (0, 30, 100)]] = 1
    bundle.grid[1, GRID_COLUMNS.index("USDA_Suborder")] = 60  # no profile has it
    bundle.grid[2, GRID_COLUMNS.index("BIO1")] = np.nan
    bundle.grid[4, :2] = 2.0, 48.0  # France
    ds, report = read()
    known = np.isfinite(ds["cell_covariates"].values).all(axis=1)
    assert known.sum() == 2
    np.testing.assert_array_equal(ds["cell_lon"][known], bundle.grid[[0, 3], 0])
    bio1 = ds["cell_covariates"].values[known, AUTHORS_COVARIATES.index("BIO1")]
    np.testing.assert_array_equal(bio1, bundle.grid[[0, 3], GRID_COLUMNS.index("BIO1")])
    assert (report.read["point"], report.kept["point"]) == (4, 2)
    assert report.counts()["point", "category that no profile has"] == 1
    assert report.counts()["point", "missing covariates"] == 1
    mean = (bundle.grid_u[[0, 3]] - 0.005 + bundle.grid_u[[0, 3]] + 0.005) / 2
    np.testing.assert_allclose(ds["proda_parameters"].values[known], to_physical(mean))
    assert np.isnan(ds["proda_parameters"].values[~known]).all()


FILTERS: dict[str, tuple[Callable[[Bundle], None], str]] = {
    "country": (lambda b: _set(b.profiles, (2, 2), 38), "not in the US (country_name 156)"),
    "box": (lambda b: _set(b.profiles, (2, 4), 51.0), "not in the box of the contiguous US"),
    "eligible": (lambda b: _drop(b, "eligible"), "not in eligible_loc_0"),
    "Gelman-Rubin": (
        lambda b: _set(b.gelman_rubin, (2, 0), 2.0),
        "not with a mean Gelman-Rubin statistic below 1.05",
    ),
    "chains that were not run": (
        lambda b: _set(b.gelman_rubin, (2, 0), np.nan),
        "not with a mean Gelman-Rubin statistic below 1.05",
    ),
    "R2": (lambda b: _set(b.chain_r2, (2,), -0.1), "not with a mean R2 of the chains above 0"),
    "PRODA": (lambda b: _set(b.site_u, (2, 3), np.nan), "not predicted by PRODA"),
    "covariate": (lambda b: _set(b.env, (2, COLUMN["BIO7"]), np.nan), "missing covariates"),
    "category": (
        lambda b: _set(b.env, (2, COLUMN["WRB_Subgroup"]), 2.5),
        "category that is no whole number",
    ),
    "observations": (
        lambda b: _set(b.layers, (b.layers[:, 0] == b.profiles[2, 0], 6), np.nan),
        "no observation",
    ),
    "limits of layers": (
        lambda b: _set(b.layers, (b.layers[:, 0] == b.profiles[2, 0], 3), np.nan),
        "no observation",
    ),
}


def _set(array: np.ndarray, index: tuple[object, ...], value: float) -> None:
    array[index] = value


def _drop(bundle: Bundle, name: str) -> None:
    setattr(bundle, name, np.delete(getattr(bundle, name), 2, axis=0))


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_leaves_one_profile_out_and_says_so(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]], name: str
) -> None:
    fault, reason = FILTERS[name]
    fault(bundle)
    ds, report = read()
    assert ds.sizes["site"] == len(bundle.profiles) - 1
    assert bundle.profiles[2, 0] not in ds["profile_id"].values
    mine = [entry for entry in report.left_out if entry.table == "site"]
    assert [(entry.row, entry.reason) for entry in mine] == [(3, reason)]
    if reason.startswith("not "):
        said = next(note for note in report.notes if reason.removeprefix("not ") in note)
        assert said.endswith("leaves out 1 of 12 profiles")
    assert 3 not in ds["source_row"].values
    assert Report.of(ds).left_out == report.left_out


def test_a_country_that_only_the_second_column_tells(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    bundle.profiles[:, 1], bundle.profiles[:, 2] = 156, np.nan
    bundle.profiles[0, 1] = 38
    ds, report = read()
    assert ds.sizes["site"] == 11
    assert "filter 1, in the US (country_id 156): leaves out 1 of 12 profiles" in report.notes


def test_forcing_that_the_sea_has_not(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    """Profiles of a cell without forcing stay behind, and those of one that is unphysical."""
    ds, _ = read()
    first, second = ds["site_cell"].values[:2]
    bundle.forcing["temperature"][bundle.cells.index(_place(ds, first))] = np.nan
    bundle.forcing["water"][bundle.cells.index(_place(ds, second))] = 3.0
    ds, report = read()
    assert report.counts()["site", "missing forcing"] == 4
    assert report.counts()["site", "unphysical forcing"] == 4
    details = {entry.detail for entry in report.left_out if entry.table == "site"}
    assert details == {"temperature", "water"}
    assert ds["site_cell"].values.tolist() == [0] * 4


def _place(ds: xr.Dataset, cell: int) -> tuple[int, int]:
    """Row and column of a cell on the grid of the run."""
    row = round((90 - float(ds["cell_lat"][cell])) / 0.46875 - 0.5)
    return row, round((float(ds["cell_lon"][cell]) + 180) / 0.625 - 0.5)


def test_zero_and_strange_observations_stay_behind(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    bundle.layers[0, 6], bundle.layers[1, 6], bundle.layers[2, 4] = 0.0, 9e9, -3.0
    ds, report = read()
    assert ds.sizes["obs"] == len(bundle.layers) - 3
    assert report.counts()["observation", "zero SOC"] == 1
    assert report.counts()["observation", "unphysical SOC"] == 1
    assert report.counts()["observation", "unphysical depth"] == 1


def test_proda_is_averaged_held_inside_and_named(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    bundle.site_u[0, 5], bundle.site_u[1, 7] = -0.2, 1.3
    ds, _ = read()
    u = np.clip(bundle.site_u, 1e-4, 1.0)
    found = ds["proda_parameters_site"]
    np.testing.assert_allclose(found.values, LOWER + u * (UPPER - LOWER))
    assert found.attrs["range_set"] == "binn"
    assert found.attrs["clipped"] == 2
    assert "runs 1, 2" in found.attrs["comment"]
    other = read(proda_ranges="proda")[0]["proda_parameters_site"]
    assert other.attrs["range_set"] == "proda"
    k = KEYS.index("tau4s3")
    np.testing.assert_allclose(other.values[:, k], 200 + 800 * u[:, k])
    assert (other.values[:, KEYS.index("tau4s1")] > 0).all()


def test_files_that_may_be_absent(bundle: Bundle, tmp_path: Path) -> None:
    """Without a filter's file the filter is not applied, and the report says so."""
    root = bundles.write(bundle, tmp_path / "source")
    for pattern in ("*para_gr*", "*stat_r2*", "eligible*", "*col_max_min*", "*present.mat"):
        next((root / bundles.WOSIS).glob(pattern)).unlink()
    for path in (root / "PRODA_Results").iterdir():
        path.unlink()
    ds, report = import_authors_bundle(root)
    assert ds.sizes["site"] == 12
    assert sum("not applied, its file is not there" in note for note in report.notes) == 4
    assert "covariate_min" not in ds
    assert not any(str(name).startswith("proda") for name in ds.variables)
    assert np.isnan(ds["cell_covariates"].values).all()
    assert any("no cell has covariates" in note for note in report.notes)


def test_only_representative_profiles(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    ds, report = read(representative=True)
    assert ds["source_row"].values.tolist() == [1, 3, 5, 7, 9, 11]
    assert "filter 7, representative: leaves out 6 of 12 profiles" in report.notes


def test_files_of_other_runs_and_copies_do_no_harm(bundle: Bundle, tmp_path: Path) -> None:
    root = bundles.write(bundle, tmp_path / "source")
    wanted = import_authors_bundle(root)[0]
    wosis = root / bundles.WOSIS
    for name in ("other_model_para_gr.mat", "eligible_profile_loc_0_before_1985.mat"):
        (wosis / name).write_bytes(b"of another run")
    (root / "data4nn").mkdir()
    shutil.copy(next(wosis.glob("eligible*whole_time.mat")), root / "data4nn")
    found = import_authors_bundle(root)[0]
    xr.testing.assert_equal(found, wanted)


def test_classic_netcdf(bundle: Bundle, tmp_path: Path) -> None:
    """Version 3 is read as well, and half of it is named."""
    root = bundles.write(bundle, tmp_path / "source")
    wanted = import_authors_bundle(root)[0]
    path = next((root / bundles.WOSIS).glob("soc_data_integrate*"))
    path.unlink()
    with scipy.io.netcdf_file(str(path), "w") as file:
        file.createDimension("column", bundle.layers.shape[1])
        file.createDimension("layer", bundle.layers.shape[0])
        held = file.createVariable("data_soc_integrate", "d", ("column", "layer"))
        held[:] = bundle.layers.T
    xr.testing.assert_equal(import_authors_bundle(root)[0], wanted)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="is cut short or damaged: download it again"):
        import_authors_bundle(root)


def test_limits_and_hashes_are_kept(
    bundle: Bundle, read: Callable[..., tuple[xr.Dataset, Report]]
) -> None:
    ds, _ = read()
    columns = [COLUMN[name] for name in AUTHORS_COVARIATES]
    np.testing.assert_array_equal(ds["covariate_min"], bundle.limits[columns, 0])
    np.testing.assert_array_equal(ds["covariate_max"], bundle.limits[columns, 1])
    files = json.loads(ds.attrs["sha256"])
    assert len(files) == 2 + 4 + 2 + 12 + 8
    assert all(len(digest) == 64 for digest in files.values())


def test_the_clone_is_as_good_as_the_folder(bundle: Bundle, tmp_path: Path) -> None:
    bundles.write(bundle, tmp_path / "BINN/ENSEMBLE/INPUT_DATA")
    clone = import_authors_bundle(tmp_path / "BINN")[0]
    folder = import_authors_bundle(tmp_path / "BINN/ENSEMBLE/INPUT_DATA")[0]
    xr.testing.assert_identical(clone, folder)
