"""PRODA's trained networks in a folder: weights of every run, configuration, losses.

=================== ==========================================================================
model.safetensors   weights of all runs, ``run.NAME``; never pickle
config.json         `ProdaRecord`: options, inputs, data, sites learnt from, sha256 of the weights
history.jsonl       losses, one line an epoch of a run
=================== ==========================================================================

While runs are being trained each finished one is kept as a folder ``run_NN`` of its own, so that a
training that was stopped goes on after the last of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import nn

import binn
from binn.atomic import saving, write_folder
from binn.calibration.proda_config import ProdaConfig
from binn.calibration.proda_network import ProdaNetwork, new_network
from binn.errors import InputError
from binn.fingerprint import git_revision
from binn.inputs import InputEncoding

__all__ = ["ProdaRecord", "RunStore", "load_proda", "save_proda"]

_WEIGHTS, _CONFIG, _HISTORY = "model.safetensors", "config.json", "history.jsonl"
History = list[dict[str, float]]


class ProdaRecord(BaseModel):
    """Everything about PRODA's networks but their weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["proda"] = Field("proda", description="What the folder holds.")
    schema_version: Literal[1] = Field(1, description="Version of the folder format.")
    options: ProdaConfig = Field(description="Sites and network.")
    inputs: InputEncoding = Field(description="How raw values become network inputs.")
    data_fingerprint: str = Field(description="sha256 over everything that was read.")
    site_results: str = Field("", description="Where the site results came from.")
    sites: int = Field(ge=0, description="Sites the networks learnt from.")
    left_out: dict[str, int] = Field(default_factory=dict, description="Other sites, by reason.")
    relaxed: bool = Field(
        False, description="Too few sites met the limits, so all calibrated ones were learnt from."
    )
    created: str = Field("", description="When, ISO 8601, UTC.")
    binn_version: str = Field("", description="Version of this program.")
    git_revision: str | None = Field(None, description="Commit of this program.")
    weights_sha256: str = Field("", description="sha256 of model.safetensors.")


def save_proda(
    path: Path, network: ProdaNetwork, record: ProdaRecord, history: Sequence[History]
) -> None:
    """Write the folder in one step; times, versions and sha256 are filled in here.

    Raises
    ------
    InputError
        If it cannot be written; what was there before is intact.
    """
    tensors = {
        f"{run}.{name}": value.contiguous()
        for run, one in enumerate(network.runs)
        for name, value in one.state_dict().items()
    }
    weights = tensor_bytes(tensors)
    record = record.model_copy(
        update={
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "binn_version": binn.__version__,
            "git_revision": git_revision(),
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        }
    )
    lines = [
        json.dumps({"run": run, **row}) + "\n" for run, rows in enumerate(history) for row in rows
    ]
    with saving("the network of PRODA", path):
        write_folder(
            path,
            {
                _WEIGHTS: weights,
                _CONFIG: (record.model_dump_json(indent=1) + "\n").encode(),
                _HISTORY: "".join(lines).encode(),
            },
        )


def load_proda(path: Path) -> tuple[ProdaNetwork, ProdaRecord]:
    """Read what `save_proda` wrote.

    Raises
    ------
    InputError
        If it is missing, damaged, changed or of another version.
    """
    try:
        record = ProdaRecord.model_validate_json((path / _CONFIG).read_bytes())
        weights = (path / _WEIGHTS).read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"there is no network of PRODA in {path}: {error.filename}") from None
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"the network of PRODA in {path} cannot be read: {reason}") from None
    if hashlib.sha256(weights).hexdigest() != record.weights_sha256:
        raise InputError(
            f"the weights {path / _WEIGHTS} are not the ones {_CONFIG} was written for: restore "
            "them from a copy"
        )
    runs: list[nn.Module] = []
    try:
        tensors = read_tensors(weights)
        for run in range(record.options.runs):
            one = new_network(record.options, record.inputs)
            prefix = f"{run}."
            one.load_state_dict(
                {
                    name.removeprefix(prefix): value
                    for name, value in tensors.items()
                    if name.startswith(prefix)
                }
            )
            runs.append(one)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path / _WEIGHTS} does not fit {_CONFIG}: {reason}") from None
    return ProdaNetwork(record.options, record.inputs, tuple(runs)), record


class RunStore:
    """Finished runs of a training, kept until the last is done.

    Parameters
    ----------
    folder : Path
        Holds ``run_NN`` folders.
    task : str
        What is being trained; runs of another task are not taken.
    """

    def __init__(self, folder: Path, task: str) -> None:
        self.folder, self.task = folder, task

    def keep(self, run: int, network: nn.Module, history: History) -> None:
        """Keep a finished run."""
        path = self._path(run)
        about = {"task": self.task, "history": history}
        with saving("the network of PRODA", path):
            write_folder(
                path,
                {
                    _WEIGHTS: tensor_bytes(_plain(network)),
                    "run.json": json.dumps(about).encode(),
                },
            )

    def find(self, run: int, empty: nn.Module) -> tuple[nn.Module, History] | None:
        """A kept run, its weights put into `empty`; None if there is none of this task."""
        path = self._path(run)
        try:
            about = json.loads((path / "run.json").read_bytes())
            if about["task"] != self.task:
                return None
            empty.load_state_dict(read_tensors((path / _WEIGHTS).read_bytes()))
        except (OSError, ValueError, KeyError, SafetensorError, RuntimeError):
            return None  # not there, or of no use: it is trained again
        return empty.eval(), about["history"]

    def _path(self, run: int) -> Path:
        return self.folder / f"run_{run:02d}"


def _plain(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.contiguous() for name, value in network.state_dict().items()}
