"""Input allocation, the component that depends on rounding (spec section 8).

The mean over layers of ``(1 - cumulative fraction) ** (1 / depth in cm)``. Layers where the
cumulated fraction reaches 1 have no such value and are skipped, as published. Where that happens is
a matter of rounding, so the published arithmetic is repeated here to the last bit: libm's power
(vectorised ones differ in the last place) and a running sum. Hence compiled, and on the CPU.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from binn.clm5 import INTERFACES, N_LAYERS, NODES, THICKNESS, SteadyState
from binn.parameters import index

__all__ = ["input_allocation"]

_DEPTH = 100.0 * np.array([0.0, *INTERFACES])


@njit(cache=True, nogil=True)
def _allocation(beta, bottom, frozen, result):  # type: ignore[no-untyped-def]
    """Write the allocation of each site; NaN where all input enters the first layer."""
    share = np.empty(N_LAYERS)
    for site in range(len(beta)):
        total, above = 0.0, 1.0
        for j in range(N_LAYERS):
            below = math.pow(beta[site], _DEPTH[j + 1])
            # by thickness and back, as published: it rounds
            share[j] = (above - below) / THICKNESS[j] * THICKNESS[j] if j < bottom[site] else 0.0
            total += share[j]
            above = below
        cumulated, mean, count = 0.0, 0.0, 0
        for j in range(N_LAYERS):
            cumulated += share[j] / total
            # the layer above bedrock holds the rest: exactly 1 from there on
            if cumulated < 1.0 and (j + 1 < bottom[site] or bottom[site] == N_LAYERS + 1):
                mean += math.exp(math.log(1.0 - cumulated) / (100.0 * NODES[j]))
                count += 1
        result[site] = mean / count if count > 0 and not frozen[site] else np.nan


def input_allocation(state: SteadyState) -> Tensor:
    """Input allocation of every site.

    Parameters
    ----------
    state : SteadyState
        Solved sites.

    Returns
    -------
    Tensor, (site,)
        Dimensionless, float64, without gradient; NaN where all input enters the first layer.
    """
    beta = state.parameters[:, index("beta")].detach().to("cpu", torch.float64)
    frozen = state.forcing.per_site("altmax_lastyear").mean(1) <= 0.0
    if state.bedrock == "conserving":
        bottom = state.forcing.per_site("nbedrock").cpu()
    else:
        bottom = torch.full((len(beta),), N_LAYERS + 1)
    result = torch.empty_like(beta)
    _allocation(beta.numpy(), bottom.numpy(), frozen.cpu().numpy(), result.numpy())
    return result.to(state.forcing.device)
