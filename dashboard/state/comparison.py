"""BINN beside PRODA: the six components of both, place by place, and how far they agree.

Places are the cells of the dataset's grid, or its sites where its cells are not on one. Pearson's r
is over the places that both know (Fig. 5 of the paper).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from binn.quantities import COMPONENT_NAMES
from dashboard.state.estimate import Estimate
from dashboard.state.field import FieldChoice, limits

__all__ = [
    "MOST",
    "Agreement",
    "Apart",
    "Compared",
    "Density",
    "agreement",
    "compared",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST = 0.05
"""Part of the places that count as those where BINN and PRODA differ most."""
_OUTER = (0.5, 99.5)
"""Percentiles that the axes of the scatter span, unless all shall be seen."""
_ROUNDING = 1e-12
"""Values that differ by this part of their size are the same."""
_ROOM = 0.03
"""Part of the span that is left free at each end."""


@dataclass(frozen=True)
class Agreement:
    """BINN and PRODA over some places, in the component's unit; NaN where there is nothing to say.

    Attributes
    ----------
    n : int
        Places that both know.
    r : float
        Pearson's correlation.
    binn, proda, difference : float
        Medians; the last is of BINN - PRODA, place by place.
    binn_error, proda_error : float
        Median absolute differences to the truth, where the data are simulated from a known one.
    """

    n: int
    r: float
    binn: float
    proda: float
    difference: float
    binn_error: float
    proda_error: float


@dataclass(frozen=True)
class Apart:
    """How far BINN and PRODA are apart in a biome.

    Attributes
    ----------
    biome : str
    n : int
        Its places that both know.
    size, difference : float
        Medians of the absolute difference and of BINN - PRODA.
    """

    biome: str
    n: int
    size: float
    difference: float


@dataclass(frozen=True, eq=False)
class Density:
    """How many places lie in each bin of the scatter.

    Attributes
    ----------
    count : ndarray (bin of BINN, bin of PRODA), float32
        NaN where there is none; row 0 is the lowest.
    start, end : float
        Of both axes.
    beyond : int
        Places outside the axes.
    """

    count: NDArray[np.float32]
    start: float
    end: float
    beyond: int


@dataclass(frozen=True, eq=False)
class Compared:
    """One component by BINN and by PRODA.

    Attributes
    ----------
    key, label, unit, definition : str
        Of the component; the unit as data files write it.
    binn, proda : ndarray (place,)
        NaN where unknown.
    truth : ndarray (place,) or None
        From the parameters the data were simulated with, where they are.
    low, high : float
        Colour limits that both share.
    reach : float
        Colours of the difference go from -reach to reach.
    span : (float, float)
        Ends of both axes of the scatter.
    """

    key: str
    label: str
    unit: str
    definition: str
    binn: Floats
    proda: Floats
    truth: Floats | None
    low: float
    high: float
    reach: float
    span: tuple[float, float]

    @cached_property
    def difference(self) -> Floats:
        """BINN - PRODA, NaN where one of them is unknown: (place,)."""
        return self.binn - self.proda

    @cached_property
    def common(self) -> Integers:
        """Places that both know, ascending."""
        return np.flatnonzero(np.isfinite(self.difference))

    @cached_property
    def overall(self) -> Agreement:
        """Agreement over all common places."""
        return self.among(self.common)

    def among(self, rows: Integers) -> Agreement:
        """Agreement over those of these places that both know."""
        rows = rows[np.isfinite(self.difference[rows])]
        truth = None if self.truth is None else self.truth[rows]
        return agreement(self.binn[rows], self.proda[rows], truth)

    def apart(self, biome: NDArray[np.generic]) -> list[Apart]:
        """How far they are apart in each biome, the farthest first.

        Parameters
        ----------
        biome : ndarray (place,) of str
            "" is no biome.
        """
        names = np.asarray(biome).astype(str)[self.common]
        difference = self.difference[self.common]
        found = []
        for name in sorted(set(names.tolist()) - {""}):
            here = difference[names == name]
            sizes = float(np.median(abs(here))), float(np.median(here))
            found.append(Apart(name, len(here), *sizes))
        return sorted(found, key=lambda one: -one.size)

    @cached_property
    def most_different(self) -> Integers:
        """The 5 % of common places with the largest absolute difference, ascending.

        All that reach the 95th percentile; none if BINN and PRODA are the same everywhere.
        """
        size = abs(self.difference[self.common])
        if not len(size) or not size.max() > 0:
            return self.common[:0]
        return self.common[size >= np.quantile(size, 1 - MOST)]

    def density(self, bins: int) -> Density:
        """Count the common places on a square of `bins` by `bins`."""
        start, end = self.span
        edges = np.linspace(start, end, bins + 1)
        count, _, _ = np.histogram2d(
            self.binn[self.common], self.proda[self.common], bins=(edges, edges)
        )
        beyond = len(self.common) - int(count.sum())
        return Density(np.where(count > 0, count, np.nan).astype(np.float32), start, end, beyond)


def agreement(binn: Floats, proda: Floats, truth: Floats | None = None) -> Agreement:
    """Compare two sets of values that are all known.

    Parameters
    ----------
    binn, proda : ndarray (k,)
    truth : ndarray (k,), optional
        May be NaN at places.
    """
    nothing = float("nan")
    n = len(binn)
    if not n:
        return Agreement(0, *[nothing] * 6)
    r = float(np.corrcoef(binn, proda)[0, 1]) if _varies(binn) and _varies(proda) else nothing
    medians = (float(np.median(values)) for values in (binn, proda, binn - proda))
    errors = [nothing, nothing]
    if truth is not None and np.isfinite(truth).any():
        known = np.isfinite(truth)
        errors = [float(np.median(abs(v[known] - truth[known]))) for v in (binn, proda)]
    return Agreement(n, r, *medians, *errors)


def _varies(values: Floats) -> bool:
    """Whether values differ by more than rounding."""
    return len(values) > 1 and bool(np.ptp(values) > _ROUNDING * abs(values).max())


def compared(
    key: str,
    definition: str,
    binn: Estimate,
    proda: Estimate,
    truth: Estimate | None,
    field: FieldChoice,
) -> Compared:
    """One component of two estimates of the same places.

    Parameters
    ----------
    key : str
        One of :data:`binn.diagnostics.COMPONENTS`.
    definition : {"stock", "published"}
    binn, proda : Estimate
    truth : Estimate, optional
    field : FieldChoice
        How far colours reach. Fixed limits hold for the field they were set for; the others, and
        differences, then reach over the middle 96 %.
    """
    label, unit = COMPONENT_NAMES[key]
    one, other = binn.components[definition][key], proda.components[definition][key]
    both = np.concatenate([one, other])
    reach = "2-98 %" if field.reach == "fixed" else field.reach
    low, high = limits(both, reach, diverging=False)
    if field.reach == "fixed" and field.key == key:
        low, high = field.limits
    return Compared(
        key=key,
        label=label,
        unit=unit,
        definition=definition,
        binn=one,
        proda=other,
        truth=None if truth is None else truth.components[definition][key],
        low=float(low),
        high=float(high),
        reach=limits(one - other, reach, diverging=True)[1],
        span=_span(both, (0, 100) if reach == "min-max" else _OUTER),
    )


def _span(values: Floats, percentiles: Iterable[float]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(known, list(percentiles)))
    room = _ROOM * (high - low) or abs(low) * 0.5 or 0.5
    return low - room, high + room
