"""Predict datasets larger than memory, in chunks, on this machine or on a Dask cluster.

A chunk is read (`source`), predicted through Dask (`schedulers`, `work`) and appended to a partial
prediction beside the target (`partial`); when all are there the target is written (`target`).
"""

from __future__ import annotations

from binn.streaming.run import Stopped, predict_to_file

__all__ = ["Stopped", "predict_to_file"]
