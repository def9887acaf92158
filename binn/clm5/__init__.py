"""The process model: soil carbon of CLM5 at steady state, 7 pools in 20 layers.

`solve` turns 21 parameters and a site's forcing into carbon pools, with gradients. Everything else
looks at the result (`soc_at_depth`, `stock`, `local_sensitivity`), follows it under another forcing
(`transient`), looks at the equation behind it (`matrices`) or supplies its inputs (`Forcing`,
`clm5_defaults`).

What is listed in ``__all__`` is loaded when it is first asked for: `binn.clm5.column`, the numbers
of the soil column, does not need torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from binn.later import loader

if TYPE_CHECKING:
    from binn.clm5.checks import BEDROCK_SCHEMES, OutsidePriorWarning
    from binn.clm5.column import INTERFACES, N_LAYERS, N_POOLS, NODES, POOL_NAMES, POOLS, THICKNESS
    from binn.clm5.defaults import clm5_defaults
    from binn.clm5.equations import Matrices, matrices
    from binn.clm5.forcing import Forcing
    from binn.clm5.profile import soc_at_depth, stock
    from binn.clm5.sensitivity import local_sensitivity
    from binn.clm5.steady_state import BACKENDS, PrecisionWarning, SteadyState, solve
    from binn.clm5.time_steps import Transient, transient

__all__ = [
    "BACKENDS",
    "BEDROCK_SCHEMES",
    "INTERFACES",
    "NODES",
    "N_LAYERS",
    "N_POOLS",
    "POOLS",
    "POOL_NAMES",
    "THICKNESS",
    "Forcing",
    "Matrices",
    "OutsidePriorWarning",
    "PrecisionWarning",
    "SteadyState",
    "Transient",
    "clm5_defaults",
    "local_sensitivity",
    "matrices",
    "soc_at_depth",
    "solve",
    "stock",
    "transient",
]

_HOME = {
    "BEDROCK_SCHEMES": "binn.clm5.checks",
    "OutsidePriorWarning": "binn.clm5.checks",
    "INTERFACES": "binn.clm5.column",
    "N_LAYERS": "binn.clm5.column",
    "N_POOLS": "binn.clm5.column",
    "NODES": "binn.clm5.column",
    "POOL_NAMES": "binn.clm5.column",
    "POOLS": "binn.clm5.column",
    "THICKNESS": "binn.clm5.column",
    "clm5_defaults": "binn.clm5.defaults",
    "Matrices": "binn.clm5.equations",
    "matrices": "binn.clm5.equations",
    "Forcing": "binn.clm5.forcing",
    "soc_at_depth": "binn.clm5.profile",
    "stock": "binn.clm5.profile",
    "local_sensitivity": "binn.clm5.sensitivity",
    "BACKENDS": "binn.clm5.steady_state",
    "PrecisionWarning": "binn.clm5.steady_state",
    "SteadyState": "binn.clm5.steady_state",
    "solve": "binn.clm5.steady_state",
    "Transient": "binn.clm5.time_steps",
    "transient": "binn.clm5.time_steps",
}


__getattr__ = loader(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
