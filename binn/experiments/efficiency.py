"""What a solve costs: by backend and number of sites, against the published way and the memory bus.

The lower limit of a forward run is the time to move its data once: forcing, parameters and pools of
each site, as if no two sites shared forcing, at the machine's own copy bandwidth. All figures of
one call come from one process, so that their ratios mean something on a machine that others use.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from binn.clm5 import N_LAYERS, Forcing, local_sensitivity, solve, stock
from binn.diagnostics import components, mass_balance, traceability
from binn.fingerprint import git_revision
from binn.inputs import CategoricalInput, InputEncoding, Inputs, NumericInput
from binn.model import BINN, ModelConfig
from binn.parameters import to_physical
from binn.training.presets import preset

__all__ = ["SIZES", "measure", "processor_name", "synthetic_sites"]

SIZES = (1, 32, 256, 2_000, 25_925)
"""Numbers of sites; 25,925 is the paper's."""
_MOST_DENSE = 2_000
BYTES_PER_SITE = {"forcing": 8_200, "parameters": 170, "pools": 1_120}
_CELLS = 3_280
_SEED = 12345
_N_NUMERIC = 60
_CATEGORIES = {"cover": 20, "texture": 12, "order": 60, "group": 100, "climate": 30}
"""Numeric inputs, and categories with their number of classes, about those of the paper."""


def synthetic_sites(n: int, shared: bool = False) -> tuple[torch.Tensor, Forcing]:
    """Parameters drawn from the prior and synthetic seasonal forcing, to time with.

    Parameters
    ----------
    n : int
        Number of sites.
    shared : bool
        Let the sites share 3,280 forcing cells, as the CONUS grid has.

    Returns
    -------
    parameters : Tensor, (n, 21)
    forcing : Forcing
    """
    rng = np.random.default_rng(_SEED)
    rows = min(n, _CELLS) if shared else n
    month = np.cos(2 * np.pi * (np.arange(12) - 6.5) / 12)
    depth = np.linspace(0.0, 1.0, N_LAYERS)
    mean, swing = rng.uniform(275, 297, (rows, 1, 1)), rng.uniform(3, 15, (rows, 1, 1))
    temperature = mean + swing * np.exp(-3 * depth)[:, None] * month
    wet = rng.uniform(0.2, 0.9, (rows, 1, 1)) * (1 - 0.4 * rng.random((rows, 1, 12)))
    cwd, litter1, litter2, litter3 = torch.from_numpy(rng.uniform(1.0, 25.0, (4, rows, 12)))
    forcing = Forcing(
        cwd=cwd,
        litter1=litter1,
        litter2=litter2,
        litter3=litter3,
        altmax=torch.full((rows, 12), 41.998),
        altmax_lastyear=torch.full((rows, 12), 41.998),
        nbedrock=torch.from_numpy(rng.integers(8, 21, rows)),
        oxygen=torch.ones(rows, N_LAYERS, 12),
        nitrogen=torch.from_numpy(rng.uniform(0.6, 1.0, (rows, N_LAYERS, 12))),
        water=torch.from_numpy(np.clip(wet + 0.2 * depth[:, None], 0.05, 1.0)),
        temperature=torch.from_numpy(temperature),
        site_cell=torch.from_numpy(rng.integers(0, rows, n)) if shared else None,
    )
    return to_physical(torch.from_numpy(rng.random((n, 21)))), forcing


def _cost(run: Callable[[], object], seconds: float, warm: bool = True) -> dict[str, float]:
    """CPU milliseconds of `run`: best, median and worst of as many as fit into `seconds`."""
    if warm:
        run()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        taken.append(_milliseconds(run))
    return _told(taken)


def _milliseconds(run: Callable[[], object]) -> float:
    """CPU milliseconds of one run."""
    start = time.process_time()
    run()
    return 1e3 * (time.process_time() - start)


def _told(taken: list[float]) -> dict[str, float]:
    """Best, median and worst of some runs, ms."""
    return {
        "ms": float(np.min(taken)),
        "median_ms": float(np.median(taken)),
        "worst_ms": float(np.max(taken)),
        "runs": len(taken),
    }


def copy_bandwidth() -> float:
    """Bytes copied in a second (256 MB, float64, each byte counted once), best of ten."""
    source = torch.rand(32_000_000, dtype=torch.float64)
    target = torch.empty_like(source)
    cost = min(_cost(lambda: target.copy_(source), 0.0)["ms"] for _ in range(10))
    return source.nbytes / (1e-3 * cost)


def solver_cost(
    backend: str, n: int, seconds: float, dtype: torch.dtype = torch.float64
) -> dict[str, Any]:
    """Cost of a forward run (parameters to SOC) and of one with its gradient."""
    parameters, forcing = synthetic_sites(n)
    forcing = forcing.to(dtype=dtype)
    free = parameters.clone().requires_grad_()

    def forward() -> torch.Tensor:
        forcing.memo.clear()  # a new climate each time: nothing is kept from the run before
        with torch.no_grad():
            return solve(parameters, forcing, backend=backend).soc

    def gradient() -> tuple[torch.Tensor, ...]:
        soc = solve(free, forcing, backend=backend).soc
        return torch.autograd.grad(stock(soc, 0.0, 1.0).sum(), free)

    slow = backend == "dense-loop" and n > 32
    return {
        "backend": backend,
        "sites": n,
        "dtype": str(dtype).removeprefix("torch."),
        "forward": _cost(forward, seconds, warm=not slow),
        "gradient": _cost(gradient, seconds, warm=not slow),
    }


def _model(dtype: str = "float64") -> BINN:
    """An untrained network of the `default` preset, with as many inputs as the paper's."""
    numeric = tuple(NumericInput(name=f"x{k}", source="covariate") for k in range(_N_NUMERIC))
    categorical = tuple(CategoricalInput(name=name, table=name) for name in _CATEGORIES)
    encoding = InputEncoding(
        covariates=(*(one.name for one in numeric), *_CATEGORIES),
        numeric=numeric,
        categorical=categorical,
        tables={name: tuple(range(size)) for name, size in _CATEGORIES.items()},
    )
    network = preset("default").network
    config = ModelConfig(network=network, inputs=encoding, bedrock="conserving", dtype=dtype)
    torch.manual_seed(_SEED)
    return BINN(config)


def _inputs(n: int, dtype: torch.dtype) -> Inputs:
    generator = torch.Generator().manual_seed(_SEED)
    codes = [torch.randint(size, (n,), generator=generator) for size in _CATEGORIES.values()]
    return Inputs(
        torch.randn(n, _N_NUMERIC, generator=generator).to(dtype),
        torch.stack(codes, 1),
        torch.empty(n, 0, dtype=dtype),
    )


def training_step_cost(batch: int, seconds: float) -> dict[str, Any]:
    """Cost of a training step with and without the process model in it, and their ratio.

    The two take turns, so that both meet the same machine: `ratio` is the median over pairs.
    """
    model = _model().train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    inputs = _inputs(batch, torch.float64)
    _, forcing = synthetic_sites(batch)

    def step(with_model: bool) -> None:
        optimiser.zero_grad()
        value = model(inputs, forcing).soc if with_model else model.normalise(inputs)
        value.square().mean().backward()
        optimiser.step()

    kinds = (False, True)
    for with_model in kinds:
        step(with_model)
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + 2 * seconds
    while not pairs or time.perf_counter() < end:
        network, both = (_milliseconds(partial(step, kind)) for kind in kinds)
        pairs.append((network, both))
    network_taken, both_taken = (list(taken) for taken in zip(*pairs, strict=True))
    return {
        "batch": batch,
        "network": _told(network_taken),
        "with_process_model": _told(both_taken),
        "ratio": float(np.median([both / network for network, both in pairs])),
    }


def conus_cost(n: int, seconds: float) -> dict[str, Any]:
    """Cost of showing all of CONUS again after a change, step by step, on shared forcing cells."""
    parameters, forcing = synthetic_sites(n, shared=True)
    single = forcing.to(dtype=torch.float32)
    state = solve(parameters, forcing)

    def resolve(of: Forcing, keep: bool = False) -> None:
        if not keep:
            of.memo.clear()
        state = solve(parameters, of)
        stock(state.soc, 0.0, 1.0)

    def look() -> None:
        again = type(state)(state.pools, state.parameters, state.forcing, state.bedrock)
        components(again), traceability(again), mass_balance(again)

    def infer(dtype: str) -> Callable[[], None]:
        model, inputs = _model(dtype).eval(), _inputs(n, getattr(torch, dtype))

        def run() -> None:
            with torch.no_grad():
                for start in range(0, n, 1024):
                    model.normalise(inputs.take(slice(start, start + 1024)))

        return run

    return {
        "sites": n,
        "cells": forcing.n_rows,
        "network_float64": _cost(infer("float64"), seconds),
        "network_float32": _cost(infer("float32"), seconds),
        "solve_float64": _cost(lambda: resolve(forcing), seconds),
        "solve_float32": _cost(lambda: resolve(single), seconds),
        "solve_same_climate": _cost(lambda: resolve(forcing, keep=True), seconds),
        "diagnostics": _cost(look, seconds),
        "local_sensitivity": _cost(lambda: local_sensitivity(state), seconds),
    }


def _peak_growth(backend: str, n: int, result: Any) -> None:
    """In a fresh process: growth of the peak memory in a forward and backward run, bytes a site."""
    torch.set_num_threads(1)
    parameters, forcing = synthetic_sites(n)

    def run(sites: int) -> None:
        free = parameters[:sites].clone().requires_grad_()
        stock(solve(free, forcing.tile(slice(0, sites)), backend=backend).soc).sum().backward()

    run(8)  # compiled and loaded
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before = _status("VmRSS")
    run(n)
    result.put((_status("VmHWM") - before) / n)


def _status(key: str) -> int:
    """A line of the process's status, bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return 1024 * int(line.split()[1])
    raise KeyError(key)


def memory_per_site(backend: str, n: int) -> float | None:
    """Peak extra memory of a forward and backward run, bytes a site, in a process of its own.

    None where the system does not tell (elsewhere than on Linux).
    """
    if platform.system() != "Linux":
        return None
    context = multiprocessing.get_context("spawn")
    result = context.Queue()
    process = context.Process(target=_peak_growth, args=(backend, n, result))
    process.start()
    value: float = result.get()
    process.join()
    return value


def measure(
    seconds: float = 1.0,
    quick: bool = False,
    most: int = SIZES[-1],
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """All figures of the benchmark.

    Parameters
    ----------
    seconds : float
        Time given to each figure; slow ones take longer and run once.
    quick : bool
        Measure the dense backends on 32 sites only.
    most : int
        Largest number of sites.
    report : callable, optional
        Told one line a figure.

    Returns
    -------
    dict
        ``about`` (machine, load, revision), ``limit`` (bandwidth and bytes a site), ``solver``,
        ``training_step``, ``conus``, ``memory``. Costs are CPU milliseconds of one thread.
    """
    sizes = [n for n in SIZES if n <= most]
    say = report or (lambda _line: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        load = os.getloadavg()
        bandwidth = copy_bandwidth()
        solver = []
        for backend in ("numba", "torch", "dense", "dense-loop"):
            dense = 32 if quick else _MOST_DENSE
            for n in sizes:
                if not (backend.startswith("dense") and n > dense):
                    solver.append(solver_cost(backend, n, seconds))
                    say(f"{backend}, {n} sites: {solver[-1]['gradient']['ms']:.2f} ms")
        solver.append(solver_cost("numba", sizes[-1], seconds, torch.float32))
        found: dict[str, Any] = {
            "about": {
                "revision": git_revision(),
                "machine": platform.machine(),
                "processor": processor_name(),
                "cores": os.cpu_count(),
                "threads": 1,
                "load_before": round(load[0], 2),
                "load_after": 0.0,
                "python": platform.python_version(),
                "torch": torch.__version__.split("+")[0],
            },
            "limit": {"bandwidth": bandwidth, "bytes_per_site": sum(BYTES_PER_SITE.values())},
            "solver": solver,
            "training_step": [training_step_cost(batch, seconds) for batch in (32, 512)],
            "conus": conus_cost(sizes[-1], seconds),
            "memory": {
                backend: memory_per_site(backend, n)
                for backend, n in (("numba", 20_000), ("torch", 20_000), ("dense", 500))
                if n <= most
            },
        }
        found["about"]["load_after"] = round(os.getloadavg()[0], 2)
        return found
    finally:
        torch.set_num_threads(threads)


def processor_name() -> str:
    """Name of the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
