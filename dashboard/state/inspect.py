"""Numbers behind a selection: its forcing, its covariates, and what its SOC hangs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import NODES
from dashboard.state.covariate_words import class_names, words_of
from dashboard.state.estimate import quiet_solver_with_gradient
from dashboard.state.opened import Opened
from dashboard.units import number, written

__all__ = ["Forces", "covariates", "forces", "sensitivities"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_AT = 0.1
"""Depth, m, whose layer stands for the soil's temperature and moisture."""


@dataclass(frozen=True, eq=False)
class Forces:
    """Forcing of a selection: medians over its sites, by month.

    Attributes
    ----------
    temperature, water : ndarray (12,)
        Soil temperature (degrees Celsius) and water scalar near 0.1 m.
    litter : ndarray (12,)
        Carbon input, all four kinds, gC m-2 month-1.
    depth : float
        Depth of the layer, m.
    bedrock : float
        Median deepest soil layer.
    """

    temperature: Floats
    water: Floats
    litter: Floats
    depth: float
    bedrock: float


def forces(opened: Opened, sites: Integers) -> Forces:
    """Forcing of the sites (medians over them).

    Parameters
    ----------
    opened : Opened
    sites : ndarray (k,)
    """
    forcing, cell = opened.forcing.to(device="cpu"), opened.site_cell[sites]
    layer = int(abs(NODES - _AT).argmin())
    inputs = sum(getattr(forcing, name) for name in ("cwd", "litter1", "litter2", "litter3"))
    return Forces(
        temperature=np.median(forcing.temperature[cell, layer].numpy(), axis=0) - 273.15,
        water=np.median(forcing.water[cell, layer].numpy(), axis=0),
        litter=np.median(inputs[cell].numpy(), axis=0),
        depth=float(NODES[layer]),
        bedrock=float(np.median(forcing.nbedrock[cell].numpy())),
    )


def covariates(opened: Opened, sites: Integers) -> list[tuple[str, str, str, str, str]]:
    """Covariates of the sites, as people read them.

    Each with name, value (the median, or the commonest class), spread, unit and its name in the
    data.

    Parameters
    ----------
    opened : Opened
    sites : ndarray (k,)
    """
    dataset = opened.dataset
    names = dataset["covariate"].to_numpy().astype(str)
    values = dataset["covariates"].transpose("site", "covariate").to_numpy()[sites]
    units = _texts(opened, "covariate_unit", len(names))
    kinds = _texts(opened, "covariate_kind", len(names))
    named = class_names(dataset)
    rows = []
    for name, column, unit, kind in zip(names, values.T, units, kinds, strict=True):
        words = words_of(name, unit)
        known = column[np.isfinite(column)]
        value, spread, shown = "–", "", written(words.unit)
        if len(known) and kind == "category":
            classes, count = np.unique(known, return_counts=True)
            share = count.max() / count.sum()
            spread = "" if len(known) == 1 else f"{100 * share:.0f} % of {len(known):,}"
            code = float(classes[count.argmax()])
            value = _named(named.get(name, {}), code)
            shown = "" if code in named.get(name, {}) else "class number"
        elif len(known):
            low, middle, high = np.percentile(known, (25, 50, 75)) * words.scale
            value = _figure(float(middle))
            spread = "" if len(known) == 1 else f"{_figure(float(low))} to {_figure(float(high))}"
        rows.append((words.name, value, spread, shown, name))
    return rows


def _named(classes: dict[int, str], code: float) -> str:
    """A class by its name, with a capital; by its number where it has none."""
    name = classes.get(int(code), "") if code.is_integer() else ""
    return name[:1].upper() + name[1:] if name else f"{code:g}"


def _figure(value: float) -> str:
    """Up to four digits, without zeros that say nothing."""
    if value == int(value) and abs(value) < 1e6:
        return f"{value:,.0f}".replace("-", "−")
    return number(value, 4)


def sensitivities(
    opened: Opened, parameters: Floats, sites: Integers, bedrock: str, depth: tuple[float, float]
) -> Floats:
    """What a step across the whole prior would do to the SOC stock, to first order: (k, 21).

    The derivative of the stock by the normalised parameter, by the adjoint, in kgC m-2.

    Parameters
    ----------
    opened : Opened
    parameters : ndarray (k, 21)
        Of these sites, physical units.
    sites : ndarray (k,)
    bedrock : str
    depth : (float, float)
        m.
    """
    import torch

    from binn.clm5 import local_sensitivity, solve

    with quiet_solver_with_gradient():
        forcing = opened.forcing.take(sites)
        values = torch.from_numpy(np.ascontiguousarray(parameters)).to(forcing.device)
        state = solve(values, forcing, bedrock=bedrock)
        found: Floats = local_sensitivity(state, *depth).detach().cpu().numpy() * 1e-3
        return found


def _texts(opened: Opened, name: str, n: int) -> list[str]:
    if name not in opened.dataset:
        return [""] * n
    return [str(one) for one in opened.dataset[name].to_numpy()]
