"""A checkpoint is a folder: weights, all that is needed to use them, and where they came from.

=================== ==========================================================================
model.safetensors   weights and batch statistics; never pickle
config.json         `CheckpointConfig`: model, training, split, data, sha256 of the weights
metrics.json        scores of the parts (validation, test)
history.jsonl       one line an epoch
README.md           the same for people: a model card
=================== ==========================================================================

The folder is written in one step (`binn.atomic.write_folder`) and checked when it is read: schema
version first, then the sha256 of the weights, then names and shapes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes

import binn
from binn.atomic import saving, write_folder
from binn.datasets.shipped import shipped_checkpoint, shipped_folds
from binn.errors import InputError
from binn.fingerprint import git_revision
from binn.model import BINN, ModelConfig
from binn.model_card import model_card
from binn.training.config import SplitConfig, TrainingConfig
from binn.training.fold_folders import fold_folders

__all__ = [
    "SCHEMA_VERSION",
    "CheckpointConfig",
    "DataRecord",
    "SplitRecord",
    "checkpoint_files",
    "describe",
    "find_checkpoint",
    "find_ensemble",
    "load_checkpoint",
    "load_ensemble",
    "read_config",
    "save_checkpoint",
]

SCHEMA_VERSION = 1
"""Version of the folder format; raised when an old reader would misread a new folder."""

_WEIGHTS, _CONFIG, _METRICS, _HISTORY = (
    "model.safetensors",
    "config.json",
    "metrics.json",
    "history.jsonl",
)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitRecord(_Record):
    """The split a model was trained on; `binn.training.split` makes it again from the rule."""

    rule: SplitConfig = Field(description="The rule.")
    sites: dict[str, int] = Field(description="Sites of each part: train, validation, test.")
    digest: str = Field(description="sha256 over the three parts.")


class DataRecord(_Record):
    """The dataset a model was trained on."""

    fingerprint: str = Field(description="sha256 over everything a training reads.")
    title: str = Field("", description="Title of the dataset.")
    sites: int = Field(ge=0, description="Number of sites.")
    observations: int = Field(ge=0, description="Number of observation points.")


class CheckpointConfig(_Record):
    """Everything about a checkpoint but its weights."""

    schema_version: Literal[1] = Field(1, description="Version of the folder format.")
    model: ModelConfig = Field(description="All that is needed to rebuild the model.")
    training: TrainingConfig | None = Field(
        None, description="How it was trained; empty if elsewhere."
    )
    split: SplitRecord | None = Field(None, description="Which sites it was trained on.")
    data: DataRecord | None = Field(None, description="The dataset it was trained on.")
    origin: str = Field("trained by binn", description="Where the weights came from.")
    created: str = Field("", description="When, ISO 8601, UTC.")
    binn_version: str = Field("", description="Version of this program.")
    git_revision: str | None = Field(None, description="Commit of this program.")
    torch_version: str = Field("", description="Version of torch.")
    weights_sha256: str = Field("", description="sha256 of model.safetensors.")


def checkpoint_files(
    model: BINN,
    config: CheckpointConfig,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    weights: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, bytes]:
    """Contents of a checkpoint folder, by file name.

    Parameters
    ----------
    model : BINN
        The model; its weights are saved unless `weights` are given.
    config : CheckpointConfig
        Its record; creation time, versions and the sha256 are filled in here.
    metrics : mapping
        Scores, JSON.
    history : sequence of mappings
        One entry an epoch.
    weights : mapping of str to Tensor, optional
        Weights to save in place of the model's own.
    """
    state = model.state_dict() if weights is None else weights
    data = tensor_bytes({name: value.detach().cpu().contiguous() for name, value in state.items()})
    config = config.model_copy(
        update={
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "binn_version": binn.__version__,
            "git_revision": git_revision(),
            "torch_version": str(torch.__version__),
            "weights_sha256": hashlib.sha256(data).hexdigest(),
        }
    )
    return {
        _WEIGHTS: data,
        _CONFIG: (config.model_dump_json(indent=1) + "\n").encode(),
        _METRICS: (json.dumps(metrics, indent=1) + "\n").encode(),
        _HISTORY: "".join(json.dumps(row) + "\n" for row in history).encode(),
        "README.md": model_card(config, metrics, len(history)).encode(),
    }


def save_checkpoint(
    path: str | os.PathLike[str],
    model: BINN,
    config: CheckpointConfig,
    metrics: Mapping[str, Any] | None = None,
    history: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write a checkpoint folder in one step; arguments as `checkpoint_files`.

    Raises
    ------
    InputError
        If it cannot be written; what was there before is intact.
    """
    folder = Path(path)
    with saving("the checkpoint", folder):
        write_folder(folder, checkpoint_files(model, config, metrics or {}, history))


def find_checkpoint(path: str | os.PathLike[str]) -> Path:
    """The checkpoint folder meant by `path`: the folder itself, or the best one of a run folder.

    The name ``demo`` means the checkpoint that ships with the program.

    Raises
    ------
    InputError
        If there is none.
    """
    folder = shipped_checkpoint(path) or Path(path)
    if not folder.exists():
        raise InputError(f"there is no checkpoint at {folder}: no such folder")
    for candidate in (folder, folder / "checkpoint"):
        # the config.json of a run folder is not a checkpoint's
        beside = candidate != folder and (candidate / _CONFIG).is_file()
        if beside or (candidate / _WEIGHTS).is_file():
            return candidate
    if any((fold / "checkpoint").is_dir() for fold in fold_folders(folder).values()):
        raise InputError(
            f"{folder} holds one checkpoint for each fold: name one of them, such as "
            f"{folder / 'fold_0'}, or load them together as an ensemble"
        )
    if (folder / _CONFIG).is_file():
        raise InputError(
            f"there is no checkpoint at {folder}: {_WEIGHTS} is missing (a run that has not saved "
            "one yet?)"
        )
    raise InputError(
        f"there is no checkpoint at {folder}: {_CONFIG} and {_WEIGHTS} are missing; give a "
        "checkpoint folder, or a run folder of binn train"
    )


def find_ensemble(path: str | os.PathLike[str]) -> list[Path]:
    """Checkpoints meant by `path`: those of the folds of ``binn train --folds``, or one.

    The name ``demo`` means the folds that ship with the program.

    Raises
    ------
    InputError
        If there is none.
    """
    folder = shipped_folds(path) or Path(path)
    folds = [fold for fold in fold_folders(folder).values() if (fold / "checkpoint").is_dir()]
    return [find_checkpoint(fold) for fold in folds] or [find_checkpoint(path)]


def read_config(path: str | os.PathLike[str]) -> CheckpointConfig:
    """Record of a checkpoint, without its weights.

    Raises
    ------
    InputError
        If it is missing, damaged or of another schema version.
    """
    file = find_checkpoint(path) / _CONFIG
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"the checkpoint {file.parent} lacks {_CONFIG}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON: {error}") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        found = "no schema version" if version is None else f"schema version {version!r}"
        raise InputError(
            f"the checkpoint {file.parent} has {found}, this program reads {SCHEMA_VERSION}: use "
            "the version of binn that wrote it, or train it again"
        )
    try:
        return CheckpointConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{file} is not a valid checkpoint: {where}: {first['msg']}") from None


def load_checkpoint(path_or_name: str | os.PathLike[str], device: str = "cpu") -> BINN:
    """Load a checkpoint, ready to predict.

    Parameters
    ----------
    path_or_name : path
        A checkpoint folder, a run folder of ``binn train``, or ``demo``, the one that ships.
    device : str
        torch device for the weights.

    Returns
    -------
    BINN
        In eval mode.

    Raises
    ------
    InputError
        If the checkpoint is missing, of another schema version, damaged or changed.
    """
    folder = find_checkpoint(path_or_name)
    config = read_config(folder)
    try:
        data = (folder / _WEIGHTS).read_bytes()
    except OSError as error:
        raise InputError(f"{folder / _WEIGHTS} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != config.weights_sha256:
        raise InputError(
            f"the weights {folder / _WEIGHTS} are not the ones this checkpoint was saved with: "
            f"their sha256 begins {digest[:12]}, {_CONFIG} says {config.weights_sha256[:12]}; the "
            "file was changed or cut short, restore it from a copy"
        )
    model = BINN(config.model)
    try:
        model.load_state_dict(read_tensors(data))
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{folder / _WEIGHTS} does not fit {_CONFIG}: {reason[:300]}") from None
    model.checkpoint = config
    return model.to(device).eval()


def load_ensemble(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], device: str = "cpu"
) -> list[BINN]:
    """Load several checkpoints, such as those of the folds.

    Parameters
    ----------
    paths : path or iterable of paths
        Checkpoint or run folders; a folder of ``binn train --folds`` stands for all its folds, and
        ``demo`` for the ones that ship.
    device : str
        torch device for the weights.

    Returns
    -------
    list of BINN
        In eval mode.

    Raises
    ------
    InputError
        As `load_checkpoint`; or if there are none, or they differ in their bedrock scheme.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    folders = [folder for path in paths for folder in find_ensemble(path)]
    models = [load_checkpoint(folder, device) for folder in folders]
    if not models:
        raise InputError("an ensemble needs at least one checkpoint")
    if len({model.bedrock for model in models}) > 1:
        raise InputError("an ensemble needs one bedrock scheme; these checkpoints have both")
    return models


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint is, in a few JSON values (for ``binn info``).

    Raises
    ------
    InputError
        As `read_config`.
    """
    folder = find_checkpoint(path)
    config = read_config(folder)
    training, split, data = config.training, config.split, config.data
    try:
        metrics = json.loads((folder / _METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        metrics = {}
    return {
        "kind": "checkpoint",
        "path": str(folder),
        "schema_version": config.schema_version,
        "origin": config.origin,
        "created": config.created,
        "preset": training.preset if training else None,
        "bedrock": config.model.bedrock,
        "members": config.model.members,
        "covariates": list(config.model.inputs.covariates),
        "fold": split.rule.fold if split else None,
        "sites": split.sites if split else None,
        "data": data.model_dump() if data else None,
        "metrics": metrics,
        "git_revision": config.git_revision,
        "weights_sha256": config.weights_sha256,
    }
