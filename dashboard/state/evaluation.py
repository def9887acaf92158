"""How well SOC is simulated where it was observed: scores by part of the sites, density, deviation.

Scores are those of :func:`binn.diagnostics.metrics`; parts are those of the checkpoint's own split,
made again from its rule and only where the dataset is the one it was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import NODES
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.observations import Observations
from dashboard.state.estimate import Estimate, owners
from dashboard.state.opened import Opened
from dashboard.units import number

__all__ = [
    "PARTS",
    "Density",
    "Score",
    "below_deepest_node",
    "density",
    "deviation",
    "observed_rows",
    "score",
    "score_rows",
    "simulated",
    "split_parts",
    "thickness",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

PARTS = {"all": "All sites", "train": "Training", "validation": "Validation", "test": "Test"}
"""Parts of the sites and what people read."""
_KILO = 1e-3
_BINS = 110
_OUTSIDE = (0.02, 99.98)
"""Percentiles between which the axes of the density lie."""


@dataclass(frozen=True)
class Score:
    """How well some sites are simulated.

    Attributes
    ----------
    name : str
    sites : int
        Sites with an observation.
    every, above : dict of str to float, or None
        ``nse, r, rmse, bias`` (gC m-3) and ``n``, over all observations and over those not below
        the deepest soil node; None without any.
    """

    name: str
    sites: int
    every: dict[str, float] | None
    above: dict[str, float] | None

    @property
    def words(self) -> str:
        """The scores in one sentence, SOC in kgC m-3."""
        found = self.every
        if found is None:
            return f"{self.name}: no observations."
        return (
            f"{self.name}: n = {found['n']:,} observations at {self.sites:,} sites; NSE "
            f"{number(found['nse'])}, r {number(found['r'])}, RMSE "
            f"{number(found['rmse'] * _KILO)} kgC m⁻³, bias (simulated − observed) "
            f"{number(found['bias'] * _KILO)} kgC m⁻³."
        )


@dataclass(frozen=True, eq=False)
class Density:
    """Counts of (observed, simulated) on a square of logarithmic bins.

    Attributes
    ----------
    counts : ndarray (bin, bin) of uint16
        Rows are simulated, columns observed; 65,535 stands for more.
    low, high : float
        Both axes reach from here to there, kgC m-3.
    outside : int
        Observations off the square.
    """

    counts: NDArray[np.uint16]
    low: float
    high: float
    outside: int

    @property
    def edges(self) -> Floats:
        """Borders of the bins along either axis, kgC m-3."""
        return np.geomspace(self.low, self.high, len(self.counts) + 1)


def simulated(opened: Opened, estimate: Estimate) -> Floats:
    """Simulated SOC at every observation, gC m-3: (obs,).

    Raises
    ------
    InputError
        If the estimate leaves sites out, so that there is none.
    """
    values = estimate.soc_observed_depths
    if len(values) != len(opened.observations.soc):
        raise InputError(
            "parameters of some sites are unknown, so SOC is not simulated at the observations"
        )
    return values


def split_parts(opened: Opened) -> dict[str, Integers]:
    """Sites of the parts of the checkpoint's own split; empty where it has none here.

    Returns
    -------
    dict of str to ndarray
        ``train``, ``validation`` and ``test``; empty without a single checkpoint with a split, or
        if it was trained on another dataset.
    """
    if len(opened.models) != 1:
        return {}
    record = opened.models[0].checkpoint
    if record is None or record.split is None or record.data is None:
        return {}
    if record.data.sites != opened.count:
        return {}
    from binn.fingerprint import dataset_fingerprint
    from binn.training.split import split_sites

    if record.data.fingerprint != dataset_fingerprint(opened.dataset):
        return {}
    split = split_sites(opened.dataset, record.split.rule)
    if split.digest() != record.split.digest:
        return {}
    return {name: split.part(name) for name in PARTS if name != "all"}


def below_deepest_node(opened: Opened) -> Mask:
    """Which observations lie below the deepest soil node of their site: (obs,)."""
    observations = opened.observations
    nbedrock = opened.dataset["nbedrock"].to_numpy().astype(np.int64)[opened.site_cell]
    return observations.depth > NODES[nbedrock - 1][owners(observations)]


def observed_rows(observations: Observations, sites: Integers | None) -> Integers:
    """Positions of the observations of some sites; of all if None."""
    if sites is None:
        return np.arange(len(observations.soc))
    return observations.of(sites)[0]


def score(
    name: str, opened: Opened, values: Floats, below: Mask, sites: Integers | None = None
) -> Score:
    """Scores of simulated SOC at some sites.

    Parameters
    ----------
    name : str
        Of these sites.
    opened : Opened
    values : ndarray (obs,)
        Simulated SOC, gC m-3.
    below : ndarray (obs,) of bool
        From :func:`below_deepest_node`.
    sites : ndarray (k,) of int, optional
        All by default.
    """
    observations = opened.observations
    rows = observed_rows(observations, sites)
    count = observations.count if sites is None else observations.count[sites]
    above = rows[~below[rows]]
    return Score(
        name=name,
        sites=int((count > 0).sum()),
        every=_metrics(observations.soc[rows], values[rows]),
        above=_metrics(observations.soc[above], values[above]),
    )


def _metrics(observed: Floats, values: Floats) -> dict[str, float] | None:
    return metrics(observed, values) if len(observed) else None


def density(observed: Floats, values: Floats, bins: int = _BINS) -> Density | None:
    """Counts on logarithmic bins; None without two positive numbers.

    Parameters
    ----------
    observed, values : ndarray (k,)
        Observed and simulated SOC, gC m-3.
    bins : int
        Along each axis.
    """
    x, y = observed * _KILO, values * _KILO
    positive = (x > 0) & (y > 0)
    both = np.concatenate([x[positive], y[positive]])
    if not len(both):
        return None
    low, high = np.percentile(both, _OUTSIDE)
    low, high = float(low) / 1.1, float(high) * 1.1
    width = math.log(high / low) / bins
    inside = positive & (x >= low) & (x < high) & (y >= low) & (y < high)
    column, row = (
        np.clip((np.log(each[inside] / low) / width).astype(np.int64), 0, bins - 1)
        for each in (x, y)
    )
    counts = np.bincount(row * bins + column, minlength=bins * bins).reshape(bins, bins)
    limit = np.iinfo(np.uint16).max
    return Density(
        np.minimum(counts, limit).astype(np.uint16), low, high, int(len(x) - inside.sum())
    )


def thickness(observations: Observations) -> Floats:
    """Thickness of the layer that each observation stands for, m: (obs,).

    Canonical datasets know depths only. A layer reaches half way to the neighbours in its
    profile, the first one to the surface; the last one is as thick below its depth as above.
    """
    site = owners(observations)
    order = np.lexsort((observations.depth, site))
    depth, site = observations.depth[order], site[order]
    middle = (depth[1:] + depth[:-1]) / 2
    same = site[1:] == site[:-1]
    upper = np.concatenate([[0.0], np.where(same, middle, 0.0)])[: len(depth)]
    lower = np.concatenate([np.where(same, middle, np.nan), [np.nan]])[: len(depth)]
    last = np.isnan(lower)
    lower[last] = 2 * depth[last] - upper[last]
    found = np.empty(len(depth))
    found[order] = lower - upper
    return found


def deviation(observations: Observations, values: Floats) -> Floats:
    """Observed - simulated SOC summed over the observed layers of each site, as in Fig. 6a.

    Bias and residuals have the other sign, that of errors; each says its own.

    Parameters
    ----------
    observations : Observations
    values : ndarray (obs,)
        Simulated SOC, gC m-3.

    Returns
    -------
    ndarray (site,)
        kgC m-2; NaN at sites without observations.
    """
    weighted = (observations.soc - values) * thickness(observations) * _KILO
    found = np.bincount(
        owners(observations), weights=weighted, minlength=len(observations.count)
    ).astype(np.float64)
    found[observations.count == 0] = np.nan
    return found


def score_rows(scores: Sequence[Score]) -> list[list[str]]:
    """Scores as rows of a table: name, sites, then both sets of metrics."""
    return [[one.name, f"{one.sites:,}", *_cells(one.every), *_cells(one.above)] for one in scores]


def _cells(found: dict[str, float] | None) -> list[str]:
    if found is None:
        return ["0", *["–"] * 4]
    return [
        f"{found['n']:,}",
        number(found["nse"]),
        number(found["r"]),
        number(found["rmse"] * _KILO),
        number(found["bias"] * _KILO),
    ]
