"""``binn predict`` on files: chunks, resuming, a cluster, bad data, a full disk, bounded memory."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import binn
from binn.checkpoint import load_ensemble
from binn.cli import main
from binn.datasets.storage import open_dataset, stream_dataset, write_dataset
from binn.errors import InputError
from binn.fingerprint import dataset_fingerprint
from binn.model import BINN
from binn.streaming import Stopped, predict_to_file
from binn.streaming.source import Source
from binn.training.config import TrainingConfig
from binn.training.fit import fit

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def checkpoint(
    tiny: TrainingConfig, synthetic_dataset: xr.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("stream") / "run"
    fit(tiny, synthetic_dataset, out)
    return out / "checkpoint"


@pytest.fixture(scope="module")
def models(checkpoint: Path) -> list[BINN]:
    return load_ensemble(checkpoint)


def larger(ds: xr.Dataset, times: int) -> xr.Dataset:
    """The same sites again and again, each time with other covariates."""
    parts = []
    for k in range(times):
        part = ds.copy(deep=True)
        part["profile_id"] = part["profile_id"] + 1000 * k
        part["covariates"].values[:, 0] += 0.01 * k
        parts.append(part)
    out = xr.concat(parts, "site", data_vars="minimal", coords="minimal", compat="override")
    obs = xr.concat([part[["obs_depth", "obs_soc"]] for part in parts], "obs")
    return out.drop_dims("obs").assign(obs.data_vars).assign_attrs(ds.attrs)


@pytest.fixture(scope="module")
def thousand(synthetic_dataset: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SYNTHETIC: 1,200 sites as a file."""
    path = tmp_path_factory.mktemp("thousand") / "thousand.nc"
    write_dataset(larger(synthetic_dataset, 20), path)
    return path


def read(path: Path) -> xr.Dataset:
    engine = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    return xr.load_dataset(path, engine=engine, decode_coords=False)


def assert_same(found: xr.Dataset, expected: xr.Dataset, rtol: float = 1e-12) -> None:
    assert set(found.variables) == set(expected.variables)
    for name, array in expected.variables.items():
        assert found[name].dims == array.dims, name
        assert array.attrs.items() <= found[name].attrs.items(), name
        if array.dtype.kind == "f":
            # mass balance is a difference near 0
            np.testing.assert_allclose(found[name], array, rtol, atol=1e-13, err_msg=str(name))
        else:
            assert found[name].values.tolist() == array.values.tolist(), name
    assert expected.attrs.items() <= found.attrs.items()


@pytest.mark.parametrize(
    ("on", "name", "chunk", "threads"),
    [
        ("site", "out.nc", 4096, 1),
        ("site", "out.nc", 777, 2),
        ("site", "out.zarr", 101, 1),
        ("cell", "out.nc", 5, 1),
        ("cell", "out.zarr", 28, 2),
    ],
)
def test_as_in_memory(
    models: list[BINN], thousand: Path, tmp_path: Path, on: str, name: str, chunk: int, threads: int
) -> None:
    out, lines = tmp_path / name, []
    predict_to_file(
        models, thousand, out, on, chunk=chunk, threads=threads, report=lines.append  # type: ignore[arg-type]
    )  # fmt: skip
    assert_same(read(out), binn.predict(models, open_dataset(thousand), on))  # type: ignore[arg-type]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    total = {"site": 1200, "cell": 26}[on]
    assert lines[-1].startswith(f"{total}/{total} {on}s in ")


def test_several_models(
    models: list[BINN], tiny: TrainingConfig, synthetic_dataset: xr.Dataset, thousand: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    both = [*models, fit(tiny.changed(seed=3, epochs=1), synthetic_dataset).model]
    predict_to_file(both, thousand, tmp_path / "out.nc", definition="published", chunk=500)
    expected = binn.predict(both, open_dataset(thousand), definition="published")
    assert "soc_spread" in expected
    assert_same(read(tmp_path / "out.nc"), expected)


def test_forcing_of_many_cells_is_read_by_chunk(
    models: list[BINN], synthetic_file: Path, synthetic_dataset: xr.Dataset
) -> None:
    with stream_dataset(synthetic_file) as ds:
        few = Source(ds, synthetic_file, models, "site", shared=3)
        assert few.forcing is None
        all_temperatures = synthetic_dataset["temperature"].values
        cells = synthetic_dataset["site_cell"].values
        for size in (1, 7, 60):
            pieces = list(few.pieces(size))
            found = [p.forcing.take(p.cells).per_site("temperature") for p in pieces]  # type: ignore[union-attr]
            np.testing.assert_array_equal(np.concatenate(found), all_temperatures[cells])


def test_fingerprint_does_not_depend_on_blocks(synthetic_file: Path) -> None:
    whole = dataset_fingerprint(open_dataset(synthetic_file))
    with stream_dataset(synthetic_file) as ds:
        assert {dataset_fingerprint(ds, (), block) for block in (None, 100, 5000)} == {whole}


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run `binn predict` in this process and give its one line of error."""

    def refuse(*arguments: object) -> str:
        capfd.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.showwarning", None)  # main() replaces it
            assert main(["predict", *map(str, arguments)]) == 1
        last = capfd.readouterr().err.splitlines()[-1]
        assert last.startswith("binn: error: ")
        return last

    return refuse


STOPPED = """
import os, signal, sys
from pathlib import Path
import binn.streaming.partial as partial
from binn.cli import main

number, chunks = int(sys.argv[1]), int(sys.argv[2])
appended, append, save = [0], partial.Partial.append, partial.Partial.save

def stop_after_some(self, values):
    append(self, values)
    appended[0] += 1
    if appended[0] == chunks:
        save(self) if number == signal.SIGKILL else None
        os.kill(os.getpid(), number)

partial.Partial.append = stop_after_some
sys.exit(main(["predict", *sys.argv[3:]]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_stopped_and_resumed(
    models: list[BINN], checkpoint: Path, thousand: Path, synthetic_file: Path, tmp_path: Path,
    refused: Callable[..., str], number: int, status: int,
) -> None:  # fmt: skip
    out = tmp_path / "out.nc"
    out.write_bytes(b"\x89HDF\r\n\x1a\n an older prediction")
    command = (checkpoint, thousand, out, "--chunk", 100)
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, str(int(number)), "3", *map(str, command)],
        capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert out.read_bytes().endswith(b"older prediction")
    journal = json.loads((tmp_path / "out.nc.part" / "journal.json").read_text())
    # what was appended after the last save counts on an orderly stop only
    assert journal["rows"] == (384 if number == signal.SIGINT else 256)
    if number == signal.SIGINT:
        assert "stopped at 384 of 1200 sites; the same command with --resume" in done.stderr
    assert "give --resume" in refused(*command)
    assert "another dataset" in refused(checkpoint, synthetic_file, *command[2:], "--resume")
    assert "another --chunk" in refused(*command[:3], "--resume")
    assert "another --definition" in refused(*command, "--resume", "--definition", "published")
    assert main(["predict", *map(str, command), "--resume"]) == 0
    whole = tmp_path / "whole.nc"
    predict_to_file(models, thousand, whole, chunk=100)
    xr.testing.assert_identical(read(out), read(whole))
    assert not (tmp_path / "out.nc.part").exists()
    assert "no unfinished prediction" in refused(*command, "--resume")


def test_another_checkpoint_is_refused(
    models: list[BINN], tiny: TrainingConfig, synthetic_dataset: xr.Dataset, thousand: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("binn.streaming.run._write", full)
        with pytest.raises(InputError, match=r"the disk is full.*intact"):
            predict_to_file(models, thousand, tmp_path / "out.nc")
    other = [fit(tiny.changed(seed=5, epochs=1), synthetic_dataset).model]
    with pytest.raises(InputError, match="another checkpoint"):
        predict_to_file(other, thousand, tmp_path / "out.nc", resume=True)
    predict_to_file(models, thousand, tmp_path / "out.nc", resume=True)
    assert_same(read(tmp_path / "out.nc"), binn.predict(models, open_dataset(thousand)))


def test_bad_rows_late_in_the_file(
    checkpoint: Path, thousand: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    refused: Callable[..., str],
) -> None:  # fmt: skip
    """Small blocks: the sentence is that of `open_dataset`, rows counted over the whole file."""
    import h5py

    bad = tmp_path / "bad.nc"
    bad.write_bytes(thousand.read_bytes())
    with h5py.File(bad, "r+") as file:
        file["covariates"][1100, 2] = np.nan
        file["covariates"][1150:1152, 0] = np.nan
        file["site_cell"][900] = 28
    monkeypatch.setattr("binn.datasets.storage.BLOCK", 1000)
    said = refused(checkpoint, bad, tmp_path / "out.nc")
    assert "covariates is missing (NaN) in 3 site rows (first: site 1100, counted from 0)" in said
    assert "site_cell points past the 28 cells in 1 site row (first: site 900" in said
    with pytest.raises(InputError) as told:
        open_dataset(bad)
    assert str(told.value) in said
    assert not list(tmp_path.glob("*out*"))


def _interrupted(*_: object) -> None:
    raise Stopped


def test_full_disk(
    checkpoint: Path, models: list[BINN], thousand: Path, tmp_path: Path
) -> None:  # fmt: skip
    """A limit on the size of files stands for a full disk; first for a part, then at the end."""
    out = tmp_path / "out.nc"
    predict_to_file(models, thousand, tmp_path / "whole.nc", chunk=100)
    out.write_bytes(b"older")
    pools = 8 * 140 * 1200  # the largest of the parts
    finished = (tmp_path / "whole.nc").stat().st_size
    for limit, more in ((pools // 2, []), (finished // 2, ["--resume"])):
        if more:
            # all chunks are done by now, nothing but the end is left
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("binn.streaming.run._write", _interrupted)
                with pytest.raises(Stopped):
                    predict_to_file(models, thousand, out, chunk=100, resume=True)
        done = subprocess.run(
            [sys.executable, "-m", "binn", "predict", *map(str, (checkpoint, thousand, out)),
             "--chunk", "100", *more],
            capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT,
            preexec_fn=lambda limit=limit: resource.setrlimit(
                resource.RLIMIT_FSIZE, (limit, limit)
            ),
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert "the disk is full" in done.stderr.splitlines()[-1]
        assert out.read_bytes() == b"older"
        assert not list(tmp_path.glob(".out.nc*"))
    predict_to_file(models, thousand, out, chunk=100, resume=True)
    xr.testing.assert_identical(read(out), read(tmp_path / "whole.nc"))


@pytest.mark.filterwarnings("ignore:Port .* is already in use:UserWarning")
def test_on_a_cluster(
    models: list[BINN], checkpoint: Path, thousand: Path, tmp_path: Path
) -> None:  # fmt: skip
    from distributed import LocalCluster

    out = tmp_path / "out.nc"
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None,
        protocol="tcp://",
    ) as cluster:  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "binn", "predict",
             *map(str, (checkpoint, thousand, out)), "--chunk", "150",
             "--scheduler", cluster.scheduler_address],
            capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_same(read(out), binn.predict(models, open_dataset(thousand)))


def test_no_cluster_there(
    checkpoint: Path, synthetic_file: Path, tmp_path: Path, refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("binn.streaming.schedulers._PATIENCE", 0.5)
    command = (checkpoint, synthetic_file, tmp_path / "out.nc", "--scheduler", "tcp://127.0.0.1:9")
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in refused(*command)
    assert list(tmp_path.iterdir()) == []  # nothing is in the way of the next try
    monkeypatch.setattr("binn.streaming.schedulers.find_spec", lambda _: None)
    assert "needs the package distributed" in refused(*command)


SMALL_BLOCKS = """
import resource, sys
import binn.datasets.storage, binn.streaming.run, binn.streaming.source
from binn.cli import main
for module in (binn.datasets.storage, binn.streaming.run, binn.streaming.source):
    module.BLOCK = 500_000
assert main(["predict", *sys.argv[1:]]) == 0
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
if sys.platform == "linux":  # where the above begins with the memory of the parent
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    peak = 1024 * int(status["VmHWM"].split()[0])
print(peak)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_dataset(
    checkpoint: Path, synthetic_dataset: xr.Dataset, tmp_path: Path
) -> None:
    """18,000 sites more need no room for what is predicted.

    A smaller dataset would need less: HDF5 holds up to 1 MB of each variable, read and written.
    """
    peaks = []
    for times in (100, 400):
        data, out = tmp_path / f"{times}.nc", tmp_path / f"out_{times}.nc"
        write_dataset(larger(synthetic_dataset, times), data)
        done = subprocess.run(
            [sys.executable, "-c", SMALL_BLOCKS, *map(str, (checkpoint, data, out)),
             "--chunk", "512"],
            capture_output=True, text=True, timeout=240, check=False, env=ENVIRONMENT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]))
    predicted = (400 - 100) * 60 * 8 * (140 + 20 + 21 + 12)
    assert peaks[1] - peaks[0] < predicted, [peak / 1e6 for peak in peaks]
