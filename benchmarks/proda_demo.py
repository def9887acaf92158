"""Make PRODA for the demo: site step, network step, and the file that ships (data/demo/proda.nc).

``python -m benchmarks.proda_demo sites --run RUN [--resume]`` stores every chain under RUN (half an
hour of one core), ``network`` learns them and writes the file, ``compare`` scores it beside BINN's
demo checkpoint against the known truth and writes docs/calibration.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import binn
from benchmarks.calibration_page import DOCS, write_page
from benchmarks.proda_comparison import compare
from binn.atomic import write_file
from binn.calibration import CalibrationProblem
from binn.calibration.mcmc_run import run_mcmc
from binn.calibration.proda import fit_proda, predict_proda
from binn.datasets.demo.dataset import quantised
from binn.datasets.shipped import DATASET, PRODA, demo_folder
from binn.datasets.shipped_results import MADE_FROM
from binn.errors import InputError
from binn.observations import Observations
from binn.parameters import KEYS, LOWER, PARAMETERS, UPPER, to_physical
from binn.streaming.run import Stopped

SEED, CHOICE_SEED = 11, 2025
PROFILES, DEEPEST = 2016, 0.5
QUANTILES = (0.05, 0.5, 0.95)
BITS = 12  # of the mantissa: relative 1e-4
UNITS = ", ".join(f"{one.key} [{one.unit}]" for one in PARAMETERS)


def chosen_sites(ds: xr.Dataset, number: int = PROFILES) -> NDArray[np.int64]:
    """Profiles spread over biomes: as many a biome as the square root of its profiles asks for.

    Only profiles that reach below 0.5 m, which PRODA's network step asks for; drawn without
    replacement with a fixed seed, and shuffled.
    """
    observations = Observations.from_dataset(ds)
    deepest = np.maximum.reduceat(observations.depth, observations.start)
    eligible = deepest > DEEPEST
    biome = ds["biome"].to_numpy()
    names, count = np.unique(biome[eligible], return_counts=True)
    quota = np.zeros(len(names))
    while (left := number - quota.sum()) > 0.5 and (open_ := quota < count).any():
        share = np.where(open_, np.sqrt(count), 0.0)
        quota = np.minimum(count, quota + left * share / share.sum())
    whole = np.floor(quota).astype(int)
    for k in np.argsort(whole - quota)[: number - whole.sum()]:
        whole[k] += 1
    rng = np.random.default_rng(CHOICE_SEED)
    sites = np.concatenate(
        [
            rng.choice(np.flatnonzero(eligible & (biome == name)), n, replace=False)
            for name, n in zip(names, whole, strict=True)
        ]
    )
    return rng.permutation(sites)


def site_step(ds: xr.Dataset, run: Path, resume: bool) -> None:
    """All chains of the chosen profiles."""
    problem = CalibrationProblem.from_dataset(ds, chosen_sites(ds))
    run_mcmc(problem, run, "published", seed=SEED, resume=resume, report=say)


def network_step(ds: xr.Dataset, run: Path) -> Path:
    """Learn the stored site results, predict everywhere, write the file that ships."""
    with xr.open_dataset(run / "calibration.nc", engine="h5netcdf") as file:
        found = file.load()
    sites = found["site"].to_numpy()
    every = np.full((ds.sizes["site"], len(KEYS)), np.nan)
    r2, rhat = np.full(ds.sizes["site"], np.nan), np.full(ds.sizes["site"], np.nan)
    every[sites] = found["normalised"]
    r2[sites] = found["r2_published"].max(found["r2_published"].dims[1])
    rhat[sites] = found["gelman_rubin"].mean("parameter")
    about = ", ".join(
        f"{key} {found.attrs[key]}" for key in ("method", "chains", "first", "second")
    )
    fitted = fit_proda(
        ds, every, r2, rhat, "default",
        site_results=f"{about}, seed {found.attrs['seed']}, {len(sites)} profiles",
        unfinished=run / "networks", report=say,
    )  # fmt: skip
    assert fitted is not None
    fitted.save(run / "network")
    predicted = predict_proda(fitted.network, ds)
    learnt = np.isin(sites, fitted.chosen.sites)
    options = fitted.record.options
    out = xr.Dataset(coords={"parameter": list(KEYS)})
    for name, dims in (("proda_parameters", "cell"), ("proda_parameters_site", "site")):
        out[name] = ((dims, "parameter"), packed(predicted[name].to_numpy()), _about(name))
    _add_site_step(out, found, learnt)
    out.attrs = {
        "title": "PRODA for the CONUS demo, computed by this program",
        "notice": str(ds.attrs["notice"]),
        "licence": "BSD-3-Clause, as this project",
        "source": f"binn {binn.__version__}",
        "history": "python -m benchmarks.proda_demo sites, then network",
        MADE_FROM: hashlib.sha256((demo_folder() / DATASET).read_bytes()).hexdigest(),
        "site_step": f"MCMC, {about} steps a phase, seed {found.attrs['seed']}, "
        f"misfit {found.attrs['misfit_form']}, {found.attrs['interpolation']} interpolation, "
        f"bedrock scheme {found.attrs['bedrock']}",
        "profiles": f"{len(sites)} of {ds.sizes['site']}, deeper than {DEEPEST} m, as many a biome "
        f"as the square root of its profiles asks for, drawn with seed {CHOICE_SEED}",
        "profiles_learnt_from": int(learnt.sum()),
        "profiles_not_learnt_from": json.dumps(fitted.chosen.left_out),
        "network": f"preset {options.preset}, {options.runs} runs of {options.epochs} epochs, "
        f"seed {options.seed}; parameters are the mean over runs",
        "range_set": "binn",
        "bits": BITS,
    }
    packing = {name: {"zlib": True, "complevel": 9, "shuffle": True} for name in out.data_vars}
    content = bytes(out.to_netcdf(None, engine="h5netcdf", format="NETCDF4", encoding=packing))
    path = demo_folder() / PRODA
    write_file(path, content)
    say(f"wrote {path}: {len(content) / 1e6:.2f} MB, learnt from {learnt.sum()} profiles")
    return path


def packed(parameters: NDArray[np.float64]) -> NDArray[np.float32]:
    """Physical parameters as they are stored: few bits, and still inside the prior."""
    low, high = LOWER.astype(np.float32), UPPER.astype(np.float32)
    return np.clip(quantised(parameters, BITS), low, high)


def _about(name: str) -> dict[str, str]:
    what = "grid cells" if name == "proda_parameters" else "sites"
    return {
        "units": "1",
        "long_name": f"parameters of {what} by PRODA's network; unit by parameter",
        "parameter_units": UNITS,
        "provenance": "derived",
        "comment": "from stored chains of the site step, not from true parameters nor from BINN",
    }


def _add_site_step(out: xr.Dataset, found: xr.Dataset, learnt: NDArray[np.bool_]) -> None:
    """What the chains of the sampled profiles gave."""
    rows = ("sampled", "parameter")
    units = {"units": "1", "parameter_units": UNITS, "provenance": "derived"}
    out["sampled_site"] = (("sampled",), found["site"].to_numpy().astype(np.int32))
    out["sampled_profile_id"] = (("sampled",), found["profile_id"].to_numpy().astype(np.int32))
    out["sampled_mean"] = (
        rows,
        packed(found["parameters"].to_numpy()),
        units | {"long_name": "posterior mean of the best chain; unit by parameter"},
    )
    chosen = found["quantiles"].sel(quantile=list(QUANTILES)).to_numpy()
    out["quantile"] = (("quantile",), np.array(QUANTILES))
    out["sampled_quantiles"] = (
        ("sampled", "quantile", "parameter"),
        packed(to_physical(chosen)),
        units | {"long_name": "quantiles of the best chain; unit by parameter"},
    )
    for name, key, about in (
        ("sampled_rhat", "rhat", "rank-normalised split R-hat (ArviZ) of the three chains"),
        ("sampled_gelman_rubin", "gelman_rubin", "the authors' Gelman-Rubin statistic"),
    ):
        out[name] = (rows, quantised(found[key].to_numpy(), 9), {"long_name": about, "units": "1"})
    best = found["r2_published"].max(found["r2_published"].dims[1]).to_numpy()
    out["sampled_r2"] = (
        ("sampled",),
        best.astype(np.float32),
        {"long_name": "R2 of the mean simulated profile, best chain, authors' form", "units": "1"},
    )
    out["sampled_learnt"] = (
        ("sampled",),
        learnt.astype(np.int8),
        {"long_name": "1 where the network learnt from the profile", "units": "1"},
    )


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


def main() -> int:
    """Do one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["sites", "network", "compare"])
    parser.add_argument("--run", type=Path, help="folder of the stored chains")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    if options.run is None and options.step != "compare":
        parser.error(f"{options.step} needs --run")
    try:
        ds = binn.open_dataset("demo")
        if options.step == "sites":
            site_step(ds, options.run, options.resume)
        elif options.step == "network":
            network_step(ds, options.run)
        else:
            path = DOCS / "calibration.json"
            held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            held["demo"] = compare(ds)
            path.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
            write_page(DOCS)
    except (InputError, Stopped) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
