"""What the map shows, worked out once for all who need it: values, limits and words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.state.estimate import Change, Estimate
from dashboard.state.field import FIELDS, MAP_SOURCES, FieldChoice, limits, titled, value_of
from dashboard.state.opened import Opened

__all__ = ["Mapped", "changed_map", "mapped", "needed", "on_cells"]

Floats = NDArray[np.float64]
Get = Callable[[str, str], Estimate | None]


@dataclass(frozen=True, eq=False)
class Mapped:
    """Numbers of a map.

    Attributes
    ----------
    values : ndarray (n,)
        At every site or cell; NaN where there is none.
    on : {"site", "cell"}
    key, source : str
        Field and where it comes from.
    title, unit : str
        In words; the unit as data files write it.
    low, high : float
        Colour limits.
    diverging : bool
        Whether zero is the middle.
    """

    values: Floats
    on: str
    key: str
    source: str
    title: str
    unit: str
    low: float
    high: float
    diverging: bool


def needed(field: FieldChoice, opened: Opened) -> set[tuple[str, str]]:
    """Estimates that a map of this field is made of: (source, on)."""
    if field.field.measured or field.source == "spread":
        return set()
    on = "site" if field.key == "soc_residual" else field.on
    if field.source in ("binn", "proda", "difference") and "proda" in opened.sources:
        return {("binn", on), ("proda", on)}  # they share their colours
    return {("binn" if field.source == "difference" else field.source, on)}


def mapped(field: FieldChoice, opened: Opened, get: Get, spread: Floats | None) -> Mapped | None:
    """The map of a field; None while something it needs is being computed.

    Parameters
    ----------
    field : FieldChoice
    opened : Opened
    get : callable
        Source and place to the estimate, or None.
    spread : ndarray (n,), optional
        Standard deviation over the folds, where that is asked for.
    """
    chosen, source = FIELDS[field.key], field.source

    def values(of: str) -> Floats | None:
        on = "site" if chosen.measured or chosen.key == "soc_residual" else field.on
        found = None if chosen.measured else get(of, on)
        each = value_of(chosen, found, opened.observations, field.depth, field.definition)
        if each is not None and on != field.on:
            return on_cells(each, opened)
        return each

    diverging, title = chosen.diverging, field.title
    together: list[Floats] = []
    if source == "spread" and not chosen.measured:
        shown, diverging = spread, False
        title = f"{title}, standard deviation over the folds"
    elif source == "difference" and not chosen.measured:
        binn, proda = values("binn"), values("proda")
        shown = None if binn is None or proda is None else binn - proda
        diverging, title = True, f"{title}, {MAP_SOURCES['difference']}"
    else:
        shown = values("binn" if chosen.measured else source)
        if not chosen.measured:
            twins = [one for one in ("binn", "proda") if one in opened.sources]
            others = [values(one) for one in twins if source in twins and one != source]
            together = [one for one in others if one is not None]
    if shown is None:
        return None
    if field.reach == "fixed":
        low, high = field.limits
    else:
        low, high = limits(np.concatenate([shown, *together]), field.reach, diverging)
    return Mapped(
        shown, field.on, field.key, source, title, chosen.unit, float(low), float(high), diverging
    )


def changed_map(
    field: FieldChoice, opened: Opened, base: Estimate, change: Change, show: str
) -> Mapped | None:
    """The map under the scenario, as a difference to what it was or as it then is.

    Parameters
    ----------
    field : FieldChoice
        What is measured does not change: then the SOC stock is shown.
    opened : Opened
    base : Estimate
        All sites or cells before the change.
    change : Change
        Those that change.
    show : {"difference", "absolute"}

    Returns
    -------
    Mapped
        NaN where nothing was solved again.
    """
    chosen = FIELDS[field.key]
    if chosen.measured or chosen.key == "soc_residual":
        chosen = FIELDS["soc_stock"]
    arguments = (opened.observations, field.depth, field.definition)
    after = value_of(chosen, change.estimate, *arguments)
    before = value_of(chosen, base, *arguments)
    if after is None or before is None:
        return None
    values = np.full(len(base), np.nan)
    values[change.sites] = after - before[change.sites] if show == "difference" else after
    title = titled(chosen, field.depth, field.definition)
    diverging = show == "difference"
    title += ", change" if diverging else ", changed"
    low, high = limits(values, "2-98 %" if field.reach == "fixed" else field.reach, diverging)
    return Mapped(values, field.on, chosen.key, "binn", title, chosen.unit, low, high, diverging)


def on_cells(values: Floats, opened: Opened) -> Floats:
    """Mean over the sites of each cell that have a value: (cell,); NaN without one."""
    n = int(opened.dataset.sizes["cell"])
    known = np.isfinite(values)
    cell = opened.site_cell[known]
    count = np.bincount(cell, minlength=n)
    total = np.bincount(cell, weights=values[known], minlength=n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
