"""Canonical datasets: open, write, import."""

from __future__ import annotations

from binn.datasets.storage import open_dataset, write_dataset
from binn.datasets.validation import validate

__all__ = ["open_dataset", "validate", "write_dataset"]
