"""PRODA's second step: a network learns the site results and predicts parameters everywhere.

The site step (:mod:`binn.calibration.mcmc`) gives each site parameters of its own; here a network
learns them from covariates, and its prediction, not the site's own result, is PRODA's parameter at
a site as well as on the grid (Tao et al. 2020, 2023; spec section 11).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

import binn
from binn.calibration.proda_config import PRODA_PRESETS, ProdaConfig, SiteFilter, proda_preset
from binn.calibration.proda_files import History, ProdaRecord, RunStore, load_proda, save_proda
from binn.calibration.proda_network import PRECISION, ProdaNetwork, new_network, proda_encoding
from binn.calibration.proda_training import Chosen, choose_sites, train_run
from binn.calibration.ranges import LEAST, RangeSet, physical_in_binn
from binn.clm5 import Forcing
from binn.fingerprint import dataset_fingerprint
from binn.inputs import InputEncoding
from binn.parameters import KEYS, PARAMETERS
from binn.site_inputs import encode_dataset

__all__ = [
    "PRODA_PRESETS",
    "FittedProda",
    "ProdaConfig",
    "ProdaNetwork",
    "SiteFilter",
    "fit_proda",
    "load_proda",
    "predict_proda",
    "proda_preset",
    "proda_variables",
    "save_proda",
]

Report = Callable[[str], None]


@dataclass(frozen=True)
class FittedProda:
    """Networks that were trained, and on what.

    Attributes
    ----------
    network : ProdaNetwork
    chosen : Chosen
        Sites they learnt from.
    record : ProdaRecord
        What is saved beside the weights.
    history : list
        Losses by run and epoch.
    """

    network: ProdaNetwork
    chosen: Chosen
    record: ProdaRecord
    history: list[History]

    def save(self, path: Path) -> None:
        """Write the networks to a folder, as `load_proda` reads them."""
        save_proda(path, self.network, self.record, self.history)


def fit_proda(
    ds: xr.Dataset,
    normalised: NDArray[np.float64],
    r2: NDArray[np.float64],
    rhat: NDArray[np.float64],
    config: ProdaConfig | str = "default",
    *,
    site_results: str = "",
    unfinished: Path | None = None,
    report: Report = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> FittedProda | None:
    """Train PRODA's networks on the results of sites.

    The same arguments, program and machine give the same weights.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    normalised : ndarray (site, 21)
        Posterior means in BINN's ranges; NaN where a site was not calibrated.
    r2 : ndarray (site,)
        R2 of the profile at the best chain.
    rhat : ndarray (site,)
        Mean Gelman-Rubin statistic over parameters.
    config : ProdaConfig or str
        Options, or the name of a preset: "default" or "published".
    site_results : str
        Where they came from, for the record.
    unfinished : Path, optional
        Folder that keeps finished runs, to go on with after a stop.
    report : callable
        Told one line now and then.
    stop : callable
        Whether somebody asked to stop; looked at after each epoch.

    Returns
    -------
    FittedProda or None
        None if it was stopped.

    Raises
    ------
    InputError
        If the arrays do not fit the dataset, too few sites are good enough, a covariate is
        missing, or training diverges.
    """
    config = proda_preset(config) if isinstance(config, str) else config
    chosen = choose_sites(ds, normalised, r2, rhat, config.filter)
    sites = chosen.sites
    if chosen.relaxed:
        report(
            "warning: too few sites meet the limits on R2, R-hat and depth; the network learns "
            "from all calibrated sites: take the result as a rehearsal"
        )
    report(
        f"network: {config.runs} runs on {len(sites)} sites; left out: "
        + (", ".join(f"{number} {why}" for why, number in chosen.left_out.items()) or "none")
    )
    forcing = Forcing.from_dataset(ds, on="site")
    encoding = proda_encoding(ds, config, sites, forcing)
    inputs = encode_dataset(encoding, ds, "site", forcing, sites, PRECISION)
    lonlat = np.stack([ds["lon"].to_numpy()[sites], ds["lat"].to_numpy()[sites]], axis=1)
    _, place = np.unique(lonlat, axis=0, return_inverse=True)
    fingerprint = dataset_fingerprint(ds)
    targets = np.ascontiguousarray(normalised[sites], dtype=np.float64)
    store = None
    if unfinished is not None:
        store = RunStore(unfinished, _task(config, encoding, fingerprint, sites, targets))
    runs: list[nn.Module] = []
    history: list[History] = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # more would change the last bits, and gain nothing on small batches
    try:
        for run in range(config.runs):
            found = store.find(run, new_network(config, encoding)) if store is not None else None
            if found is None:
                found = train_run(
                    config, encoding, inputs, targets, place.reshape(-1), run, report, stop
                )
                if found is None:
                    return None
                if store is not None:
                    store.keep(run, *found)
            runs.append(found[0])
            history.append(found[1])
            best = min(row["validation_loss"] for row in found[1])
            report(f"run {run + 1} of {config.runs}: best validation loss {best:.4g}")
    finally:
        torch.set_num_threads(before)
    record = ProdaRecord(
        options=config,
        inputs=encoding,
        data_fingerprint=fingerprint,
        site_results=site_results,
        sites=len(sites),
        left_out=chosen.left_out,
        relaxed=chosen.relaxed,
    )
    return FittedProda(ProdaNetwork(config, encoding, tuple(runs)), chosen, record, history)


def _task(
    config: ProdaConfig,
    encoding: InputEncoding,
    fingerprint: str,
    sites: NDArray[np.int64],
    targets: NDArray[np.float64],
) -> str:
    """sha256 over all that decides the weights."""
    digest = hashlib.sha256(f"{binn.__version__} {fingerprint}".encode())
    digest.update(config.model_dump_json().encode())
    digest.update(encoding.model_dump_json().encode())
    digest.update(sites.astype("<i8").tobytes())
    digest.update(targets.astype("<f8").tobytes())
    return digest.hexdigest()


def predict_proda(network: ProdaNetwork, ds: xr.Dataset) -> xr.Dataset:
    """PRODA's parameters at every site, and at every grid cell whose covariates are known.

    Parameters
    ----------
    network : ProdaNetwork
        Trained.
    ds : xarray.Dataset
        Canonical dataset, the one it was trained on or another with the same covariates.

    Returns
    -------
    xarray.Dataset
        For sites (``*_site``) and cells: ``proda_parameters`` in physical units, of the mean over
        runs of the normalised parameters; ``proda_normalised`` that mean, ``proda_spread`` the
        standard deviation over runs and ``proda_runs`` each run; NaN in cells without covariates.
        Normalised values are in [1e-4, 1] of BINN's ranges, as the attribute ``range_set`` says.

    Raises
    ------
    InputError
        If a covariate is missing from the dataset or from a site.
    """
    out = xr.Dataset(coords={"parameter": list(KEYS)})
    each = network.normalised(ds, "site")
    out.update(proda_variables("site", each))
    known = network.known_cells(ds)
    cells = np.full((len(network.runs), ds.sizes["cell"], len(PARAMETERS)), np.nan)
    if len(known):
        cells[:, known] = network.normalised(ds, "cell", rows=known)
    out.update(proda_variables("cell", cells))
    for name in ("lon", "lat", "profile_id", "site_cell", "cell_lon", "cell_lat"):
        out[name] = ds[name].variable
    out.attrs = {
        "title": f"PRODA's parameters for {ds.attrs.get('title', 'a dataset')}",
        "source": f"binn {binn.__version__}",
        "network": network.config.preset,
        "runs": len(network.runs),
        "skipped_cells": ds.sizes["cell"] - len(known),
    }
    return out


def proda_variables(
    on: str,
    runs: NDArray[np.float64],
    range_set: RangeSet = "binn",
    dtype: type[np.floating[Any]] = np.float32,
) -> dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]]:
    """Variables of PRODA's result on sites or cells.

    Parameters
    ----------
    on : {"site", "cell"}
        Rows.
    runs : ndarray (run, row, 21)
        Normalised parameters by run; NaN where there is none.
    range_set : {"binn", "proda"}
        The ranges they are counted in.
    dtype : type
        Precision in which single runs are kept; the networks' by default.

    Returns
    -------
    dict
        Name to (dimensions, values, attributes).
    """
    end = "_site" if on == "site" else ""
    mean = runs.mean(axis=0)
    spread = runs.std(axis=0, ddof=1) if len(runs) > 1 else np.full_like(mean, np.nan)
    dims = (on, "parameter")
    about = {"units": "1", "provenance": "derived"}
    normalised = about | {"range_set": range_set}
    physical = about | {
        "range_set": "binn",
        "long_name": "parameters estimated by PRODA; unit by parameter",
        "parameter_units": ", ".join(f"{one.key} [{one.unit}]" for one in PARAMETERS),
        "comment": "mean over runs of the normalised parameters, held in "
        f"[{LEAST:g}, 1], in BINN's ranges",
    }
    return {
        f"proda_parameters{end}": (dims, physical_in_binn(mean), physical),
        f"proda_normalised{end}": (
            dims,
            mean,
            normalised | {"long_name": "normalised parameters, mean over runs"},
        ),
        f"proda_spread{end}": (
            dims,
            spread,
            normalised | {"long_name": "normalised parameters, standard deviation over runs"},
        ),
        f"proda_runs{end}": (
            ("run", *dims),
            runs.astype(dtype),
            normalised | {"long_name": "normalised parameters of each run"},
        ),
    }
