"""One calibrated site for reading: parameters on their priors, the profile, how sure it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.parameters import PARAMETERS, to_physical

__all__ = ["site_lines", "site_report"]

_RANGE = (0.05, 0.95)
_MOST = 2000  # members whose profiles are looked at
_POSTERIOR = ("mcmc-adaptive", "mcmc-published")


def site_report(
    found: Calibration, problem: CalibrationProblem, position: int = 0
) -> dict[str, Any]:
    """Everything about one site as JSON values.

    Parameters
    ----------
    found : Calibration
        Of all sites of the problem.
    problem : CalibrationProblem
        What was calibrated.
    position : int
        Of the site within it.

    Returns
    -------
    dict
        "site", "profile_id", "method", "bedrock"; "parameters": value, low and high (5-95 % of the
        members), prior and unit of each, and of a posterior its mean; "profile": depth (m),
        observed and simulated SOC with its 5-95 % (gC m-3); "fit": r2, rmse (gC m-3), misfit;
        "diagnostics" and "settings" of the method.
    """
    members = found.members[position]
    members = members[np.isfinite(members).all(axis=1)]
    low, high = to_physical(np.quantile(members, _RANGE, axis=0))
    value = found.parameters[position]
    mean = found.diagnostics.get("posterior_mean")
    of_mean = None if mean is None else to_physical(mean[position])
    parameters = {}
    for k, one in enumerate(PARAMETERS):
        parameters[one.key] = {
            "value": _number(value[k]),
            **({} if of_mean is None else {"mean": _number(of_mean[k])}),
            "low": _number(low[k]),
            "high": _number(high[k]),
            "prior": [one.lower, one.upper],
            "unit": one.unit,
            "long_name": one.long_name,
            "free": one.key in found.free,
        }
    here = problem.take([position])
    step = -(-len(members) // _MOST)
    soc = here.soc(np.concatenate([found.normalised[position][None], members[::step]])[None])
    seen = here.observations
    ends = np.quantile(soc[:, 1:], _RANGE, axis=1)
    return {
        "site": int(found.sites[position]),
        "profile_id": int(found.profile_id[position]),
        "method": found.method,
        "bedrock": found.bedrock,
        "range_set": found.range_set,
        "parameters": parameters,
        "profile": [
            {
                "depth": _number(seen.depth[k]),
                "observed": _number(seen.soc[k]),
                "simulated": _number(soc[k, 0]),
                "low": _number(ends[0, k]),
                "high": _number(ends[1, k]),
            }
            for k in range(len(seen.depth))
        ],
        "fit": {
            "r2": _number(found.diagnostics["r2"][position]),
            "rmse": _number(found.diagnostics["rmse"][position]),
            "misfit": _number(found.misfit[position]),
        },
        "members": len(members),
        "posterior": found.method in _POSTERIOR,
        "diagnostics": {
            name: _plain(values[position])
            for name, values in found.diagnostics.items()
            if name not in ("r2", "rmse", "posterior_mean")
        },
        "trace": {name: _plain(values[position]) for name, values in found.trace.items()},
        "settings": {name: _plain(one) for name, one in found.settings.items()},
    }


def site_lines(report: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield (
        f"profile {report['profile_id']} (#{report['site']}), {report['method']}, "
        f"{report['bedrock']} bedrock"
    )
    yield ""
    with_mean = report["posterior"]
    yield (
        f"{'parameter':<10}{'best':>11}"
        + (f"{'mean':>11}" if with_mean else "")
        + f"{'5 %':>11}{'95 %':>11}   {'prior':<19}unit"
    )
    for key, one in report["parameters"].items():
        low, high = one["prior"]
        yield (
            f"{key:<10}{_short(one['value']):>11}"
            + (f"{_short(one['mean']):>11}" if with_mean else "")
            + f"{_short(one['low']):>11}{_short(one['high']):>11}   "
            + f"{f'{low:g} to {high:g}':<19}{one['unit']}"
            + ("" if one["free"] else "  (given)")
        )
    yield ""
    yield f"{'depth m':>8}{'observed':>11}{'simulated':>11}{'5 %':>11}{'95 %':>11}   gC m-3"
    for row in report["profile"]:
        yield f"{row['depth']:>8.3g}" + "".join(
            f"{row[name]:>11.0f}" for name in ("observed", "simulated", "low", "high")
        )
    yield ""
    fit = report["fit"]
    yield f"fit: R2 {_short(fit['r2'])}, RMSE {_short(fit['rmse'])} gC m-3"
    about = report["diagnostics"]
    if with_mean:
        rhat, ess = (np.array(_known(about[name])) for name in ("rhat", "ess"))
        if len(rhat):
            yield (
                f"chains: {report['members']} draws, R-hat {rhat.mean():.3f} (mean) "
                f"{rhat.max():.3f} (worst), effective sample size {ess.min():.0f} at least, "
                f"acceptance {np.mean(about['acceptance']):.2f}"
            )
    else:
        yield (
            f"{report['members']} members after {about['steps']} steps; their range shows what the "
            "profile left open to this search and is no posterior"
        )


def _known(values: list[float | None]) -> list[float]:
    return [one for one in values if one is not None]


def _number(value: Any) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _plain(values: Any) -> Any:
    """Arrays as lists, NaN as None."""
    array: NDArray[Any] = np.asarray(values)
    if array.dtype.kind == "f":
        nested = array.astype(object)
        nested[~np.isfinite(array)] = None
        return nested.tolist()
    return array.tolist()
