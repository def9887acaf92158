"""One parameter vector for all sites, fitted first: where the network's output bias starts.

A single vector already explains most of what depth explains (NSE about 0.5 in New York), so the
network begins there instead of in the middle of every range and only learns differences.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binn.clm5 import solve
from binn.parameters import PARAMETERS, to_physical
from binn.training.config import LossConfig
from binn.training.data import TrainingData
from binn.training.loss import loss

__all__ = ["fit_global_vector"]

_STEPS = 120
_LEARNING_RATE = 0.1


def fit_global_vector(
    data: TrainingData,
    sites: NDArray[np.int64],
    config: LossConfig,
    spread: float,
    bedrock: str,
    steps: int = _STEPS,
) -> Tensor:
    """Normalised parameters that, given to every site alike, minimise the loss (Adam on logits).

    Sites of one forcing row have one solution then, so only distinct rows are solved.

    Parameters
    ----------
    data : TrainingData
        All sites.
    sites : ndarray of int
        The training sites.
    config : LossConfig
        The loss.
    spread : float
        Standard deviation of their observed SOC, gC m-3.
    bedrock : str
        Bedrock scheme.
    steps : int
        Steps of Adam.

    Returns
    -------
    Tensor (21,)
        Inside (0, 1).
    """
    batch = data.batch(sites)
    cells = batch.forcing.site_cell
    numbers = np.arange(len(sites)) if cells is None else cells.cpu().numpy()
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    forcing = batch.forcing.take(first)
    row = torch.from_numpy(inverse).to(data.device)
    z = torch.zeros(len(PARAMETERS), dtype=torch.float64, device=data.device, requires_grad=True)
    optimiser = torch.optim.Adam([z], lr=_LEARNING_RATE)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * (1.0 - step / steps)
        u = torch.sigmoid(z)
        state = solve(to_physical(u.expand(len(first), -1)), forcing, bedrock=bedrock)
        every = u.expand(len(sites), -1)
        value = loss(batch.observe(state.soc[row]), batch.soc, every, config, spread)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    return torch.sigmoid(z.detach())
