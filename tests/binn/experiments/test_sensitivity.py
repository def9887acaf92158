"""Variance-based sensitivity: right where the answer is known; what the model must show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from binn.clm5 import stock
from binn.errors import InputError
from binn.experiments.sensitivity import Quantity, published_indices, sobol_indices
from binn.parameters import KEYS


def additive(_site: int, u: np.ndarray) -> np.ndarray:
    """Variances 9 : 4 : 1, and an interaction of the first two."""
    x = np.sqrt(12) * (u - 0.5)  # mean 0, variance 1
    return 3 * x[:, 0] + 2 * x[:, 1] + x[:, 2] + 2 * x[:, 0] * x[:, 1]


FIRST = np.array([9, 4, 1]) / 18
TOTAL = np.array([13, 8, 1]) / 18


def test_both_ways_find_the_known_indices() -> None:
    sobol = sobol_indices(additive, sites=4, draws=1024)
    assert sobol.total is not None
    first, total = (np.array(list(one.values())) for one in (sobol.first, sobol.total))
    np.testing.assert_allclose(first[:3], FIRST, atol=0.03)
    np.testing.assert_allclose(total[:3], TOTAL, atol=0.03)
    np.testing.assert_allclose(first[3:], 0.0, atol=1e-12)
    np.testing.assert_allclose(total[3:], 0.0, atol=1e-12)
    published = published_indices(additive, sites=8, draws=400, values=50)
    found = np.array(list(published.first.values()))
    np.testing.assert_allclose(found[:3], FIRST, atol=0.06)
    np.testing.assert_allclose(found[3:], 0.0, atol=1e-12)


def test_huge_and_broken_totals_are_dropped() -> None:
    def spiky(site: int, u: np.ndarray) -> np.ndarray:
        values = additive(site, u)
        values[u[:, 5] > 0.9] = 1e30
        values[u[:, 5] < 0.05] = np.nan
        return values

    found = sobol_indices(spiky, sites=2, draws=1024)
    assert found.dropped > 0
    np.testing.assert_allclose(list(found.first.values())[:3], FIRST, atol=0.05)


@pytest.mark.parametrize("as_published", [False, True])
def test_what_the_process_model_must_show(synthetic_sites: Any, as_published: bool) -> None:
    scheme = "published" if as_published else "conserving"
    quantity = Quantity(synthetic_sites.forcing.take([0, 1]), scheme, as_published=as_published)
    found = sobol_indices(quantity, sites=2, draws=256)
    assert found.total is not None
    # coarse woody debris only delays carbon; there is no permafrost at these sites
    assert found.total["tau4cwd"] == pytest.approx(0.0, abs=1e-12)
    assert found.total["cryo"] == pytest.approx(0.0, abs=1e-12)
    assert max(found.total, key=lambda key: found.total[key]) in (
        "efolding", "tau4s3", "w_scaling", "q10", "fs1s3", "fs2s3", "beta",
    )  # fmt: skip
    assert all(found.total[key] > found.first[key] - 0.15 for key in KEYS)


def test_quantity_is_the_stock(synthetic_sites: Any) -> None:
    from binn.clm5 import solve
    from binn.parameters import to_physical

    u = np.random.default_rng(0).random((5, 21))
    forcing = synthetic_sites.forcing.take([3])
    import torch

    soc = solve(to_physical(torch.from_numpy(u)), forcing.take([0] * 5)).soc
    np.testing.assert_allclose(Quantity(forcing)(0, u), stock(soc, 0.0, 8.6), rtol=1e-12)


def test_sizes_that_are_not_possible() -> None:
    with pytest.raises(InputError, match="no power of 2"):
        sobol_indices(additive, sites=1, draws=100)
    with pytest.raises(InputError, match="values=1"):
        published_indices(additive, sites=1, values=1)
    with pytest.raises(InputError, match="sites=0"):
        sobol_indices(additive, sites=0)
