"""Canonical datasets: open, write, import.

What is listed in ``__all__`` is loaded when it is first asked for: the names of what ships with the
program (`binn.datasets.shipped`) do not need xarray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from binn.later import loader

if TYPE_CHECKING:
    from binn.datasets.storage import open_dataset, write_dataset
    from binn.datasets.validation import validate

__all__ = ["open_dataset", "validate", "write_dataset"]

_HOME = {
    "open_dataset": "binn.datasets.storage",
    "write_dataset": "binn.datasets.storage",
    "validate": "binn.datasets.validation",
}
__getattr__ = loader(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
