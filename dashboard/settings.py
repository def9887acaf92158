"""What the person who starts the server chose: arguments after ``--args``, or the environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from binn.errors import InputError

__all__ = ["DEMO", "Settings", "settings"]

DEMO = "demo"
"""Name of the embedded demonstration, dataset and checkpoint."""


@dataclass(frozen=True)
class Settings:
    """Data and checkpoints of the page, and whether it may train.

    Attributes
    ----------
    data : str
        Path or name of a dataset; "demo" unless another one is chosen.
    checkpoints : tuple of str
        Folders of checkpoints; several are averaged by their median.
    allow_training : bool
        Whether visitors may start training on this machine.
    device : str
        torch device on which networks and the process model run.
    """

    data: str = DEMO
    checkpoints: tuple[str, ...] = ()
    allow_training: bool = False
    device: str = "cpu"


class _Parser(argparse.ArgumentParser):
    """A server must not end because of an argument: say what is wrong instead."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"The arguments after --args are not understood: {message}.")


def settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Read arguments; what they leave open, ``BINN_DATA``, ``_CHECKPOINT`` and ``_DEVICE`` may say.

    Without any, the embedded demonstration is opened, with the checkpoint that belongs to it.

    Parameters
    ----------
    arguments : sequence of str
        ``--data X``, ``--checkpoint DIR`` (may be repeated), ``--allow-training``,
        ``--device cuda``.
    environment : mapping
        Several checkpoints in ``BINN_CHECKPOINT`` are separated as in ``PATH``.

    Raises
    ------
    InputError
        For an argument that does not exist.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--data", default=environment.get("BINN_DATA", ""))
    parser.add_argument("--checkpoint", action="append", default=None)
    parser.add_argument("--allow-training", action="store_true")
    parser.add_argument("--device", default=environment.get("BINN_DEVICE") or "cpu")
    chosen = parser.parse_args(list(arguments))
    checkpoints = chosen.checkpoint
    if checkpoints is None:
        checkpoints = environment.get("BINN_CHECKPOINT", "").split(os.pathsep)
    checkpoints = tuple(one for one in checkpoints if one)
    data = chosen.data or DEMO
    if data == DEMO and not checkpoints:
        checkpoints = (DEMO,)
    return Settings(data, checkpoints, chosen.allow_training, chosen.device)
