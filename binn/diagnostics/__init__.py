"""What a solved state says: components, traceability, mass balance, and scores against data."""

from binn.diagnostics.components import COMPONENT_NAMES, COMPONENTS, DEFINITIONS, components
from binn.diagnostics.mass_balance import mass_balance
from binn.diagnostics.metrics import metrics
from binn.diagnostics.traceability import TRACEABILITY, TRACEABILITY_NAMES, traceability

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
