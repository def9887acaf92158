"""Which parameters decide how much carbon a soil holds: variance-based sensitivity over the prior.

Two ways to the same first-order index, the share of the variance of SOC that a parameter decides by
itself. `published_indices` is the paper's (spec section 10): fix the parameter at many values,
average SOC over draws of the others, take the variance of the averages. `sobol_indices` needs far
fewer solves (Jansen's estimators on a scrambled Sobol sequence) and also gives the total index,
which adds what the parameter decides together with others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import INTERFACES, Forcing, OutsidePriorWarning, solve, stock
from binn.errors import InputError
from binn.parameters import KEYS, LOWER, UPPER, index

__all__ = [
    "SITES_SEED",
    "Quantity",
    "Sensitivity",
    "published_indices",
    "published_quantity",
    "sobol_indices",
    "soc_stock",
]

Array = NDArray[np.float64]
SITES_SEED = 12355
"""The paper's, for the sites and draws."""
_CHUNK = 16_384  # solves at once
_HUGE = 5e6  # gC m-2; the paper drops what is above
_LEAST_BETA = 0.1  # the paper's range of beta in this test; elsewhere it is 0.5


@dataclass(frozen=True)
class Quantity:
    """What is measured: a total of SOC, by site and normalised parameters.

    Attributes
    ----------
    forcing : Forcing
        Of the sites.
    bedrock : str
        Bedrock scheme.
    top, bottom : float
        Depth range of the stock, m.
    as_published : bool
        Sum of the layers' concentrations without their thickness, and beta from 0.1, as the paper's
        script has it; else the stock, over the prior.
    """

    forcing: Forcing
    bedrock: str = "conserving"
    top: float = 0.0
    bottom: float = float(INTERFACES[-1])
    as_published: bool = False

    def __call__(self, site: int, u: Array) -> Array:
        """Totals (n,) at normalised parameters `u` (n, 21)."""
        lower = LOWER.copy()
        if self.as_published:
            lower[index("beta")] = _LEAST_BETA
        physical = torch.from_numpy(lower + u * (UPPER - lower))
        each = []
        for some in physical.split(_CHUNK):
            forcing = self.forcing.take(np.full(len(some), site))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OutsidePriorWarning)  # beta, as said above
                soc = solve(some, forcing, self.bedrock).soc
            each.append(soc.sum(1) if self.as_published else stock(soc, self.top, self.bottom))
        return torch.cat(each).numpy()


def soc_stock(ds: xr.Dataset, sites: NDArray[np.int64], bedrock: str = "conserving") -> Quantity:
    """The SOC stock of some sites of a dataset, of the whole column."""
    return Quantity(Forcing.from_dataset(ds).take(sites), bedrock)


def published_quantity(ds: xr.Dataset, sites: NDArray[np.int64]) -> Quantity:
    """What the paper's script looks at: unweighted sums under the published scheme."""
    return Quantity(Forcing.from_dataset(ds).take(sites), "published", as_published=True)


@dataclass(frozen=True)
class Sensitivity:
    """Indices, mean over sites.

    Attributes
    ----------
    first : dict of str to float
        First-order index by parameter.
    total : dict of str to float or None
        Total index, where it was asked for.
    sites, draws, values : int
        Size of the test; `values` is 0 for Sobol's.
    dropped : int
        Draws that were not finite or huge.
    """

    first: dict[str, float]
    total: dict[str, float] | None
    sites: int
    draws: int
    values: int
    dropped: int


def published_indices(
    quantity: Callable[[int, Array], Array],
    sites: int,
    draws: int = 1000,
    values: int = 100,
    seed: int = SITES_SEED,
    report: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """First-order indices as the paper defines them: ``var(mean SOC at fixed values) / var(SOC)``.

    The values of a parameter are the middles of equal parts of its range, and the draws of the
    others are the same for all of them, so that their noise does not pass for an effect.

    Parameters
    ----------
    quantity : callable
        Site number and normalised parameters (n, 21) to totals (n,), such as a `Quantity`.
    sites : int
        Number of sites.
    draws, values : int
        Draws of the other parameters, and values of the fixed one. The paper: 1000 and 100.
    seed : int
        Of the draws.
    report : callable
        Told one line a site.

    Raises
    ------
    InputError
        If a size is not possible.
    """
    _check(sites=(sites, 1), draws=(draws, 2), values=(values, 2))
    at = (np.arange(values) + 0.5) / values
    first = np.full((sites, len(KEYS)), np.nan)
    dropped = 0
    for site in range(sites):
        rest = np.random.default_rng([seed, site]).random((draws, len(KEYS)))
        of_all = _cleaned(quantity(site, rest))
        dropped += int(np.isnan(of_all).sum())
        variance = np.nanvar(of_all, ddof=1)
        for k in range(len(KEYS)):
            fixed = np.repeat(rest[None], values, axis=0)
            fixed[:, :, k] = at[:, None]
            found = _cleaned(quantity(site, fixed.reshape(-1, len(KEYS)))).reshape(values, draws)
            dropped += int(np.isnan(found).sum())
            first[site, k] = np.nanmean(found, axis=1).var(ddof=1) / variance
        report(f"site {site + 1} of {sites}")
    return Sensitivity(_by_key(first), None, sites, draws, values, dropped)


def sobol_indices(
    quantity: Callable[[int, Array], Array],
    sites: int,
    draws: int = 1024,
    seed: int = SITES_SEED,
    report: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """First-order and total indices on a Sobol sequence (Saltelli et al. 2010, Table 2, b and f).

    A parameter without effect has indices of exactly 0.

    Parameters
    ----------
    quantity : callable
        As :func:`published_indices`.
    sites : int
        Number of sites.
    draws : int
        Points of the sequence, a power of 2; 23 solves each.
    seed : int
        Of the scrambling.
    report : callable
        Told one line a site.

    Raises
    ------
    InputError
        If a size is not possible.
    """
    from scipy.stats import qmc

    _check(sites=(sites, 1), draws=(draws, 2))
    if draws & (draws - 1):
        raise InputError(f"draws={draws} is no power of 2, which Sobol's sequence needs")
    n = len(KEYS)
    first, total = (np.full((sites, n), np.nan) for _ in range(2))
    dropped = 0
    for site in range(sites):
        random = np.random.default_rng([seed, site])
        points = qmc.Sobol(2 * n, seed=random).random(draws)
        a, b = points[:, :n], points[:, n:]
        f_a, f_b = _cleaned(quantity(site, a)), _cleaned(quantity(site, b))
        dropped += int(np.isnan(f_a).sum() + np.isnan(f_b).sum())
        mean, variance = np.nanmean([f_a, f_b]), np.nanvar([f_a, f_b])
        for k in range(n):
            mixed = a.copy()
            mixed[:, k] = b[:, k]
            f_mixed = _cleaned(quantity(site, mixed))
            dropped += int(np.isnan(f_mixed).sum())
            first[site, k] = np.nanmean((f_b - mean) * (f_mixed - f_a)) / variance
            total[site, k] = np.nanmean((f_a - f_mixed) ** 2) / (2.0 * variance)
        report(f"site {site + 1} of {sites}")
    return Sensitivity(_by_key(first), _by_key(total), sites, draws, 0, dropped)


def _cleaned(totals: Array) -> Array:
    """NaN for what the paper drops: not finite, or above 5,000 kgC m-2."""
    return np.where(np.isfinite(totals) & (totals <= _HUGE), totals, np.nan)


def _by_key(values: Array) -> dict[str, float]:
    return dict(zip(KEYS, values.mean(axis=0).tolist(), strict=True))


def _check(**sizes: tuple[int, int]) -> None:
    for name, (value, least) in sizes.items():
        if value < least:
            raise InputError(f"{name}={value} is not possible; give {least} or more")
