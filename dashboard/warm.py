"""Solve the demonstration before the page is first started: ``python -m dashboard.warm``.

What is solved is kept by `dashboard.state.kept`; what is there already is not solved again.
"""

from __future__ import annotations

from binn.datasets.shipped import DEMO
from dashboard.state.library import Library

__all__ = ["warm"]


def warm() -> None:
    """Have all that the page first shows of the demonstration."""
    opened = Library().open(DEMO, (DEMO,))
    for source in opened.sources:
        opened.estimate(opened.bedrock, source)


if __name__ == "__main__":
    warm()
