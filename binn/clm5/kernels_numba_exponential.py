"""The exponential written out, so that the compiler turns a loop of them into vector instructions.

Powers of two come from their bit pattern, the rest from a polynomial; libm's would be called one
by one, and they are most of the cost of a forward run.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["exponential_parts"]

_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SHIFT = 1.5 * 2.0**52  # adding it leaves the nearest whole number in the low bits
_BIAS = np.int64(1023) << 52
_LEAST = -700.0  # below, exp is as good as 0 and its bits would wrap


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def exponential_parts(x, rest, bits):
    """Split exp(x): ``exp(x) = two_k + two_k * rest`` to about one unit in the last place.

    With ``x = k ln 2 + r`` and whole k, `rest` is ``exp(r) - 1`` on ``|r| < 0.35`` and `two_k` is
    2^k, so that also ``exp(x) - 1 = (two_k - 1) + two_k * rest`` without losing digits near 0.

    Parameters
    ----------
    x : (n,)
        Less than 700; what is below -700 counts as -700.
    rest : (n,)
        Written.
    bits : (n,) of int64
        Written: the bit patterns of `two_k`; ``bits.view(np.float64)`` reads them.
    """
    two_k = bits.view(np.float64)
    for i in range(len(x)):
        value = x[i] if x[i] > _LEAST else _LEAST
        shifted = value * _LOG2_E + _SHIFT
        two_k[i] = shifted
        k = shifted - _SHIFT
        r = (value - k * _LN2_HIGH) - k * _LN2_LOW
        p = 2.08767569878681e-09
        p = p * r + 2.505210838544172e-08
        p = p * r + 2.755731922398589e-07
        p = p * r + 2.755731922398589e-06
        p = p * r + 2.480158730158730e-05
        p = p * r + 1.984126984126984e-04
        p = p * r + 1.388888888888889e-03
        p = p * r + 8.333333333333333e-03
        p = p * r + 4.166666666666666e-02
        p = p * r + 1.666666666666667e-01
        p = p * r + 0.5
        rest[i] = (r * r) * p + r
    for i in range(len(x)):
        bits[i] = (bits[i] << 52) + _BIAS
