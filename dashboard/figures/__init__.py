"""Paper figures of what a visitor's page shows: state in, figures of :mod:`binn.figures` out."""

from dashboard.figures.paper import VIEWS, Paper, paper

__all__ = ["VIEWS", "Paper", "paper"]
