"""What MCMC costs, and what a loop over sites would: ``python -m benchmarks.calibration``.

Both in one run, on the same profiles of the demo: the site-parallel chains of this program, and
one chain after another in plain NumPy around a dense 140 x 140 solve, the way it was published.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import binn
from benchmarks.calibration_page import DOCS, write_page
from benchmarks.proda_demo import chosen_sites
from binn.calibration import CalibrationProblem
from binn.calibration.chains import run_chains
from binn.calibration.mcmc_options import Adaptive, Published
from binn.calibration.plain_chain import NumpyRandom, plain_chain
from binn.clm5 import soc_at_depth, solve
from binn.experiments.efficiency import processor_name
from binn.fingerprint import git_revision
from binn.parameters import to_physical

SITES, STEPS = 2000, 70_000
CHAINS = 3


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """CPU and wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def site_parallel(share: float) -> dict[str, Any]:
    """The published scheme on `share` of 2,000 sites x 70,000 steps; the adaptive one on less."""
    ds = binn.open_dataset("demo")
    problem = CalibrationProblem.from_dataset(ds, chosen_sites(ds)[: round(share * SITES)])
    few = problem.take(slice(0, 5))
    run_chains(few.take(slice(0, 1)), Published(first=60, second=60, adapt_from=30, redos=0))
    run_chains(few.take(slice(0, 1)), Adaptive(warmup=100, samples=10, keep=10))
    found: dict[str, Any] = {}
    options = Published(chains=CHAINS)
    held = {}

    def published() -> None:
        held["chains"] = run_chains(problem, options, seed=1)

    found["published"] = timed(published) | {
        "sites": problem.n_sites,
        "steps": problem.n_sites * CHAINS * STEPS,
        "redone": int(held["chains"].redone.sum()),
        "acceptance": float(held["chains"].acceptance.mean()),
    }
    adaptive = Adaptive(chains=CHAINS, warmup=5_000, samples=15_000)
    found["adaptive"] = timed(lambda: run_chains(few, adaptive, seed=1)) | {
        "sites": few.n_sites,
        "steps": few.n_sites * CHAINS * adaptive.steps,
    }
    u = np.random.default_rng(0).uniform(0.1, 0.9, (problem.n_sites, 200, 21))
    found["misfit alone"] = timed(lambda: problem.misfit(u)) | {
        "sites": problem.n_sites,
        "steps": problem.n_sites * 200,
    }
    return found


def one_by_one(backend: str, first: int, second: int) -> dict[str, Any]:
    """A chain of one site in plain NumPy, its model solved densely."""
    ds = binn.open_dataset("demo")
    problem = CalibrationProblem.from_dataset(ds, chosen_sites(ds)[:1])
    seen, precision = problem.observations, problem.precision
    deepest, owner = problem.forcing.per_site("nbedrock"), np.zeros(len(seen.depth), dtype=int)

    def misfit(u: np.ndarray) -> float:
        state = solve(torch.from_numpy(to_physical(u)[None]), problem.forcing, backend=backend)
        simulated = soc_at_depth(state.soc, seen.depth, deepest, owner).numpy()
        return float(0.5 * precision @ (simulated - seen.soc) ** 2)

    u = np.random.default_rng(1).uniform(0.2, 0.8, (1, 5, 21))
    fast = problem.misfit(u)[0]
    dense = np.array([misfit(one) for one in u[0]])
    assert np.abs(dense / fast - 1).max() < 1e-6, "the two do not solve the same problem"
    options = Published(first=first, second=second, adapt_from=second // 4, redos=0, narrowings=0)
    steps = first + second
    return timed(lambda: plain_chain(misfit, 21, options, NumpyRandom(1))) | {
        "sites": 1,
        "steps": steps,
    }


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.05, help="of 2,000 sites x 70,000 steps")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    rows = site_parallel(options.share)
    for name, row in rows.items():
        print(f"{name}: {row['steps'] / row['cpu']:,.0f} steps a CPU second", flush=True)
    rows["dense, one site after another"] = one_by_one("dense", 400, 1600)
    rows["dense by for-loops, one site after another"] = one_by_one("dense-loop", 60, 60)
    found = {
        "rows": rows,
        "sites": SITES,
        "steps": STEPS,
        "chains": CHAINS,
        "share": options.share,
        "load": [load, os.getloadavg()[0]],
        "cores": os.cpu_count(),
        "processor": processor_name(),
        "revision": git_revision(),
        "date": time.strftime("%Y-%m-%d"),
    }
    path = options.out / "calibration.json"
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(held | {"cost": found}, indent=1) + "\n", encoding="utf-8")
    write_page(options.out)


if __name__ == "__main__":
    main()
