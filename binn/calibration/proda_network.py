"""PRODA's network: covariates to normalised parameters, one network a run.

Unlike BINN it never sees the process model: it learns the site results themselves. `published` is
the authors' Keras script (spec section 11); the other is BINN's own network. Predictions are held
in [1e-4, 1], as the authors do before they use them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import init

from binn.calibration.proda_config import ProdaConfig
from binn.calibration.ranges import inside
from binn.clm5 import Forcing
from binn.errors import InputError
from binn.inputs import InputEncoding, Inputs, NumericInput
from binn.network import Network
from binn.parameters import PARAMETERS
from binn.site_inputs import On, covariate_table, encode_dataset
from binn.training.encoding import fit_encoding

__all__ = ["PRECISION", "ProdaNetwork", "new_network", "proda_encoding"]

PRECISION = torch.float32
"""That of the networks; Keras's."""
_CHUNK = 4096


class PublishedNetwork(nn.Module):
    """Fully connected ReLU layers and a linear output, begun as Keras does.

    Parameters
    ----------
    n_in : int
        Number of inputs.
    hidden : tuple of int
        Units of each hidden layer.
    """

    def __init__(self, n_in: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((n_in, *hidden, len(PARAMETERS))):
            linear = nn.Linear(a, b)
            init.xavier_uniform_(linear.weight)
            init.zeros_(linear.bias)
            layers += [linear, nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, inputs: Inputs) -> Tensor:
        """Normalised parameters (n, 21), not yet held in any range."""
        result: Tensor = self.layers(inputs.numeric)
        return result


def new_network(config: ProdaConfig, encoding: InputEncoding) -> nn.Module:
    """A network with weights drawn from torch's random numbers, ready to train."""
    if config.network is None:
        return PublishedNetwork(len(encoding.numeric), config.hidden).to(PRECISION)
    return Network(encoding, config.network).to(PRECISION)


def proda_encoding(
    ds: xr.Dataset, config: ProdaConfig, sites: NDArray[np.int64], forcing: Forcing
) -> InputEncoding:
    """How raw covariates become the network's inputs.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    config : ProdaConfig
        Which network.
    sites : ndarray of int
        The sites it learns from; BINN's network is scaled by them.
    forcing : Forcing
        Of all sites.

    Raises
    ------
    InputError
        If a covariate that was asked for is not there.
    """
    if config.network is not None:
        return fit_encoding(ds, config.network, sites, forcing)
    names = tuple(str(name) for name in ds["covariate"].to_numpy())
    low, high = _grid_limits(ds, names)
    numeric = tuple(
        _min_max(name, a, b) for name, a, b in zip((*names, "lon", "lat"), low, high, strict=True)
    )
    return InputEncoding(covariates=names, numeric=numeric)


def _grid_limits(
    ds: xr.Dataset, names: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and largest value of covariates, longitude and latitude: as stated, or of the data."""
    tables = [np.column_stack(covariate_table(ds, names, on)) for on in ("site", "cell")]
    every = np.concatenate(tables)
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    if "covariate_min" in ds and "covariate_max" in ds:
        stated = ds["covariate_min"].to_numpy(), ds["covariate_max"].to_numpy()
        known = np.isfinite(stated[0]) & np.isfinite(stated[1])
        low[: len(names)][known] = stated[0][known]
        high[: len(names)][known] = stated[1][known]
    return low, high


def _min_max(name: str, low: float, high: float) -> NumericInput:
    source = "coordinate" if name in ("lon", "lat") else "covariate"
    # a spread at the level of rounding is none: the column is held at 0
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        return NumericInput(name=name, source=source, offset=low, lower=0.0, upper=0.0)
    return NumericInput(name=name, source=source, offset=low, scale=high - low)


class ProdaNetwork:
    """Trained networks, one a run, and what turns a dataset into their inputs.

    Attributes
    ----------
    config : ProdaConfig
    encoding : InputEncoding
    runs : tuple of Module
        In eval mode.
    """

    def __init__(
        self, config: ProdaConfig, encoding: InputEncoding, runs: tuple[nn.Module, ...]
    ) -> None:
        if not runs:
            raise InputError("there is no network of PRODA to predict with")
        self.config, self.encoding = config, encoding
        self.runs = tuple(one.eval() for one in runs)

    @torch.no_grad()
    def normalised(
        self,
        ds: xr.Dataset,
        on: On = "site",
        forcing: Forcing | None = None,
        rows: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Normalised parameters by every run.

        Parameters
        ----------
        ds : xarray.Dataset
            Canonical dataset.
        on : {"site", "cell"}
            Rows.
        forcing : Forcing, optional
            ``Forcing.from_dataset(ds, on)``, if it has been read already.
        rows : ndarray of int, optional
            Some of the rows; all of them otherwise.

        Returns
        -------
        ndarray (run, n, 21)
            In [1e-4, 1].

        Raises
        ------
        InputError
            If a covariate is missing from the dataset or from one of the rows.
        """
        inputs = encode_dataset(self.encoding, ds, on, forcing, rows, PRECISION)
        parts = torch.arange(len(inputs)).split(_CHUNK)
        each = [
            torch.cat([run(inputs.take(some)) for some in parts]).double().numpy()
            for run in self.runs
        ]
        return inside(np.stack(each))

    def known_cells(self, ds: xr.Dataset) -> NDArray[np.int64]:
        """Cells of a dataset whose covariates are all known."""
        values, _ = covariate_table(ds, self.encoding.covariates, "cell")
        return np.flatnonzero(np.isfinite(values).all(axis=1))
