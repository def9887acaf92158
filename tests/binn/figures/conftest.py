"""What figures draw."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import N

from binn.figures import Places, Traced


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def places(rng) -> Places:
    return Places(rng.uniform(-79, -73, N), rng.uniform(40, 45, N))


@pytest.fixture
def traced(rng) -> Traced:
    influx, baseline = rng.uniform(100, 600, N), rng.uniform(5, 20, N)
    scalar = rng.uniform(0.1, 0.6, N)
    biome = np.where(np.arange(N) < 25, "Meadow", "Forest")
    return Traced(influx, baseline / scalar, baseline, scalar, biome)
