"""The six components that the paper maps, one number each a site (spec section 8, Fig. 5).

Two definitions. `stock` weights by stocks, gC m-2. `published` is what the authors' code plots:
baseline decomposition weighted by summed concentrations (their layer thicknesses slip out of a
broadcast), and the normalised `beta` under the name of input allocation. The other four agree.
"""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5 import SteadyState
from binn.clm5.column import DAYS_PER_YEAR
from binn.clm5.transfers import TRANSFERS, fractions, turnover_days
from binn.diagnostics.input_allocation import input_allocation
from binn.errors import InputError
from binn.parameters import index, to_normalised
from binn.quantities import DEFINITIONS

__all__ = ["components", "environmental_modifier"]

_BETWEEN_LITTER_AND_SOIL = [(k, frm) for k, (_, frm, _) in enumerate(TRANSFERS) if frm > 0]
_LITTER_AND_SOIL = slice(1, 7)


def components(state: SteadyState, definition: str = "stock") -> dict[str, Tensor]:
    """The six components of every site.

    Parameters
    ----------
    state : SteadyState
        Solved sites.
    definition : {"stock", "published"}
        See the module's first lines.

    Returns
    -------
    dict of Tensor, (site,)
        In the order and with the units of :data:`COMPONENT_NAMES`, float64. `input_allocation` is
        NaN where all input enters the first layer (definition `stock`).

    Raises
    ------
    InputError
        For an unknown definition.
    """
    if definition not in DEFINITIONS:
        raise InputError(f"definition={definition!r} is not known; use one of {DEFINITIONS}")
    published = definition == "published"
    parameters = state.parameters.to(torch.float64)
    if published:
        allocation = to_normalised(parameters)[:, index("beta")]
    else:
        allocation = input_allocation(state)
    return {
        "carbon_transfer_efficiency": _transfer_efficiency(state, parameters),
        "baseline_decomposition": _baseline_decomposition(state, parameters, published),
        "environmental_modifier": environmental_modifier(state),
        "input_allocation": allocation,
        "vertical_transport": _vertical_transport(state),
        "carbon_input": state.forcing.annual_input().to(torch.float64).sum(1),
    }


def environmental_modifier(state: SteadyState) -> Tensor:
    """SOC-weighted mean of ``mean(xi_T) mean(xi_W) xi_D`` (no oxygen, no nitrogen): (site,)."""
    return state.integrals.soc_modified / state.integrals.soc


def _transfer_efficiency(state: SteadyState, parameters: Tensor) -> Tensor:
    """Flux-weighted mean of the eight transfer fractions that are not fragmentation of CWD."""
    flux = state.integrals.modified / turnover_days(parameters)
    given = fractions(parameters)
    passed = sum(
        (given[:, k] * flux[:, frm] for k, frm in _BETWEEN_LITTER_AND_SOIL), flux[:, 0] * 0
    )
    return passed / flux[:, _LITTER_AND_SOIL].sum(1)


def _baseline_decomposition(state: SteadyState, parameters: Tensor, published: bool) -> Tensor:
    """Mean of 1/tau over the seven pools, weighted by stock or by summed concentration, yr-1."""
    weight = state.integrals.concentration if published else state.integrals.stock
    rate = DAYS_PER_YEAR / turnover_days(parameters)
    return (weight * rate).sum(1) / weight.sum(1)


def _vertical_transport(state: SteadyState) -> Tensor:
    """SOC-weighted mean of the diagonal of V, yr-1."""
    return DAYS_PER_YEAR * state.integrals.soc_mixed / state.integrals.soc
