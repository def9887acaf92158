"""The process model: soil carbon of CLM5 at steady state, 7 pools in 20 layers.

`solve` turns 21 parameters and a site's forcing into carbon pools, with gradients. Everything else
looks at the result (`soc_at_depth`, `stock`, `local_sensitivity`), follows it under another forcing
(`transient`), looks at the equation behind it (`matrices`) or supplies its inputs (`Forcing`,
`clm5_defaults`).
"""

from binn.clm5.checks import BEDROCK_SCHEMES, OutsidePriorWarning
from binn.clm5.column import INTERFACES, N_LAYERS, N_POOLS, NODES, POOL_NAMES, POOLS, THICKNESS
from binn.clm5.defaults import clm5_defaults
from binn.clm5.equations import Matrices, matrices
from binn.clm5.forcing import Forcing
from binn.clm5.profile import soc_at_depth, stock
from binn.clm5.sensitivity import local_sensitivity
from binn.clm5.steady_state import BACKENDS, PrecisionWarning, SteadyState, solve
from binn.clm5.transient import Transient, transient

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
