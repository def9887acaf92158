"""Network inputs of a canonical dataset: its covariates, places and forcing, for sites or cells."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import Forcing
from binn.clm5.column import NODES, THICKNESS
from binn.errors import InputError
from binn.inputs import InputEncoding, Inputs

__all__ = ["FORCING_SUMMARIES", "On", "covariate_table", "encode_dataset", "forcing_summaries"]

On = Literal["site", "cell"]

FORCING_SUMMARIES: dict[str, str] = {
    "soil_temperature": "annual mean soil temperature above 0.3 m, K",
    "soil_temperature_range": "warmest minus coldest month above 0.3 m, K",
    "soil_water": "annual mean water scalar above 0.3 m",
    "soil_nitrogen": "annual mean nitrogen scalar above 0.3 m",
    "carbon_input": "annual litter and coarse woody debris input, gC m-2 yr-1",
    "woody_share": "share of coarse woody debris in the carbon input",
    "bedrock_layer": "deepest soil layer, counted from 1",
}
"""Forcing summaries a network may read: name and meaning."""

_TOP = torch.as_tensor(np.where(NODES < 0.3, THICKNESS, 0.0) / THICKNESS[NODES < 0.3].sum())


def forcing_summaries(forcing: Forcing) -> dict[str, NDArray[np.float64]]:
    """A few annual numbers of each site's forcing.

    Parameters
    ----------
    forcing : Forcing
        Of n sites.

    Returns
    -------
    dict of ndarray (n,)
        By the names of `FORCING_SUMMARIES`.
    """
    rows: dict[str, NDArray[np.float64]] | None = forcing.row_memo.get("summaries")
    if rows is None:
        rows = forcing.row_memo["summaries"] = _row_summaries(forcing)
    if forcing.site_cell is None:
        return dict(rows)
    cell = forcing.site_cell.cpu().numpy()
    return {name: value[cell] for name, value in rows.items()}


def _row_summaries(forcing: Forcing) -> dict[str, NDArray[np.float64]]:
    """Summaries of the rows, which sites share."""

    def top(field: torch.Tensor) -> torch.Tensor:
        return torch.einsum("rlm,l->rm", field.double().cpu(), _TOP)

    temperature = top(forcing.temperature)
    cwd = forcing.cwd.double().cpu().sum(1)
    litter = (forcing.litter1 + forcing.litter2 + forcing.litter3).double().cpu().sum(1)
    total = cwd + litter
    rows = {
        "soil_temperature": temperature.mean(1),
        "soil_temperature_range": temperature.amax(1) - temperature.amin(1),
        "soil_water": top(forcing.water).mean(1),
        "soil_nitrogen": top(forcing.nitrogen).mean(1),
        "carbon_input": total,
        "woody_share": torch.where(total > 0, cwd / total.clamp_min(1e-300), 0.0),
        "bedrock_layer": forcing.nbedrock.double().cpu(),
    }
    return {name: value.numpy() for name, value in rows.items()}


def covariate_table(
    ds: xr.Dataset, names: tuple[str, ...], on: On = "site"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raw covariates by name, and places.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    names : tuple of str
        Covariates wanted, in this order.
    on : {"site", "cell"}
        Rows.

    Returns
    -------
    covariates : ndarray (n, len(names))
        NaN where a cell's covariates are unknown.
    lonlat : ndarray (n, 2)

    Raises
    ------
    InputError
        If the dataset lacks one of the covariates.
    """
    held = [str(name) for name in ds["covariate"].to_numpy()]
    missing = [name for name in names if name not in held]
    if missing:
        raise InputError(
            f"the dataset lacks {len(missing)} of the {len(names)} covariates this network reads: "
            f"{', '.join(missing)}"
        )
    prefix = "" if on == "site" else "cell_"
    columns = [held.index(name) for name in names]
    values = ds[f"{prefix}covariates"].transpose(on, "covariate").to_numpy()[:, columns]
    lonlat = np.stack([ds[f"{prefix}lon"].to_numpy(), ds[f"{prefix}lat"].to_numpy()], axis=1)
    return values.astype(np.float64), lonlat.astype(np.float64)


def encode_dataset(
    encoding: InputEncoding,
    ds: xr.Dataset,
    on: On = "site",
    forcing: Forcing | None = None,
    rows: NDArray[np.int64] | None = None,
    dtype: torch.dtype = torch.float64,
) -> Inputs:
    """Encoded inputs of a dataset's sites or cells.

    Parameters
    ----------
    encoding : InputEncoding
        How raw values become inputs.
    ds : xarray.Dataset
        Canonical dataset.
    on : {"site", "cell"}
        Rows.
    forcing : Forcing, optional
        ``Forcing.from_dataset(ds, on)``, if it has been read already.
    rows : ndarray of int, optional
        Some of the rows; all of them otherwise.
    dtype : torch.dtype
        Precision of the result.

    Returns
    -------
    Inputs

    Raises
    ------
    InputError
        If a covariate is missing from the dataset or from one of the rows.
    """
    covariates, lonlat = covariate_table(ds, encoding.covariates, on)
    summaries = None
    if encoding.needs_forcing:
        summaries = forcing_summaries(forcing or Forcing.from_dataset(ds, on=on))
    if rows is not None:
        covariates, lonlat = covariates[rows], lonlat[rows]
        summaries = summaries and {name: value[rows] for name, value in summaries.items()}
    return encoding.encode(covariates, lonlat, summaries, dtype)
