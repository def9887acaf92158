"""Layers of a network for many rows, each row rounded alike in whatever company.

Libraries for matrix products add up a row in an order that depends on its place, on the number of
rows and on the threads. Here the order is written down, in plain IEEE arithmetic that no compiler
may rearrange, so that a site's parameters are the same to the last bit in any chunk.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from binn.clm5.numba_backend import share_sites

__all__ = ["RowLinear"]

_LANES = 64  # rows worked side by side: vector instructions run across them


class RowLinear(nn.Linear):
    """`torch.nn.Linear`; on the CPU, without gradients, no row's result depends on others."""

    def forward(self, x: Tensor) -> Tensor:
        """Results (n, n_out) of inputs (n, n_in)."""
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return super().forward(x)
        values, weight, bias = (one.detach().contiguous().numpy() for one in (
            x, self.weight, self.bias,
        ))  # fmt: skip
        result = np.empty((len(values), len(bias)), values.dtype)
        share_sites(
            len(values), lambda start, stop: _affine(start, stop, values, weight, bias, result)
        )
        return torch.from_numpy(result)


@njit(cache=True, nogil=True)  # without fastmath: the order of additions is the point
def _affine(start, stop, values, weight, bias, result):  # type: ignore[no-untyped-def]
    """Write ``values @ weight.T + bias`` for the rows `start` to `stop`.

    Parameters
    ----------
    start, stop : int
        Range of rows.
    values, weight, bias : (row, n_in), (n_out, n_in), (n_out,)
        float64 or float32, all alike.
    result : (row, n_out)
        Written.
    """
    n_out, n_in = weight.shape
    fours = n_in + (-n_in) % 4
    w = np.zeros((n_out, fours), weight.dtype)
    w[:, :n_in] = weight
    x = np.zeros((fours, _LANES), values.dtype)
    one, two = np.empty(_LANES, values.dtype), np.empty(_LANES, values.dtype)
    for first in range(start, stop, _LANES):
        rows = min(_LANES, stop - first)
        for i in range(rows):
            for k in range(n_in):
                x[k, i] = values[first + i, k]
        for j in range(0, n_out, 2):
            m = min(j + 1, n_out - 1)  # two outputs at once; of an odd number, the last one twice
            for i in range(_LANES):
                one[i], two[i] = bias[j], bias[m]
            for k in range(0, fours, 4):
                a, b, c, d = x[k], x[k + 1], x[k + 2], x[k + 3]
                p, q, r, s = w[j, k], w[j, k + 1], w[j, k + 2], w[j, k + 3]
                t, u, v, z = w[m, k], w[m, k + 1], w[m, k + 2], w[m, k + 3]
                for i in range(_LANES):
                    one[i] = one[i] + p * a[i] + q * b[i] + r * c[i] + s * d[i]
                    two[i] = two[i] + t * a[i] + u * b[i] + v * c[i] + z * d[i]
            for i in range(rows):
                result[first + i, j], result[first + i, m] = one[i], two[i]
