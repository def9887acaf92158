"""`binn calibrate`, `binn proda` and `binn import authors-proda` as a user runs them."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from binn.calibration.proda import load_proda
from binn.cli import main
from binn.datasets.storage import open_dataset, write_dataset
from binn.parameters import KEYS, LOWER, PARAMETERS, UPPER, to_physical

COMMAND = [sys.executable, "-m", "binn"]
SMALL = ["--iterations", "700", "--chains", "2", "--epochs", "2", "--runs", "2"]
Done = subprocess.CompletedProcess[str]


def run(*arguments: object) -> Done:
    """As a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )


def call(*arguments: object) -> Done:
    """The same command in this process: libraries are loaded once."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(one) for one in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def only_error(done: Done) -> str:
    """The one line of a user error."""
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("binn: error: ")] == lines[-1:]
    assert "Traceback" not in done.stderr
    return lines[-1]


@pytest.mark.parametrize("method", ["adaptive", "kalman"])
def test_calibrate_gives_a_table_and_json(
    method: str, synthetic_file: Path, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    short = {"adaptive": 1000, "kalman": 5}[method]
    arguments = ["calibrate", synthetic_file, "--site", "107", "--method", method]
    arguments += ["--iterations", short, "--seed", 3]
    # one of them as a process of its own
    as_user = run if method == "kalman" else call
    table = as_user(*arguments, "--out", tmp_path / "site.nc")
    assert table.returncode == 0, table.stderr
    lines = table.stdout.splitlines()
    assert lines[0].startswith("profile 107 (#7)")
    for one in PARAMETERS:
        line = next(line for line in lines if line.startswith(f"{one.key} "))
        assert f"{one.lower:g} to {one.upper:g}" in line
    # "#7" is the same site; the same seed gives the same numbers
    arguments[3] = "#7"
    done = call(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    assert (about["site"], about["profile_id"]) == (7, 107)
    values = np.array([about["parameters"][key]["value"] for key in KEYS])
    low, high = (
        np.array([about["parameters"][key][name] for key in KEYS]) for name in ("low", "high")
    )
    assert ((values >= LOWER) & (values <= UPPER) & (low < high)).all()
    start = int(synthetic_dataset["obs_count"].to_numpy()[:7].sum())
    count = int(synthetic_dataset["obs_count"].to_numpy()[7])
    observed = synthetic_dataset["obs_soc"].to_numpy()[start : start + count]
    np.testing.assert_allclose([row["observed"] for row in about["profile"]], observed, rtol=1e-6)
    simulated = np.array([row["simulated"] for row in about["profile"]])
    assert about["fit"]["rmse"] == pytest.approx(np.sqrt(((simulated - observed) ** 2).mean()))
    with xr.open_dataset(tmp_path / "site.nc", engine="h5netcdf") as stored:
        np.testing.assert_allclose(stored["parameters"].to_numpy()[0], values, rtol=1e-9)
        assert stored["members"].sizes["member"] == about["members"]
        assert stored.attrs["range_set"] == "binn"


def test_calibrate_says_what_is_wrong(synthetic_file: Path, tmp_path: Path) -> None:
    with xr.open_dataset(synthetic_file, engine="h5netcdf", decode_coords=False) as ds:
        broken = ds.load().copy(deep=True)
    count = broken["obs_count"].to_numpy()
    soc = broken["obs_soc"].to_numpy().copy()
    start = np.cumsum(count) - count
    soc[start[1] : start[1] + count[1]] = 0.0
    soc[start[2] + 1 : start[2] + count[2]] = 0.0
    broken["obs_soc"] = ("obs", soc, broken["obs_soc"].attrs)
    path = tmp_path / "broken.nc"
    write_dataset(broken, path)
    for arguments, words in (
        (["--site", "nobody"], "no profile has the id 'nobody'"),
        (["--site", "#60"], "sites go from #0 to #59"),
        (["--site", "#-1"], "there is no site #-1"),
        (["--site", "101"], "all observations are zero"),
        (["--site", "102"], "one observation only"),
        (["--site", "103", "--out", tmp_path / "x.txt"], "name it .nc or .json"),
        (["--site", "103", "--out", tmp_path / "no" / "x.nc"], "does not exist"),
        (["--site", "103", "--out", path], "is the dataset itself"),
        (["--site", "103", "--iterations", "20"], "iterations=20 are too few"),
    ):
        assert words in only_error(call("calibrate", path, *arguments))
    assert call("calibrate", path, "--site", "103", "--method", "guess").returncode == 2
    wrong = call("calibrate", path, "--site", "103", "--method", "kalman", "--chains", "2")
    assert wrong.returncode == 2


def test_profiles_may_be_named_by_text(synthetic_dataset: xr.Dataset, tmp_path: Path) -> None:
    ds = synthetic_dataset.copy()
    names = np.array([f"US-{k}" for k in range(60)])
    ds["profile_id"] = ("site", names, ds["profile_id"].attrs)
    path = tmp_path / "named.nc"
    write_dataset(ds, path)
    arguments = ["calibrate", path, "--method", "kalman", "--iterations", 1, "--json"]
    done = call(*arguments, "--site", "US-7")
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    assert (about["site"], about["profile_id"]) == (7, "US-7")


def results_of(out: Path) -> xr.Dataset:
    with xr.open_dataset(out / "proda.nc", engine="h5netcdf") as ds:
        return ds.load()


def test_proda_goes_through_both_steps_and_resumes(
    synthetic_file: Path, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "proda"
    arguments = ["proda", synthetic_file, "--sites", 12, "--seed", 1, "--method", "adaptive"]
    done = call(*arguments, *SMALL, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out / "proda.nc")
    assert "12/12 sites" in done.stderr
    result = results_of(out)
    parameters = result["proda_parameters_site"].to_numpy()
    assert parameters.shape == (60, 21)
    assert ((parameters > LOWER) & (parameters <= UPPER)).all()
    cells = result["proda_parameters"].to_numpy()
    assert np.isnan(cells).all(axis=1).sum() == 2  # those without covariates
    assert np.isfinite(np.delete(cells, [3, 5], axis=0)).all()
    assert result["proda_parameters"].attrs["range_set"] == "binn"
    use = result["proda_use"].to_numpy()
    assert (use > 0).sum() == 12
    assert result.attrs["sites_learnt_from"] == (use == 2).sum()
    # the network in the folder is the one that predicted
    network, record = load_proda(out / "network")
    np.testing.assert_allclose(
        to_physical(network.normalised(synthetic_dataset).mean(0)), parameters, rtol=1e-9
    )
    assert record.sites == (use == 2).sum()
    assert not (out / "runs").exists()

    assert "--resume" in only_error(call(*arguments, *SMALL, "--out", out))
    again = call("proda", synthetic_file, "--out", out, "--resume")
    assert again.returncode == 0, again.stderr
    assert "12 sites are done already" in again.stderr
    xr.testing.assert_identical(results_of(out).drop_attrs(), result.drop_attrs())
    other = call("proda", synthetic_file, "--out", out, "--resume", "--seed", 2)
    assert "begun with another --seed" in only_error(other)
    # the site step stays, the network may be another; and nothing was lost by the refusal
    whole = tmp_path / "with_proda.nc"
    changed = call(
        "proda", synthetic_file, "--out", out, "--resume", "--runs", 3, "--dataset", whole
    )
    assert changed.returncode == 0, changed.stderr
    assert results_of(out).sizes["run"] == 3
    joined = open_dataset(whole)
    for name in ("proda_parameters", "proda_parameters_site"):
        np.testing.assert_array_equal(joined[name], results_of(out)[name])
    np.testing.assert_array_equal(joined["obs_soc"], synthetic_dataset["obs_soc"])


def test_proda_killed_and_resumed_gives_the_same(synthetic_file: Path, tmp_path: Path) -> None:
    arguments = ["proda", str(synthetic_file), "--sites", "40", "--method", "adaptive", *SMALL]
    whole = call(*arguments, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not list(out.glob("sites/parts/0*.nc")) and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "proda.nc").exists()
    resumed = run("proda", synthetic_file, "--out", out, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    xr.testing.assert_identical(
        results_of(out).drop_attrs(), results_of(tmp_path / "whole").drop_attrs()
    )


def test_proda_says_what_is_wrong(synthetic_file: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    for arguments, words in (
        (["--out", tmp_path / "full"], "holds other files"),
        (["--out", tmp_path / "new", "--resume"], "there is no PRODA run in"),
        (["--out", tmp_path / "many", "--sites", "1000"], "1000 sites are asked for, but only"),
    ):
        assert words in only_error(call("proda", synthetic_file, *arguments))
    assert (tmp_path / "full" / "mine.txt").read_text() == "keep"
    assert call("proda", synthetic_file).returncode == 2
    assert call("proda", synthetic_file, "--out", "x", "--sites", "none").returncode == 2


_END = "cesm2_clm5_cen_vr_v2_whole_time_exp_pc_cesm2_23_cross_valid_0"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """SYNTHETIC: files laid out as the authors' results, two runs, five profiles, four points."""
    folder = tmp_path / "PRODA_Results"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for n in (1, 2):
        u = rng.uniform(0.0, 1.0, (5, 21))
        u[0, 3], u[1, 20] = -0.02, 1.3  # a linear output may leave the range
        for start, values in (
            ("nn_site_loc_full", np.array([[3], [8], [9], [20], [21]])),
            ("nn_para_result_full", u),
            ("valid_grid_loc", np.array([[1], [2], [5], [7]])),
            ("grid_para_result", rng.uniform(0.1, 0.9, (4, 21))),
        ):
            np.savetxt(folder / f"{start}_{_END}_{n}.csv", values, delimiter=",")
    return folder


def test_import_keeps_published_values_and_names_their_ranges(
    published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "authors.nc"
    done = run("import", "authors-proda", tmp_path, out)  # the folder above is found too
    assert done.returncode == 0, done.stderr
    assert "only 2 of 10 runs are there: 1, 2" in done.stderr
    with xr.open_dataset(out, engine="h5netcdf") as ds:
        ds.load()
    each = [
        np.loadtxt(published / f"nn_para_result_full_{_END}_{n}.csv", delimiter=",") for n in (1, 2)
    ]
    np.testing.assert_array_equal(ds["proda_runs_site"], np.stack(each))
    assert ds["proda_runs_site"].attrs["range_set"] == "proda"
    assert ds["site_number"].to_numpy().tolist() == [3, 8, 9, 20, 21]
    assert ds["cell_number"].to_numpy().tolist() == [1, 2, 5, 7]
    assert ds["run"].to_numpy().tolist() == [1, 2]
    mean = np.mean(each, axis=0)
    np.testing.assert_array_equal(ds["proda_normalised_site"], mean)
    physical = ds["proda_parameters_site"]
    assert physical.attrs["range_set"] == "binn"
    np.testing.assert_allclose(physical, to_physical(np.clip(mean, 1e-4, 1.0)), rtol=1e-12)
    assert ds.attrs["clipped"] == 2
    assert ds["proda_parameters"].shape == (4, 21)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("nn_para_result_full", lambda t: t.replace("\n", ",0.5\n"), "22 columns instead of 21"),
        ("nn_para_result_full", lambda t: t[: t.rindex(",")] + "\n", "has 20 columns in row 5"),
        ("nn_para_result_full", lambda t: t[: t[:-1].rindex("\n") + 1], "has 4 rows, but"),
        ("grid_para_result", lambda t: "nan" + t[t.index(",") :], "(NaN) in row 1, column 1"),
        ("grid_para_result", lambda t: "222.2" + t[t.index(",") :], "is no normalised parameter"),
        ("grid_para_result", lambda _: "", "is empty"),
        ("nn_site_loc_full", lambda t: t.replace("8.0", "8.5", 1), "8.5 in row 2 is no row number"),
        ("nn_site_loc_full", lambda t: t.replace("8.0", "9.0", 1), "names row 9 more than once"),
        (
            "valid_grid_loc",
            lambda t: t.replace("7.0", "6.0", 1),
            "names other grid points than run",
        ),
        ("valid_grid_loc", None, "no valid_grid_loc_"),
    ],
)
def test_damaged_results_are_refused(
    name: str, change: object, words: str, published: Path, tmp_path: Path
) -> None:
    path = published / f"{name}_{_END}_2.csv"
    if change is None:
        path.unlink()
    else:
        path.write_text(change(path.read_text()))  # type: ignore[operator]
    out = tmp_path / "authors.nc"
    assert words in only_error(call("import", "authors-proda", published, out))
    assert not out.exists()


def test_import_needs_results(tmp_path: Path) -> None:
    out = tmp_path / "x.nc"
    assert "holds no results of PRODA" in only_error(call("import", "authors-proda", tmp_path, out))
    assert "there is no folder" in only_error(call("import", "authors-proda", tmp_path / "no", out))
