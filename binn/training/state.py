"""The state of a training as values, and as the files that resume it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from binn.atomic import saving
from binn.errors import InputError

__all__ = ["TrainerState", "previous", "random_state_tensor", "random_state_text", "resume_state"]

_TENSORS, _VALUES, _HISTORY = "optimizer.safetensors", "resume.json", "history.jsonl"
_VERSION = 1


@dataclass(frozen=True)
class TrainerState:
    """Everything that decides how a training goes on.

    Attributes
    ----------
    tensors : dict of str to Tensor
        ``current.*`` and ``best.*``: weights of the member in training; ``done.K.*``: best weights
        of finished members; ``optimiser.*``: AdamW's moments.
    values : dict
        JSON values: member, epoch, scores, random states.
    history : list of dict
        One entry an epoch, over all members.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    history: list[dict[str, Any]]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Copies of the tensors whose names begin with `prefix`, without it."""
        return {
            name.removeprefix(prefix): tensor.clone()
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }

    def files(self) -> dict[str, bytes]:
        """Contents of the files that resume a training, beside those of a checkpoint."""
        tensors = tensor_bytes({k: t.contiguous() for k, t in self.tensors.items()})
        values = {
            "version": _VERSION,
            "rows": len(self.history),
            "tensors_sha256": hashlib.sha256(tensors).hexdigest(),
            **self.values,
        }
        return {_TENSORS: tensors, _VALUES: (json.dumps(values, indent=1) + "\n").encode()}

    @classmethod
    def read(cls, folder: Path) -> TrainerState:
        """State from a run's ``last`` folder.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        try:
            values = json.loads((folder / _VALUES).read_text(encoding="utf-8"))
            if values.pop("version", None) != _VERSION:
                raise InputError(
                    f"{folder / _VALUES} is of another version: finish this run with the binn "
                    "that began it"
                )
            data = (folder / _TENSORS).read_bytes()
            digest = values.pop("tensors_sha256", None)
            if digest not in (None, hashlib.sha256(data).hexdigest()):
                raise ValueError(f"{_TENSORS} is not what was saved")
            tensors = read_tensors(data)
            lines = (folder / _HISTORY).read_text(encoding="utf-8").splitlines()
            history = [json.loads(line) for line in lines]
            if len(history) != values.pop("rows", len(history)):
                raise ValueError(f"{_HISTORY} is cut short")
        except InputError:
            raise
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(f"the run cannot be resumed from {folder}: {error}") from None
        return cls(tensors, values, history)


def previous(folder: Path) -> Path:
    """Where the save before the one in a run's ``last`` folder is kept."""
    return folder.with_name(folder.name + ".previous")


def resume_state(folder: Path) -> TrainerState | None:
    """What a run goes on from: its ``last`` folder, or the save before if that one is damaged.

    A power cut may leave the newest files empty or cut short, whatever was flushed. A damaged
    folder gives its place to the save before.

    Parameters
    ----------
    folder : Path
        The ``last`` folder; nobody may be writing it.

    Returns
    -------
    TrainerState or None
        None if nothing was saved yet.

    Raises
    ------
    InputError
        If neither can be read.
    """
    before = previous(folder)
    if not (folder / _VALUES).is_file() and not (before / _VALUES).is_file():
        return None
    try:
        return TrainerState.read(folder)
    except InputError:
        if not before.is_dir():
            raise
    state = TrainerState.read(before)
    with saving("the run folder", folder):
        shutil.rmtree(folder, ignore_errors=True)
        before.rename(folder)
    return state


def random_state_text(state: Tensor) -> str:
    """A random state (uint8) as text."""
    return base64.b64encode(state.numpy().tobytes()).decode("ascii")


def random_state_tensor(text: str) -> Tensor:
    """The random state of a text."""
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), dtype=np.uint8).copy())
