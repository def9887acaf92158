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
    ROLES,
    decades,
    drawing,
    footnote,
    group_looks,
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
_Sites = tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.str_]]

_MANY = 2000
_LONG = 18
"""Letters of a name, beyond which a single column has one entry of the legend in a row."""
_FEW_LEVELS, _MOST_LEVELS = 4, 7
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
        "" where there is none.
    chosen : ndarray (n,) of bool, optional
        Sites that are selected: they stand out.
    """

    influx: Floats
    residence_time: Floats
    baseline_residence_time: Floats
    environmental_scalar: Floats
    biome: NDArray[np.str_]
    chosen: NDArray[np.bool_] | None = None


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
    role : str
        Of a group that is no biome, such as "binn" for a selection and "changed" for what becomes
        of it: a key of :data:`binn.figures.style.ROLES`.
    """

    biome: str
    n: int
    mean: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    role: str = ""


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
    for biome in filter(None, np.unique(traced.biome[known])):
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
    scale: str = "log",
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
        Other groups: a selection and, second, what a scenario makes of it, with a line between.
    scale : {"log", "linear"}
        Of all axes; linear ones begin at 0 and end after the 99th percentile of the sites.
    columns : {"single", "double"}
        Width of the figure; the double column has the diagrams beside each other.
    title : str
        What the numbers come from.
    notice : str
        A sentence at its foot.
    """
    if scale not in ("log", "linear"):
        raise InputError(f"scale={scale!r} is not known; use 'log' or 'linear'")
    means = [*biome_means(traced), *more]
    wide = columns == "double"
    with drawing():
        long = max(len(one.biome) for one in means) > _LONG
        beside = 3 if wide else 1 if long else 2
        rows = -(-len(means) // beside)
        height = (88.0 if wide else 158.0) + 3.4 * rows
        figure = new_figure(columns, height)
        first, second = figure.subplots(*((1, 2) if wide else (2, 1)))
        names = ("influx", "residence_time")
        _diagram(first, traced, means, names, scale)
        _contours(first, lambda x, y: x * y * _KILO, "kgC m-2", "storage", _sites(traced, names))
        first.set_xlabel(labelled("Carbon influx", "kgC m-2 yr-1"))
        first.xaxis.set_major_formatter(lambda value, _: plain_number(value * _KILO))
        first.set_ylabel(labelled("Residence time", "yr"))
        names = ("environmental_scalar", "baseline_residence_time")
        _diagram(second, traced, means, names, scale)
        _contours(second, lambda x, y: y / x, "yr", "residence time", _sites(traced, names))
        second.set_xlabel("Environmental scalar")
        second.set_ylabel(labelled("Baseline residence time", "yr"))
        for axes, name in ((first, "a"), (second, "b")):
            letter(axes, name)
        handles, labels = first.get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=beside,
            title="marks: the sites taken together; bars: quartiles over them",
            title_fontsize=6,
            handletextpad=0.4,
            columnspacing=1.2,
        )
        if title:
            figure.suptitle(title, fontsize=7)
        footnote(figure, notice)
    return figure


def _positive(values: Floats) -> Floats:
    return np.where(np.asarray(values) > 0, values, np.nan)


def _sites(traced: Traced, names: tuple[str, str]) -> _Sites:
    """Two quantities of the sites that have both, which of these are selected, and biomes."""
    x, y = (np.asarray(_positive(getattr(traced, name))) for name in names)
    known = np.isfinite(x) & np.isfinite(y)
    chosen = np.zeros(len(x), dtype=bool) if traced.chosen is None else traced.chosen
    return x[known], y[known], chosen[known], traced.biome[known]


def _diagram(
    axes: Axes, traced: Traced, means: list[BiomeMean], names: tuple[str, str], scale: str
) -> None:
    """Sites as dots, those selected upon the others, means as markers with bars."""
    x, y, chosen, biome = _sites(traced, names)
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
    looks = group_looks(one.biome for one in means if not one.role)
    if chosen.any():
        here = biome[chosen]
        single = len(set(here.tolist()) - {""}) < 2
        selected = ROLES["binn"][0]
        colours = [selected if single or not one else looks[one][0] for one in here.tolist()]
        crowd = int(chosen.sum()) > _MANY
        axes.scatter(
            x[chosen],
            y[chosen],
            s=0.8 if crowd else 3.0,
            c=colours,
            alpha=0.4 if crowd else 0.8,
            linewidths=0,
            rasterized=many,
            zorder=2,
        )
    for one in means:
        colour, marker = looks[one.biome] if not one.role else _look(one.role)
        at = one.mean[across], one.mean[up]
        bars: dict[str, Any] = {"color": colour, "linewidth": 0.7, "zorder": 3}
        axes.plot([one.low[across], one.high[across]], [at[1]] * 2, **bars)
        axes.plot([at[0]] * 2, [one.low[up], one.high[up]], **bars)
        axes.plot(
            [at[0]],
            [at[1]],
            linestyle="none",
            marker=marker,
            color=colour,
            markersize=6.5 if one.role else 4.5,
            markeredgecolor=INK,
            markeredgewidth=0.9 if one.role else 0.4,
            label=f"{one.biome}, n = {one.n:,}",
            zorder=6 if one.role else 5,
        )
    others = [one for one in means if one.role]
    if len(others) == 2:
        axes.plot(
            *([one.mean[name] for one in others] for name in names),
            color=INK, linewidth=0.6, zorder=4,
        )  # fmt: skip
    axes.set(xscale=scale, yscale=scale)
    for axis, values, name in ((axes.xaxis, x, across), (axes.yaxis, y, up)):
        ends = [value for m in means for value in (m.low[name], m.mean[name], m.high[name])]
        low, high = np.percentile(values, (0.5, 99.5))
        bounds = (0.85 * min(low, *ends), 1.18 * max(high, *ends))
        if scale == "linear":
            bounds = (0.0, 1.04 * max(float(np.percentile(values, 99)), *ends))
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(*bounds)
        if scale == "log":
            decades(axis)


def _look(role: str) -> tuple[str, str]:
    """Of what is no biome: the selection's circle, and the diamond of what becomes of it."""
    colour, marker, _ = ROLES[role]
    return colour, "D" if role == "changed" else marker


def _contours(
    axes: Axes,
    value: Any,
    unit: str,
    name: str,
    sites: _Sites,
) -> None:
    """Lines of equal `value(x, y)` with their values."""
    from matplotlib.ticker import MaxNLocator

    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    log = axes.get_xscale() == "log"
    space, n = (np.geomspace, 60) if log else (np.linspace, 240)
    x = space(max(left, 1e-3 * right), right, n)
    y = space(max(bottom, 1e-3 * top), top, n)
    z = value(x[None], y[:, None])
    lowest, highest = np.log10(z.min()), np.log10(z.max())
    if not log:  # towards the axes lines would lie upon each other: as far as sites reach
        lowest, highest = np.log10(np.percentile(value(*sites[:2]), (1, 99.5)))
    steps = np.concatenate(
        [10.0**power * np.array([1.0, 2.0, 5.0]) for power in range(-6, 9)]
    )  # 1, 2, 5, 10, ...
    levels = steps[(steps > 10**lowest) & (steps < 10**highest)]
    if not log:
        levels = levels[-_MOST_LEVELS:]
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
