"""Places that figures draw."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import N

from binn.figures import Places


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def places(rng) -> Places:
    return Places(rng.uniform(-79, -73, N), rng.uniform(40, 45, N))
