"""The matrices of the paper's equation, for inspection and comparison with other codes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from binn.clm5 import environment, litter, transport
from binn.clm5.checks import checked_parameters
from binn.clm5.forcing import Forcing
from binn.clm5.rates import decomposition_rates, rate_scalars

__all__ = ["Matrices", "matrices"]


class Matrices(NamedTuple):
    """Terms of ``dX/dt = B I + A K X - V X``; pools are pool-major (index = pool * 20 + layer).

    Attributes
    ----------
    xi_T, xi_W : Tensor, (site, 20, 12)
        Temperature scalar and clipped water scalar.
    K_diag : Tensor, (site, 140)
        Month-mean diagonal of K with all scalars, day-1.
    V_block : Tensor, (site, 20, 20)
        Month-mean vertical transport of pools 1 to 6 (zero for coarse woody debris), day-1.
    BI : Tensor, (site, 140)
        Carbon input, gC m-3 day-1.
    """

    xi_T: Tensor
    xi_W: Tensor
    K_diag: Tensor
    V_block: Tensor
    BI: Tensor

    def __getitem__(self, key: Any) -> Any:
        """By position, or by name (``matrices(...)["K_diag"]``)."""
        return getattr(self, key) if isinstance(key, str) else tuple.__getitem__(self, key)


def matrices(
    parameters: Tensor | np.ndarray[Any, Any], forcing: Forcing, bedrock: str = "conserving"
) -> Matrices:
    """Scalars, rates, transport and input of every site.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, table order.
    forcing : Forcing
        Of as many sites.
    bedrock : {"conserving", "published"}
        Bedrock scheme. Under `conserving` the rates of layers below bedrock, which hold no carbon,
        are those of the first layer.

    Raises
    ------
    InputError
        As :func:`binn.clm5.solve`.
    """
    values = checked_parameters(parameters, forcing, bedrock).to(torch.float64)
    n = len(values)
    xi = environment.scalars(values, forcing)
    rate = decomposition_rates(values, *rate_scalars(values, forcing, bedrock))
    source = litter.litter_input(litter.input_fraction(values, forcing, bedrock), forcing)
    source = torch.cat([source, source.new_zeros(n, 3, source.shape[2])], 1)
    return Matrices(
        xi_T=xi.temperature,
        xi_W=xi.water,
        K_diag=rate.flatten(1),
        V_block=transport.transport_matrix(*transport.couplings(values, forcing, bedrock)),
        BI=source.flatten(1),
    )
