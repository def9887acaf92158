"""Reference sites, and a small synthetic dataset that a network can learn.

68 synthetic reference sites come with the repository, all 168 when ../shared is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from binn.clm5 import Forcing, soc_at_depth, solve
from binn.datasets.schema import variable
from binn.datasets.storage import write_dataset
from binn.datasets.validation import validate
from binn.parameters import to_physical
from binn.training.config import NetworkConfig, OptimiserConfig, TrainingConfig

SYNTHETIC = Path(__file__).parents[1] / "fixtures" / "clm5_reference_synthetic.npz"


@dataclass(frozen=True)
class ReferenceSites:
    """Parameters and forcing of the reference sites, and the arrays to compare with."""

    arrays: dict[str, np.ndarray]
    parameters: torch.Tensor
    forcing: Forcing

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


def _sites(arrays: dict[str, np.ndarray]) -> ReferenceSites:
    forcing = Forcing(
        cwd=arrays["in_cwd"],
        litter1=arrays["in_litter1"],
        litter2=arrays["in_litter2"],
        litter3=arrays["in_litter3"],
        altmax=arrays["in_altmax"],
        altmax_lastyear=arrays["in_altmax_lastyear"],
        nbedrock=arrays["in_nbedrock"][:, 0],
        oxygen=arrays["in_xio"],
        nitrogen=arrays["in_xin"],
        water=arrays["in_w_scalar"],
        temperature=arrays["in_tsoi"],
    )
    return ReferenceSites(arrays, torch.from_numpy(arrays["in_para_phys"]), forcing)


@pytest.fixture(scope="session")
def synthetic_sites() -> ReferenceSites:
    """68 sites with synthetic forcing, from temperate to permafrost, shallow to deep bedrock."""
    with np.load(SYNTHETIC, allow_pickle=False) as arrays:
        return _sites({name: arrays[name] for name in arrays.files})


@pytest.fixture(scope="session", params=["synthetic", "all"])
def reference_sites(request: pytest.FixtureRequest) -> ReferenceSites:
    """The reference sites twice: those that travel with the repository, and the full set."""
    if request.param == "synthetic":
        return request.getfixturevalue("synthetic_sites")
    return _sites(request.getfixturevalue("reference"))


def _drawn(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0.0, 1.0, shape)


def _synthetic_dataset(sites: ReferenceSites, n_sites: int = 60) -> xr.Dataset:
    """SYNTHETIC: SOC simulated from parameters that depend on drawn covariates, with noise.

    Forcing of the first 28 synthetic reference sites (temperate, arid, tropical). Four pairs of
    sites share their coordinates; three observations lie below the deepest soil node.
    """
    rng = np.random.default_rng(7)
    forcing = sites.forcing.take(range(28))
    cell = rng.integers(0, 28, n_sites)
    lon, lat = rng.uniform(-79.0, -72.0, n_sites), rng.uniform(40.0, 45.0, n_sites)
    lon[-4:], lat[-4:] = lon[:4], lat[:4]
    numeric = _drawn((n_sites, 2), rng) * [30.0, 2000.0]
    category = rng.integers(1, 6, (n_sites, 3))
    covariates = np.column_stack([numeric[:, 0], category[:, 0], numeric[:, 1], category[:, 1:]])
    u = np.full((n_sites, 21), 0.5)
    u[:, 9] = 0.2 + 0.6 * numeric[:, 0] / 30.0
    u[:, 20] = np.where(category[:, 0] > 3, 0.8, 0.6)
    soc = solve(to_physical(torch.from_numpy(u)), forcing.take(cell)).soc
    count = rng.integers(2, 7, n_sites)
    owner = np.repeat(np.arange(n_sites), count)
    depth = rng.uniform(0.0, 1.2, len(owner))
    depth[[0, 9, 20]] = 8.3
    nbedrock = forcing.per_site("nbedrock").numpy()
    simulated = soc_at_depth(soc, depth, nbedrock[cell], owner).numpy()
    names = ["BIO1", "WRB_Subgroup", "Elevation", "Texture_USDA_0cm", "Texture_USDA_30cm"]
    cell_covariates = covariates[:28].copy()
    cell_covariates[[3, 5]] = np.nan
    values: dict[str, object] = {
        "lon": lon,
        "lat": lat,
        "profile_id": 100 + np.arange(n_sites),
        "site_cell": cell,
        "state": np.full(n_sites, "nowhere"),
        "biome": np.full(n_sites, "nowhere"),
        "obs_count": count,
        "covariates": covariates,
        "obs_depth": depth,
        "obs_soc": simulated * np.exp(0.2 * rng.standard_normal(len(owner))),
        "cell_lon": np.linspace(-79.0, -72.0, 28),
        "cell_lat": np.linspace(40.0, 45.0, 28),
        "cell_biome": np.full(28, "nowhere"),
        "cell_covariates": cell_covariates,
        "sand": np.full((28, 20), 40.0),
        "covariate": np.array(names),
        "covariate_unit": np.array(["degC", "class", "m", "class", "class"]),
        "covariate_kind": np.array(["numeric", "category", "numeric", "category", "category"]),
        "covariate_min": np.array([-10.0, 1.0, 0.0, 1.0, 1.0]),
        "covariate_max": np.array([40.0, 9.0, 4000.0, 12.0, 12.0]),
    }
    for name in ("cwd", "litter1", "litter2", "litter3", "altmax", "altmax_lastyear", "nbedrock"):
        values[name] = forcing.per_site(name).numpy()
    for name in ("oxygen", "nitrogen", "water", "temperature"):
        values[name] = forcing.per_site(name).numpy()
    ds = xr.Dataset()
    for name, array in values.items():
        entry = variable(name)
        attributes = {"units": entry.units, "provenance": "synthetic"}
        ds[name] = (entry.dims, array, attributes)
    texts = {"Conventions": "CF-1.11", "title": "SYNTHETIC sites of a test", "sha256": "{}"}
    ds.attrs = dict.fromkeys(("licence", "source", "history"), "a test") | texts
    return ds


@pytest.fixture(scope="session")
def synthetic_dataset(synthetic_sites: ReferenceSites) -> xr.Dataset:
    """SYNTHETIC: 60 sites whose SOC can be learnt from their covariates; do not change it."""
    ds = _synthetic_dataset(synthetic_sites)
    validate(ds)
    return ds


@pytest.fixture(scope="session")
def synthetic_file(synthetic_dataset: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SYNTHETIC: the same as a file."""
    path = tmp_path_factory.mktemp("synthetic") / "synthetic.nc"
    write_dataset(synthetic_dataset, path)
    return path


@pytest.fixture(scope="session")
def tiny() -> TrainingConfig:
    """A training of a second: two members of three epochs, a hidden layer of eight units."""
    return TrainingConfig(
        preset="test",
        epochs=3,
        members=2,
        batch_size=16,
        network=NetworkConfig(width=8, depth=1, output_start="zero"),
        optimiser=OptimiserConfig(learning_rate=0.03),
    )
