"""Train PRODA's networks on site results: choose the sites, then run after run.

The published loss is a product, 500 MSE x 25 mean |relative error|, over a batch and all parameters
(the authors' `joint_loss`); the published split is Keras's, the last sites of the file validate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from binn.calibration.proda_config import ProdaConfig, SiteFilter
from binn.calibration.proda_network import PRECISION, new_network
from binn.calibration.ranges import inside
from binn.errors import InputError
from binn.inputs import InputEncoding, Inputs
from binn.observations import Observations

__all__ = ["Chosen", "choose_sites", "train_run"]

_SQUARED, _RELATIVE = 500.0, 25.0  # the authors' para_mse and para_ratio
_FEWEST = 10  # sites; below, a tenth of them validates nothing

Report = Callable[[str], None]
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Chosen:
    """Sites to learn from.

    Attributes
    ----------
    sites : ndarray (n,) of int
        Their positions, sorted.
    left_out : dict of str to int
        Reason to number of sites; a site that fails twice counts twice.
    relaxed : bool
        Whether too few passed, so that all with a result were taken.
    """

    sites: NDArray[np.int64]
    left_out: dict[str, int]
    relaxed: bool = False


def choose_sites(
    ds: xr.Dataset,
    normalised: NDArray[np.float64],
    r2: NDArray[np.float64],
    rhat: NDArray[np.float64],
    wanted: SiteFilter,
) -> Chosen:
    """Sites whose results PRODA learns from (spec section 11).

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset; its observations are read.
    normalised : ndarray (site, 21)
        Posterior means; NaN where a site has no result.
    r2 : ndarray (site,)
        Of the profile at the best chain.
    rhat : ndarray (site,)
        Mean over parameters.
    wanted : SiteFilter
        The limits.

    Raises
    ------
    InputError
        If the arrays are not of these sites, or too few sites are left.
    """
    n = ds.sizes["site"]
    if normalised.shape != (n, 21) or r2.shape != (n,) or rhat.shape != (n,):
        raise InputError(f"the site results do not belong to this dataset of {n} sites")
    there = np.isfinite(normalised).all(axis=1)
    deepest, decreasing = _profiles(ds)
    with np.errstate(invalid="ignore"):  # NaN fails every test, as it should
        tests = {
            f"R2 not above {wanted.r2:g}": r2 > wanted.r2,
            f"R-hat not below {wanted.rhat:g}": rhat < wanted.rhat,
            f"not deeper than {wanted.depth:g} m": deepest > wanted.depth,
        }
    if wanted.decreasing:
        tests["SOC does not fall with depth"] = decreasing
    left_out = {why: int((there & ~passed).sum()) for why, passed in tests.items()}
    good = there & np.logical_and.reduce(list(tests.values()))
    unknown = {"no result": int((~there).sum())}
    if good.sum() >= _FEWEST:
        return Chosen(np.flatnonzero(good), unknown | left_out)
    if there.sum() >= _FEWEST and not wanted.strict:
        return Chosen(np.flatnonzero(there), unknown, relaxed=True)
    reasons = ", ".join(f"{why}: {number}" for why, number in left_out.items())
    raise InputError(
        f"only {int(good.sum())} of {int(there.sum())} calibrated sites are good enough for the "
        f"network, which needs {_FEWEST} ({reasons}): calibrate more sites, or longer"
    )


def _profiles(ds: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Deepest observation, m, and whether SOC falls with depth, of every site."""
    observations = Observations.from_dataset(ds)
    n = len(observations.count)
    deepest, decreasing = np.full(n, np.nan), np.zeros(n, dtype=bool)
    for site, (start, count) in enumerate(zip(observations.start, observations.count, strict=True)):
        if not count:
            continue
        depth = observations.depth[start : start + count]
        soc = observations.soc[start : start + count]
        deepest[site] = depth.max()
        by_depth = soc[np.argsort(depth, kind="stable")]
        varies = count > 1 and np.ptp(depth) > 0 and np.ptp(soc) > 0
        decreasing[site] = (
            varies
            and np.corrcoef(depth, soc)[0, 1] <= 0
            and by_depth.argmax() < count - 1
            and by_depth[0] > by_depth[-1]
        )
    return deepest, decreasing


def train_run(
    config: ProdaConfig,
    encoding: InputEncoding,
    inputs: Inputs,
    normalised: NDArray[np.float64],
    place: NDArray[np.int64],
    run: int,
    report: Report = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[nn.Module, list[dict[str, float]]] | None:
    """Train the network of one run.

    Parameters
    ----------
    config : ProdaConfig
        How.
    encoding : InputEncoding
        Of the inputs.
    inputs : Inputs
        Of the n sites to learn from.
    normalised : ndarray (n, 21)
        Their results.
    place : ndarray (n,) of int
        Number of the place of each, so that sites of one place validate together.
    run : int
        Number of the run, from 0; its seed is ``config.seed + run``.
    report : callable
        Told one line now and then.
    stop : callable
        Whether somebody asked to stop; looked at after each epoch.

    Returns
    -------
    (Module, list of dict) or None
        The network at its best epoch, and losses by epoch. None if it was stopped.
    """
    target = torch.as_tensor(inside(normalised), dtype=PRECISION)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed + run)
        train, validation = _split(config, place, run)
        network = new_network(config, encoding)
        if config.network is not None:
            network.count_categories(inputs.take(train))  # type: ignore[operator]
            network.start_from(target[train].mean(0).clamp(1e-3, 1 - 1e-3))  # type: ignore[operator]
        return _train(
            config, network, inputs, target, (train, validation), f"run {run + 1}", report, stop
        )


def _train(
    config: ProdaConfig,
    network: nn.Module,
    inputs: Inputs,
    target: Tensor,
    parts: tuple[Tensor, Tensor],
    name: str,
    report: Report,
    stop: Callable[[], bool],
) -> tuple[nn.Module, list[dict[str, float]]] | None:
    train, validation = parts
    steps = config.epochs * len(_batches(train, config.batch_size))
    optimiser, schedule = _optimiser(config, network, steps)
    best, weights, since = float("inf"), _copy(network), 0
    history: list[dict[str, float]] = []
    every = max(1, config.epochs // 10)
    for epoch in range(1, config.epochs + 1):
        network.train()
        total = 0.0
        order = train[torch.randperm(len(train))]
        for some in _batches(order, config.batch_size):
            value = _loss(config, network(inputs.take(some)), target[some])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            if schedule is not None:
                schedule.step()
            total += len(some) * value.item()
        score = _mean_loss(config, network, inputs, target, validation)
        history.append({"epoch": epoch, "train_loss": total / len(train), "validation_loss": score})
        if not np.isfinite(total):
            raise InputError(
                f"the network of PRODA diverges in epoch {epoch} of {name}: lower its learning rate"
            )
        since = 0 if score < best else since + 1
        if score < best:
            best, weights = score, _copy(network)
        if epoch % every == 0:
            report(f"{name}: epoch {epoch} of {config.epochs}, validation loss {score:.4g}")
        if stop():
            return None
        if config.patience is not None and since >= config.patience:
            break
    network.load_state_dict(weights)
    return network.eval(), history


def _split(config: ProdaConfig, place: NDArray[np.int64], run: int) -> tuple[Tensor, Tensor]:
    """Sites that train and sites that validate, as positions among those given."""
    n = len(place)
    last = max(1, round(n * config.validation_share))
    if config.validation == "last":
        every = torch.arange(n)
        return every[:-last], every[-last:]
    places = np.random.default_rng([config.seed, run]).permutation(np.unique(place))
    size = np.bincount(place, minlength=int(place.max()) + 1)[places].cumsum()
    held = places[: max(1, int(np.searchsorted(size, last)))]
    validates = np.isin(place, held)
    if validates.all():
        raise InputError(
            "all sites with results are at one place: the network of PRODA needs several"
        )
    return torch.from_numpy(np.flatnonzero(~validates)), torch.from_numpy(np.flatnonzero(validates))


def _batches(order: Tensor, size: int) -> list[Tensor]:
    """Batches, the last of at least two: batch statistics of one site are none."""
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _loss(config: ProdaConfig, u: Tensor, target: Tensor) -> Tensor:
    error = u - target
    squared = error.square().mean()
    if config.loss == "squared":
        return squared
    return (_SQUARED * squared) * (_RELATIVE * (error / target).abs().mean())


@torch.no_grad()
def _mean_loss(
    config: ProdaConfig, network: nn.Module, inputs: Inputs, target: Tensor, sites: Tensor
) -> float:
    """Loss averaged over batches, as Keras does: that of a product is not that of all sites."""
    network.eval()
    each = [
        len(some) * _loss(config, network(inputs.take(some)), target[some]).item()
        for some in sites.split(config.batch_size)
    ]
    return sum(each) / len(sites)


def _optimiser(
    config: ProdaConfig, network: nn.Module, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler | None]:
    if config.optimiser == "adadelta":
        # Keras's defaults; all tensors in one call, since there are ten small ones
        return torch.optim.Adadelta(
            network.parameters(), lr=config.learning_rate, rho=0.95, eps=1e-7, foreach=True
        ), None
    adamw = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    return adamw, torch.optim.lr_scheduler.CosineAnnealingLR(adamw, steps)


def _copy(network: nn.Module) -> Weights:
    return {name: value.clone() for name, value in network.state_dict().items()}
