"""The benchmark's figures for people: Markdown tables, and a plot of cost against sites."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["cost_figure", "markdown", "table"]

_NAMES = {
    "numba": "compiled (numba)",
    "torch": "torch, layer by layer",
    "dense": "dense 140 x 140, vectorised",
    "dense-loop": "dense 140 x 140, for-loops",
}
_COLOURS = {"numba": "#0072B2", "torch": "#009E73", "dense": "#E69F00", "dense-loop": "#D55E00"}
_MARKERS = {"numba": "o", "torch": "s", "dense": "^", "dense-loop": "v"}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [list(map(str, cells)) for cells in (head, *rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown(found: dict[str, Any]) -> str:
    """All tables.

    Parameters
    ----------
    found : dict
        From `binn.experiments.efficiency.measure`.
    """
    return "\n\n".join(
        (
            _solver(found),
            _limit(found),
            _training_step(found),
            _conus(found),
            _memory(found),
        )
    )


def _milliseconds(cost: dict[str, float]) -> str:
    """Best, and the range of all runs where there were several."""
    best, worst = cost["ms"], cost["worst_ms"]
    digits = 2 if best < 10 else 1 if best < 100 else 0
    spread = f" ({best:.{digits}f} to {worst:.{digits}f})" if cost["runs"] > 1 else " (one run)"
    return f"{best:,.{digits}f}{spread}"


def _sizes(found: dict[str, Any]) -> list[int]:
    """Numbers of sites that were measured with the compiled backend."""
    rows = found["solver"]
    return sorted({row["sites"] for row in rows if row["backend"] == "numba"})


def _find(found: dict[str, Any], backend: str, n: int) -> dict[str, Any] | None:
    for row in found["solver"]:
        if (row["backend"], row["sites"], row["dtype"]) == (backend, n, "float64"):
            return dict(row)
    return None


def _extrapolated(found: dict[str, Any], backend: str, n: int, what: str) -> float:
    """Cost at `n` sites from the largest measured number, in proportion."""
    largest = max(
        (row for row in found["solver"] if row["backend"] == backend), key=lambda r: r["sites"]
    )
    return float(largest[what]["ms"] * n / largest["sites"])


def _solver(found: dict[str, Any]) -> str:
    rows = []
    for backend, name in _NAMES.items():
        for n in _sizes(found):
            row, ours = _find(found, backend, n), _find(found, "numba", n)
            assert ours is not None
            if row is None:
                forward, gradient = (
                    _extrapolated(found, backend, n, what) for what in ("forward", "gradient")
                )
                cells = [f"{value:,.0f}, extrapolated" for value in (forward, gradient)]
            else:
                gradient = row["gradient"]["ms"]
                cells = [_milliseconds(row[what]) for what in ("forward", "gradient")]
            ratio = f"{gradient / ours['gradient']['ms']:,.0f}"
            rows.append([name, f"{n:,}", *cells, "1" if backend == "numba" else ratio])
    head = ["backend", "sites", "forward, ms", "forward + gradient, ms", "times the compiled one"]
    return "### Solving\n\n" + table(head, rows)


def _limit(found: dict[str, Any]) -> str:
    n = _sizes(found)[-1]
    bandwidth, size = found["limit"]["bandwidth"], found["limit"]["bytes_per_site"]
    least = 1e3 * n * size / bandwidth
    rows = []
    for row in found["solver"]:
        if row["backend"] == "numba" and row["sites"] == n:
            cost = row["forward"]
            rows.append([row["dtype"], _milliseconds(cost), f"{cost['ms'] / least:.1f}"])
    return (
        f"### Against the memory bus\n\nMoving {size:,} bytes a site once, for {n:,} sites, takes "
        f"{least:.1f} ms at the {bandwidth / 1e9:.1f} GB/s at which this machine copied (each byte "
        "counted once). Parameters to SOC, no forcing shared:\n\n"
        + table(["precision", "forward, ms", "times the limit"], rows)
    )


def _training_step(found: dict[str, Any]) -> str:
    rows = []
    for step in found["training_step"]:
        network, both = step["network"], step["with_process_model"]
        cells = (_milliseconds(network), _milliseconds(both), f"{step['ratio']:.2f}")
        rows.append([step["batch"], *cells])
    head = ["batch", "network only, ms", "with the process model, ms", "ratio, median of pairs"]
    return "### A training step\n\n" + table(head, rows)


def _conus(found: dict[str, Any]) -> str:
    conus = found["conus"]
    names = {
        "network_float64": "network, float64 (cached: only when the checkpoint changes)",
        "network_float32": "network, float32",
        "solve_float64": "solve and stock, new climate",
        "solve_float32": "solve and stock, new climate, float32 forcing",
        "solve_same_climate": "solve and stock, same climate, Q10 and water scaling",
        "diagnostics": "components, traceability, mass balance",
        "local_sensitivity": "local sensitivities of every site to 21 parameters",
    }
    rows = [[name, _milliseconds(conus[key])] for key, name in names.items()]
    return (
        f"### All of CONUS again\n\n{conus['sites']:,} sites on {conus['cells']:,} forcing "
        "cells.\n\n" + table(["step", "ms"], rows)
    )


def _memory(found: dict[str, Any]) -> str:
    rows = [
        [_NAMES[backend], "not known on this system" if value is None else f"{value / 1e3:,.1f}"]
        for backend, value in found["memory"].items()
    ]
    return "### Memory\n\nPeak extra memory of forward and gradient.\n\n" + table(
        ["backend", "kB a site"], rows
    )


def cost_figure(found: dict[str, Any], path: Path) -> None:
    """Cost of forward and gradient against number of sites, both axes logarithmic.

    Parameters
    ----------
    found : dict
        From `binn.experiments.efficiency.measure`.
    path : Path
        Where the figure goes; its suffix chooses the format.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.3, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for backend, name in _NAMES.items():
        measured = [
            (row["sites"], row["gradient"]["ms"])
            for row in found["solver"]
            if row["backend"] == backend and row["dtype"] == "float64"
        ]
        sites, cost = (list(values) for values in zip(*measured, strict=True))
        colour, marker = _COLOURS[backend], _MARKERS[backend]
        axes.plot(sites, cost, label=name, color=colour, marker=marker, markersize=5)
        largest = sites[-1]
        beyond = [n for n in _sizes(found) if n >= largest]
        if len(beyond) > 1:
            cost = [_extrapolated(found, backend, n, "gradient") for n in beyond]
            axes.plot(beyond, cost, color=_COLOURS[backend], linestyle=":")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="sites",
        ylabel="forward and gradient, CPU ms (one thread)",
    )
    axes.grid(which="major", color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False, fontsize=8, title="dotted: extrapolated", title_fontsize=8)
    figure.savefig(path)
