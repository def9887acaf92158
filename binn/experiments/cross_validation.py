"""Ten folds, each site predicted once by a model that never saw it, and how methods differ.

Comparisons are paired: the same folds, the same sites. A gap between two methods is given with the
spread of its per-fold values and with a bootstrap over places (sites of the same coordinates move
together), since a few sites with much carbon decide a pooled score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.diagnostics.metrics import metrics, nse
from binn.errors import InputError
from binn.evaluation import EXTREME_SOC
from binn.experiments.baselines import Baseline
from binn.training.config import TrainingConfig
from binn.training.folds import fit_folds
from binn.training.split import split_sites

__all__ = ["RESAMPLES", "Gap", "HeldOut", "cross_validate", "cross_validate_binn", "gap"]

RESAMPLES = 2000


@dataclass(frozen=True)
class HeldOut:
    """Held-out predictions of one method at all observations.

    Attributes
    ----------
    observed, simulated : ndarray (obs,)
        gC m-3.
    fold : ndarray (obs,) of int
        The fold that held the observation's site out.
    place : ndarray (obs,) of int
        Number of the distinct coordinates.
    """

    observed: NDArray[np.float64]
    simulated: NDArray[np.float64]
    fold: NDArray[np.int64]
    place: NDArray[np.int64]

    def without_extremes(self) -> HeldOut:
        """The same without observations above 200 kgC m-3."""
        keep = self.observed <= EXTREME_SOC
        return HeldOut(self.observed[keep], self.simulated[keep], self.fold[keep], self.place[keep])

    def scores(self) -> dict[str, float]:
        """`metrics` over all points, and mean and standard deviation of the folds' NSE."""
        each = self.fold_nse()
        return {
            **metrics(self.observed, self.simulated),
            "nse_mean": float(each.mean()),
            "nse_sd": float(each.std(ddof=1)),
        }

    def fold_nse(self) -> NDArray[np.float64]:
        """NSE of each fold."""
        return np.array(
            [
                nse(self.observed[self.fold == k], self.simulated[self.fold == k])
                for k in np.unique(self.fold)
            ]
        )


@dataclass(frozen=True)
class Gap:
    """How much one method is ahead of another.

    Attributes
    ----------
    nse : float
        Difference of the pooled NSE.
    low, high : float
        Its 95 % range over resampled places.
    fold_mean, fold_sd : float
        Mean and standard deviation of the folds' differences.
    ahead : int
        Number of folds in which the first method is ahead.
    """

    nse: float
    low: float
    high: float
    fold_mean: float
    fold_sd: float
    ahead: int


def cross_validate(ds: xr.Dataset, config: TrainingConfig, baseline: Baseline) -> HeldOut:
    """Held-out predictions of a baseline on the folds of a configuration.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset with observations.
    config : TrainingConfig
        Its split defines the folds.
    baseline : callable
        One of `binn.experiments.baselines`.
    """
    simulated = np.full(ds.sizes["obs"], np.nan)
    fold_of = np.full(ds.sizes["site"], -1)
    owner = np.repeat(np.arange(ds.sizes["site"]), ds["obs_count"].to_numpy())
    for fold in range(config.split.folds):
        one = config.changed(split={"fold": fold})
        split = split_sites(ds, one.split)
        fold_of[split.test] = fold
        simulated[np.isin(owner, split.test)] = baseline(ds, one, split)
    return _held_out(ds, simulated, fold_of)


def cross_validate_binn(
    ds: xr.Dataset,
    config: TrainingConfig,
    threads: int = 1,
    report: Callable[[str], None] | None = None,
) -> HeldOut:
    """Held-out predictions of BINN, trained once for each fold as ``binn train --folds`` does.

    Raises
    ------
    InputError
        If the training was stopped before its end.
    """
    with TemporaryDirectory() as folder:
        done = fit_folds(config, ds, f"{folder}/run", threads=threads, report=report)
        if done is None:
            raise InputError("the cross-validation was stopped; start it again for results")
        with xr.open_dataset(f"{folder}/run/held_out.nc", engine="h5netcdf") as out:
            return _held_out(ds, out["soc_obs"].to_numpy(), out["fold"].to_numpy())


def gap(one: HeldOut, other: HeldOut, seed: int = 0) -> Gap:
    """How much `one` is ahead of `other`, both on the same observations and folds.

    Parameters
    ----------
    one, other : HeldOut
        Of the same dataset and split.
    seed : int
        Seed of the resampling.

    Raises
    ------
    InputError
        If the two are not paired.
    """
    if not (np.array_equal(one.observed, other.observed) and np.array_equal(one.fold, other.fold)):
        raise InputError("the two methods were not validated on the same observations and folds")
    folds = one.fold_nse() - other.fold_nse()
    resampled = _resampled_nse(one, seed) - _resampled_nse(other, seed)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Gap(
        nse=nse(one.observed, one.simulated) - nse(other.observed, other.simulated),
        low=float(low),
        high=float(high),
        fold_mean=float(folds.mean()),
        fold_sd=float(folds.std(ddof=1)),
        ahead=int((folds > 0).sum()),
    )


def _resampled_nse(held: HeldOut, seed: int) -> NDArray[np.float64]:
    """Pooled NSE over places drawn with replacement, from each place's sums."""
    _, place = np.unique(held.place, return_inverse=True)
    count = place.max() + 1
    # about the mean of all: a shift changes no NSE, and keeps digits
    o = held.observed - held.observed.mean()
    error = held.simulated - held.observed
    sums = np.stack([np.bincount(place, w, count) for w in (np.ones_like(o), o, o * o, error**2)])
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    n, total, squares, sse = sums @ draws.T
    return np.asarray(1.0 - sse / (squares - total**2 / n))


def _held_out(
    ds: xr.Dataset, simulated: NDArray[np.float64], fold_of: NDArray[np.int64]
) -> HeldOut:
    owner = np.repeat(np.arange(ds.sizes["site"]), ds["obs_count"].to_numpy())
    lonlat = np.stack([ds["lon"].to_numpy(), ds["lat"].to_numpy()], 1)
    _, place = np.unique(lonlat, axis=0, return_inverse=True)
    return HeldOut(ds["obs_soc"].to_numpy(), simulated, fold_of[owner], place.reshape(-1)[owner])
