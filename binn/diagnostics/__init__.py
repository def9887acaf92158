"""What a solved state says: components, traceability, mass balance, and scores against data."""

from binn.diagnostics.components import components
from binn.diagnostics.mass_balance import mass_balance
from binn.diagnostics.metrics import metrics
from binn.diagnostics.traceability import traceability
from binn.quantities import (
    COMPONENT_NAMES,
    COMPONENTS,
    DEFINITIONS,
    TRACEABILITY,
    TRACEABILITY_NAMES,
)

__all__ = [
    "COMPONENTS",
    "COMPONENT_NAMES",
    "DEFINITIONS",
    "TRACEABILITY",
    "TRACEABILITY_NAMES",
    "components",
    "mass_balance",
    "metrics",
    "traceability",
]
