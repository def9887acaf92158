"""Solve the demonstration before the page is first started: ``python -m dashboard.warm``.

What is solved is kept by `dashboard.state.kept`; what is there already is not solved again.
"""

from __future__ import annotations

import sys

from binn.datasets.shipped import DEMO
from binn.errors import InputError
from dashboard.state.library import Library

__all__ = ["main", "warm"]


def warm() -> None:
    """Have all that the page first shows of the demonstration."""
    opened = Library().open(DEMO, (DEMO,))
    for source in opened.sources:
        opened.estimate(opened.bedrock, source)


def main() -> None:
    """The same; what keeps it from being done is said, and stops nothing: the page says it too."""
    try:
        warm()
    except InputError as problem:
        print(f"the demonstration is not solved ahead: {problem}", file=sys.stderr)


if __name__ == "__main__":
    main()
