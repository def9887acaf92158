"""The soil column of CLM5: 20 active layers, 7 carbon pools (spec section 1).

All lengths in m, from the surface down. The water and heat columns of CLM5 go deeper (25 layers);
carbon lives in the first 20.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError

__all__ = [
    "DAYS_PER_YEAR",
    "INTERFACES",
    "LITTER",
    "NODES",
    "N_LAYERS",
    "N_POOLS",
    "POOLS",
    "POOL_NAMES",
    "SOIL",
    "SPACING",
    "THICKNESS",
    "TOPS",
    "thickness_inside",
]

Vector = NDArray[np.float64]


def _frozen(*values: float) -> Vector:
    array = np.array(values)
    array.flags.writeable = False
    return array


NODES: Vector = _frozen(
    0.01, 0.04, 0.09, 0.16, 0.26, 0.40, 0.58, 0.80, 1.06, 1.36,
    1.70, 2.08, 2.50, 2.99, 3.58, 4.27, 5.06, 5.95, 6.94, 8.03,
)  # fmt: skip
"""Depth of each layer's node (20,), m."""
THICKNESS: Vector = _frozen(
    0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.20, 0.24, 0.28, 0.32,
    0.36, 0.40, 0.44, 0.54, 0.64, 0.74, 0.84, 0.94, 1.04, 1.14,
)  # fmt: skip
"""Thickness of each layer (20,), m."""
INTERFACES: Vector = _frozen(
    0.02, 0.06, 0.12, 0.20, 0.32, 0.48, 0.68, 0.92, 1.20, 1.52,
    1.88, 2.28, 2.72, 3.26, 3.90, 4.64, 5.48, 6.42, 7.46, 8.60,
)  # fmt: skip
"""Depth of each layer's lower interface (20,), m."""
TOPS: Vector = _frozen(0.0, *INTERFACES[:-1])
"""Depth of each layer's upper interface (20,), m."""
SPACING: Vector = _frozen(NODES[0], *np.diff(NODES))
"""Distance from the node above (20,), m; the first is the depth of the first node."""

N_LAYERS = 20
N_POOLS = 7
POOLS: tuple[str, ...] = ("cwd", "litter1", "litter2", "litter3", "soil1", "soil2", "soil3")
"""Keys of the pools, in the order of the state vector (pool-major: index = pool * 20 + layer)."""
POOL_NAMES: tuple[str, ...] = (
    "Coarse woody debris",
    "Metabolic litter",
    "Cellulose litter",
    "Lignin litter",
    "Fast soil carbon",
    "Slow soil carbon",
    "Passive soil carbon",
)
LITTER = slice(1, 4)
SOIL = slice(4, 7)
DAYS_PER_YEAR = 365.0
"""CLM5 runs a no-leap calendar; rates are per day inside the model."""


def thickness_inside(top: float, bottom: float) -> Vector:
    """How much of each layer lies between two depths: (20,), m.

    Parameters
    ----------
    top, bottom : float
        Depth range, m; 0 <= top < bottom <= 8.6.

    Raises
    ------
    InputError
        For a range that is not in the column.
    """
    deepest = float(INTERFACES[-1])
    if not (0.0 <= top < bottom <= deepest + 1e-9):
        raise InputError(
            f"depth range {top} to {bottom} m is not possible; give 0 <= top < bottom <= {deepest}"
        )
    inside: Vector = np.clip(np.minimum(INTERFACES, bottom) - np.maximum(TOPS, top), 0.0, None)
    return inside
