"""Integrals over the column that diagnostics are made of, each computed once a state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from binn.clm5.column import LITTER, THICKNESS

__all__ = ["ColumnIntegrals", "column_integrals"]


class ColumnIntegrals(NamedTuple):
    """Sums over the twenty layers, float64; pools in the order of :data:`binn.clm5.POOLS`.

    Attributes
    ----------
    stock : Tensor, (site, 7)
        Carbon of each pool, gC m-2.
    concentration : Tensor, (site, 7)
        Sum of the layers' concentrations, gC m-3 (not an integral: as published).
    modified : Tensor, (site, 7)
        Carbon weighted by the environmental modifier mean(xi_T) mean(xi_W) xi_D, gC m-2.
    decomposing : Tensor, (site, 7)
        Carbon weighted by the month-mean scalar of the pool's own rate, gC m-2.
    soc, soc_modified, soc_mixed : Tensor, (site,)
        SOC, gC m-2; weighted by the modifier; and by the diagonal of V, gC m-2 day-1.
    """

    stock: Tensor
    concentration: Tensor
    modified: Tensor
    decomposing: Tensor
    soc: Tensor
    soc_modified: Tensor
    soc_mixed: Tensor


def column_integrals(
    pools: Tensor,
    soc: Tensor,
    modifier: Tensor,
    scalars: tuple[Tensor, Tensor],
    couplings: tuple[Tensor, Tensor],
) -> ColumnIntegrals:
    """The integrals on any device; differentiable.

    Parameters
    ----------
    pools, soc : Tensor, (site, 7, 20), (site, 20)
        gC m-3, float64.
    modifier : Tensor, (site, 20)
        Environmental modifier.
    scalars : tuple of Tensor, (site, 20)
        Month-mean scalars of the soil and of the litter rates.
    couplings : tuple of Tensor, (site, 20)
        To the layer above and below, day-1.
    """
    thickness = pools.new_tensor(THICKNESS)
    soil, litter = scalars
    carbon = soc * thickness
    decomposing = torch.einsum("spl,sl->sp", pools, soil * thickness)
    of_litter = torch.einsum("spl,sl->sp", pools[:, LITTER], litter * thickness)
    return ColumnIntegrals(
        stock=pools @ thickness,
        concentration=pools.sum(2),
        modified=torch.einsum("spl,sl->sp", pools, modifier * thickness),
        decomposing=torch.cat([decomposing[:, :1], of_litter, decomposing[:, 4:]], 1),
        soc=carbon.sum(1),
        soc_modified=(modifier * carbon).sum(1),
        soc_mixed=((couplings[0] + couplings[1]) * carbon).sum(1),
    )
