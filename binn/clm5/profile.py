"""From layers to what people measure: SOC at a depth, stocks over a range (spec section 7)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from binn.clm5.column import N_LAYERS, NODES, thickness_inside
from binn.clm5.numbers import numbers
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
        For a negative depth, a site or layer that is not there, or shapes that do not match.
    """
    soc = _concentration(soc)
    if soc.ndim != 2:
        raise InputError(f"SOC has shape {tuple(soc.shape)}, expected (site, {N_LAYERS})")
    depth = numbers(depth, "observation depths").to(soc)
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
        rows = _whole(site, "the sites of observations", 0, len(soc) - 1).to(soc.device)
        if rows.shape != depth.shape:
            raise InputError(f"{tuple(depth.shape)} depths but {tuple(rows.shape)} sites")
    nodes = soc.new_tensor(NODES)
    at = depth.clamp(NODES[0], NODES[-1])
    if nbedrock is not None:
        deepest = _whole(nbedrock, "nbedrock", 1, N_LAYERS).to(soc.device)
        if deepest.shape != soc.shape[:1]:
            raise InputError(f"{tuple(deepest.shape)} bedrock layers but {len(soc)} sites")
        at = torch.minimum(at, nodes[deepest[rows] - 1])
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
        For a depth range that is not in the column, or a shape that does not end with 20 layers.
    """
    soc = _concentration(soc)
    total: Tensor = soc @ _thickness_inside(float(top), float(bottom), soc.dtype, soc.device)
    return total


def _concentration(soc: Any) -> Tensor:
    """A concentration in each layer, float64 unless it is float32."""
    values = numbers(soc, "SOC")
    if values.ndim == 0 or values.shape[-1] != N_LAYERS:
        raise InputError(f"SOC has shape {tuple(values.shape)}, expected (site, {N_LAYERS})")
    return values if values.is_floating_point() else values.to(torch.float64)


def _whole(given: Any, what: str, lowest: int, highest: int) -> Tensor:
    """Whole numbers of a range as int64."""
    values = numbers(given, what)
    wrong = (values < lowest) | (values > highest) | (values != values.round())
    if bool(wrong.any()):
        first = values[wrong][0].item()
        raise InputError(f"{what} must be whole numbers from {lowest} to {highest}, not {first}")
    return values.to(torch.int64)


@lru_cache(maxsize=64)
def _thickness_inside(
    top: float, bottom: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """How much of each layer lies between two depths, m: (20,)."""
    inside = thickness_inside(top, bottom)
    return torch.from_numpy(inside).to(device=device, dtype=dtype)
