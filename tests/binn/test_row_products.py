"""Layers for many rows: as torch's, and each row the same in whatever company."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from binn.row_products import RowLinear

DTYPES = (torch.float64, torch.float32)
# a library's order of additions changes with sizes that do not fill its vectors
sizes = st.integers(1, 70)


def layer(n_in: int, n_out: int, dtype: torch.dtype) -> RowLinear:
    torch.manual_seed(n_in)
    return RowLinear(n_in, n_out, dtype=dtype)


@settings(deadline=None, max_examples=40)
@given(sizes, sizes, st.integers(0, 200), st.sampled_from(DTYPES))
def test_as_torch(n_in: int, n_out: int, rows: int, dtype: torch.dtype) -> None:
    linear = layer(n_in, n_out, dtype)
    x = torch.randn(rows, n_in, dtype=dtype)
    with torch.no_grad():
        ours = linear(x)
    expected = functional.linear(x, linear.weight, linear.bias).detach()
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, expected, rtol=0, atol=300 * torch.finfo(dtype).eps)


@settings(deadline=None, max_examples=40)
@given(sizes, sizes, st.sampled_from(DTYPES), st.integers(1, 400), st.integers(0, 400))
def test_a_row_does_not_know_its_neighbours(
    n_in: int, n_out: int, dtype: torch.dtype, size: int, start: int
) -> None:
    linear = layer(n_in, n_out, dtype)
    x = torch.randn(800, n_in, dtype=dtype)
    order = torch.randperm(800)
    some = slice(start, start + size)
    with torch.no_grad():
        whole = linear(x)
        assert torch.equal(linear(x[some]), whole[some])
        assert torch.equal(linear(x[order]), whole[order])
        # laid out by columns
        assert torch.equal(linear(x.T.contiguous().T), whole)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_change_nothing(dtype: torch.dtype) -> None:
    linear, x = layer(81, 21, dtype), torch.randn(1024, 81, dtype=dtype)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            with torch.no_grad():
                found.append(linear(x).numpy())
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_gradients_flow() -> None:
    linear, x = layer(5, 3, torch.float64), torch.randn(4, 5, dtype=torch.float64)
    linear(x).sum().backward()
    assert linear.weight.grad is not None
    torch.testing.assert_close(linear.weight.grad, x.sum(0).expand(3, 5))
