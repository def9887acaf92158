"""``binn demo build``: all blocks, one after another, to ``conus.nc``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.clm5 import Forcing
from binn.clm5.column import NODES
from binn.datasets import regions
from binn.datasets.demo import forcing, profiles, soil, sources, truth, vegetation
from binn.datasets.demo.dataset import COVARIATES, assemble
from binn.datasets.demo.environment import Environment, Layers
from binn.datasets.demo.grid import cells, places
from binn.datasets.outlines import outlines_folder
from binn.datasets.shipped import DATASET
from binn.datasets.storage import check_target, file_sha256, write_dataset

__all__ = ["SITES", "build", "simulate"]

SITES = 25_925
"""As many profiles as the paper has."""

Array = NDArray[np.float64]


def build(cache: Path, out: Path, report: Callable[[str], None] = lambda _: None) -> Path:
    """Build the embedded dataset from the pinned sources; the same sources give the same values.

    Parameters
    ----------
    cache : Path
        Folder for downloads; what is there already is used if its hash is right.
    out : Path
        Folder to write ``conus.nc`` into; made if needed.
    report : callable
        Called with what is being done.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If a source cannot be had, or the file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    check_target(out / DATASET)
    files = sources.fetch(cache, report)
    report("reading the rasters")
    layers = Layers.read(files)
    ds = simulate(layers, _inputs(), report)
    report(f"writing {out / DATASET}")
    write_dataset(ds, out / DATASET)
    return out / DATASET


def simulate(layers: Layers, inputs: dict[str, str], report: Callable[[str], None]) -> xr.Dataset:
    """The whole dataset from the source rasters."""
    report("cells: climate, relief, vegetation")
    lon, lat = cells()
    at = Environment.of_cells(layers, lon, lat)
    npp = _production(at)
    report("cells: soils and forcing")
    ground = soil.properties(at)
    nbedrock = soil.bedrock_layer(soil.rock_depth(at))
    driven = _forcing(at, ground, nbedrock, npp)

    report("sites: places, climate, soils")
    x, y, cell = places(lon, lat, SITES)
    there = Environment.of_sites(layers, x, y)
    ground_there = soil.properties(there)
    report("true parameters")
    values: dict[str, Any] = {
        "lon": x,
        "lat": y,
        "profile_id": np.arange(1, SITES + 1),
        "site_cell": cell,
        "state": regions.state(x, y),
        "biome": regions.biome(x, y, there.elevation),
        "covariates": _covariates(there, ground_there, nbedrock[cell], npp[cell]),
        "cell_lon": lon,
        "cell_lat": lat,
        "cell_biome": regions.biome(lon, lat, at.elevation),
        "cell_covariates": _covariates(at, ground, nbedrock, npp),
        "true_parameters": truth.true_parameters(at, ground, npp, "cell"),
        "true_parameters_site": truth.true_parameters(there, ground_there, npp[cell], "site"),
        **driven,
    }
    ds = assemble(values, inputs)
    report("observations")
    # from the stored values, so that anybody finds the same SOC from the file
    seen = profiles.observe(
        ds["true_parameters_site"].values.astype(np.float64),
        Forcing.from_dataset(ds, on="site"),
        nbedrock[cell],
    )
    values |= {"obs_count": seen.count, "obs_depth": seen.depth, "obs_soc": seen.soc}
    return assemble(values, inputs)


def _production(at: Environment) -> Array:
    """NPP (cell,), gC m-2 yr-1, scaled so that the mean over the area is what it should be."""
    area = np.cos(np.radians(at.lat))
    low, high = 0.1, 20.0
    for _ in range(60):
        scale = 0.5 * (low + high)
        npp = vegetation.production(at.temperature.mean(1), at.rain.sum(1), at.fapar, scale)
        if np.average(npp, weights=area) < vegetation.MEAN_NPP:
            low = scale
        else:
            high = scale
    return npp


def _forcing(
    at: Environment, ground: dict[str, Array], nbedrock: NDArray[np.int64], npp: Array
) -> dict[str, Any]:
    """The forcing variables of the cells."""
    temperature = forcing.temperature(at)
    thaw = np.full((len(npp), 12), forcing.ACTIVE_LAYER)
    depths = [0.0, 0.3, 1.0]
    sand = np.stack([ground[f"Sand_Content_{depth}cm"] for depth in (0, 30, 100)], axis=1)
    return {
        **forcing.litter(at, npp),
        "altmax": thaw,
        "altmax_lastyear": thaw,
        "nbedrock": nbedrock,
        "oxygen": np.ones_like(temperature),
        "nitrogen": forcing.nitrogen(at),
        "water": forcing.water(at, ground["Clay_Content_30cm"]),
        "temperature": temperature,
        "sand": np.stack([np.interp(NODES, depths, row) for row in sand]),
    }


def _covariates(
    at: Environment, ground: dict[str, Array], nbedrock: NDArray[np.int64], npp: Array
) -> Array:
    """All covariates (point, covariate), raw values in the order of `COVARIATES`."""
    columns = at.bioclim | ground
    columns |= {
        "Elevation": at.elevation,
        "nbedrock": nbedrock.astype(np.float64),
        "Koppen_Climate_2018": at.koppen.astype(np.float64),
        "ESA_Land_Cover": at.esa.astype(np.float64),
        "cesm2_npp": npp,
        "cesm2_npp_std": npp * (0.06 + 0.22 * np.exp(-1.5 * at.humidity)),
        "cesm2_vegc": vegetation.vegetation_carbon(npp, at.woody),
    }
    return np.stack([columns[name] for name in COVARIATES], axis=1)


def _inputs() -> dict[str, str]:
    """sha256 of everything the file is made from."""
    hashes = {source.file: source.sha256 for source in sources.SOURCES}
    for name in ("states.geojson", "ecoregions_schematic.geojson"):
        hashes[f"outlines/{name}"] = file_sha256(outlines_folder() / name)
    return hashes
