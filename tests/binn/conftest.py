"""Reference sites: 68 synthetic ones from the repository, all 168 when ../shared is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from binn.clm5 import Forcing

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
