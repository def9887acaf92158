"""What BINN has to beat: predictors of SOC at depth that know nothing of carbon cycling.

Each takes a dataset and a split, learns from the training sites (choosing among its few settings on
the validation sites) and returns simulated SOC at the observations of the test sites.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import INTERFACES, Forcing, solve
from binn.diagnostics.metrics import nse
from binn.errors import InputError
from binn.parameters import to_physical
from binn.site_inputs import covariate_table, forcing_summaries
from binn.training.config import TrainingConfig
from binn.training.split import Split
from binn.training.start import fit_global_vector
from binn.training.trainer import Trainer

__all__ = ["BASELINES", "Baseline", "depth_mean", "one_parameter_vector", "random_forest"]

Simulated = NDArray[np.float64]
Baseline = Callable[[xr.Dataset, TrainingConfig, Split], Simulated]
"""(dataset, configuration, split) to SOC at the test observations, in the order of the dataset."""

_TREES = 200
_FORESTS = [
    {"min_samples_leaf": leaf, "max_features": share} for leaf in (1, 3) for share in (0.33, 1.0)
]


def _points(ds: xr.Dataset, sites: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the observations of some sites."""
    owner = np.repeat(np.arange(ds.sizes["site"]), ds["obs_count"].to_numpy())
    return np.flatnonzero(np.isin(owner, sites))


def depth_mean(ds: xr.Dataset, _config: TrainingConfig, split: Split) -> Simulated:
    """Mean SOC of the training observations in the same model layer (spec section 1).

    Layers without a training observation take the nearest one that has some.
    """
    layer = np.searchsorted(INTERFACES[:-1], ds["obs_depth"].to_numpy(), side="left")
    soc, train = ds["obs_soc"].to_numpy(), _points(ds, split.train)
    known = np.unique(layer[train])
    means = np.array([soc[train][layer[train] == j].mean() for j in known])
    nearest = np.abs(layer[_points(ds, split.test)][:, None] - known).argmin(1)
    return np.asarray(means[nearest], dtype=np.float64)


def one_parameter_vector(ds: xr.Dataset, config: TrainingConfig, split: Split) -> Simulated:
    """The process model with one parameter vector for all sites, fitted to the training sites.

    The vector is the one from which networks with ``output_start="global"`` set out.
    """
    trainer = Trainer(config.changed(members=1), ds)
    u = fit_global_vector(trainer.data, split.train, config.loss, trainer.spread, config.bedrock)
    batch = trainer.data.batch(split.test)
    with torch.no_grad():
        state = solve(to_physical(u).expand(len(split.test), -1), batch.forcing, config.bedrock)
        return np.asarray(batch.observe(state.soc).numpy())


def random_forest(ds: xr.Dataset, _config: TrainingConfig, split: Split) -> Simulated:
    """A random forest on all covariates, place, forcing summaries and depth.

    Smallest leaf and number of features tried at a split are chosen on the validation sites; the
    forest learns from the training sites only, as BINN does.

    Raises
    ------
    InputError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise InputError("the random forest needs scikit-learn: pip install -e '.[dev]'") from None

    names = tuple(str(name) for name in ds["covariate"].to_numpy())
    covariates, lonlat = covariate_table(ds, names)
    summaries = forcing_summaries(Forcing.from_dataset(ds))
    table = np.column_stack([covariates, lonlat, *summaries.values()])
    owner = np.repeat(np.arange(ds.sizes["site"]), ds["obs_count"].to_numpy())
    features = np.column_stack([table[owner], ds["obs_depth"].to_numpy()])
    soc = ds["obs_soc"].to_numpy()
    train, validation, test = (
        _points(ds, part) for part in (split.train, split.validation, split.test)
    )
    best: tuple[float, Any] = (-np.inf, None)
    for options in _FORESTS:
        forest = RandomForestRegressor(
            _TREES, random_state=0, n_jobs=torch.get_num_threads(), **options
        ).fit(features[train], soc[train])
        score = nse(soc[validation], forest.predict(features[validation]))
        if score > best[0]:
            best = (score, forest)
    return np.asarray(best[1].predict(features[test]), dtype=np.float64)


BASELINES: dict[str, Baseline] = {
    "depth mean": depth_mean,
    "one parameter vector": one_parameter_vector,
    "random forest": random_forest,
}
