"""The benchmark measures what it says and extrapolates nothing without saying so."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from binn.clm5 import solve
from binn.experiments.efficiency import memory_per_site, solver_cost, synthetic_sites
from binn.experiments.efficiency_report import cost_figure, markdown


@pytest.mark.parametrize("shared", [False, True])
def test_the_sites_it_times_are_solvable(shared):
    parameters, forcing = synthetic_sites(300, shared)
    assert forcing.n_sites == 300
    pools = solve(parameters, forcing).pools
    assert bool(pools.isfinite().all())
    assert torch.equal(parameters, synthetic_sites(300, shared)[0])


def test_a_cost_names_what_was_measured():
    row = solver_cost("numba", 4, 0.01)
    assert (row["backend"], row["sites"], row["dtype"]) == ("numba", 4, "float64")
    for what in ("forward", "gradient"):
        cost = row[what]
        assert 0 < cost["ms"] <= cost["median_ms"] <= cost["worst_ms"]
        assert cost["runs"] >= 1


def test_memory_is_that_of_the_run():
    used = memory_per_site("numba", 4000)
    assert used is None or 3_000 < used < 25_000


@pytest.mark.slow
def test_binn_benchmark(tmp_path):
    command = ["benchmark", "--quick", "--most", "256", "--seconds", "0.01", "--json"]
    run = subprocess.run(
        [sys.executable, "-m", "binn", *command],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    measured = {(row["backend"], row["sites"]) for row in found["solver"]}
    sizes = (1, 32, 256)
    assert {(backend, n) for backend in ("numba", "torch") for n in sizes} <= measured
    assert ("dense", 256) not in measured
    assert markdown(found).count("extrapolated") == 2 * 2  # forward and gradient, dense and loops
    cost_figure(found, tmp_path / "cost.svg")
    assert (tmp_path / "cost.svg").read_text(encoding="utf-8").startswith("<?xml")
