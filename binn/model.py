"""BINN: the network, then the process model; nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from binn.clm5 import Forcing, SteadyState, solve
from binn.inputs import InputEncoding, Inputs
from binn.network import Network
from binn.parameters import to_physical
from binn.site_inputs import On, encode_dataset, forcing_summaries
from binn.training.config import Bedrock, NetworkConfig

if TYPE_CHECKING:
    from binn.checkpoint import CheckpointConfig

__all__ = ["BINN", "ROWS", "ModelConfig"]

_CHUNK = 1024  # sites the network takes at once: more costs memory and gains no time
ROWS = 32
"""Rows that the network takes are a multiple of it, so that nothing is left over by vectors."""


class ModelConfig(BaseModel):
    """All that is needed to rebuild a model but its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkConfig = Field(description="Layers and output of the network.")
    inputs: InputEncoding = Field(description="How raw values become network inputs.")
    bedrock: Bedrock = Field(description="Process model below bedrock.")
    members: int = Field(1, ge=1, le=100, description="Networks whose parameters are averaged.")
    dtype: Literal["float64", "float32"] = Field("float64", description="Network precision.")


class BINN(nn.Module):
    """Covariates to 21 parameters to the CLM5 steady state.

    With several members, the normalised parameters are the mean of the members': one parameter
    vector a site, which the process model then takes.

    Parameters
    ----------
    config : ModelConfig
        Inputs, network, bedrock scheme, number of members.

    Attributes
    ----------
    config : ModelConfig
    checkpoint : CheckpointConfig or None
        Where the weights came from, if they were loaded.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpoint: CheckpointConfig | None = None
        self.networks = nn.ModuleList(
            Network(config.inputs, config.network).to(self.dtype) for _ in range(config.members)
        )

    @property
    def bedrock(self) -> Bedrock:
        """Process model below bedrock: "conserving" or "published"."""
        return self.config.bedrock

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the network."""
        return torch.float32 if self.config.dtype == "float32" else torch.float64

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def normalise(self, inputs: Inputs) -> Tensor:
        """Normalised parameters of encoded inputs.

        Parameters
        ----------
        inputs : Inputs
            n rows, on the device of the weights.

        Returns
        -------
        Tensor (n, 21) of float64
        """
        first, *others = (network(inputs).double() for network in self.networks)
        # a single member is returned as it is: dividing by one would only add work
        total: Tensor = sum(others, first)
        return total / len(self.networks) if others else total

    def forward(self, inputs: Inputs, forcing: Forcing) -> SteadyState:
        """Steady state of encoded inputs; differentiable in the weights.

        Parameters
        ----------
        inputs : Inputs
            n rows.
        forcing : Forcing
            Of the same n sites.

        Returns
        -------
        SteadyState
        """
        return solve(to_physical(self.normalise(inputs)), forcing, bedrock=self.bedrock)

    def parameters_for(
        self,
        covariates: NDArray[np.float64] | Tensor,
        lonlat: NDArray[np.float64] | Tensor,
        forcing: Forcing | None = None,
    ) -> Tensor:
        """Normalised parameters of raw covariates.

        Parameters
        ----------
        covariates : array or Tensor (n, covariates)
            Raw values in the order of ``config.inputs.covariates``.
        lonlat : array or Tensor (n, 2)
            Degrees east, degrees north.
        forcing : Forcing, optional
            Of the same n sites; needed by networks that read forcing summaries
            (``config.inputs.needs_forcing``).

        Returns
        -------
        Tensor (n, 21) of float64

        Raises
        ------
        InputError
            If a shape is wrong or a value is missing.
        """
        encoding = self.config.inputs
        summaries = None
        if forcing is not None and encoding.needs_forcing:
            summaries = forcing_summaries(forcing)
        inputs = encoding.encode(
            np.asarray(covariates), np.asarray(lonlat), summaries, dtype=self.dtype
        )
        return self.normalise(inputs.to(self.device))

    @torch.no_grad()
    def normalised(
        self,
        ds: xr.Dataset,
        on: On = "site",
        forcing: Forcing | None = None,
        rows: Sequence[int] | NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Normalised parameters of a dataset's sites or cells, in chunks of 1,024.

        Parameters
        ----------
        ds : xarray.Dataset
            Canonical dataset.
        on : {"site", "cell"}
            Rows.
        forcing : Forcing, optional
            ``Forcing.from_dataset(ds, on)``, if it has been read already.
        rows : sequence of int, optional
            Some of the rows; all of them otherwise.

        Returns
        -------
        ndarray (n, 21)

        Raises
        ------
        InputError
            If a covariate is missing from the dataset or from one of the rows.
        """
        where = None if rows is None else np.asarray(rows, dtype=np.int64)
        inputs = encode_dataset(self.config.inputs, ds, on, forcing, where, self.dtype)
        inputs = inputs.to(self.device)
        # vector instructions round a little otherwise than what is left over: fill up with copies
        every = torch.arange(-(-len(inputs) // ROWS) * ROWS).clamp_max(len(inputs) - 1)
        parts = [self.normalise(inputs.take(some)).cpu() for some in every.split(_CHUNK)]
        return torch.cat(parts)[: len(inputs)].numpy() if len(inputs) else np.empty((0, 21))

    def physical(
        self,
        ds: xr.Dataset,
        on: On = "site",
        forcing: Forcing | None = None,
        rows: Sequence[int] | NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Parameters in physical units; arguments as `normalised`.

        Returns
        -------
        ndarray (n, 21)
        """
        return to_physical(self.normalised(ds, on, forcing, rows))
