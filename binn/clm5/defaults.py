"""CLM5's own parameter values, to compare retrieved ones with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from binn.clm5.column import N_LAYERS
from binn.clm5.numbers import numbers
from binn.clm5.profile import stock
from binn.errors import InputError
from binn.parameters import PARAMETERS, index

__all__ = ["clm5_defaults"]

_ROOT_ZONE = 1.0
"""m: where a profile of sand is given, its mean down to here is used."""


def clm5_defaults(sand: Any) -> Tensor:
    """Parameters of CLM5 (``clm5_params.c190829.nc``) for soils of given texture.

    The transfers out of fast soil carbon depend on sand: with ``t = 0.85 - 0.68 (1 - sand/100)``
    respired and ``f = 0.004 / (1 - t)``, ``fs1s2 = (1 - t)(1 - f)`` and ``fs1s3 = (1 - t) f``.

    Parameters
    ----------
    sand : Tensor, (site,) or (site, 20)
        Sand, %; of a profile the mean of the first metre is taken, since a parameter holds for a
        whole column.

    Returns
    -------
    Tensor, (site, 21)
        Physical units, table order, float64. `efolding` (10 m) and mostly `fs1s2` lie outside the
        prior ranges: solving with them warns.

    Raises
    ------
    InputError
        For sand outside 0 to 100 %.
    """
    percent = numbers(sand, "sand").to(torch.float64)
    if percent.ndim == 2 and percent.shape[1] == N_LAYERS:
        percent = stock(percent, 0.0, _ROOT_ZONE) / _ROOT_ZONE
    if percent.ndim != 1:
        raise InputError(f"sand has shape {tuple(percent.shape)}, expected (site,) or (site, 20)")
    if not bool(((percent >= 0.0) & (percent <= 100.0)).all()):
        raise InputError("sand must lie between 0 and 100 %; NaN is not allowed")
    values = percent.new_tensor([p.default for p in PARAMETERS]).repeat(len(percent), 1)
    passed = 1.0 - (0.85 - 0.68 * 0.01 * (100.0 - percent))
    to_passive = 0.004 / passed
    values[:, index("fs1s2")] = passed * (1.0 - to_passive)
    values[:, index("fs1s3")] = passed * to_passive
    return values
