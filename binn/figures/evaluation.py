"""Simulated against observed SOC: density with scores, and the residual by depth and by biome."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.figures.density import draw_density
from binn.figures.style import (
    MUTED,
    ROLES,
    decades,
    drawing,
    footer,
    labelled,
    letter,
    new_figure,
    short,
    written_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DEPTH_CLASSES", "Evaluated", "ResidualGroup", "evaluation_figure", "residuals"]

Floats = NDArray[np.float64]

_KILO = 1e-3
DEPTH_CLASSES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, np.inf)
"""Bounds of the depth classes, m."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Observations and what a model makes of them.

    Attributes
    ----------
    observed, simulated : ndarray (obs,)
        gC m-3.
    depth : ndarray (obs,)
        m.
    biome : ndarray (obs,) of str
        Of the site of each observation.
    """

    observed: Floats
    simulated: Floats
    depth: Floats
    biome: NDArray[np.str_]


@dataclass(frozen=True)
class ResidualGroup:
    """Simulated minus observed of some observations.

    Attributes
    ----------
    label : str
    n : int
    median, low, high : float
        Median and quartiles, gC m-3.
    bias : float
        Mean, gC m-3.
    """

    label: str
    n: int
    median: float
    low: float
    high: float
    bias: float


def residuals(evaluated: Evaluated, by: str) -> list[ResidualGroup]:
    """The residual by depth class or by biome.

    Parameters
    ----------
    by : {"depth", "biome"}
        Depth classes from the surface down; biomes by number of observations. Empty ones are left
        out.
    """
    residual = evaluated.simulated - evaluated.observed
    if by == "depth":
        groups = [
            (_depth_class(top, bottom), (evaluated.depth >= top) & (evaluated.depth < bottom))
            for top, bottom in pairwise(DEPTH_CLASSES)
        ]
    elif by == "biome":
        names, counts = np.unique(evaluated.biome, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        groups = [(str(name), evaluated.biome == name) for name in names[order]]
    else:
        raise InputError(f"residuals are grouped by 'depth' or 'biome', not by {by!r}")
    found = []
    for label, inside in groups:
        if inside.any():
            some = residual[inside]
            low, middle, high = (float(one) for one in np.percentile(some, (25, 50, 75)))
            found.append(
                ResidualGroup(label, int(inside.sum()), middle, low, high, float(some.mean()))
            )
    return found


def evaluation_figure(
    evaluated: Evaluated, *, columns: str = "double", title: str = "", notice: str = ""
) -> Figure:
    """Density scatter with scores; residual by depth and by biome.

    Parameters
    ----------
    evaluated : Evaluated
    columns : {"single", "double"}
        Width; in a single column the panels stand below each other.
    title : str
        Which model on which data.
    notice : str
        A sentence at its foot.

    Raises
    ------
    InputError
        For no observations, or values that are not finite.
    """
    scores = metrics(evaluated.observed, evaluated.simulated)
    wide = columns == "double"
    with drawing():
        biomes = residuals(evaluated, "biome")
        depths = residuals(evaluated, "depth")
        if wide:
            figure = new_figure(columns, 80.0)
            first, second, third = figure.subplots(1, 3, width_ratios=[1.3, 0.72, 0.72])
        else:
            figure = new_figure(columns, 92.0 + 5.0 * (len(biomes) + len(depths)) + 26.0)
            first, second, third = figure.subplots(
                3, 1, height_ratios=[15.0, 2.0 + len(depths), 2.0 + len(biomes)]
            )
        _density(figure, first, evaluated, scores)
        _groups(second, depths)
        _groups(third, biomes)
        second.set_ylabel("Depth (m)")
        second.legend(
            loc="lower right",
            bbox_to_anchor=(1.06, 0.99),
            ncols=2,
            handletextpad=0.1,
            columnspacing=0.8,
            fontsize=5,
            title="line: quartiles",
            title_fontsize=5,
        )
        for axes, name in ((first, "a"), (second, "b"), (third, "c")):
            letter(axes, name)
        if title:
            figure.suptitle(title, fontsize=7)
        footer(figure, notice)
    return figure


def _density(figure: Figure, axes: Axes, evaluated: Evaluated, scores: dict[str, float]) -> None:
    """Observed and simulated SOC on logarithmic axes, with the scores of the plain numbers."""
    x, y = evaluated.observed * _KILO, evaluated.simulated * _KILO
    positive = np.concatenate([x[x > 0], y[y > 0]])
    low, high = (float(one) for one in np.percentile(positive, (0.2, 100.0)))
    drawn = draw_density(axes, x, y, (0.8 * low, 1.2 * high), bins=55, log=True)
    bar = figure.colorbar(drawn, ax=axes, aspect=30, pad=0.02, shrink=0.8)
    bar.set_label("observations")
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    decades(axes.xaxis)
    decades(axes.yaxis)
    axes.set_xlabel(labelled("Observed SOC", "kgC m-3"))
    axes.set_ylabel(labelled("Simulated SOC", "kgC m-3"))
    unit = written_unit("kgC m-3")
    axes.set_anchor("N")
    lines = [
        f"NSE = {short(scores['nse'])}",
        f"r = {short(scores['r'])}",
        f"RMSE = {short(scores['rmse'] * _KILO)} {unit}",
        f"bias = {short(scores['bias'] * _KILO)} {unit}",
        f"n = {scores['n']:,}",
    ]
    axes.text(
        0.03,
        0.97,
        "\n".join(lines),
        transform=axes.transAxes,
        fontsize=6,
        va="top",
        ha="left",
        linespacing=1.35,
    )


def _groups(axes: Axes, groups: list[ResidualGroup]) -> None:
    """Median, quartiles and mean of each group, from the top down."""
    colour = ROLES["binn"][0]
    at = np.arange(len(groups))
    style: dict[str, Any] = {"linestyle": "none", "zorder": 3}
    axes.axvline(0.0, color=MUTED, linewidth=0.5, zorder=0)
    axes.hlines(
        at,
        [one.low * _KILO for one in groups],
        [one.high * _KILO for one in groups],
        color=colour,
        linewidth=2.4,
        alpha=0.35,
    )
    axes.plot(
        [one.median * _KILO for one in groups], at, marker="o", color=colour, label="median",
        **style,
    )  # fmt: skip
    axes.plot(
        [one.bias * _KILO for one in groups], at, marker="D", markerfacecolor="white",
        markeredgecolor=colour, markeredgewidth=0.7, markersize=2.6, label="mean", **style,
    )  # fmt: skip
    axes.set_yticks(at, [f"{one.label}\nn = {one.n:,}" for one in groups], fontsize=5)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Simulated − observed\n({written_unit('kgC m-3')})")


def _depth_class(top: float, bottom: float) -> str:
    return f"{top:g}–{bottom:g}" if np.isfinite(bottom) else f"> {top:g}"
