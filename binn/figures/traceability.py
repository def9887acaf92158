"""Traceability (Fig. 7 of Xu et al. 2025): why biomes store what they store.

Storage is influx times residence time, residence time is baseline residence time over the
environmental scalar: on logarithmic axes, lines of equal storage and of equal residence time are
straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from binn.figures.style import (
    INK,
    MUTED,
    OKABE_ITO,
    decades,
    drawing,
    footer,
    labelled,
    letter,
    new_figure,
    plain_number,
    written_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BiomeMean", "Traced", "biome_means", "traceability_figure"]

Floats = NDArray[np.float64]

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
_MANY = 2000
_FEW_LEVELS = 4
_KILO = 1e-3


@dataclass(frozen=True, eq=False)
class Traced:
    """Traceable terms of sites, as :func:`binn.diagnostics.traceability` gives them.

    Attributes
    ----------
    influx : ndarray (n,)
        Carbon input, gC m-2 yr-1.
    residence_time, baseline_residence_time : ndarray (n,)
        yr.
    environmental_scalar : ndarray (n,)
    biome : ndarray (n,) of str
    """

    influx: Floats
    residence_time: Floats
    baseline_residence_time: Floats
    environmental_scalar: Floats
    biome: NDArray[np.str_]


@dataclass(frozen=True)
class BiomeMean:
    """A biome's sites (or those of another group) as a whole, and their spread.

    Attributes
    ----------
    biome : str
    n : int
        Sites.
    mean, low, high : dict of str to float
        Means and quartiles over the sites, by quantity: influx, residence_time,
        baseline_residence_time, environmental_scalar. Residence times are weighted by influx and
        the scalar by storage, so that means obey the equations: mean storage is their product.
    """

    biome: str
    n: int
    mean: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]


_QUANTITIES = ("influx", "residence_time", "baseline_residence_time", "environmental_scalar")


def biome_means(traced: Traced) -> list[BiomeMean]:
    """Mean and quartiles of each biome, the largest biome first.

    Raises
    ------
    InputError
        If no site has all four quantities, positive.
    """
    table = np.stack([_positive(getattr(traced, name)) for name in _QUANTITIES])
    known = np.isfinite(table).all(0)
    if not known.any():
        raise InputError("no site has an influx, residence times and a scalar to trace")
    found = []
    for biome in np.unique(traced.biome[known]):
        some = table[:, known & (traced.biome == biome)]
        ends = np.percentile(some, (25, 75), axis=1)
        low, high = (dict(zip(_QUANTITIES, end.tolist(), strict=True)) for end in ends)
        influx, residence, _, scalar = some
        mean = {
            "influx": float(influx.mean()),
            "residence_time": float(np.average(residence, weights=influx)),
            "environmental_scalar": float(np.average(scalar, weights=influx * residence)),
        }
        mean["baseline_residence_time"] = mean["residence_time"] * mean["environmental_scalar"]
        found.append(BiomeMean(str(biome), some.shape[1], mean, low, high))
    return sorted(found, key=lambda one: -one.n)


def traceability_figure(
    traced: Traced,
    more: Sequence[BiomeMean] = (),
    *,
    columns: str = "double",
    title: str = "",
    notice: str = "",
) -> Figure:
    """Influx and residence time with storage contours; scalar and baseline with residence contours.

    Parameters
    ----------
    traced : Traced
        Sites: dots behind the means of their biomes.
    more : sequence of BiomeMean
        Other groups, such as a selection and what a scenario makes of it: in black.
    columns : {"single", "double"}
        Width of the figure; the double column has the diagrams beside each other.
    title : str
        What the numbers come from.
    notice : str
        A sentence at its foot.
    """
    means = [*biome_means(traced), *more]
    wide = columns == "double"
    with drawing():
        rows = -(-len(means) // (3 if wide else 2))
        height = (88.0 if wide else 158.0) + 3.4 * rows
        figure = new_figure(columns, height)
        first, second = figure.subplots(*((1, 2) if wide else (2, 1)))
        _diagram(first, traced, means, len(more), ("influx", "residence_time"))
        _contours(first, lambda x, y: x * y * _KILO, "kgC m-2", "storage")
        first.set_xlabel(labelled("Carbon influx", "gC m-2 yr-1"))
        first.set_ylabel(labelled("Residence time", "yr"))
        _diagram(
            second, traced, means, len(more), ("environmental_scalar", "baseline_residence_time")
        )
        _contours(second, lambda x, y: y / x, "yr", "residence time")
        second.set_xlabel("Environmental scalar")
        second.set_ylabel(labelled("Baseline residence time", "yr"))
        for axes, name in ((first, "a"), (second, "b")):
            letter(axes, name)
        handles, labels = first.get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=3 if wide else 2,
            title="marks: mean of the sites; bars: quartiles",
            title_fontsize=6,
            handletextpad=0.4,
            columnspacing=1.2,
        )
        if title:
            figure.suptitle(title, fontsize=7)
        footer(figure, notice)
    return figure


def _positive(values: Floats) -> Floats:
    return np.where(np.asarray(values) > 0, values, np.nan)


def _diagram(
    axes: Axes, traced: Traced, means: list[BiomeMean], others: int, names: tuple[str, str]
) -> None:
    """Sites as dots, means as markers with bars."""
    x, y = (np.asarray(_positive(getattr(traced, name))) for name in names)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    many = len(x) > _MANY
    axes.scatter(
        x,
        y,
        s=0.6 if many else 3.0,
        color="#9aa3ab",
        alpha=0.25 if many else 0.6,
        linewidths=0,
        rasterized=many,
        zorder=1,
    )
    across, up = names
    colours = [c for key, c in OKABE_ITO.items() if key not in ("grey", "yellow")]
    for k, one in enumerate(means):
        colour = INK if k >= len(means) - others else colours[k % len(colours)]
        here = one.mean[across], one.mean[up]
        bars: dict[str, Any] = {"color": colour, "linewidth": 0.7, "zorder": 3}
        axes.plot([one.low[across], one.high[across]], [here[1]] * 2, **bars)
        axes.plot([here[0]] * 2, [one.low[up], one.high[up]], **bars)
        axes.plot(
            [here[0]],
            [here[1]],
            linestyle="none",
            marker=_MARKERS[k % len(_MARKERS)],
            color=colour,
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            label=f"{one.biome}, n = {one.n:,}",
            zorder=4,
        )
    axes.set(xscale="log", yscale="log")
    for axis, values, name in ((axes.xaxis, x, across), (axes.yaxis, y, up)):
        ends = [value for m in means for value in (m.low[name], m.mean[name], m.high[name])]
        low, high = np.percentile(values, (0.5, 99.5))
        bounds = (0.85 * min(low, *ends), 1.18 * max(high, *ends))
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(*bounds)
        decades(axis)


def _contours(axes: Axes, value: Any, unit: str, name: str) -> None:
    """Lines of equal `value(x, y)` with their values."""
    from matplotlib.ticker import MaxNLocator

    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x, y = np.geomspace(left, right, 60), np.geomspace(bottom, top, 60)
    z = value(x[None], y[:, None])
    lowest, highest = np.log10(z.min()), np.log10(z.max())
    steps = np.concatenate(
        [10.0**power * np.array([1.0, 2.0, 5.0]) for power in range(-6, 9)]
    )  # 1, 2, 5, 10, ...
    levels = steps[(steps > 10**lowest) & (steps < 10**highest)]
    if len(levels) < _FEW_LEVELS:
        levels = MaxNLocator(8).tick_values(float(z.min()), float(z.max()))[1:-1]
    drawn = axes.contour(x, y, z, levels=levels, colors=MUTED, linewidths=0.4, zorder=0)
    axes.clabel(drawn, fmt=plain_number, fontsize=5, inline_spacing=2)
    axes.text(
        0.98,
        0.98,
        f"lines: {name} ({written_unit(unit)})",
        transform=axes.transAxes,
        fontsize=5.5,
        color=MUTED,
        ha="right",
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
    )
