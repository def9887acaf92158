"""Numbers as they are given (tensors, arrays, tables, lists) as tensors, no digit lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from binn.errors import InputError

__all__ = ["numbers"]


def numbers(given: Any, what: str) -> Tensor:
    """A tensor of float64, of float32 where that is given, of whole numbers or of truth values.

    Parameters
    ----------
    given : Tensor or array_like
        Numbers; lists of them are float64, unlike torch's own.
    what : str
        Their name, for the message.

    Raises
    ------
    InputError
        If these are not real numbers, or not arranged as an array.
    """
    if not isinstance(given, Tensor):
        try:
            array = np.asarray(given)
        except (TypeError, ValueError):
            raise InputError(f"{what} cannot be read as an array of numbers") from None
        if array.dtype.kind not in "biuf":
            raise InputError(f"{what} must be real numbers, not {array.dtype}")
        kept = array.dtype in (np.float64, np.float32, np.bool_)
        kind = array.dtype if kept else np.float64 if array.dtype.kind == "f" else np.int64
        # torch takes no array that is read-only or runs backwards
        given = torch.from_numpy(np.require(array, kind, ["C", "W"]))
    tensor: Tensor = given
    if tensor.is_complex():
        raise InputError(f"{what} must be real numbers, not {tensor.dtype}")
    if tensor.is_floating_point() and tensor.dtype not in (torch.float64, torch.float32):
        return tensor.to(torch.float64)
    return tensor
