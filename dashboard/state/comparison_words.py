"""BINN beside PRODA in words and as a table: what the maps and scatters show, for reading."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dashboard.state.comparison import Agreement, Compared
from dashboard.units import number, with_unit, written

__all__ = ["DEFINITIONS", "MISSING", "headline", "sentences", "table_of"]

DEFINITIONS = {"stock": "By stock", "published": "As published"}
"""Definitions of the components, for people."""
MISSING = (
    "This dataset holds no PRODA, so there is nothing to compare BINN with.\n"
    "PRODA finds the parameters of every profile by MCMC and predicts them elsewhere by a network. "
    "Compute it with “binn proda DATA --out DIR” on this dataset, or import the authors' "
    "results together with their data, and open the dataset that comes out."
)
"""What to read, and to do, where a dataset holds no PRODA."""
_SIMULATED = "Simulated data: truth known"


def headline(found: Compared, place: str) -> str:
    """A component, and how well BINN and PRODA agree on it."""
    unit = written(found.unit)
    name = f"{found.label} ({unit})" if unit else found.label
    whole = found.overall
    return f"{name}: r = {_r(whole)}, n = {whole.n:,} {place}s"


def sentences(
    found: Compared, place: str, biome: NDArray[np.generic], selected: Agreement | None
) -> str:
    """Where a component differs most, what the selection says, and which is nearer the truth.

    Parameters
    ----------
    found : Compared
    place : {"cell", "site"}
    biome : ndarray (place,) of str
    selected : Agreement or None
        None where nothing is selected.
    """
    whole = found.overall
    if not whole.n:
        return f"No {place} is known to both BINN and PRODA."
    lines = [_how_different(found, place, biome)]
    if selected is not None:
        lines.append(
            f"Selected: r = {_r(selected)}, n = {selected.n:,} {place}{'s' * (selected.n != 1)}; "
            f"BINN − PRODA, median {with_unit(selected.difference, found.unit)}."
        )
    if found.truth is not None:
        lines.append(_nearer(found))
    return "\n".join(lines)


def _how_different(found: Compared, place: str, biome: NDArray[np.generic]) -> str:
    if not len(found.most_different):
        return f"BINN and PRODA are the same at every {place}."
    whole = found.overall
    said = (
        f"Median BINN {with_unit(whole.binn, found.unit)}, PRODA "
        f"{with_unit(whole.proda, found.unit)}; BINN − PRODA, median "
        f"{with_unit(whole.difference, found.unit)}."
    )
    apart = found.apart(biome)
    if apart:
        most = apart[0]
        said += (
            f" They differ most in {most.biome}: median absolute difference "
            f"{with_unit(most.size, found.unit)}, n = {most.n:,}."
        )
    return said


def _nearer(found: Compared) -> str:
    whole = found.overall
    errors = {"BINN": whole.binn_error, "PRODA": whole.proda_error}
    if not all(map(math.isfinite, errors.values())):
        return f"{_SIMULATED}, but not where BINN and PRODA are compared."
    near, far = sorted(errors, key=errors.__getitem__)
    if errors[near] == errors[far]:
        return (
            f"{_SIMULATED}. Both are equally near to it: median absolute error "
            f"{with_unit(errors[near], found.unit)}."
        )
    return (
        f"{_SIMULATED}. {near} is nearer to it: median absolute error "
        f"{with_unit(errors[near], found.unit)}, {far} {with_unit(errors[far], found.unit)}."
    )


def table_of(every: Sequence[Compared], place: str) -> tuple[str, list[str], list[list[str]]]:
    """Caption, names of the columns and rows of the table of all components.

    Parameters
    ----------
    every : sequence of Compared
        Components under each definition.
    place : {"cell", "site"}
    """
    truth = any(found.truth is not None for found in every)
    head = ["Component", "Definition", "Unit", "r", "n", "Median BINN", "Median PRODA"]
    head.append("Median BINN − PRODA")
    if truth:
        head += ["Median |BINN − truth|", "Median |PRODA − truth|", "Nearer the truth"]
    rows = []
    for found in every:
        whole = found.overall
        row = [found.label, DEFINITIONS[found.definition], written(found.unit) or "1"]
        row += [_r(whole), f"{whole.n:,}"]
        row += [number(value) for value in (whole.binn, whole.proda, whole.difference)]
        if truth:
            row += [number(whole.binn_error), number(whole.proda_error), _winner(whole)]
        rows.append(row)
    caption = f"BINN and PRODA over their common {place}s."
    if truth:
        caption += f" {_SIMULATED}; errors are median absolute differences to it."
    return caption, head, rows


def _winner(whole: Agreement) -> str:
    if not (math.isfinite(whole.binn_error) and math.isfinite(whole.proda_error)):
        return "–"
    if whole.binn_error == whole.proda_error:
        return "equal"
    return "BINN" if whole.binn_error < whole.proda_error else "PRODA"


def _r(found: Agreement) -> str:
    """Pearson's r with three decimals: -0.004 shall not become a power of ten."""
    return f"{found.r:.3f}".replace("-", "−") if math.isfinite(found.r) else "–"
