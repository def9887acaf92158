"""The published way: assemble the 140 x 140 matrix and factorise it.

Two assemblies of the same system: `loop` fills it entry by entry in Python, as the paper's first
code did, and `vectorised` for all sites at once. Both are oracles of the tests and baselines of
the benchmark. Their LU factorisation loses digits where the system is ill-conditioned (about a
quarter of the prior under the published scheme), which is why nothing else uses them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5 import environment, litter, transfers, transport
from binn.clm5.column import DAYS_PER_YEAR, N_LAYERS, N_POOLS, NODES, THICKNESS
from binn.clm5.forcing import Forcing

__all__ = ["decomposition_matrix", "solve_dense"]


def solve_dense(parameters: Tensor, forcing: Forcing, bedrock: str, loop: bool = False) -> Tensor:
    """Pools by LU of the full matrix, differentiable by plain autograd.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, float64.
    forcing : Forcing
        Of as many sites.
    bedrock : {"conserving", "published"}
        Bedrock scheme.
    loop : bool
        Assemble site by site, entry by entry.

    Returns
    -------
    Tensor, (site, 7, 20)
        gC m-3; may be negative or inaccurate where the system is ill-conditioned.
    """
    assemble = _assemble_loop if loop and len(parameters) else _assemble
    matrix, source = assemble(parameters, forcing, bedrock)
    pools: Tensor = torch.linalg.solve(matrix, source)
    return pools.reshape(-1, N_POOLS, N_LAYERS)


def decomposition_matrix(parameters: Tensor) -> Tensor:
    """``I - A'``: what decomposition takes from and gives to the pools, (site, 7, 7).

    Minus the code's A (diagonal -1, transfers off the diagonal); the paper's A.
    """
    fraction = transfers.fractions(parameters)
    matrix = torch.eye(N_POOLS, dtype=parameters.dtype, device=parameters.device)
    matrix = matrix.repeat(len(parameters), 1, 1)
    for k, (to, frm, _) in enumerate(transfers.TRANSFERS):
        matrix[:, to, frm] = -fraction[:, k]
    return matrix


def _monthly_rates(parameters: Tensor, forcing: Forcing, bedrock: str) -> Tensor:
    """Month-mean decomposition rates by the full product of scalars: (site, 7, 20), day-1."""
    xi = environment.scalars(parameters, forcing)
    soil = xi.temperature * xi.water * xi.oxygen * xi.depth[:, :, None]
    scalar = torch.stack([soil, *[soil * xi.nitrogen] * 3, *[soil] * 3], 1).mean(3)
    if bedrock == "conserving":
        above = forcing.above_bedrock()[:, None]
        scalar = torch.where(above, scalar, scalar[:, :, :1])
    return scalar / transfers.turnover_days(parameters)[:, :, None]


def _assemble(parameters: Tensor, forcing: Forcing, bedrock: str) -> tuple[Tensor, Tensor]:
    """Matrix (site, 140, 140) and right-hand side (site, 140) of all sites at once."""
    n, size = len(parameters), N_POOLS * N_LAYERS
    rate = _monthly_rates(parameters, forcing, bedrock)
    matrix = rate.new_zeros(n, N_POOLS, N_LAYERS, N_POOLS, N_LAYERS)
    layer = torch.arange(N_LAYERS)
    exchange = decomposition_matrix(parameters)[:, :, :, None] * rate[:, None]
    matrix[:, :, layer, :, layer] = exchange.permute(3, 0, 1, 2)
    v = transport.transport_matrix(*transport.couplings(parameters, forcing, bedrock))
    for pool in range(1, N_POOLS):
        matrix[:, pool, :, pool] = matrix[:, pool, :, pool] + v
    source = litter.litter_input(litter.input_fraction(parameters, forcing, bedrock), forcing)
    soil = source.new_zeros(n, 3, N_LAYERS)
    return matrix.reshape(n, size, size), torch.cat([source, soil], 1).reshape(n, size)


def _assemble_loop(parameters: Tensor, forcing: Forcing, bedrock: str) -> tuple[Tensor, Tensor]:
    """The same by for-loops over sites, pools, layers and months."""
    size = N_POOLS * N_LAYERS
    matrices, sources = [], []
    for site in range(len(parameters)):
        p, one = parameters[site : site + 1], forcing.take([site])
        kelvin, wet, oxygen, nitrogen = (
            one.per_site(name)[0] for name in ("temperature", "water", "oxygen", "nitrogen")
        )
        q10, efolding, w_scaling = p[0, 2], p[0, 3], p[0, 19]
        days = transfers.turnover_days(p)[0]
        bottom = int(one.per_site("nbedrock")[0]) if bedrock == "conserving" else N_LAYERS
        soil, litter_scalar = [], []
        for j in range(N_LAYERS):
            source_layer = j if j < bottom else 0
            total = total_n = p.new_zeros(())
            for month in range(12):
                xi = q10 ** ((kelvin[source_layer, month] - 298.15) / 10.0)
                xi = xi * torch.clamp(w_scaling * wet[source_layer, month], max=1.0)
                xi = xi * oxygen[source_layer, month]
                xi = xi * torch.exp(-NODES[source_layer] / efolding)
                total = total + xi
                total_n = total_n + xi * nitrogen[source_layer, month]
            soil.append(total / 12)
            litter_scalar.append(total_n / 12)
        matrix = p.new_zeros(size, size)
        a, c = (values[0] for values in transport.couplings(p, one, bedrock))
        fraction = transfers.fractions(p)[0]
        for pool in range(N_POOLS):
            for j in range(N_LAYERS):
                i = pool * N_LAYERS + j
                k = (litter_scalar if 1 <= pool <= 3 else soil)[j] / days[pool]
                matrix[i, i] = k
                for number, (to, frm, _) in enumerate(transfers.TRANSFERS):
                    if frm == pool:
                        matrix[to * N_LAYERS + j, i] = -fraction[number] * k
                if pool > 0:
                    matrix[i, i] = matrix[i, i] + a[j] + c[j]
                    if j > 0:
                        matrix[i, i - 1] = -a[j]
                    if j < N_LAYERS - 1:
                        matrix[i, i + 1] = -c[j]
        share = litter.input_fraction(p, one, bedrock)[0]
        source = p.new_zeros(size)
        for pool in range(4):
            for j in range(N_LAYERS):
                daily = one.annual_input()[0, pool] / DAYS_PER_YEAR
                source[pool * N_LAYERS + j] = daily * share[j] / THICKNESS[j]
        matrices.append(matrix)
        sources.append(source)
    return torch.stack(matrices), torch.stack(sources)
