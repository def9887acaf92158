"""Make a checkpoint of ours from one of the BINN authors' (`mlp_wrapper` of their mlp.py).

Their file holds weights under the names of their modules; how many inputs, hidden layers and
embedded categories there are is read off the names and shapes. It does not hold the slope of the
leaky ReLU, the range of gamma, the names of the covariates or their limits: the first three are
those of their run scripts (`paper` preset), the limits are given (`read_limits`) or else the
converted network reads numbers that are already scaled, and says so.
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from binn.authors_limits import Limits, read_limits, scaled_input
from binn.checkpoint import CheckpointConfig, save_checkpoint
from binn.datasets.covariates import AUTHORS_COVARIATES, covariate
from binn.errors import InputError
from binn.inputs import CategoricalInput, InputEncoding, NumericInput
from binn.model import BINN, ModelConfig
from binn.torch_files import read_torch_file
from binn.training.config import NetworkConfig
from binn.training.presets import preset

__all__ = ["AUTHORS_COVARIATES", "authors_model", "import_authors_checkpoint"]


_CATEGORIES = {
    column: re.sub(r"_\d+cm$", "", name)  # depths share one table
    for column, name in enumerate(AUTHORS_COVARIATES)
    if covariate(name).kind == "category"
}
_EMBEDDING = re.compile(r"var_idx_to_emb\.(\d+)\.weight")
_LAYER = re.compile(r"mlp\.layers\.\d+\.weight")
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_POSITION = "spatial_encoder.ffn.layers.0.linear"
_CHECKPOINT = {"model.safetensors", "config.json", "metrics.json", "history.jsonl", "README.md"}
_ASSUMED = (
    "Not in the file and taken from the authors' run scripts: the order of the 58 covariates, "
    "leaky ReLU of slope 0.3 after batch normalisation, gamma between 10 and 109."
)
_UNKNOWN = (
    "A category code outside a table gets the average of all vectors of the table, trained or not."
)
_SCALED = (
    "No limits were given: numeric covariates must come already scaled to 0 to 1 with the "
    "authors' col_max_min; on raw covariates, such as those of any dataset here, its parameters "
    "are meaningless."
)


def import_authors_checkpoint(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    limits: str | os.PathLike[str] | None = None,
) -> None:
    """Convert a checkpoint of the authors and write it as a checkpoint folder.

    Parameters
    ----------
    source : path
        Their file (.pt).
    out : path
        Folder to write; a checkpoint that is there is replaced.
    limits : path, optional
        Minima and maxima of the covariates, for `binn.authors_limits.read_limits`. Without them
        the network takes numeric covariates that are already scaled, and a warning says so.

    Raises
    ------
    InputError
        If a file cannot be read, is of another architecture, or `out` is not to be replaced.
    """
    source, out = Path(source), Path(out)
    _check_target(out)
    content = read_torch_file(source)
    ends = None if limits is None else read_limits(limits, AUTHORS_COVARIATES)
    model = authors_model(_state(content, source), ends, str(source))
    scaling = _SCALED if limits is None else f"Limits of the covariates: {Path(limits).name}."
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    epoch = content.get("epoch") if isinstance(content, Mapping) else None
    when = f", epoch {epoch}" if isinstance(epoch, int) else ""
    origin = (
        f"the BINN authors' checkpoint {source.name}{when} (sha256 {digest}), converted. "
        f"{scaling} {_ASSUMED} {_UNKNOWN}"
    )
    save_checkpoint(out, model, CheckpointConfig(model=model.config, origin=origin))
    if limits is None:
        warnings.warn(f"{_SCALED} Give --limits.", UserWarning, stacklevel=2)


def _check_target(out: Path) -> None:
    """Refuse a place that holds anything but an earlier checkpoint."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} exists and is not a checkpoint folder: choose another name")
    held = {entry.name for entry in out.iterdir()}
    if held and ("model.safetensors" not in held or not held <= _CHECKPOINT):
        raise InputError(f"{out} holds other files, which would be lost: choose another folder")


def _state(content: object, source: Path) -> dict[str, Tensor]:
    """Weights by name, without the prefix that DistributedDataParallel puts before them."""
    state = content.get("model_state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not any(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise InputError(
            f"{source} holds no weights: neither model_state_dict nor tensors by name are in it"
        )
    odd = [
        key
        for key, value in state.items()
        if not isinstance(value, Tensor) or value.layout is not torch.strided
    ]
    if odd:
        raise InputError(f"{source}: {odd[0]} among the weights is not a tensor of plain numbers")
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def authors_model(
    state: Mapping[str, Tensor], limits: Limits | None = None, source: str = "the file"
) -> BINN:
    """Model of ours that computes what the authors' network with these weights does.

    Parameters
    ----------
    state : mapping of str to Tensor
        Their state_dict, in its own order: embeddings are fed in the order they are listed.
    limits : dict of str to (float, float), optional
        Minimum and maximum of each numeric covariate; without it they come scaled to 0 to 1.
    source : str
        Where the weights are from, for messages.

    Returns
    -------
    BINN
        With the bedrock scheme ``published``, in eval mode.

    Raises
    ------
    InputError
        If the weights are not of their architecture, or not finite.
    """
    columns = [int(found[1]) for key in state if (found := _EMBEDDING.fullmatch(key))]
    columns = [column for column in columns if column in _CATEGORIES]
    if not columns and any(key.startswith(("mlp.", "l1.")) for key in state):
        raise InputError(
            f"{source} lacks the category embeddings: the network of the authors' workshop "
            "notebook keeps them outside the saved weights, so this file cannot be restored; "
            "take a checkpoint of their training scripts, or train again with `binn train`"
        )
    depth = max(1, sum(_LAYER.fullmatch(key) is not None for key in state))
    norm = any(key.startswith("mlp.bns.") for key in state)
    position = any(key.startswith("spatial_encoder.") for key in state)
    # one column stands for each table, in the order of the file
    tables: dict[str, int] = {}
    for column in columns:
        tables.setdefault(_CATEGORIES[column], column)
    names = _our_names(depth, norm, position, tables)
    _check_names(state, set(names.values()), source)
    _check_tables(state, columns, tables, source)
    encoding, network = _read_shapes(state, columns, tables, depth, limits, source)
    network = network.model_copy(update={"batch_norm": "before" if norm else "none"})
    model = BINN(ModelConfig(network=network, inputs=encoding, bedrock="published"))
    ours = model.state_dict()
    for k, codes in enumerate(encoding.tables.values()):  # how common each is, nobody wrote down
        ours[f"networks.0.tables.{k}.frequency"].fill_(1.0 / max(len(codes), 1))
    for name, key in names.items():
        expected, value = ours[f"networks.0.{name}"], state[key]
        if expected.shape != value.shape:
            raise InputError(
                f"{source} is of another architecture: {key} has the shape {tuple(value.shape)}, "
                f"expected {tuple(expected.shape)}"
            )
        if not bool(torch.isfinite(value).all()):
            raise InputError(f"{source}: {key} is not finite: that training had failed")
        if key.endswith(".running_var") and bool((value < 0).any()):
            raise InputError(f"{source}: {key} holds a negative variance: the file was changed")
        ours[f"networks.0.{name}"] = value.to(expected.dtype)
    model.load_state_dict(ours)
    return model.eval()


def _our_names(depth: int, norm: bool, position: bool, tables: Mapping[str, int]) -> dict[str, str]:
    """Their name of each of our weights."""
    names = {"temper.g": "temp_sigmoid"}
    for k, column in enumerate(tables.values()):
        names[f"tables.{k}.weight"] = f"var_idx_to_emb.{column}.weight"
    for part in ("weight", "bias"):
        names[f"output.{part}"] = f"mlp.layer_output.{part}"
        if position:
            names[f"position.0.{part}"] = f"{_POSITION}.{part}"
        for k in range(depth):
            names[f"hidden.{k}.linear.{part}"] = f"mlp.layers.{k}.{part}"
    if norm:
        for part in _NORM:
            names |= {f"hidden.{k}.norm.{part}": f"mlp.bns.{k}.{part}" for k in range(depth)}
    return names


def _check_names(state: Mapping[str, Tensor], names: set[str], source: str) -> None:
    """Refuse weights of another architecture, naming what is missing or not known."""
    embeddings = {f"var_idx_to_emb.{column}.weight" for column in _CATEGORIES}
    missing, extra = (names | embeddings) - set(state), set(state) - names - embeddings
    for keys, what in ((missing, "it lacks"), (extra, "it also has")):
        if keys:
            shown = ", ".join(sorted(keys)[:4]) + (", ..." if len(keys) > 4 else "")
            raise InputError(
                f"{source} is of another architecture than the authors' network of 58 covariates: "
                f"{what} {shown}"
            )


def _check_tables(
    state: Mapping[str, Tensor], columns: list[int], tables: Mapping[str, int], source: str
) -> None:
    """Refuse embeddings that are not tables, or differ where columns should share one."""
    for column in columns:
        table = state[f"var_idx_to_emb.{column}.weight"]
        shared = state[f"var_idx_to_emb.{tables[_CATEGORIES[column]]}.weight"]
        if table.ndim != 2 or not torch.equal(table, shared):
            raise InputError(
                f"{source} is of another architecture: var_idx_to_emb.{column}.weight is not the "
                f"table that all {_CATEGORIES[column]} columns share"
            )


def _read_shapes(
    state: Mapping[str, Tensor],
    columns: list[int],
    tables: Mapping[str, int],
    depth: int,
    limits: Limits | None,
    source: str,
) -> tuple[InputEncoding, NetworkConfig]:
    """Inputs and layers of the network, from the shapes of its weights."""
    codes = {
        table: tuple(range(len(state[f"var_idx_to_emb.{column}.weight"])))
        for table, column in tables.items()
    }
    first, position = state["mlp.layers.0.weight"], state.get(f"{_POSITION}.weight")
    width, inputs = first.shape if first.ndim == 2 else (0, 0)
    size = state[f"var_idx_to_emb.{columns[0]}.weight"].shape[1]
    numbers = inputs - len(columns) * size - (0 if position is None else len(position))
    raw_codes = numbers == len(AUTHORS_COVARIATES)
    if not raw_codes and numbers != len(AUTHORS_COVARIATES) - len(columns):
        raise InputError(
            f"{source} is of another architecture: mlp.layers.0.weight takes {inputs} inputs, of "
            f"which {numbers} are neither categories nor position; expected 58 covariates"
        )
    numeric = []
    for column, name in enumerate(AUTHORS_COVARIATES):
        if column not in _CATEGORIES:
            numeric.append(scaled_input(name, limits))
        elif raw_codes:  # their defect: codes as numbers too; unknown ones stay in the known range
            last = float(max(codes[_CATEGORIES[column]], default=0))
            numeric.append(NumericInput(name=name, source="covariate", lower=0.0, upper=last))
    encoding = InputEncoding(
        covariates=AUTHORS_COVARIATES,
        numeric=tuple(numeric),
        categorical=tuple(
            CategoricalInput(name=AUTHORS_COVARIATES[c], table=_CATEGORIES[c]) for c in columns
        ),
        tables=codes,
        position=position is not None,
    )
    paper = preset("paper").network
    changes = {
        "raw_codes": raw_codes,
        "embedding_size": size,
        "position_encoding": position is not None,
        "position_size": paper.position_size if position is None else len(position),
        "width": width,
        "depth": depth,
    }
    try:
        return encoding, NetworkConfig.model_validate(paper.model_dump() | changes)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise InputError(
            f"{source} is of another architecture: {wrong['loc'][0]}: {wrong['msg']}"
        ) from None
