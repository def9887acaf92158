"""Reading and writing: nothing changes on the way, and nothing is lost when it fails."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binn.datasets import open_dataset, write_dataset
from binn.errors import InputError

Make = Callable[..., xr.Dataset]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32 - 1),
    sites=st.integers(1, 6),
    cells=st.integers(1, 4),
    covariates=st.integers(1, 5),
    text=st.text(
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12
    ),
)
def test_round_trip(
    canonical: Make,
    tmp_path: Path,
    seed: int,
    sites: int,
    cells: int,
    covariates: int,
    text: str,
) -> None:
    ds = canonical(seed, sites, cells, covariates, text)
    path = tmp_path / "x.nc"
    write_dataset(ds, path)
    back = open_dataset(path)
    xr.testing.assert_identical(back, ds)
    for name in ds.variables:
        assert back[name].dtype.kind == ds[name].dtype.kind


def test_the_same_dataset_gives_the_same_bytes(canonical: Make, tmp_path: Path) -> None:
    for name in ("a.nc", "b.nc"):
        write_dataset(canonical(), tmp_path / name)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_an_invalid_dataset_is_not_written(canonical: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    write_dataset(canonical(), path)
    before = path.read_bytes()
    broken = canonical()
    broken["oxygen"].values[0] = np.nan
    with pytest.raises(InputError, match="oxygen is missing"):
        write_dataset(broken, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_opened_is_explained(canonical: Make, tmp_path: Path) -> None:
    whole = tmp_path / "whole.nc"
    write_dataset(canonical(), whole)
    content = whole.read_bytes()
    cases = {
        "cut.nc": (content[: len(content) // 2], "cut short"),
        "text.nc": (b"lon,lat\n1,2\n", "not a NetCDF4 file"),
        "empty.nc": (b"", "is empty"),
    }
    for name, (data, words) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=words):
            open_dataset(tmp_path / name)
    with pytest.raises(InputError, match="there is no dataset"):
        open_dataset(tmp_path / "none.nc")
    with pytest.raises(InputError, match="is a folder"):
        open_dataset(tmp_path)


def test_damage_inside_the_file_is_noticed_or_harmless(canonical: Make, tmp_path: Path) -> None:
    """Whatever byte is broken: an InputError or a dataset that passes, never another exception."""
    path = tmp_path / "x.nc"
    write_dataset(canonical(), path)
    content = path.read_bytes()
    rng = np.random.default_rng(5)
    for start in rng.integers(0, len(content) - 64, 40):
        damaged = bytearray(content)
        damaged[start : start + 64] = rng.bytes(64)
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):
            open_dataset(path)


def test_zarr_without_the_package_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.zarr").mkdir()
    monkeypatch.setattr("binn.datasets.storage.find_spec", lambda _: None)
    with pytest.raises(InputError, match="need the package zarr"):
        open_dataset(tmp_path / "x.zarr")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("thesis.txt", "exists and is not a dataset"),
        ("nowhere/x.nc", "does not exist"),
        (".", "is a folder"),
        ("x.zarr", "written as NetCDF"),
    ],
)
def test_bad_targets(canonical: Make, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=words):
        write_dataset(canonical(), tmp_path / name)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


_FULL_DISK = """
import resource, signal, sys
from binn.datasets import open_dataset, write_dataset
from binn.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ds = open_dataset(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_dataset(ds, sys.argv[1])
except InputError as error:
    sys.exit(str(error))
"""

_KILLED = """
import os, signal, sys
from binn.datasets import open_dataset, write_dataset
ds = open_dataset(sys.argv[1])
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_dataset(ds, sys.argv[1])
"""


def _run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_full_disk_leaves_the_old_file(canonical: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    write_dataset(canonical(), path)
    before = path.read_bytes()
    run = _run(_FULL_DISK, path)
    assert run.returncode == 1
    assert "the disk is full" in run.stderr
    assert "Traceback" not in run.stderr
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_in_the_middle_leaves_the_old_file(canonical: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    write_dataset(canonical(), path)
    before = path.read_bytes()
    assert _run(_KILLED, path).returncode == -9
    assert path.read_bytes() == before
    assert open_dataset(path).sizes["site"] == 3
