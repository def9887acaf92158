"""Who gives carbon to whom, and how fast pools turn over: A and K (spec section 4).

The same in every layer. Fractions are "CUE-like": the share that arrives; the rest is respired,
except from coarse woody debris, which fragments into litter 2 and 3 without loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5.column import DAYS_PER_YEAR
from binn.parameters import index

__all__ = ["TRANSFERS", "fractions", "respired_fraction", "turnover_days"]

TRANSFERS: tuple[tuple[int, int, str], ...] = (
    (2, 0, "fcwdl2"),
    (3, 0, "1 - fcwdl2"),
    (4, 1, "fl1s1"),
    (4, 2, "fl2s1"),
    (5, 3, "fl3s2"),
    (5, 4, "fs1s2"),
    (6, 4, "fs1s3"),
    (4, 5, "fs2s1"),
    (6, 5, "fs2s3"),
    (4, 6, "fs3s1"),
)
"""(receiving pool, giving pool, parameter), in the order of :func:`fractions`."""

_DIRECT = [index(key) for _, _, key in TRANSFERS if not key.startswith("1")]
# tau of CWD, L1, L2, L3 (= L2), S1, S2, S3
_TURNOVER = [
    index(key) for key in ("tau4cwd", "tau4l1", "tau4l2", "tau4l2", "tau4s1", "tau4s2", "tau4s3")
]


def fractions(parameters: Tensor) -> Tensor:
    """Transfer fractions in the order of :data:`TRANSFERS`: (site, 21) -> (site, 10)."""
    direct = parameters[:, _DIRECT]
    return torch.cat([direct[:, :1], 1.0 - direct[:, :1], direct[:, 1:]], 1)


def turnover_days(parameters: Tensor) -> Tensor:
    """Turnover time of the seven pools, in days: (site, 21) -> (site, 7)."""
    return DAYS_PER_YEAR * parameters[:, _TURNOVER]


def respired_fraction(parameters: Tensor) -> Tensor:
    """Share of each pool's decomposition that leaves as CO2: (site, 21) -> (site, 7)."""
    lost = parameters.new_ones(parameters.shape[0], 7)
    given = fractions(parameters)
    for k, (_, giver, _) in enumerate(TRANSFERS):
        lost[:, giver] = lost[:, giver] - given[:, k]
    lost[:, 0] = 0.0  # fcwdl2 and its complement: exactly nothing, not a rounding error
    return lost
