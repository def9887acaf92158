"""Layers that look at a whole batch, when every process holds only some of its rows.

torch's own ``SyncBatchNorm`` refuses CPU tensors and averages gradients that here are summed, so
the moments are written out on a differentiable sum over all processes. Names of weights and
statistics are those of the layers that are replaced: a checkpoint does not tell how many
processes made it.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SharedBatch", "SharedDropout", "SyncBatchNorm", "share_layers"]


class SharedBatch(Protocol):
    """The batch that is being worked on, seen from one process.

    Attributes
    ----------
    batch_sites : int
        Sites of the whole batch.
    batch_rows : slice
        Its rows that this process holds.
    """

    batch_sites: int
    batch_rows: slice

    def add(self, values: Tensor) -> None:
        """Replace `values` by their sum over all processes."""


class _Sum(torch.autograd.Function):
    """Sum over all processes; so is its gradient, for every process's loss depends on the sum."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, batch: SharedBatch) -> Tensor:
        ctx.batch = batch
        result = values.clone()
        batch.add(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        result = gradients[0].clone()
        ctx.batch.add(result)
        return result, None


def _sum(values: Tensor, batch: SharedBatch) -> Tensor:
    result: Tensor = _Sum.apply(values, batch)  # type: ignore[no-untyped-call]
    return result


class SyncBatchNorm(nn.BatchNorm1d):
    """Batch normalisation by the moments of the whole batch.

    Parameters
    ----------
    layer : BatchNorm1d
        What it replaces; weights and statistics are copied.
    batch : SharedBatch
        The batch in work.
    """

    def __init__(self, layer: nn.BatchNorm1d, batch: SharedBatch) -> None:
        like = layer.weight
        super().__init__(
            layer.num_features, layer.eps, layer.momentum, device=like.device, dtype=like.dtype
        )
        self.load_state_dict(layer.state_dict())
        self.batch = batch

    def forward(self, x: Tensor) -> Tensor:
        """Normalised rows (n, features) of this process; n may be 0."""
        if not self.training:
            return super().forward(x)
        n = self.batch.batch_sites
        # two sums one after the other, as exact as one process would be
        mean = _sum(x.sum(0), self.batch) / n
        centred = x - mean
        variance = _sum(centred.square().sum(0), self.batch) / n
        self._track(mean.detach(), variance.detach() * n / (n - 1))
        return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Let the running statistics follow, as torch does (with the unbiased variance)."""
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class SharedDropout(nn.Dropout):
    """Dropout whose mask is drawn for the whole batch in every process.

    All processes draw the same numbers, so their random states stay equal, and on the CPU they are
    those that one process alone would draw.

    Parameters
    ----------
    layer : Dropout
        What it replaces.
    batch : SharedBatch
        The batch in work.
    """

    def __init__(self, layer: nn.Dropout, batch: SharedBatch) -> None:
        super().__init__(layer.p)
        self.batch = batch

    def forward(self, x: Tensor) -> Tensor:
        """Rows (n, features) of this process, some values 0 and the others made larger."""
        if not self.training:
            return x
        whole = x.new_ones((self.batch.batch_sites, *x.shape[1:]))
        return x * functional.dropout(whole, self.p, training=True)[self.batch.batch_rows]


def share_layers(network: nn.Module, batch: SharedBatch) -> None:
    """Replace batch normalisation and dropout inside a network.

    Parameters
    ----------
    network : Module
        Changed in place.
    batch : SharedBatch
        The batch in work.
    """
    for name, layer in network.named_children():
        if isinstance(layer, nn.BatchNorm1d):
            setattr(network, name, SyncBatchNorm(layer, batch))
        elif isinstance(layer, nn.Dropout):
            setattr(network, name, SharedDropout(layer, batch))
        else:
            share_layers(layer, batch)
