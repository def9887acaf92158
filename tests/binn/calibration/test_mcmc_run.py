"""Stored chains: killed and resumed, refused where they do not fit, spread over a cluster."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from binn.calibration import CalibrationProblem
from binn.calibration.mcmc_options import Adaptive, Published
from binn.calibration.mcmc_run import read_chains, run_mcmc
from binn.errors import InputError

OPTIONS = Published(first=400, second=800, adapt_from=300, keep=100, redos=1)
CHILD = """
import sys, time
from pathlib import Path
import binn
from binn.calibration import CalibrationProblem
from binn.calibration import mcmc_run
from binn.calibration.mcmc_options import Published
problem = CalibrationProblem.from_dataset(binn.open_dataset(sys.argv[1]), range(20))
written = mcmc_run._write_part
def slowly(*arguments):
    written(*arguments)
    time.sleep(float(sys.argv[3]))
mcmc_run._write_part = slowly
options = Published.model_validate_json(sys.argv[4])
mcmc_run.run_mcmc(problem, Path(sys.argv[2]), options, seed=3, chunk=4, report=print)
"""


@pytest.fixture(scope="module")
def problem(synthetic_dataset: xr.Dataset) -> CalibrationProblem:
    return CalibrationProblem.from_dataset(synthetic_dataset, range(20))


@pytest.fixture(scope="module")
def whole(problem: CalibrationProblem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mcmc") / "whole"
    run_mcmc(problem, out, OPTIONS, seed=3, chunk=4)
    return out


def test_killed_and_resumed_gives_the_same_chains(
    problem: CalibrationProblem, whole: Path, synthetic_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, synthetic_file, out, "0.3", OPTIONS.model_dump_json()],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 120
        while len(list((out / "parts").glob("[0-9]*.nc"))) < 2 and time.monotonic() < until:
            assert child.poll() is None
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    begun = len(list((out / "parts").glob("[0-9]*.nc")))
    assert 2 <= begun < 5
    assert not (out / "calibration.nc").exists()
    (out / "parts" / ".00004.nc.cut").write_bytes(b"half")  # as a writer leaves it that is killed
    with pytest.raises(InputError, match="--resume"):
        run_mcmc(problem, out, OPTIONS, seed=3, chunk=4)
    said: list[str] = []
    found = run_mcmc(problem, out, OPTIONS, seed=3, chunk=4, resume=True, report=said.append)
    assert f"{4 * begun} sites are done already" in said[0]
    xr.testing.assert_identical(read_chains(out), read_chains(whole))
    assert not list((out / "parts").glob(".*"))
    with xr.open_dataset(whole / "calibration.nc", engine="h5netcdf") as expected:
        np.testing.assert_array_equal(found.normalised, expected["normalised"])


def test_chains_do_not_depend_on_chunks(
    problem: CalibrationProblem, whole: Path, tmp_path: Path
) -> None:
    run_mcmc(problem, tmp_path / "other", OPTIONS, seed=3, chunk=7, threads=2)
    xr.testing.assert_equal(read_chains(tmp_path / "other"), read_chains(whole))


def test_what_is_stored(problem: CalibrationProblem, whole: Path) -> None:
    chains = read_chains(whole)
    assert chains["draws"].dims == ("site", "chain", "draw", "parameter")
    assert chains["draws"].dtype == np.float32
    assert chains.attrs["seed"] == "3"
    assert chains.attrs["method"] == "published"
    assert chains["profile_id"].values.tolist() == (100 + np.arange(20)).tolist()
    kept = chains["kept"].to_numpy()
    there = np.isfinite(chains["draws"].to_numpy()).all(axis=3)
    np.testing.assert_array_equal(there.sum(axis=2), kept)
    task = json.loads((whole / "run.json").read_text())
    assert task["seed"] == 3
    assert task["options"]["first"] == 400
    with xr.open_dataset(whole / "calibration.nc", engine="h5netcdf") as found:
        assert found["parameters"].shape == (20, 21)
        assert found["rhat"].dims == ("site", "parameter")
        assert found["acceptance"].dims == ("site", "chain")
        assert found.attrs["range_set"] == "binn"


def test_sites_left_out_are_in_the_file(synthetic_dataset: xr.Dataset, tmp_path: Path) -> None:
    ds = synthetic_dataset.copy(deep=True)
    ds["obs_soc"] = ds["obs_soc"] * 1.0
    ds["obs_soc"][: int(ds["obs_count"][0])] = 0.0
    run_mcmc(CalibrationProblem.from_dataset(ds, [0, 1]), tmp_path / "run", OPTIONS)
    with xr.open_dataset(tmp_path / "run" / "calibration.nc", engine="h5netcdf") as found:
        assert found["site"].values.tolist() == [1]
        assert found["left_out_site"].values.tolist() == [0]
        assert "zero" in str(found["left_out_reason"].values[0])


@pytest.mark.parametrize(
    ("seed", "options", "why"),
    [
        (4, OPTIONS, "another seed"),
        (3, OPTIONS.model_copy(update={"second": 900}), "another options"),
        (3, Adaptive(warmup=200, samples=100), "another options"),
    ],
)
def test_another_run_is_not_resumed(
    problem: CalibrationProblem, whole: Path, seed: int, options: Published, why: str
) -> None:
    before = sorted(path.stat().st_mtime_ns for path in whole.rglob("*.nc"))
    with pytest.raises(InputError, match=f"cannot be resumed.*{why}"):
        run_mcmc(problem, whole, options, seed=seed, chunk=4, resume=True)
    assert before == sorted(path.stat().st_mtime_ns for path in whole.rglob("*.nc"))


def test_nothing_to_resume(problem: CalibrationProblem, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out --resume"):
        run_mcmc(problem, tmp_path / "new", OPTIONS, resume=True)
    with pytest.raises(InputError, match="no chains"):
        read_chains(tmp_path / "new")


def test_a_damaged_part_is_named_and_run_again(
    problem: CalibrationProblem, whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "damaged")
    parts = [out / "parts" / f"{k:05d}.nc" for k in range(5)]
    parts[2].write_bytes(parts[2].read_bytes()[:2000])
    parts[3].write_bytes(b"")
    shutil.copy(parts[1], parts[4])  # of other sites
    with pytest.raises(InputError, match=r"00002\.nc"):
        read_chains(out)
    said: list[str] = []
    run_mcmc(problem, out, OPTIONS, seed=3, chunk=4, resume=True, report=said.append)
    assert [line[-46:] for line in said[:3]] == [
        f"0000{k}.nc is damaged: its 4 sites are run again" for k in (2, 3, 4)
    ]
    assert "8 sites are done already" in said[3]
    xr.testing.assert_identical(read_chains(out), read_chains(whole))


def test_damage_that_no_glance_finds(
    problem: CalibrationProblem, whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "damaged")
    part = out / "parts" / "00002.nc"
    content = bytearray(part.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)  # among the draws
    part.write_bytes(content)
    with pytest.raises(InputError, match=r"00002\.nc is damaged: remove it and resume"):
        run_mcmc(problem, out, OPTIONS, seed=3, chunk=4, resume=True)
    part.unlink()
    run_mcmc(problem, out, OPTIONS, seed=3, chunk=4, resume=True)
    xr.testing.assert_identical(read_chains(out), read_chains(whole))


@pytest.mark.filterwarnings("ignore:Port .* is already in use:UserWarning")
def test_on_a_cluster(problem: CalibrationProblem, whole: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        run_mcmc(
            problem, tmp_path / "far", OPTIONS, seed=3, chunk=4, scheduler=cluster.scheduler_address
        )
    xr.testing.assert_identical(read_chains(tmp_path / "far"), read_chains(whole))
