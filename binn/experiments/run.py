"""The experiments that the command line knows by name, each from a dataset to JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from binn.errors import InputError
from binn.parameters import KEYS
from binn.training.config import TrainingConfig
from binn.training.presets import preset

__all__ = ["cross_validation", "recovery", "sensitivity"]

Report = Callable[[str], None]
_SITES = 64


def sensitivity(
    ds: xr.Dataset,
    *,
    definition: str = "both",
    sites: int | None = None,
    draws: int | None = None,
    values: int = 50,
    seed: int | None = None,
    bedrock: str = "conserving",
    report: Report = lambda _: None,
) -> dict[str, Any]:
    """Which parameters decide the SOC of the whole column.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    definition : {"sobol", "published", "both"}
        Sobol's first-order and total indices of the stock, the paper's index of its own quantity,
        or both.
    sites : int, optional
        Sites, drawn by the seed: 64, or all if there are fewer. The paper: 512.
    draws : int, optional
        Points of Sobol's sequence (1024), draws of the others in the paper's definition (200; the
        paper: 1000).
    values : int
        Values of the fixed parameter, in the paper's definition. The paper: 100.
    seed : int, optional
        Of sites and draws; the paper's by default.
    bedrock : {"conserving", "published"}
        Scheme of Sobol's indices.
    report : callable
        Told one line a site.

    Returns
    -------
    dict
        By test: "s", index by parameter, and the size of the test.
    """
    from binn.experiments import sensitivity as variance

    chosen_seed = variance.SITES_SEED if seed is None else seed
    n = ds.sizes["site"]
    sites = min(_SITES, n) if sites is None else sites
    if not 1 <= sites <= n:
        raise InputError(f"{sites} sites are asked for, but the dataset has {n}")
    chosen = np.sort(np.random.default_rng(chosen_seed).choice(n, sites, replace=False))
    found: dict[str, Any] = {}
    if definition in ("sobol", "both"):
        stock = variance.soc_stock(ds, chosen, bedrock)
        sobol = variance.sobol_indices(stock, sites, draws or 1024, chosen_seed, report)
        size = {"sites": sites, "draws": sobol.draws, "dropped": sobol.dropped}
        found[f"SOC stock, {bedrock}: first order"] = {"s": sobol.first, **size}
        found[f"SOC stock, {bedrock}: total"] = {"s": sobol.total, **size}
    if definition in ("published", "both"):
        quantity = variance.published_quantity(ds, chosen)
        indices = variance.published_indices(
            quantity, sites, draws or 200, values, chosen_seed, report
        )
        size = {"sites": sites, "draws": indices.draws, "values": values}
        found["as the paper defines it"] = {
            "s": indices.first,
            **size,
            "dropped": indices.dropped,
        }
    return found


def recovery(
    ds: xr.Dataset, *, config: TrainingConfig | None = None, report: Report = lambda _: None
) -> dict[str, Any]:
    """How well known parameters are found again; see `binn.experiments.recovery`.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset with true parameters.
    config : TrainingConfig, optional
        Network, loss, epochs; the default preset without it.
    report : callable
        Told one line an epoch.

    Returns
    -------
    dict
        By test: "r" by parameter, "nse", "sites".
    """
    from binn.experiments.recovery import SENSITIVE, block_split, recover
    from binn.training.split import split_sites

    config = config or preset("default")
    found: dict[str, Any] = {}
    for name, split in (
        ("random", split_sites(ds, config.split)),
        ("4 degree squares", block_split(ds)),
    ):
        for what, free in (("four free", SENSITIVE), ("all 21 free", KEYS)):
            report(f"{what}, {name}")
            found[f"{what}, {name}"] = asdict(recover(ds, config, split, free, report))
    return found


def cross_validation(
    ds: xr.Dataset, *, config: TrainingConfig | None = None, report: Report = lambda _: None
) -> dict[str, Any]:
    """BINN and what it has to beat, every site predicted once by a model that never saw it.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    config : TrainingConfig, optional
        Of BINN; the default preset without it.
    report : callable
        Told one line an epoch.

    Returns
    -------
    dict
        "scores" by method (gC m-3, pooled and by fold) and "gaps": how much BINN is ahead of each,
        over resampled places.
    """
    from binn.experiments.baselines import BASELINES
    from binn.experiments.cross_validation import cross_validate, cross_validate_binn, gap

    config = config or preset("default")
    held = {"BINN": cross_validate_binn(ds, config, report=report)}
    for name, baseline in BASELINES.items():
        report(name)
        held[name] = cross_validate(ds, config, baseline)
    return {
        "scores": {name: one.scores() for name, one in held.items()},
        "gaps": {name: asdict(gap(held["BINN"], held[name])) for name in BASELINES},
    }
