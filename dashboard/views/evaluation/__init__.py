"""The Evaluation tab: how well BINN simulates what was observed, and what was measured before."""

from dashboard.views.evaluation.tab import Evaluation

__all__ = ["Evaluation"]
