"""All folds, in turn or side by side: every site is predicted by a model that never saw it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.atomic import saving, write_file
from binn.checkpoint import load_checkpoint
from binn.errors import InputError
from binn.evaluation import score, simulate_observations
from binn.fingerprint import dataset_fingerprint, git_revision
from binn.training.config import TrainingConfig
from binn.training.fit import check_device, fit
from binn.training.folds_parallel import folds_in_processes, folds_on_cluster
from binn.training.interruption import Interruption, wish_to_stop
from binn.training.run_folder import RunConfig, RunFolder, now
from binn.training.split import split_sites

__all__ = ["fit_folds"]


def fit_folds(
    config: TrainingConfig,
    ds: xr.Dataset,
    out: str | Path,
    *,
    device: str = "cpu",
    resume: bool = False,
    report: Callable[[str], None] | None = None,
    threads: int = 1,
    data: str = "",
    live_map: str = "soc_stock",
    save_every: float = 10.0,
    parallel: int = 1,
    scheduler: str | None = None,
) -> dict[str, Any] | None:
    """Train one model for each fold and score the held-out predictions of all folds together.

    Writes a run folder ``fold_K`` for each fold, ``metrics.json`` (pooled scores, scores and
    spread of the folds) and ``held_out.nc`` (fold of every site, simulated SOC of every
    observation).

    Parameters
    ----------
    config : TrainingConfig
        What to do; its fold is replaced.
    ds : xarray.Dataset
        Canonical dataset.
    out : path
        Folder for all folds.
    device, resume, report, threads, data, live_map, save_every
        As `binn.training.fit.fit`; `threads` of each fold.
    parallel : int
        Folds trained at once, each in a process of its own that reads the dataset from `data`.
    scheduler : str, optional
        Address of a running Dask cluster that trains them instead; its workers see `data` and
        `out` under the same names.

    Returns
    -------
    dict or None
        What ``metrics.json`` holds; None if somebody asked to stop before the end.

    Raises
    ------
    InputError
        As `binn.training.fit.fit`.
    """
    check_device(device)
    path = Path(out)
    config = config.changed(split={"fold": 0})
    run_config = RunConfig(
        kind="folds",
        training=config,
        data_fingerprint=dataset_fingerprint(ds),
        device=device,
        threads=threads,
        parallel=parallel,
        save_every=save_every,
        data=data,
        live_map=live_map,
        created=now(),
    )
    if (parallel > 1 or scheduler) and not data:
        raise InputError("folds in other processes need to know where the dataset is: give `data`")
    folds = config.split.folds
    with contextlib.ExitStack() as stack:
        asked = stack.enter_context(Interruption(wish_to_stop(path)))
        run = stack.enter_context(RunFolder(path, run_config, resume, report))
        if parallel > 1 or scheduler is not None:
            left = {k: path / f"fold_{k}" for k in range(folds) if not _is_done(path / f"fold_{k}")}
            run.status("running", folds=folds, message="")
            work = (left, path, lambda: asked.asked, run.say)
            if scheduler is not None:
                folds_on_cluster(scheduler, run.config, *work)
            else:
                folds_in_processes(run.config, *work)
        fold_of = np.full(ds.sizes["site"], -1, dtype=np.int64)
        simulated = np.full(ds.sizes["obs"], np.nan)
        each: list[dict[str, Any]] = []
        for fold in range(folds):
            run.status("running", fold=fold, folds=folds)
            one = config.changed(split={"fold": fold})
            test = split_sites(ds, one.split).test
            folder = path / f"fold_{fold}"
            if not _is_done(folder) and not asked.asked:
                run.say(f"fold {fold} of {folds}")
                fit(
                    one,
                    ds,
                    folder,
                    device=device,
                    resume=(folder / "config.json").exists(),
                    report=report,
                    threads=threads,
                    interruption=asked,
                    data=data,
                    live_map=run.config.live_map,
                    save_every=run.config.save_every,
                )
            if not _is_done(folder):
                again = f"binn train DATA --out {path} --folds --resume"
                run.status("cancelled", fold=fold, folds=folds, resume=again)
                run.say(f"stopped and saved; go on with: {again}")
                return None
            # from the saved weights, whether they were trained now or before
            rows, values = simulate_observations(load_checkpoint(folder, device), ds, test)
            fold_of[test], simulated[rows] = fold, values
            each.append({"fold": fold, "sites": len(test), **score(ds, rows, values)})
        metrics = _pooled(ds, simulated, each, config)
        with saving("the scores of the folds", path):
            write_file(path / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
            held_out = _held_out(ds, fold_of, simulated, config)
            write_file(path / "held_out.nc", bytes(held_out.to_netcdf(None, engine="h5netcdf")))
        run.status("done", folds=folds, nse=metrics["nse"])
        run.say(
            f"all {folds} folds pooled: NSE {metrics['nse']:.4f}, "
            f"folds {metrics['nse_mean']:.4f} +- {metrics['nse_sd']:.4f} (n = {metrics['n']})"
        )
    return metrics


def _is_done(folder: Path) -> bool:
    try:
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(status.get("state") == "done") and (folder / "checkpoint").is_dir()


def _pooled(
    ds: xr.Dataset,
    simulated: NDArray[np.float64],
    each: list[dict[str, Any]],
    config: TrainingConfig,
) -> dict[str, Any]:
    """Scores over all held-out points, and how the folds scatter."""
    nse = np.array([one["nse"] for one in each], dtype=np.float64)
    return {
        **score(ds, np.flatnonzero(np.isfinite(simulated)), simulated[np.isfinite(simulated)]),
        "nse_mean": float(nse.mean()),
        "nse_sd": float(nse.std(ddof=1)),
        "nse_least": float(nse.min()),
        "nse_most": float(nse.max()),
        "folds": each,
        "split": config.split.model_dump(mode="json", exclude={"fold"}),
        "seed": config.seed,
        "git_revision": git_revision(),
    }


def _held_out(
    ds: xr.Dataset,
    fold_of: NDArray[np.int64],
    simulated: NDArray[np.float64],
    config: TrainingConfig,
) -> xr.Dataset:
    """Predictions of every site by the model of the fold that held it out."""
    out = ds[["lon", "lat", "profile_id", "obs_count", "obs_depth", "obs_soc"]].copy()
    out["fold"] = ("site", fold_of, {"long_name": "fold that held the site out", "units": "1"})
    out["soc_obs"] = (
        "obs",
        simulated,
        {
            "long_name": "simulated soil organic carbon, site held out",
            "units": "gC m-3",
            "provenance": "derived",
        },
    )
    out.attrs = {
        "title": f"Held-out BINN predictions for {ds.attrs.get('title', 'a dataset')}",
        "bedrock": config.bedrock,
        "preset": config.preset,
        "seed": config.seed,
    }
    return out
