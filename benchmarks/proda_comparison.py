"""BINN beside PRODA on the demo, where the truth is known: which is nearer, where they differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import binn
from binn.checkpoint import SplitRecord
from binn.clm5 import Forcing, soc_at_depth, solve
from binn.datasets.shipped import PRODA, demo_folder
from binn.diagnostics import COMPONENTS, components, metrics
from binn.model import BINN
from binn.observations import Observations
from binn.parameters import KEYS, to_normalised
from binn.training.split import split_sites

Array = NDArray[np.float64]
DEFINITIONS = ("stock", "published")


def compare(ds: xr.Dataset) -> dict[str, Any]:
    """Everything the page says about the two, as plain numbers.

    Maps are those of grid cells with known covariates; profiles are those of BINN's test sites that
    PRODA did not calibrate.
    """
    with xr.open_dataset(demo_folder() / PRODA, engine="h5netcdf") as file:
        about = dict(file.attrs)
        sampled = file["sampled_site"].to_numpy()
        site_rhat = file["sampled_rhat"].to_numpy()
        site_r2 = file["sampled_r2"].to_numpy()
        gelman_rubin = file["sampled_gelman_rubin"].to_numpy()
    model = binn.load_checkpoint("demo")
    learned = binn.predict(model, ds, on="cell")["parameters"]
    cells = learned["cell"].to_numpy().copy()
    forcing = Forcing.from_dataset(ds, on="cell").take(cells)
    sets = {
        "binn": learned.to_numpy(),
        "proda": ds["proda_parameters"].to_numpy()[cells].astype(np.float64),
        "truth": ds["true_parameters"].to_numpy()[cells].astype(np.float64),
    }
    assert np.isfinite(sets["proda"]).all()
    biome = ds["cell_biome"].to_numpy()[cells]
    return {
        "cells": len(cells),
        "about": {key: str(value) for key, value in about.items()},
        "binn_sites": _split(model).sites["train"],
        "sampled": len(sampled),
        "mean_rhat_below_1.05": float((site_rhat.mean(axis=1) < 1.05).mean()),
        "mean_gelman_rubin_below_1.05": float((gelman_rubin.mean(axis=1) < 1.05).mean()),
        "r2_above_0.75": float((site_r2 > 0.75).mean()),
        "components": {
            definition: _components(sets, forcing, model.bedrock, definition, biome)
            for definition in DEFINITIONS
        },
        "parameters": _parameters(sets),
        "profiles": _profiles(ds, model, sampled),
    }


def _components(
    sets: dict[str, Array], forcing: Forcing, bedrock: str, definition: str, biome: NDArray[Any]
) -> dict[str, dict[str, Any]]:
    """Of each component, how far the three are from each other."""
    values = {
        name: {
            key: found.numpy()
            for key, found in components(
                solve(torch.from_numpy(parameters), forcing, bedrock), definition
            ).items()
        }
        for name, parameters in sets.items()
    }
    result = {}
    for key in COMPONENTS:
        if key == "carbon_input":  # forcing: the same for all
            continue
        one = {name: values[name][key] for name in sets}
        finite = np.all([np.isfinite(value) for value in one.values()], axis=0)
        one = {name: value[finite] for name, value in one.items()}
        result[key] = _between(one) | _disagreement(one, biome[finite])
    return result


def _between(one: dict[str, Array]) -> dict[str, Any]:
    binn_truth = metrics(one["truth"], one["binn"])
    proda_truth = metrics(one["truth"], one["proda"])
    by_r = "BINN" if binn_truth["r"] > proda_truth["r"] else "PRODA"
    by_rmse = "BINN" if binn_truth["rmse"] < proda_truth["rmse"] else "PRODA"
    return {
        "n": binn_truth["n"],
        "r_binn_proda": metrics(one["proda"], one["binn"])["r"],
        "r_binn_truth": binn_truth["r"],
        "r_proda_truth": proda_truth["r"],
        "rmse_binn": binn_truth["rmse"],
        "rmse_proda": proda_truth["rmse"],
        "bias_binn": binn_truth["bias"],
        "bias_proda": proda_truth["bias"],
        "sd_truth": float(one["truth"].std()),
        "nearer": by_r if by_r == by_rmse else f"{by_r} by r, {by_rmse} by RMSE",
    }


def _disagreement(one: dict[str, Array], biome: NDArray[Any]) -> dict[str, Any]:
    """The biome where the medians of BINN and PRODA lie farthest apart."""
    worst: tuple[float, str, dict[str, float]] = (-1.0, "", {})
    for name in np.unique(biome):
        inside = biome == name
        if inside.sum() < 10:
            continue
        medians = {key: float(np.median(value[inside])) for key, value in one.items()}
        apart = abs(medians["binn"] - medians["proda"]) / one["truth"].std()
        worst = max(worst, (apart, str(name), medians), key=lambda each: each[0])
    apart, name, medians = worst
    return {"farthest_biome": name, "farthest_sd": apart, "farthest_medians": medians}


def _parameters(sets: dict[str, Array]) -> dict[str, dict[str, float]]:
    """Correlations of each normalised parameter, and how much of its range is off."""
    u = {name: to_normalised(values) for name, values in sets.items()}
    found = {}
    for k, key in enumerate(KEYS):
        one = {name: values[:, k] for name, values in u.items()}
        scores = _between(one)
        found[key] = {name: scores[name] for name in scores if name.startswith(("r_", "rmse_"))}
    return found


def _profiles(ds: xr.Dataset, model: BINN, sampled: NDArray[np.int64]) -> dict[str, Any]:
    """SOC at the observations of sites that neither learnt from, by each and by the truth."""
    test = np.sort(np.asarray(split_sites(ds, _split(model).rule).test))
    sites = test[~np.isin(test, sampled)]
    observations = Observations.from_dataset(ds)
    rows, owner = observations.of(sites)
    forcing = Forcing.from_dataset(ds, on="site").take(sites)
    parameters = {
        "binn": binn.predict(model, ds, on="site")["parameters"].to_numpy(),
        "proda": ds["proda_parameters_site"].to_numpy().astype(np.float64),
        "truth": ds["true_parameters_site"].to_numpy().astype(np.float64),
    }
    deepest = forcing.per_site("nbedrock") if model.bedrock == "conserving" else None
    scores: dict[str, Any] = {"sites": len(sites)}
    for name, values in parameters.items():
        state = solve(torch.from_numpy(np.ascontiguousarray(values[sites])), forcing, model.bedrock)
        simulated = soc_at_depth(state.soc, observations.depth[rows], deepest, owner).numpy()
        scores[name] = metrics(observations.soc[rows], simulated)
    return scores


def _split(model: BINN) -> SplitRecord:
    """Which sites the model was trained on."""
    assert model.checkpoint is not None
    assert model.checkpoint.split is not None
    return model.checkpoint.split
