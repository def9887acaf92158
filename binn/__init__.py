"""BINN: covariates to 21 parameters to the CLM5 steady state of soil carbon, and back.

What is listed in ``__all__`` is the public surface of the top level. It is loaded when it is first
asked for, so that ``import binn`` and ``binn --help`` do not wait for torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from binn.later import loader

if TYPE_CHECKING:
    from binn.checkpoint import load_checkpoint, load_ensemble
    from binn.datasets import open_dataset
    from binn.prediction import predict

__version__ = "0.1.0"
__all__ = ["__version__", "load_checkpoint", "load_ensemble", "open_dataset", "predict"]

_HOME = {
    "load_checkpoint": "binn.checkpoint",
    "load_ensemble": "binn.checkpoint",
    "open_dataset": "binn.datasets",
    "predict": "binn.prediction",
}


__getattr__ = loader(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
