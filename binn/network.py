"""The network: encoded covariates to 21 normalised parameters u in (0, 1).

As in the authors' code (mlp.py, pe_gcn_model.py) where it differs from their paper: position layer,
numeric inputs and category vectors side by side, then hidden layers Linear -> BatchNorm ->
LeakyReLU, then u = sigmoid(z / gamma). `NetworkConfig` names every difference.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional, init

from binn.inputs import POSITION_FEATURES, InputEncoding, Inputs
from binn.parameters import PARAMETERS
from binn.row_products import RowLinear
from binn.training.config import NetworkConfig

__all__ = ["CategoryTable", "HiddenLayer", "Network", "Temper"]

_GAMMA_LEAST, _GAMMA_RANGE = 10.0, 99.0  # the authors' min_temp and max_temp - min_temp


class CategoryTable(nn.Module):
    """A vector for each known category; unknown ones get the average of the known.

    Parameters
    ----------
    size : int
        Number of known categories.
    length : int
        Length of a vector.
    unit_norm : bool
        Whether every vector is scaled to length 1.
    """

    frequency: Tensor

    def __init__(self, size: int, length: int, unit_norm: bool) -> None:
        super().__init__()
        self.unit_norm = unit_norm
        self.weight = nn.Parameter(torch.randn(size, length))
        self.register_buffer("frequency", torch.full((size,), 1.0 / max(size, 1)))

    def forward(self, rows: Tensor) -> Tensor:
        """Vectors (n, length) of table rows (n,); row `size` is the unknown category."""
        known = functional.normalize(self.weight, dim=1) if self.unit_norm else self.weight
        return torch.cat([known, (self.frequency @ known).unsqueeze(0)])[rows]


class HiddenLayer(nn.Module):
    """Linear, batch normalisation before or after the leaky ReLU, dropout.

    Parameters
    ----------
    n_in, n_out : int
        Units.
    config : NetworkConfig
        Kind of normalisation, slope, dropout.
    """

    def __init__(self, n_in: int, n_out: int, config: NetworkConfig) -> None:
        super().__init__()
        self.linear = RowLinear(n_in, n_out)
        self.norm = nn.Identity() if config.batch_norm == "none" else nn.BatchNorm1d(n_out)
        self.norm_first = config.batch_norm == "before"
        self.slope = config.slope
        self.dropout = nn.Dropout(config.dropout)
        init.xavier_uniform_(self.linear.weight, init.calculate_gain("leaky_relu", config.slope))
        init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Activations (n, n_out) of inputs (n, n_in)."""
        x = self.linear(x)
        if self.norm_first:
            x = functional.leaky_relu(self.norm(x), self.slope)
        else:
            x = self.norm(functional.leaky_relu(x, self.slope))
        result: Tensor = self.dropout(x)
        return result


class Temper(nn.Module):
    """z / gamma with gamma = 10 + 99 sigmoid(g), g trained from 0 (gamma = 59.5)."""

    def __init__(self) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.zeros(()))

    def gamma(self) -> Tensor:
        """The divisor, ()."""
        return _GAMMA_LEAST + _GAMMA_RANGE * torch.sigmoid(self.g)

    def forward(self, z: Tensor) -> Tensor:
        """The quotient, shaped as `z`."""
        return z / self.gamma()


class Network(nn.Module):
    """Encoded inputs to normalised parameters.

    Parameters
    ----------
    encoding : InputEncoding
        Names and number of the inputs.
    config : NetworkConfig
        Layers and output.
    """

    def __init__(self, encoding: InputEncoding, config: NetworkConfig) -> None:
        super().__init__()
        self.tables = nn.ModuleList(
            CategoryTable(len(codes), config.embedding_size, config.embedding_unit_norm)
            for codes in encoding.tables.values()
        )
        names = list(encoding.tables)
        self.table_of = tuple(names.index(one.table) for one in encoding.categorical)
        self.position: nn.Module | None = None
        n_in = len(encoding.numeric) + config.embedding_size * len(encoding.categorical)
        if encoding.position:
            linear = RowLinear(POSITION_FEATURES, config.position_size)
            init.xavier_uniform_(linear.weight)
            self.position = nn.Sequential(linear, nn.ReLU(), nn.Dropout(config.position_dropout))
            n_in += config.position_size
        sizes = [n_in] + [config.width] * config.depth
        self.hidden = nn.ModuleList(HiddenLayer(a, b, config) for a, b in pairwise(sizes))
        self.output = RowLinear(config.width, len(PARAMETERS))
        init.xavier_uniform_(self.output.weight, config.output_gain)
        init.zeros_(self.output.bias)
        self.temper = Temper() if config.output == "tempered" else None

    def forward(self, inputs: Inputs) -> Tensor:
        """Normalised parameters.

        Parameters
        ----------
        inputs : Inputs
            n rows.

        Returns
        -------
        Tensor (n, 21)
        """
        parts = [] if self.position is None else [self.position(inputs.position)]
        parts.append(inputs.numeric)
        parts += [
            self.tables[table](rows)
            for table, rows in zip(self.table_of, inputs.codes.unbind(1), strict=True)
        ]
        x = torch.cat(parts, dim=1)
        for layer in self.hidden:
            x = layer(x)
        z = self.output(x)
        return torch.sigmoid(z if self.temper is None else self.temper(z))

    @torch.no_grad()
    def start_from(self, u: Tensor) -> None:
        """Set the output bias so that zero activations give the parameters `u` (21,)."""
        z = torch.logit(u.to(self.output.bias))
        self.output.bias.copy_(z if self.temper is None else z * self.temper.gamma())

    @torch.no_grad()
    def count_categories(self, inputs: Inputs) -> None:
        """Weigh the average that stands for unknown categories by how common each category is.

        Parameters
        ----------
        inputs : Inputs
            The training sites.
        """
        for k, table in enumerate(self.tables):
            assert isinstance(table, CategoryTable)
            size = len(table.weight)
            rows = torch.cat(
                [
                    column
                    for of, column in zip(self.table_of, inputs.codes.unbind(1), strict=True)
                    if of == k
                ]
            )
            counts = torch.bincount(rows, minlength=size + 1)[:size].to(table.frequency)
            table.frequency.copy_(counts / counts.sum().clamp_min(1.0))
