"""A dataset as the training loop wants it: encoded, in memory, batches by site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from binn.clm5 import Forcing, soc_at_depth
from binn.inputs import InputEncoding, Inputs
from binn.observations import Observations
from binn.site_inputs import encode_dataset

__all__ = ["Batch", "TrainingData"]


@dataclass(frozen=True)
class Batch:
    """Some sites and their observations.

    Attributes
    ----------
    inputs : Inputs
        n rows.
    forcing : Forcing
        Of the n sites.
    depth, soc : Tensor (obs,)
        m and gC m-3.
    owner : Tensor (obs,) of int64
        Row of the batch each observation belongs to.
    nbedrock : Tensor (n,) or None
        Deepest soil layer, where observations below it take the value at its node.
    """

    inputs: Inputs
    forcing: Forcing
    depth: Tensor
    soc: Tensor
    owner: Tensor
    nbedrock: Tensor | None

    def observe(self, soc: Tensor) -> Tensor:
        """Simulated SOC (obs,) at the observation depths, of `soc` (n, 20); both gC m-3."""
        return soc_at_depth(soc, self.depth, nbedrock=self.nbedrock, site=self.owner)


class TrainingData:
    """All sites of a dataset, encoded and on the device.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    forcing : Forcing
        Of its sites.
    encoding : InputEncoding
        Of the network.
    bedrock : str
        Bedrock scheme: under "conserving", observations below the deepest soil node take the
        value at that node.
    device, dtype
        Where, and in which precision, the network runs.
    """

    def __init__(
        self,
        ds: xr.Dataset,
        forcing: Forcing,
        encoding: InputEncoding,
        bedrock: str,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.device = device
        self.inputs = encode_dataset(encoding, ds, forcing=forcing, dtype=dtype).to(device)
        self.forcing = forcing.to(device=device)
        self.observations = Observations.from_dataset(ds)
        self._depth = torch.as_tensor(self.observations.depth, device=device)
        self._soc = torch.as_tensor(self.observations.soc, device=device)
        self._nbedrock = forcing.per_site("nbedrock").to(device)
        self._closed = bedrock == "conserving"

    def batch(self, sites: NDArray[np.int64]) -> Batch:
        """The sites at some positions, in that order."""
        rows, owner = self.observations.of(sites)
        where = torch.from_numpy(rows).to(self.device)
        at = torch.from_numpy(sites).to(self.device)
        return Batch(
            self.inputs.take(at),
            self.forcing.take(at),
            self._depth[where],
            self._soc[where],
            torch.from_numpy(owner).to(self.device),
            self._nbedrock[at] if self._closed else None,
        )

    def spread(self, sites: NDArray[np.int64]) -> float:
        """Standard deviation of the observed SOC of some sites, gC m-3; 0 without any."""
        rows, _ = self.observations.of(sites)
        return float(self.observations.soc[rows].std()) if len(rows) else 0.0
