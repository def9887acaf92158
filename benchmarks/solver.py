"""Cost of the steady state and of its gradient, by backend and number of sites: ``make bench``.

Forcing is that of the synthetic reference sites in ``tests/fixtures``, repeated; parameters are
drawn uniformly from the prior. The dense backends assemble 140 x 140 matrices as published codes do
and are asked for few sites only: they take about 0.7 MB a site.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from binn.clm5 import BEDROCK_SCHEMES, Forcing, solve, stock
from binn.fingerprint import git_revision
from binn.parameters import to_physical

ROOT = Path(__file__).resolve().parents[1]
SITES = ROOT / "tests" / "fixtures" / "clm5_reference_synthetic.npz"
SEED = 12345
# the paper has 25,925 profiles; a batch of its training has 32; the loop takes seconds for 8
SIZES = {
    "dense-loop": (8,),
    "dense": (32, 500),
    "torch": (32, 2_000, 25_925),
    "numba": (32, 2_000, 25_925),
}


def sites(n: int) -> tuple[torch.Tensor, Forcing]:
    """Drawn parameters and repeated forcing of `n` sites.

    Parameters
    ----------
    n : int
        Number of sites.

    Returns
    -------
    tuple of Tensor, (n, 21) physical, and Forcing
    """
    with np.load(SITES, allow_pickle=False) as arrays:
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
    every = torch.arange(n) % forcing.n_sites
    drawn = np.random.default_rng(SEED).uniform(size=(n, 21))
    return torch.as_tensor(to_physical(drawn)), forcing.take(every)


def cost(run: Callable[[], object], seconds: float) -> tuple[float, float, int]:
    """Median wall and CPU milliseconds of `run`, and how often it ran within `seconds`."""
    run()  # compiled, allocated
    wall, cpu = [], []
    end = time.perf_counter() + seconds
    while not wall or time.perf_counter() < end:
        w, c = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    return 1e3 * statistics.median(wall), 1e3 * statistics.median(cpu), len(wall)


def measured(backend: str, n: int, bedrock: str, seconds: float) -> dict[str, Any]:
    """Cost of solving `n` sites, without and with the gradient of their total stock."""
    parameters, forcing = sites(n)
    free = parameters.clone().requires_grad_()

    def forward() -> torch.Tensor:
        with torch.no_grad():
            return solve(parameters, forcing, bedrock, backend).pools

    def backward() -> tuple[torch.Tensor, ...]:
        state = solve(free, forcing, bedrock, backend)
        return torch.autograd.grad(stock(state.soc, 0.0, 8.6).sum(), free)

    row: dict[str, Any] = {"backend": backend, "sites": n, "bedrock": bedrock}
    for name, run in (("forward", forward), ("gradient", backward)):
        wall, cpu, repeats = cost(run, seconds)
        row |= {f"{name}_ms": wall, f"{name}_cpu_ms": cpu, f"{name}_runs": repeats}
    row["negative_pools"] = int((forward() < 0).sum())
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people: milliseconds, and microseconds a site."""
    head = ("backend", "sites", "forward ms", "+ gradient ms", "us/site", "negative pools")
    lines = ["  ".join(f"{cell:>14}" for cell in head)]
    for row in rows:
        cells = (
            row["backend"],
            f"{row['sites']:,}",
            f"{row['forward_ms']:.2f}",
            f"{row['gradient_ms']:.2f}",
            f"{1e3 * row['gradient_ms'] / row['sites']:.2f}",
            f"{row['negative_pools']:,}",
        )
        lines.append("  ".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Measure every backend and print the costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bedrock", choices=BEDROCK_SCHEMES, default="conserving")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each figure (2)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    about = {
        "revision": git_revision(),
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": options.threads,
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
        "seed": SEED,
    }
    rows = [
        measured(backend, n, options.bedrock, options.seconds)
        for backend, sizes in SIZES.items()
        for n in sizes
    ]
    if options.json:
        print(json.dumps({"about": about, "rows": rows}, indent=1))
    else:
        print("  ".join(f"{key} {value}" for key, value in about.items()))
        print(table(rows))


if __name__ == "__main__":
    main()
