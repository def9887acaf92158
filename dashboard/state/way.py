"""The way to the new equilibrium, for a selection under a scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.state.estimate import quiet_solver
from dashboard.state.opened import Opened
from dashboard.state.scenario import Scenario

__all__ = ["MOST_SITES", "Way", "way"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_SITES = 1_000
"""Of more sites so many are followed: every so many-th in the order of their stocks."""


@dataclass(frozen=True, eq=False)
class Way:
    """SOC stock of some sites, year by year.

    Attributes
    ----------
    years : ndarray (t,)
        From 0, the old equilibrium.
    low, middle, high : ndarray (t,)
        Quartiles of the SOC stock over the sites, kgC m-2.
    end : float
        Median of the new equilibrium, kgC m-2.
    sites, of : int
        How many sites were followed, of how many.
    """

    years: Integers
    low: Floats
    middle: Floats
    high: Floats
    end: float
    sites: int
    of: int

    @property
    def half_life(self) -> float:
        """Years until half of the change has happened; NaN within the years there are."""
        total = self.end - self.middle[0]
        done = (self.middle - self.middle[0]) / total if total else np.zeros(len(self.years))
        reached = np.flatnonzero(done >= 0.5)
        return float(self.years[reached[0]]) if len(reached) else float("nan")


def way(
    opened: Opened,
    parameters: Floats,
    sites: Integers,
    scenario: tuple[dict[str, float], dict[str, float]],
    bedrock: str,
    years: int,
    depth: tuple[float, float],
) -> Way:
    """Follow sites from their equilibrium under the scenario.

    Parameters
    ----------
    opened : Opened
    parameters : ndarray (site, 21)
        Of all sites, physical units.
    sites : ndarray (k,)
        Which ones.
    scenario : (dict, dict)
        Changed parameters, and arguments of :meth:`binn.clm5.Forcing.changed`.
    bedrock : str
    years : int
    depth : (float, float)
        m.
    """
    import torch

    from binn.clm5 import solve, stock, transient

    of = len(sites)
    if of > MOST_SITES:  # evenly by stock, so that it starts at the quartiles of all of them
        held = torch.from_numpy(opened.estimate(bedrock).soc[sites])
        order = np.argsort(stock(held, *depth).numpy(), kind="stable")
        middles = (np.arange(MOST_SITES) + 0.5) * of / MOST_SITES
        sites = np.sort(sites[order[middles.astype(np.int64)]])
    changes, climate = scenario
    applied = Scenario(changes=changes).applied(parameters[sites])
    with quiet_solver():
        forcing = opened.forcing.take(sites)
        before = torch.from_numpy(parameters[sites]).to(forcing.device)
        state = solve(before, forcing, bedrock=bedrock)
        changed = forcing.changed(**climate)
        after = torch.from_numpy(applied).to(forcing.device)
        top, bottom = depth
        path = transient(
            state, changed, years, parameters=after, store="totals", top=top, bottom=bottom
        )
        end = stock(solve(after, changed, bedrock=bedrock).soc, top, bottom).cpu().numpy()
    low, middle, high = np.percentile(path.soc_stock.cpu().numpy() * 1e-3, (25, 50, 75), axis=1)
    return Way(
        years=path.years.cpu().numpy(),
        low=low,
        middle=middle,
        high=high,
        end=float(np.median(end)) * 1e-3,
        sites=len(sites),
        of=of,
    )
