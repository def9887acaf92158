"""Which parameters a soil can have: checks before solving."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from binn.clm5.forcing import Forcing
from binn.clm5.numbers import numbers
from binn.errors import InputError
from binn.parameters import KEYS, LOWER, PARAMETERS, UPPER

__all__ = ["BEDROCK_SCHEMES", "OutsidePriorWarning", "all_within", "checked_parameters"]

BEDROCK_SCHEMES = ("conserving", "published")
# rounding to float32 and back is not leaving the prior
_LOW = LOWER - 1e-6 * (UPPER - LOWER)
_HIGH = UPPER + 1e-6 * (UPPER - LOWER)


class OutsidePriorWarning(UserWarning):
    """Parameters lie outside the prior ranges of the published model, but are physical."""


def checked_parameters(
    parameters: Tensor | np.ndarray[Any, Any], forcing: Forcing, bedrock: str
) -> Tensor:
    """Parameters as a tensor beside their forcing, or a sentence saying what is wrong.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, table order.
    forcing : Forcing
        Of as many sites.
    bedrock : str
        Bedrock scheme.

    Raises
    ------
    InputError
        For parameters that are not physical (naming site and parameter), shapes that do not match,
        or an unknown scheme.
    """
    if bedrock not in BEDROCK_SCHEMES:
        raise InputError(f"bedrock={bedrock!r} is not known; use one of {BEDROCK_SCHEMES}")
    values = numbers(parameters, "parameters").to(forcing.device)
    if values.ndim != 2 or values.shape[1] != len(KEYS):
        raise InputError(
            f"parameters have shape {tuple(values.shape)}, expected (site, {len(KEYS)})"
        )
    if values.shape[0] != forcing.n_sites:
        raise InputError(
            f"{values.shape[0]} sites of parameters but {forcing.n_sites} sites of forcing"
        )
    if not values.is_floating_point():
        values = values.to(torch.float64)
    _check_values(values.detach().to(torch.float64))
    return values


_POSITIVE = [i for i, p in enumerate(PARAMETERS) if p.key.startswith("tau4")] + [
    KEYS.index(key) for key in ("q10", "efolding", "w_scaling", "beta")
]
_NOT_NEGATIVE = [KEYS.index("diffus"), KEYS.index("cryo")]
_FRACTIONS = [i for i, p in enumerate(PARAMETERS) if p.mechanism == "Carbon transfer"]
_SHARED = (("fs1s2", "fs1s3"), ("fs2s1", "fs2s3"))


@njit(cache=True, nogil=True)
def _all_inside(values, low, high):  # type: ignore[no-untyped-def]
    """Whether all parameters lie in the prior; compiled, since every solve of a few sites asks."""
    for site in range(values.shape[0]):
        for k in range(values.shape[1]):
            if not low[k] <= values[site, k] <= high[k]:
                return False
    return True


@njit(cache=True, nogil=True)
def all_within(soil, deepest, low, high):  # type: ignore[no-untyped-def]
    """Whether all soil pools lie between two numbers, in the layers that hold soil.

    Parameters
    ----------
    soil : (site, 3, 20)
        gC m-3.
    deepest : (site,)
        How many layers hold soil.
    low, high : float
        Both ends are inside.
    """
    for site in range(soil.shape[0]):
        for pool in range(soil.shape[1]):
            for j in range(deepest[site]):
                if not low <= soil[site, pool, j] <= high:
                    return False
    return True


def _check_values(values: Tensor) -> None:
    """Refuse what no soil can have, warn about what the prior does not cover."""
    if values.device.type == "cpu" and _all_inside(values.contiguous().numpy(), _LOW, _HIGH):
        return
    low, high = (torch.from_numpy(end).to(values.device) for end in (_LOW, _HIGH))
    outside = ~((values >= low) & (values <= high))
    if not bool(outside.any()):
        return
    wrong = ~values.isfinite()
    wrong[:, _POSITIVE] |= values[:, _POSITIVE] <= 0.0
    wrong[:, _NOT_NEGATIVE] |= values[:, _NOT_NEGATIVE] < 0.0
    wrong[:, _FRACTIONS] |= (values[:, _FRACTIONS] < 0.0) | (values[:, _FRACTIONS] > 1.0)
    beta = KEYS.index("beta")
    wrong[:, beta] |= values[:, beta] >= 1.0
    if bool(wrong.any()):
        site, k = (int(i) for i in wrong.nonzero()[0])
        p = PARAMETERS[k]
        raise InputError(
            f"parameter {p.key!r} ({p.long_name.lower()}) is {float(values[site, k])} {p.unit} at "
            f"site {site}, which is not physical; the prior range is {p.lower:g} to {p.upper:g}"
        )
    for first, second in _SHARED:
        total = values[:, KEYS.index(first)] + values[:, KEYS.index(second)]
        if bool((total > 1.0).any()):
            site = int((total > 1.0).nonzero()[0])
            raise InputError(
                f"parameters {first!r} and {second!r} add up to {float(total[site])} at site "
                f"{site}: the pool would pass on more carbon than it decomposes; keep the sum <= 1"
            )
    sites, which = outside.any(1), outside.any(0).nonzero()[:, 0].tolist()
    warnings.warn(
        f"{int(sites.sum())} of {len(values)} sites have parameters outside the prior ranges: "
        + ", ".join(KEYS[k] for k in which),
        OutsidePriorWarning,
        stacklevel=4,
    )
