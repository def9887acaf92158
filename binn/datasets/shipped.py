"""What ships with the program under a name: the dataset ``demo`` and its checkpoints."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from binn.errors import InputError

__all__ = [
    "DEMO",
    "demo_folder",
    "shipped_checkpoint",
    "shipped_dataset",
    "shipped_folds",
    "whole_name",
]

DEMO = "demo"
"""Name of the embedded demonstration."""
DATASET, CHECKPOINT, FOLDS, PRODA = "conus.nc", "checkpoint", "folds", "proda.nc"


def demo_folder() -> Path:
    """Folder of the embedded demonstration, in a checkout or in an installed package.

    Raises
    ------
    InputError
        If it is in neither place.
    """
    checkout = Path(__file__).resolve().parents[2] / "data" / DEMO
    installed = Path(sys.prefix) / "share" / "binn-explorer" / DEMO
    for folder in (checkout, installed):
        if (folder / DATASET).is_file():
            return folder
    raise InputError(
        f"the embedded demonstration is missing: no {DATASET} in {checkout} or {installed}; "
        "restore data/demo from the repository, or build it with `binn demo build`"
    )


def shipped_dataset(name: str | os.PathLike[str]) -> Path | None:
    """File of a shipped dataset; None if `name` is not the name of one.

    Raises
    ------
    InputError
        If it should be there and is not.
    """
    return demo_folder() / DATASET if str(name) == DEMO else None


def shipped_checkpoint(name: str | os.PathLike[str]) -> Path | None:
    """Folder of a shipped checkpoint; None if `name` is not the name of one.

    Raises
    ------
    InputError
        If it should be there and is not.
    """
    return demo_folder() / CHECKPOINT if str(name) == DEMO else None


def shipped_folds(name: str | os.PathLike[str]) -> Path | None:
    """Folder of the shipped cross-validation members; None if `name` is not the name of one.

    Raises
    ------
    InputError
        If it should be there and is not.
    """
    return demo_folder() / FOLDS if str(name) == DEMO else None


def whole_name(path_or_name: str | os.PathLike[str]) -> str:
    """Name of a dataset that holds in any working folder: a shipped one, or the whole path."""
    if shipped_dataset(path_or_name) is not None:
        return str(path_or_name)
    return str(Path(path_or_name).expanduser().resolve())


def shipped_proda(name: str | os.PathLike[str]) -> Path | None:
    """File of PRODA's parameters for a shipped dataset; None where there are none.

    They are no part of the dataset's own file: they are a result, made from it.
    """
    path = demo_folder() / PRODA if str(name) == DEMO else None
    return path if path is not None and path.is_file() else None
