"""What a solved state is described by: names and units of the components and traceable terms.

How they are computed stands in :mod:`binn.diagnostics`.
"""

from __future__ import annotations

__all__ = [
    "COMPONENTS",
    "COMPONENT_NAMES",
    "DEFINITIONS",
    "TRACEABILITY",
    "TRACEABILITY_NAMES",
]

COMPONENT_NAMES: dict[str, tuple[str, str]] = {
    "carbon_transfer_efficiency": ("Carbon transfer efficiency", "1"),
    "baseline_decomposition": ("Baseline decomposition", "yr-1"),
    "environmental_modifier": ("Environmental modifier", "1"),
    "input_allocation": ("Input allocation", "1"),
    "vertical_transport": ("Vertical transport", "yr-1"),
    "carbon_input": ("Plant carbon input", "gC m-2 yr-1"),
}
"""Long name and unit of each component."""
COMPONENTS = tuple(COMPONENT_NAMES)
DEFINITIONS = ("stock", "published")
"""Of the components: weighted by stocks, and as the authors' code plots them."""

TRACEABILITY_NAMES: dict[str, tuple[str, str]] = {
    "storage": ("Carbon storage (litter and soil)", "gC m-2"),
    "influx": ("Carbon influx", "gC m-2 yr-1"),
    "residence_time": ("Ecosystem residence time", "yr"),
    "baseline_residence_time": ("Baseline residence time", "yr"),
    "environmental_scalar": ("Environmental scalar", "1"),
}
"""Long name and unit of each quantity."""
TRACEABILITY = tuple(TRACEABILITY_NAMES)
