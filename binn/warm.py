"""Compile what is compiled, so that no user waits for it: ``python -m binn.warm``.

Numba keeps compiled kernels beside the package, or in ``NUMBA_CACHE_DIR`` where that is read-only.
"""

from __future__ import annotations

import torch

from binn.clm5 import BEDROCK_SCHEMES, N_LAYERS, Forcing, local_sensitivity, solve, transient
from binn.diagnostics import components
from binn.parameters import LOWER, UPPER

__all__ = ["warm"]


def warm() -> None:
    """Run every kernel once, in both precisions, forwards and backwards."""
    monthly, layered = torch.ones(2, 12), torch.full((2, N_LAYERS, 12), 0.5)
    forcing = Forcing(
        cwd=monthly,
        litter1=monthly,
        litter2=monthly,
        litter3=monthly,
        altmax=monthly * 42.0,
        altmax_lastyear=monthly * 42.0,
        nbedrock=torch.full((2,), N_LAYERS),
        oxygen=layered,
        nitrogen=layered,
        water=layered,
        temperature=layered + 280.0,
    )
    parameters = torch.from_numpy(0.5 * (LOWER + UPPER)).repeat(2, 1)
    for dtype in (torch.float64, torch.float32):
        for scheme in BEDROCK_SCHEMES:
            state = solve(parameters, forcing.to(dtype=dtype), scheme)
            components(state)
            local_sensitivity(state)
            transient(state, forcing.changed(warming=1.0), 1)


if __name__ == "__main__":
    warm()
