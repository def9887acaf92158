"""The state of a training as values, and as the files that resume it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from binn.errors import InputError

__all__ = ["TrainerState", "random_state_tensor", "random_state_text"]

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
        return {
            _TENSORS: tensor_bytes({k: t.contiguous() for k, t in self.tensors.items()}),
            _VALUES: (json.dumps({"version": _VERSION, **self.values}, indent=1) + "\n").encode(),
        }

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
            tensors = read_tensors((folder / _TENSORS).read_bytes())
            lines = (folder / _HISTORY).read_text(encoding="utf-8").splitlines()
            history = [json.loads(line) for line in lines]
        except InputError:
            raise
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(f"the run cannot be resumed from {folder}: {error}") from None
        return cls(tensors, values, history)


def random_state_text(state: Tensor) -> str:
    """A random state (uint8) as text."""
    return base64.b64encode(state.numpy().tobytes()).decode("ascii")


def random_state_tensor(text: str) -> Tensor:
    """The random state of a text."""
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), dtype=np.uint8).copy())
