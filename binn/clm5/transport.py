"""Mixing of carbon between layers: V, in both bedrock schemes (spec section 5).

Bioturbation (`diffus`) mixes the whole column where the ground thaws deeper than 2 m;
cryoturbation (`cryo`) mixes the active layer of permafrost and fades to nothing at 3 m. V is
tridiagonal, equal for the six pools that move, and its rows sum to zero, so only the couplings to
the layer above (`a`) and below (`c`) are kept: ``V[j, j-1] = -a_j``, ``V[j, j+1] = -c_j``,
``V[j, j] = a_j + c_j``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5.column import DAYS_PER_YEAR, INTERFACES, N_LAYERS, NODES, SPACING, THICKNESS
from binn.clm5.forcing import Forcing
from binn.parameters import index

__all__ = ["couplings", "transport_matrix"]

_DIFFUS, _CRYO = index("diffus"), index("cryo")
_DEEP_THAW = 2.0
"""m: deeper active layers are mixed by bioturbation, shallower ones by cryoturbation."""
_RAMP_END = 3.0
"""m: depth at which cryoturbation has faded out, as in the authors' vectorised code."""
_TINY = 1e-30
"""The published code's floor of the diffusivity (m2 day-1) and its advective velocity (m day-1)."""

# weight of the upper node in the interface between nodes j-1 and j (j = 1..19, 0-based)
_WEIGHT = (INTERFACES[:-1] - NODES[:-1]) / SPACING[1:]


def couplings(parameters: Tensor, forcing: Forcing, bedrock: str) -> tuple[Tensor, Tensor]:
    """Month-mean couplings of each layer to the one above and the one below.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, table order.
    forcing : Forcing
        Of as many sites: active layer and bedrock.
    bedrock : {"conserving", "published"}
        `conserving`: no transport crosses the bedrock interface. `published`: the authors' face
        below bedrock, through which layer nbedrock + 1 exchanges with a layer that does not answer.

    Returns
    -------
    a, c : Tensor, (site, 20)
        day-1, >= 0; ``a[:, 0] = c[:, 19] = 0``.
    """
    diffusivity = _diffusivity(parameters, forcing)
    faces = _conserving if bedrock == "conserving" else _published
    upper, lower = faces(diffusivity, forcing.per_site("nbedrock")[:, None, None])
    thickness = parameters.new_tensor(THICKNESS)
    none = parameters.new_zeros(parameters.shape[0], 1)
    a = torch.cat([none, upper.mean(1) / thickness[1:]], 1)
    c = torch.cat([lower.mean(1) / thickness[:-1], none], 1)
    return a, c


def transport_matrix(a: Tensor, c: Tensor) -> Tensor:
    """The 20 x 20 block V of one pool from its couplings: (site, 20) twice -> (site, 20, 20)."""
    return (
        torch.diag_embed(a + c)
        - torch.diag_embed(a[:, 1:], offset=-1)
        - torch.diag_embed(c[:, :-1], offset=1)
    )


def _diffusivity(parameters: Tensor, forcing: Forcing) -> Tensor:
    """Diffusivity at each layer's lower interface, m2 day-1: (site, month or 1, 20).

    One month stands for twelve where the active layer does not change in any of the rows.
    """
    thaw = forcing.active_layer()[:, :, None]
    depth = thaw.new_tensor(INTERFACES)
    # in float64 whatever the precision of the rest: here 2 m is a branch
    ramp = torch.clamp(1.0 - (depth - thaw) / (_RAMP_END - thaw), 0.0, 1.0)
    shallow = (thaw > 0.0) & (thaw <= _DEEP_THAW)
    cryo = torch.where(shallow, torch.where(depth < thaw, torch.ones_like(ramp), ramp), 0.0)
    bio = (thaw > _DEEP_THAW).expand_as(cryo)
    per_year = parameters[:, _DIFFUS, None, None] * bio.to(parameters.dtype) + parameters[
        :, _CRYO, None, None
    ] * cryo.to(parameters.dtype)
    return per_year / DAYS_PER_YEAR


def _conserving(diffusivity: Tensor, nbedrock: Tensor) -> tuple[Tensor, Tensor]:
    """Conductance of the 19 inner faces, the same seen from above and from below, m day-1."""
    upper, lower = diffusivity[..., :-1], diffusivity[..., 1:]
    weight = diffusivity.new_tensor(_WEIGHT)
    # 1-based: face k lies between layers k and k + 1
    face = torch.arange(1, N_LAYERS, device=diffusivity.device)
    resistance = (1.0 - weight) * upper + weight * lower
    opened = (resistance > 0.0) & (face < nbedrock)
    safe = torch.where(opened, resistance, 1.0)
    conductance = torch.where(opened, upper * lower / safe, 0.0)
    conductance = conductance / diffusivity.new_tensor(SPACING[1:])
    return conductance, conductance


def _published(diffusivity: Tensor, nbedrock: Tensor) -> tuple[Tensor, Tensor]:
    """The authors' faces: (coupling of the layer below to the one above, and the reverse)."""
    layer = torch.arange(1, N_LAYERS + 1, device=diffusivity.device)
    d = torch.where(layer <= nbedrock + 1, diffusivity, 0.0).clamp(min=_TINY)
    weight = d.new_tensor(_WEIGHT)
    g = 1.0 / ((1.0 - weight) / d[..., 1:] + weight / d[..., :-1]) / d.new_tensor(SPACING[1:])
    # lower face of layer j is face j, but from nbedrock + 1 on its own upper face again
    own_upper = torch.cat([torch.zeros_like(g[..., :1]), g[..., :-1]], -1)
    below = layer[:-1] >= nbedrock + 1
    g_lower = torch.where(below, own_upper, g)
    # below bedrock the velocity is 0, so the Peclet number is too
    return _patankar(g, _TINY) + _TINY, torch.where(below, g_lower, _patankar(g_lower, _TINY))


def _patankar(conductance: Tensor, velocity: float) -> Tensor:
    """Conductance times Patankar's power law ``max(0, (1 - 0.1 |Pe|)^5)``, Pe = velocity / g."""
    positive = torch.where(conductance > 0.0, conductance, 1.0)
    return conductance * torch.clamp(1.0 - 0.1 * velocity / positive, min=0.0) ** 5
