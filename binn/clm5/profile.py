"""From layers to what people measure: SOC at a depth, stocks over a range (spec section 7)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from binn.clm5.column import INTERFACES, N_LAYERS, NODES, TOPS
from binn.errors import InputError

__all__ = ["soc_at_depth", "stock"]


def soc_at_depth(soc: Any, depth: Any, nbedrock: Any = None, site: Any = None) -> Tensor:
    """SOC at observation depths, linear between nodes and constant beyond the first and last.

    Parameters
    ----------
    soc : Tensor or array, (site, 20)
        gC m-3.
    depth : Tensor, (site, k), (site,), or (obs,) with `site`
        m, >= 0. NaN gives NaN (padding).
    nbedrock : Tensor, (site,), optional
        1-based deepest soil layer: deeper observations take the value at its node, which is what
        the `conserving` scheme needs (there is no carbon below).
    site : Tensor, (obs,), optional
        The site of each observation, for ragged observations.

    Returns
    -------
    Tensor
        gC m-3, shaped as `depth`.

    Raises
    ------
    InputError
        For a negative depth or shapes that do not match.
    """
    soc = torch.as_tensor(soc)
    depth = torch.as_tensor(depth, dtype=soc.dtype, device=soc.device)
    if bool((depth < 0).any()):
        raise InputError(f"observation depth {float(depth[depth < 0][0])} m is negative")
    if site is None:
        if depth.ndim not in (1, 2) or depth.shape[0] != soc.shape[0]:
            raise InputError(
                f"depths have shape {tuple(depth.shape)}, expected ({soc.shape[0]},) or "
                f"({soc.shape[0]}, k); ragged observations need site="
            )
        rows = torch.arange(soc.shape[0], device=soc.device)
        rows = rows.reshape(-1, *[1] * (depth.ndim - 1)).expand_as(depth)
    else:
        rows = torch.as_tensor(site, dtype=torch.int64, device=soc.device)
        if rows.shape != depth.shape:
            raise InputError(f"{tuple(depth.shape)} depths but {tuple(rows.shape)} sites")
    nodes = soc.new_tensor(NODES)
    at = depth.clamp(NODES[0], NODES[-1])
    if nbedrock is not None:
        deepest = torch.as_tensor(nbedrock, dtype=torch.int64, device=soc.device)[rows]
        at = torch.minimum(at, nodes[deepest - 1])
    padding = at.isnan()
    at = torch.where(padding, nodes[0], at)
    below = torch.searchsorted(nodes, at.contiguous()).clamp(1, N_LAYERS - 1)
    above = below - 1
    weight = (at - nodes[above]) / (nodes[below] - nodes[above])
    # exactly the node's value at weight 0 and 1, whatever lies in the other layer
    upper, lower = soc[rows, above], soc[rows, below]
    value = torch.where(weight <= 0.0, upper, torch.lerp(upper, lower, weight))
    return torch.where(padding, torch.nan, value)


def stock(soc: Any, top: float = 0.0, bottom: float = 0.3) -> Tensor:
    """SOC stock between two depths, layers counted by the fraction that lies inside.

    Parameters
    ----------
    soc : Tensor or array, (site, 20) or (..., 20)
        gC m-3 (any concentration per layer).
    top, bottom : float
        Depth range, m; 0 <= top < bottom <= 8.6.

    Returns
    -------
    Tensor, (site,) or (...)
        gC m-2.

    Raises
    ------
    InputError
        For a depth range that is not in the column.
    """
    soc = torch.as_tensor(soc)
    total: Tensor = soc @ _thickness_inside(float(top), float(bottom), soc.dtype, soc.device)
    return total


@lru_cache(maxsize=64)
def _thickness_inside(
    top: float, bottom: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """How much of each layer lies between two depths, m: (20,)."""
    deepest = float(INTERFACES[-1])
    if not (0.0 <= top < bottom <= deepest + 1e-9):
        raise InputError(
            f"depth range {top} to {bottom} m is not possible; give 0 <= top < bottom <= {deepest}"
        )
    inside = np.clip(np.minimum(INTERFACES, bottom) - np.maximum(TOPS, top), 0.0, None)
    return torch.from_numpy(inside).to(device=device, dtype=dtype)
