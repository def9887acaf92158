"""Sites or cells under a scenario, solved afresh: for files, which must not wait for the page."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dashboard.state.estimate import Estimate, estimate, scattered
from dashboard.state.opened import Opened
from dashboard.state.scenario import Scenario

__all__ = ["under_scenario"]


def under_scenario(
    opened: Opened,
    scenario: tuple[dict[str, float], dict[str, float]],
    bedrock: str,
    rows: NDArray[np.int64],
    on: str = "site",
    applies: NDArray[np.bool_] | None = None,
) -> Estimate:
    """What a scenario makes of BINN's parameters.

    Parameters
    ----------
    opened : Opened
    scenario : (dict, dict)
        Changed parameters, and arguments of :meth:`binn.clm5.Forcing.changed`.
    bedrock : {"conserving", "published"}
    rows : ndarray (k,) of int
        Positions of the sites or cells.
    on : {"site", "cell"}
    applies : ndarray (k,) of bool, optional
        Where it applies; everywhere by default.

    Returns
    -------
    Estimate
        Of these rows; NaN where parameters are unknown or the scenario does not apply.
    """
    changes, climate = scenario
    parameters = opened.parameters_of("binn", on)[rows]
    known = np.isfinite(parameters).all(1)
    if applies is not None:
        known &= applies
    forcing = opened.forcing if on == "site" else opened.cell_forcing
    forcing = forcing.take(rows[known])
    if climate != Scenario.CLIMATE:
        forcing = forcing.changed(**climate)
    found = estimate(Scenario(changes=changes).applied(parameters[known]), forcing, bedrock)
    return found if known.all() else scattered(found, np.flatnonzero(known), len(rows))
