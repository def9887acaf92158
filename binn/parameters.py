"""The 21 parameters of the process model, as a table of data.

Ranges are those of the authors' code (Xu et al. 2025, arXiv:2502.00672; their Table S2 prints the
upper bounds of `diffus` and `cryo` swapped). Defaults are CLM5's (``clm5_params.c190829.nc``);
the three that depend on soil texture or lie outside the prior are completed by
:func:`binn.clm5.clm5_defaults`. The order is that of every file the authors publish.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "KEYS",
    "LOWER",
    "MECHANISMS",
    "PARAMETERS",
    "UPPER",
    "Parameter",
    "index",
    "to_normalised",
    "to_physical",
]

Array = TypeVar("Array")
"""A NumPy array or a torch tensor; the result is of the same kind."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of the process model.

    Attributes
    ----------
    key : str
        Short name, as in the authors' code.
    long_name : str
        What it is, for people.
    unit : str
        Physical unit ("1" when dimensionless).
    lower, upper : float
        Prior range, in `unit`.
    mechanism : str
        The process it belongs to; one of :data:`MECHANISMS`.
    default : float
        CLM5's value, in `unit` (`fs1s2`, `fs1s3`: at 50 % sand).
    """

    key: str
    long_name: str
    unit: str
    lower: float
    upper: float
    mechanism: str
    default: float


_TRANSPORT, _CLIMATE, _TURNOVER, _TRANSFER, _INPUT = MECHANISMS = (
    "Vertical transport",
    "Environmental modifiers",
    "Baseline turnover",
    "Carbon transfer",
    "Input allocation",
)

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("diffus", "Bioturbation diffusivity", "m2 yr-1", 3e-5, 5e-4, _TRANSPORT, 1e-4),
    Parameter("cryo", "Cryoturbation diffusivity", "m2 yr-1", 3e-5, 16e-4, _TRANSPORT, 5e-4),
    Parameter("q10", "Temperature sensitivity Q10", "1", 1.2, 3.0, _CLIMATE, 1.5),
    Parameter("efolding", "E-folding depth of decomposition", "m", 0.1, 1.0, _CLIMATE, 10.0),
    Parameter("tau4cwd", "Turnover time of coarse woody debris", "yr", 1.0, 6.0, _TURNOVER, 3.333),
    Parameter("tau4l1", "Turnover time of metabolic litter", "yr", 1e-4, 0.11, _TURNOVER, 0.05405),
    Parameter(
        "tau4l2",
        "Turnover time of cellulose and lignin litter",
        "yr",
        0.1,
        0.3,
        _TURNOVER,
        0.20408,
    ),
    Parameter("tau4s1", "Turnover time of fast soil carbon", "yr", 1e-4, 0.5, _TURNOVER, 0.13699),
    Parameter("tau4s2", "Turnover time of slow soil carbon", "yr", 1.0, 10.0, _TURNOVER, 5.0),
    Parameter(
        "tau4s3", "Turnover time of passive soil carbon", "yr", 20.0, 400.0, _TURNOVER, 222.22
    ),
    Parameter("fl1s1", "Metabolic litter to fast soil carbon", "1", 0.1, 0.8, _TRANSFER, 0.45),
    Parameter("fl2s1", "Cellulose litter to fast soil carbon", "1", 0.2, 0.8, _TRANSFER, 0.5),
    Parameter("fl3s2", "Lignin litter to slow soil carbon", "1", 0.2, 0.8, _TRANSFER, 0.5),
    Parameter("fs1s2", "Fast to slow soil carbon", "1", 1e-4, 0.4, _TRANSFER, 0.486),
    Parameter("fs1s3", "Fast to passive soil carbon", "1", 1e-4, 0.1, _TRANSFER, 0.004),
    Parameter("fs2s1", "Slow to fast soil carbon", "1", 0.1, 0.74, _TRANSFER, 0.42),
    Parameter("fs2s3", "Slow to passive soil carbon", "1", 1e-4, 0.1, _TRANSFER, 0.03),
    Parameter("fs3s1", "Passive to fast soil carbon", "1", 1e-4, 0.9, _TRANSFER, 0.45),
    Parameter("fcwdl2", "Coarse woody debris to cellulose", "1", 0.5, 1.0, _TRANSFER, 0.76),
    Parameter("w_scaling", "Scaling of the water scalar", "1", 1e-4, 5.0, _CLIMATE, 1.0),
    Parameter("beta", "Depth distribution of carbon input", "1", 0.5, 0.9999, _INPUT, 0.95),
)
KEYS: tuple[str, ...] = tuple(p.key for p in PARAMETERS)
LOWER: NDArray[np.float64] = np.array([p.lower for p in PARAMETERS])
UPPER: NDArray[np.float64] = np.array([p.upper for p in PARAMETERS])
LOWER.flags.writeable = UPPER.flags.writeable = False

_ALIASES = {
    "bio": "diffus",
    "taucwd": "tau4cwd",
    "taul1": "tau4l1",
    "taul2": "tau4l2",
    "w-scaling": "w_scaling",
}


def index(key: str) -> int:
    """Position of a parameter in the table.

    Parameters
    ----------
    key : str
        A key of :data:`KEYS`, or one of the authors' other spellings (`bio`, `taucwd`, `taul1`,
        `taul2`, `w-scaling`).

    Raises
    ------
    KeyError
        If there is no such parameter.
    """
    try:
        return KEYS.index(_ALIASES.get(key, key))
    except ValueError:
        raise KeyError(f"no parameter {key!r}; there are {', '.join(KEYS)}") from None


def _like(bounds: NDArray[np.float64], values: Array) -> Array:
    """The bounds as the same kind of array as `values`."""
    new_tensor = getattr(values, "new_tensor", None)
    return bounds if new_tensor is None else new_tensor(bounds)  # type: ignore[return-value]


def to_physical(u: Array) -> Array:
    """Normalised parameters to physical units: ``lower + u (upper - lower)``.

    Parameters
    ----------
    u : array or tensor, (..., 21)
        Normalised parameters, table order.

    Returns
    -------
    array or tensor, (..., 21)
        In the units of the table.
    """
    return _like(LOWER, u) + u * _like(UPPER - LOWER, u)  # type: ignore[operator,no-any-return]


def to_normalised(parameters: Array) -> Array:
    """Physical parameters to the unit interval; the inverse of :func:`to_physical`.

    Parameters
    ----------
    parameters : array or tensor, (..., 21)
        In the units of the table, table order.
    """
    return (parameters - _like(LOWER, parameters)) / _like(  # type: ignore[operator,no-any-return]
        UPPER - LOWER, parameters
    )
