"""Why storage differs: influx times residence time, and what sets residence (spec section 9)."""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5 import SteadyState
from binn.diagnostics.components import environmental_modifier

__all__ = ["traceability"]


def traceability(state: SteadyState) -> dict[str, Tensor]:
    """The traceable terms of Fig. 7, one number each a site.

    ``storage = influx x residence_time`` and
    ``residence_time = baseline_residence_time / environmental_scalar``. Storage counts all seven
    pools (the paper calls it SOC storage).

    Parameters
    ----------
    state : SteadyState
        Solved sites.

    Returns
    -------
    dict of Tensor, (site,)
        In the order and with the units of :data:`binn.quantities.TRACEABILITY_NAMES`, float64.
    """
    storage = state.integrals.stock.sum(1)
    influx = state.forcing.annual_input().to(torch.float64).sum(1)
    residence_time = storage / influx
    scalar = environmental_modifier(state)
    return {
        "storage": storage,
        "influx": influx,
        "residence_time": residence_time,
        "baseline_residence_time": residence_time * scalar,
        "environmental_scalar": scalar,
    }
