"""PRODA from a dataset to a folder: site step, network step, result; resumable throughout.

================= ============================================================================
proda.json        what was asked for
sites/            stored chains of the site step (:mod:`binn.calibration.mcmc_run`)
runs/             finished runs of the network step, until the last is done
network/          the networks (:mod:`binn.calibration.proda_files`)
proda.nc          parameters at sites and on the grid (:func:`binn.calibration.proda.predict_proda`)
================= ============================================================================
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from binn.atomic import saving, write_file
from binn.calibration.calibrate import chain_options
from binn.calibration.mcmc_run import run_mcmc
from binn.calibration.problem import CalibrationProblem
from binn.calibration.proda import FittedProda, fit_proda, predict_proda, proda_preset
from binn.calibration.proda_config import ProdaConfig
from binn.calibration.profile_names import numbered
from binn.calibration.result import Calibration
from binn.errors import InputError
from binn.observations import Observations
from binn.streaming.run import Stopped
from binn.training.interruption import Interruption

__all__ = ["ProdaTask", "read_task", "run_proda"]

Report = Callable[[str], None]
_TASK, _RESULT = "proda.json", "proda.nc"
_SHOWN = 5  # sites left out that are named
_OF_SITES = ("sites", "method", "iterations", "chains", "seed", "bedrock")


class ProdaTask(BaseModel):
    """What ``binn proda`` was asked to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sites: int | Literal["all"] = Field(
        "all", description="Sites of the site step: so many drawn by the seed, or all."
    )
    method: Literal["published", "adaptive"] = Field("published", description="The site step.")
    iterations: int | None = Field(None, ge=1, description="Steps of a chain; empty: the usual.")
    chains: int | None = Field(None, ge=1, le=1000, description="Chains a site; empty: the usual.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of sites, chains and networks.")
    bedrock: Literal["conserving", "published"] = Field("conserving", description="Bedrock scheme.")
    network: Literal["default", "published"] = Field("default", description="The network step.")
    epochs: int | None = Field(None, ge=1, le=100_000, description="Of a network; empty: usual.")
    runs: int | None = Field(None, ge=1, le=100, description="Networks; empty: the usual.")

    def network_options(self) -> ProdaConfig:
        """Options of the network step."""
        given = {"epochs": self.epochs, "runs": self.runs, "seed": self.seed}
        changes = {name: value for name, value in given.items() if value is not None}
        return proda_preset(self.network).changed(**changes)


def read_task(out: Path) -> ProdaTask:
    """What the run in a folder was asked to do.

    Raises
    ------
    InputError
        If there is none, or it cannot be read.
    """
    try:
        return ProdaTask.model_validate_json((out / _TASK).read_bytes())
    except FileNotFoundError:
        raise InputError(f"there is no PRODA run in {out}: {_TASK} is missing") from None
    except (OSError, ValidationError):
        raise InputError(f"{out / _TASK} is not the task of a PRODA run of this version") from None


def run_proda(
    ds: xr.Dataset,
    out: Path,
    task: ProdaTask,
    *,
    threads: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    report: Report = lambda _: None,
) -> Path:
    """Do both steps and write the result.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    out : Path
        Folder; see the module.
    task : ProdaTask
        What to do. On resuming, the site step must be as it was; the network may be another.
    threads : int
        Of this process, for the site step.
    scheduler : str, optional
        Address of a running Dask scheduler, for the site step.
    resume : bool
        Go on with the run in `out`.
    report : callable
        Told one line at a time.

    Returns
    -------
    Path
        ``proda.nc``.

    Raises
    ------
    InputError
        If the folder holds something else, another run, or cannot be written; if the sites are
        too few.
    Stopped
        If SIGINT or SIGTERM came; what is finished is kept.
    """
    _claim(out, task, resume)
    problem = CalibrationProblem.from_dataset(numbered(ds), _sites(ds, task), bedrock=task.bedrock)
    for one in problem.left_out[:_SHOWN]:
        name = ds["profile_id"].to_numpy()[one.site]
        report(f"left out: profile {name} (#{one.site}): {one.reason}")
    if len(problem.left_out) > _SHOWN:
        report(f"left out: {len(problem.left_out) - _SHOWN} more sites, see sites/calibration.nc")
    folder = out / "sites"
    found = run_mcmc(
        problem,
        folder,
        chain_options(task.method, task.iterations, task.chains),
        seed=task.seed,
        threads=threads,
        scheduler=scheduler,
        resume=(folder / "run.json").exists(),
        report=report,
    )
    fitted = _network_step(ds, out, task, found, report)
    fitted.save(out / "network")
    result = predict_proda(fitted.network, ds)
    use = np.zeros(ds.sizes["site"], dtype=np.int8)
    use[found.sites] = 1
    use[fitted.chosen.sites] = 2
    result["proda_use"] = (
        ("site",),
        use,
        {
            "units": "1",
            "long_name": "use of the site: 0 none, 1 calibrated, 2 learnt from by the network",
            "provenance": "derived",
        },
    )
    result.attrs |= {
        "bedrock": task.bedrock,
        "site_step": found.method,
        "site_settings": ", ".join(f"{name} {value}" for name, value in found.settings.items()),
        "data_fingerprint": fitted.record.data_fingerprint,
        "sites_calibrated": len(found.sites),
        "sites_learnt_from": len(fitted.chosen.sites),
        "sites_not_calibrated": len(problem.left_out),
        "site_filter": "met by too few sites: all calibrated ones were learnt from"
        if fitted.chosen.relaxed
        else _limits(fitted.record.options),
    }
    path = out / _RESULT
    packed = {
        name: {"zlib": True, "complevel": 4, "shuffle": True}
        for name, values in result.data_vars.items()
        if values.dtype.kind in "fiu"
    }
    content = result.to_netcdf(None, engine="h5netcdf", format="NETCDF4", encoding=packed)
    with saving("PRODA's parameters", path):
        write_file(path, bytes(content))
    shutil.rmtree(out / "runs", ignore_errors=True)
    return path


def _network_step(
    ds: xr.Dataset, out: Path, task: ProdaTask, found: Calibration, report: Report
) -> FittedProda:
    """Train the networks on what the site step found."""
    normalised = np.full((ds.sizes["site"], found.normalised.shape[1]), np.nan)
    r2, rhat = np.full(ds.sizes["site"], np.nan), np.full(ds.sizes["site"], np.nan)
    normalised[found.sites] = found.normalised
    r2[found.sites], rhat[found.sites] = site_quality(found)
    with Interruption() as interruption:
        fitted = fit_proda(
            ds,
            normalised,
            r2,
            rhat,
            task.network_options(),
            site_results=f"{found.method}, seed {task.seed}, {len(found.sites)} sites",
            unfinished=out / "runs",
            report=report,
            stop=lambda: interruption.asked,
        )
    if fitted is None:
        raise Stopped(
            "stopped in the network step; the same command with --resume goes on after its last "
            "finished run"
        )
    return fitted


def _limits(options: ProdaConfig) -> str:
    """The limits that sites had to meet."""
    one = options.filter
    falls = ", SOC falling with depth" if one.decreasing else ""
    return f"R2 above {one.r2:g}, R-hat below {one.rhat:g}, deeper than {one.depth:g} m{falls}"


def site_quality(found: Calibration) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """R2 and mean R-hat of each site, as PRODA's filter wants them.

    Of the published chains the authors' own numbers: R2 of the best chain by R2, and their
    Gelman-Rubin statistic; else R2 of the mean profile, and the rank-normalised R-hat. Both are
    (site,).
    """
    about = found.diagnostics
    published = found.method == "mcmc-published"
    each = np.where(np.isfinite(about["r2_published"]), about["r2_published"], -np.inf)
    r2 = each.max(axis=1) if published else about["r2"]
    rhat = about["gelman_rubin" if published else "rhat"]
    known = np.isfinite(rhat)
    total = np.where(known, rhat, 0.0).sum(axis=1)
    mean = np.full(len(rhat), np.nan)
    np.divide(total, known.sum(axis=1), out=mean, where=known.any(axis=1))
    return np.asarray(r2, dtype=np.float64), mean


def _sites(ds: xr.Dataset, task: ProdaTask) -> NDArray[np.int64] | None:
    """Positions of the sites to calibrate; None for all."""
    if task.sites == "all":
        return None
    observations = Observations.from_dataset(ds)
    several = np.flatnonzero(observations.count >= 2)
    deepest = np.array(
        [
            observations.depth[start : start + count].max()
            for start, count in zip(
                observations.start[several], observations.count[several], strict=True
            )
        ]
    )
    deep = several[deepest > task.network_options().filter.depth]
    if task.sites > len(deep):
        raise InputError(
            f"{task.sites} sites are asked for, but only {len(deep)} have two observations and "
            "reach deep enough for the network: ask for fewer, or for all"
        )
    return np.sort(np.random.default_rng(task.seed).choice(deep, task.sites, replace=False))


def _claim(out: Path, task: ProdaTask, resume: bool) -> None:
    """Begin in a folder, or go on with what is there."""
    file = out / _TASK
    if file.exists():
        if not resume:
            raise InputError(
                f"{out} holds a PRODA run already: go on with it by --resume, or choose another "
                "folder"
            )
        held = read_task(out)
        other = [name for name in _OF_SITES if getattr(held, name) != getattr(task, name)]
        if other:
            raise InputError(
                f"the site step in {out} was begun with another --{' and another --'.join(other)}: "
                "resume it without, or choose another folder"
            )
    elif resume:
        raise InputError(f"there is no PRODA run to go on with in {out}: leave out --resume")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds other files: choose an empty or new folder")
    with saving("the PRODA run", out):
        out.mkdir(parents=True, exist_ok=True)
        write_file(file, (task.model_dump_json(indent=1) + "\n").encode())
