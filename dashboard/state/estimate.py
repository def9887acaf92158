"""One answer of the process model for all sites, as plain arrays that every view shares."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from binn.clm5 import Forcing
    from binn.observations import Observations

__all__ = ["Change", "Estimate", "estimate", "owners", "solved"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parameters of every site and the steady state they lead to.

    Attributes
    ----------
    parameters : ndarray (site, 21)
        Physical units, table order.
    pools : ndarray (site, 7, 20), gC m-3
    soc : ndarray (site, 20), gC m-3
    soc_observed_depths : ndarray (obs,), gC m-3
        Simulated SOC where it was observed.
    components, traceability : dict of ndarray (site,)
        As :mod:`binn.diagnostics` defines them (definition ``stock``).
    bedrock : str
        The scheme all of this was solved under.
    """

    parameters: Floats
    pools: Floats
    soc: Floats
    soc_observed_depths: Floats
    components: dict[str, Floats]
    traceability: dict[str, Floats]
    bedrock: str


@dataclass(frozen=True, eq=False)
class Change:
    """The selected sites solved with some parameters changed.

    Attributes
    ----------
    sites : ndarray (k,)
        Positions in the dataset.
    parameters : ndarray (k, 21)
    pools : ndarray (k, 7, 20), gC m-3
    soc : ndarray (k, 20), gC m-3
    """

    sites: NDArray[np.int64]
    parameters: Floats
    pools: Floats
    soc: Floats


@contextmanager
def _without_gradients() -> Iterator[None]:
    """No gradients, and no warning about values outside the prior: the page says it itself."""
    import torch

    from binn.clm5 import OutsidePriorWarning

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsidePriorWarning)
        yield


def solved(parameters: Floats, forcing: Forcing, bedrock: str) -> tuple[Floats, Floats]:
    """Steady state without gradients: pools (site, 7, 20) and SOC (site, 20), gC m-3."""
    import torch

    from binn.clm5 import solve

    with _without_gradients():
        state = solve(torch.from_numpy(np.ascontiguousarray(parameters)), forcing, bedrock=bedrock)
        return state.pools.numpy(), state.soc.numpy()


def owners(observations: Observations) -> NDArray[np.int64]:
    """The site of every observation: (obs,)."""
    return np.repeat(np.arange(len(observations.count)), observations.count)


def estimate(
    parameters: Floats, forcing: Forcing, observations: Observations, bedrock: str
) -> Estimate:
    """Solve all sites and describe what came out.

    Parameters
    ----------
    parameters : ndarray (site, 21)
        Physical units, table order.
    forcing : Forcing
        On the same sites.
    observations : Observations
        Where SOC was observed.
    bedrock : {"conserving", "published"}
    """
    import torch

    from binn.clm5 import soc_at_depth, solve
    from binn.diagnostics import components, traceability

    with _without_gradients():
        state = solve(torch.from_numpy(np.ascontiguousarray(parameters)), forcing, bedrock=bedrock)
        floor = forcing.per_site("nbedrock") if bedrock == "conserving" else None
        at_depth = soc_at_depth(
            state.soc,
            torch.from_numpy(observations.depth),
            nbedrock=floor,
            site=torch.from_numpy(owners(observations)),
        )
        return Estimate(
            parameters=parameters,
            pools=state.pools.numpy(),
            soc=state.soc.numpy(),
            soc_observed_depths=at_depth.numpy(),
            components={key: np.asarray(v) for key, v in components(state).items()},
            traceability={key: np.asarray(v) for key, v in traceability(state).items()},
            bedrock=bedrock,
        )
