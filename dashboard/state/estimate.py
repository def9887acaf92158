"""One answer of the process model for many sites, as plain arrays that every view shares."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from binn.clm5 import Forcing
    from binn.observations import Observations

__all__ = [
    "Change",
    "Estimate",
    "estimate",
    "owners",
    "quiet_solver",
    "quiet_solver_with_gradient",
    "scattered",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parameters of every site (or cell) and the steady state they lead to.

    Attributes
    ----------
    parameters : ndarray (site, 21)
        Physical units, table order.
    pools : ndarray (site, 7, 20), gC m-3
    soc : ndarray (site, 20), gC m-3
    soc_observed_depths : ndarray (obs,), gC m-3
        Simulated SOC where it was observed; empty on cells and for a selection of sites.
    components : dict of dict of ndarray (site,)
        By definition (``stock``, ``published``), then by component.
    traceability : dict of ndarray (site,)
        As :mod:`binn.diagnostics` defines them.
    bedrock : str
        The scheme all of this was solved under.
    """

    parameters: Floats
    pools: Floats
    soc: Floats
    soc_observed_depths: Floats
    components: dict[str, dict[str, Floats]]
    traceability: dict[str, Floats]
    bedrock: str

    def __len__(self) -> int:
        return len(self.parameters)


@dataclass(frozen=True, eq=False)
class Change:
    """Some sites (or cells) solved under the scenario.

    Attributes
    ----------
    sites : ndarray (k,)
        Positions in the dataset.
    estimate : Estimate
        Of these sites, in this order.
    """

    sites: NDArray[np.int64]
    estimate: Estimate

    def rows(self, sites: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where those of `sites` that were changed stand in the estimate."""
        at = np.searchsorted(self.sites, sites)
        at[at == len(self.sites)] = 0
        return at[self.sites[at] == sites] if len(self.sites) else at[:0]

    @property
    def parameters(self) -> Floats:
        """Changed parameters, physical units: (k, 21)."""
        return self.estimate.parameters

    @property
    def pools(self) -> Floats:
        """Changed pools, gC m-3: (k, 7, 20)."""
        return self.estimate.pools

    @property
    def soc(self) -> Floats:
        """Changed SOC, gC m-3: (k, 20)."""
        return self.estimate.soc


@contextmanager
def quiet_solver() -> Iterator[None]:
    """No gradients, and no warning about values outside the prior: the page says it itself."""
    import torch

    with torch.no_grad(), quiet_solver_with_gradient():
        yield


@contextmanager
def quiet_solver_with_gradient() -> Iterator[None]:
    """No warning about values outside the prior: the page says it itself."""
    from binn.clm5 import OutsidePriorWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsidePriorWarning)
        yield


def owners(observations: Observations) -> NDArray[np.int64]:
    """The site of every observation: (obs,)."""
    return np.repeat(np.arange(len(observations.count)), observations.count)


def estimate(
    parameters: Floats,
    forcing: Forcing,
    bedrock: str,
    observations: Observations | None = None,
) -> Estimate:
    """Solve sites and describe what came out.

    Parameters
    ----------
    parameters : ndarray (site, 21)
        Physical units, table order.
    forcing : Forcing
        On the same sites.
    bedrock : {"conserving", "published"}
    observations : Observations, optional
        Where SOC was observed, if the sites are all sites of a dataset.
    """
    import torch

    from binn.clm5 import soc_at_depth, solve
    from binn.diagnostics import DEFINITIONS, components, traceability

    with quiet_solver():
        values = torch.from_numpy(np.ascontiguousarray(parameters)).to(forcing.device)
        state = solve(values, forcing, bedrock=bedrock)
        at_depth = np.empty(0)
        if observations is not None:
            observed = soc_at_depth(
                state.soc,
                torch.from_numpy(observations.depth).to(forcing.device),
                nbedrock=forcing.per_site("nbedrock") if bedrock == "conserving" else None,
                site=torch.from_numpy(owners(observations)).to(forcing.device),
            )
            at_depth = observed.cpu().numpy()
        return Estimate(
            parameters=parameters,
            pools=state.pools.cpu().numpy(),
            soc=state.soc.cpu().numpy(),
            soc_observed_depths=at_depth,
            components={name: _arrays(components(state, name)) for name in DEFINITIONS},
            traceability=_arrays(traceability(state)),
            bedrock=bedrock,
        )


def scattered(found: Estimate, rows: NDArray[np.int64], n: int) -> Estimate:
    """An estimate of some rows as one of all `n`, NaN where nothing is known."""

    def spread(values: Floats) -> Floats:
        whole = np.full((n, *values.shape[1:]), np.nan)
        whole[rows] = values
        return whole

    return Estimate(
        parameters=spread(found.parameters),
        pools=spread(found.pools),
        soc=spread(found.soc),
        soc_observed_depths=found.soc_observed_depths,
        components={
            name: {key: spread(value) for key, value in each.items()}
            for name, each in found.components.items()
        },
        traceability={key: spread(value) for key, value in found.traceability.items()},
        bedrock=found.bedrock,
    )


def _arrays(tensors: dict[str, Any]) -> dict[str, Floats]:
    return {key: value.cpu().numpy() for key, value in tensors.items()}
