"""What is done with one chunk, in this process or on a worker of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.clm5 import Forcing
from binn.model import BINN
from binn.prediction import predict_chunk, unknown_categories
from binn.site_inputs import On
from binn.streaming.source import Piece

__all__ = ["Result", "Work"]


@dataclass(frozen=True)
class Result:
    """Predictions of one chunk.

    Attributes
    ----------
    rows, observations : int
        How many there are.
    values : dict of ndarray
        As :func:`binn.prediction.predict_chunk`.
    unknown : dict
        As :func:`binn.prediction.unknown_categories`.
    """

    rows: int
    observations: int
    values: dict[str, NDArray[np.float64]]
    unknown: dict[str, dict[int, int]]


@dataclass(frozen=True)
class Work:
    """How chunks are predicted; called with one of them.

    Attributes
    ----------
    models : list of BINN
    forcing : Forcing or None
        Rows that chunks without forcing of their own share.
    on : {"site", "cell"}
    definition : {"stock", "published"}
    """

    models: list[BINN]
    forcing: Forcing | None
    on: On
    definition: str

    def __call__(self, piece: Piece) -> Result:
        """Predict one chunk."""
        rows = piece.forcing if piece.forcing is not None else self.forcing
        assert rows is not None
        forcing = rows.take(piece.cells)
        normalised = [one.normalised(piece.data, self.on, forcing) for one in self.models]
        values = predict_chunk(self.models, normalised, forcing, piece.seen, self.definition)
        every = np.arange(len(piece.cells))
        return Result(
            len(every),
            0 if piece.seen is None else len(piece.seen.depth),
            values,
            unknown_categories(self.models, piece.data, self.on, every),
        )
