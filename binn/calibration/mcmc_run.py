"""MCMC that is stored: chunks of sites in a folder, resumed after whatever stopped it.

================= ============================================================================
run.json          what is calibrated and how; must be the same on resuming
parts/NNNNN.nc    the chains of a chunk of sites, written whole when it is done
calibration.nc    estimates and diagnostics of all sites, when the last chunk is done
================= ============================================================================

A chunk's chains depend on nothing but the sites, the options and the seed: a chunk that was cut
short, or whose file is damaged, is run again and gives the same, bit for bit, here or on a cluster.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import binn
from binn.atomic import recover_file, saving, write_file
from binn.calibration.chain_summary import record, summarise
from binn.calibration.chains import Chains, run_chains
from binn.calibration.mcmc_options import Options, mcmc_options
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.datasets.storage import reading
from binn.errors import InputError
from binn.parameters import KEYS
from binn.streaming.run import Stopped
from binn.streaming.schedulers import on_cluster
from binn.training.interruption import Interruption
from binn.training.run_lock import RunLock

__all__ = ["CHUNK", "read_chains", "run_mcmc"]

CHUNK = 32
"""Sites of a chunk."""
_DIMS = {
    "draws": ("site", "chain", "draw", "parameter"),
    "kept": ("site", "chain"),
    "trace": ("site", "chain", "point"),
    "acceptance": ("site", "chain"),
    "redone": ("site", "chain"),
    "finished": ("site", "chain"),
}
Report = Callable[[str], None]
Positions = NDArray[np.int64]


def run_mcmc(
    problem: CalibrationProblem,
    out: Path,
    method: Options | str = "published",
    *,
    seed: int = 0,
    chunk: int = CHUNK,
    threads: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    report: Report = lambda _: None,
) -> Calibration:
    """Calibrate all sites of a problem by MCMC and store their chains.

    Parameters
    ----------
    problem : CalibrationProblem
    out : Path
        Folder; see the module.
    method : {"published", "adaptive"} or options
        Scheme, as :func:`binn.calibration.mcmc.mcmc`.
    seed : int
        >= 0.
    chunk : int
        Sites run and stored at once. Chains do not depend on it.
    threads : int
        Of this process, without `scheduler`.
    scheduler : str, optional
        Address of a running Dask scheduler: chunks are run by its workers.
    resume : bool
        Go on with the run in `out`.
    report : callable
        Takes lines about the progress.

    Returns
    -------
    Calibration
        Of all sites, in the order of the problem.

    Raises
    ------
    InputError
        If the folder is in use, holds another run, or holds one and `resume` is not asked for; if
        it cannot be written; if the cluster fails.
    Stopped
        If SIGINT or SIGTERM came; finished chunks are kept.
    """
    options = mcmc_options(method)
    if seed < 0 or chunk < 1:
        raise InputError(
            f"seed={seed} and chunk={chunk} are not possible; give seed >= 0, chunk >= 1"
        )
    work = _Work(problem, options, seed)
    with saving("the chains", out):
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock = RunLock(out)
        except BlockingIOError:
            raise InputError(f"another process is writing the chains in {out}") from None
    try:
        with Interruption() as interruption:
            _prepare(out, work.task(chunk), resume)
            pieces = _pieces(problem.n_sites, chunk)
            missing = [
                k
                for k, positions in enumerate(pieces)
                if not _is_stored(_part(out, k), problem.sites[positions], report)
            ]
            progress = _Progress(pieces, missing, options, report)
            todo = [pieces[k] for k in missing]
            if scheduler is None:
                results = _here(work, todo, threads, lambda: interruption.asked)
            else:
                results = on_cluster(work, todo, scheduler, lambda: interruption.asked)
            _collect(results, out, missing, work, progress, interruption)
            return _finish(out, problem, options, seed, pieces, threads, report)
    finally:
        lock.close()


def read_chains(out: Path) -> xr.Dataset:
    """Stored chains of all finished chunks.

    Parameters
    ----------
    out : Path
        Folder of :func:`run_mcmc`.

    Returns
    -------
    xarray.Dataset
        The fields of :class:`binn.calibration.chains.Chains` as variables, `profile_id`, and the
        coordinates `site` (position in the dataset) and `parameter`.

    Raises
    ------
    InputError
        If there are none, or one is damaged.
    """
    found = sorted((out / "parts").glob("[0-9]*.nc"))
    if not found:
        raise InputError(f"there are no chains in {out}")
    return xr.concat([_read_part(path) for path in found], "site", combine_attrs="override")


@dataclass(frozen=True)
class _Work:
    """How a chunk is run, here or on a worker; called with positions in the problem."""

    problem: CalibrationProblem
    options: Options
    seed: int

    def __call__(self, positions: Positions) -> Chains:
        chains = run_chains(self.problem.take(positions), self.options, self.seed)
        assert chains is not None
        return chains

    def task(self, chunk: int) -> dict[str, object]:
        """What must be the same on resuming, by names for people."""
        problem, digest = self.problem, hashlib.sha256()
        sites = problem.kernel_sites
        for name, values in sites._asdict().items():
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        for values in (problem.sites, problem.profile_id, problem.fixed):
            digest.update(np.ascontiguousarray(values).tobytes())
        return {
            "observations and forcing": digest.hexdigest(),
            "sites": problem.n_sites,
            "free parameters": list(problem.free),
            "options": self.options.model_dump(),
            "seed": self.seed,
            "chunk": chunk,
            "version of binn": binn.__version__,
        }


def _prepare(out: Path, task: dict[str, object], resume: bool) -> None:
    """Begin a run, or make sure that it is the one that was begun."""
    path = out / "run.json"
    if path.exists():
        if not resume:
            raise InputError(
                f"{out} holds chains already: give --resume to go on with them, or another folder"
            )
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(f"{path} is damaged: begin again in another folder") from None
        other = [name for name in task if held.get(name) != task[name]]
        if other:
            raise InputError(
                f"the chains in {out} cannot be resumed: they were begun with another "
                f"{' and another '.join(other)}; give the same, or another folder"
            )
    elif resume:
        raise InputError(f"there are no chains to go on with in {out}: leave out --resume")
    with saving("the chains", out):
        (out / "parts").mkdir(exist_ok=True)
        for left in (out / "parts").glob(".*.nc.*"):
            left.unlink(missing_ok=True)  # half-written, by one who was killed
        recover_file(path)
        if not path.exists():
            write_file(path, (json.dumps(task, indent=1) + "\n").encode())


def _pieces(n: int, chunk: int) -> list[Positions]:
    return [np.arange(start, min(start + chunk, n)) for start in range(0, n, chunk)]


def _part(out: Path, k: int) -> Path:
    return out / "parts" / f"{k:05d}.nc"


def _is_stored(path: Path, sites: Positions, report: Report) -> bool:
    """Whether the chains of a chunk are there, as far as a glance tells; else it is run again."""
    if not path.exists():
        return False
    try:
        with reading(path), xr.open_dataset(path, engine="h5netcdf") as ds:
            if set(_DIMS) <= set(ds.variables) and np.array_equal(ds["site"], sites):
                return True
    except InputError:
        pass  # it is cut short, or no such file at all
    report(f"{path} is damaged: its {len(sites)} sites are run again")
    return False


def _here(
    work: _Work, pieces: list[Positions], threads: int, asked: Callable[[], bool]
) -> Iterator[Chains]:
    """Run chunks in this process, one after the other, threads within."""
    for positions in pieces:
        part = work.problem.take(positions)
        chains = run_chains(part, work.options, work.seed, threads, asked)
        if chains is None:
            raise KeyboardInterrupt
        yield chains


def _collect(
    results: Iterator[Chains],
    out: Path,
    missing: list[int],
    work: _Work,
    progress: _Progress,
    interruption: Interruption,
) -> None:
    """Store chunks as they come."""
    pieces = _pieces(work.problem.n_sites, progress.chunk)
    try:
        for k, chains in zip(missing, results, strict=True):
            _write_part(_part(out, k), work.problem, pieces[k], chains, work)
            progress.add(len(pieces[k]), chains)
            if interruption.asked and k != missing[-1]:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped at {progress.done} of {progress.total} sites; the same command with --resume "
            "goes on"
        ) from None


def _write_part(
    path: Path, problem: CalibrationProblem, positions: Positions, chains: Chains, work: _Work
) -> None:
    ds = xr.Dataset(
        {name: (dims, getattr(chains, name)) for name, dims in _DIMS.items()},
        coords={"site": problem.sites[positions], "parameter": list(KEYS)},
        attrs={
            "title": "stored chains",
            "source": f"binn {binn.__version__}",
            "bedrock": problem.bedrock,
            "range_set": "binn",
            **{
                name: str(value) for name, value in record(problem, work.options, work.seed).items()
            },
        },
    )
    ds["finished"] = ds["finished"].astype(np.int8)
    ds["profile_id"] = (("site",), problem.profile_id[positions])
    packed = {"draws": {"zlib": True, "complevel": 1, "shuffle": True}}
    content = ds.to_netcdf(None, engine="h5netcdf", format="NETCDF4", encoding=packed)
    with saving("the chains", path):
        write_file(path, bytes(content))


def _read_part(path: Path) -> xr.Dataset:
    with reading(path), xr.open_dataset(path, engine="h5netcdf", cache=False) as ds:
        return ds.load()


def _chains_of(ds: xr.Dataset) -> Chains:
    values = {name: ds[name].transpose(*dims).to_numpy() for name, dims in _DIMS.items()}
    return Chains(**values | {"finished": values["finished"].astype(bool)})


def _finish(
    out: Path,
    problem: CalibrationProblem,
    options: Options,
    seed: int,
    pieces: list[Positions],
    threads: int,
    report: Report,
) -> Calibration:
    """Summarise what is stored, a chunk at a time, and write it."""
    parts = []
    for k, positions in enumerate(pieces):
        try:
            chains = _chains_of(_read_part(_part(out, k)))
        except InputError:
            raise InputError(
                f"{_part(out, k)} is damaged: remove it and resume, its sites are run again"
            ) from None
        parts.append(summarise(problem.take(positions), chains, options, seed, threads))
    found = replace(Calibration.join(parts), left_out=problem.left_out)
    content = found.to_dataset().to_netcdf(None, engine="h5netcdf", format="NETCDF4")
    with saving("the calibration", out):
        write_file(out / "calibration.nc", bytes(content))
    report(f"wrote {out / 'calibration.nc'}")
    return found


class _Progress:
    """How far it is, and how long it will take."""

    def __init__(
        self, pieces: list[Positions], missing: list[int], options: Options, report: Report
    ) -> None:
        self.chunk = len(pieces[0])
        self.total = sum(len(piece) for piece in pieces)
        self.done = self.total - sum(len(pieces[k]) for k in missing)
        self.report, self._began, self._before = report, time.monotonic(), self.done
        self.report(
            f"{self.total} sites, {options.chains} chains of {options.steps} steps each"
            + (f"; {self.done} sites are done already" if self.done else "")
        )

    def add(self, sites: int, chains: Chains) -> None:
        """Count a chunk, and say so."""
        self.done += sites
        seconds = time.monotonic() - self._began
        left = seconds * (self.total - self.done) / (self.done - self._before)
        redone = int(chains.redone.sum())
        self.report(
            f"{self.done}/{self.total} sites, {left:.0f} s left; mean acceptance "
            f"{chains.acceptance.mean():.2f}" + (f", {redone} chains redone" if redone else "")
        )
