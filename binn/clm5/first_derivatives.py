"""Gradients written by hand have no gradient: asked for one, torch shall say so, not drop it.

`torch.autograd.function.once_differentiable` is silent where what comes into the backward pass has
no gradient of its own, as in the penalty of a gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["first_only"]


def first_only(gradient: Tensor, by: Tensor) -> Tensor:
    """The gradient, of which no other can be taken.

    Parameters
    ----------
    gradient : Tensor
        What a backward pass has found.
    by : Tensor
        What it is the gradient by.

    Returns
    -------
    Tensor
        Equal to `gradient`; differentiated again, it raises NotImplementedError.
    """
    if not torch.is_grad_enabled():  # a usual backward pass: nobody can ask
        return gradient
    refused: Tensor = _FirstOnly.apply(gradient, by)  # type: ignore[no-untyped-call]
    return refused


class _FirstOnly(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, gradient: Tensor, _by: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def backward(_: Any, *grads: Tensor) -> tuple[None, None]:
        raise NotImplementedError(
            "the steady state has first derivatives only: leave gradients out of what is "
            "differentiated"
        )
