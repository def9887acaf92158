"""Normalised parameters and their logits: the unbounded space that ensembles move in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["logit", "normalised"]

Array = NDArray[np.float64]
_EDGE = 1e-9  # normalised values stay off 0 and 1 by so much


def logit(u: Array) -> Array:
    """ln(u / (1 - u)) of normalised parameters, finite at both ends."""
    inner = np.clip(u, _EDGE, 1.0 - _EDGE)
    return np.log(inner) - np.log1p(-inner)


def normalised(logits: Array) -> Array:
    """The inverse of :func:`logit`, inside (0, 1)."""
    return np.clip(1.0 / (1.0 + np.exp(-np.clip(logits, -50.0, 50.0))), _EDGE, 1.0 - _EDGE)
