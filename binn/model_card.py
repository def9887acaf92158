"""The model card of a checkpoint: its README.md, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from binn.checkpoint import CheckpointConfig

__all__ = ["model_card"]

_BEDROCK = {
    "conserving": "carbon is conserved; no litter, transport or carbon below bedrock",
    "published": "as the authors' vectorised Python code; does not conserve carbon below bedrock",
}
_UNITS = {"nse": "1", "r": "1", "rmse": "gC m-3", "bias": "gC m-3", "n": "points"}


def model_card(config: CheckpointConfig, metrics: Mapping[str, Any], epochs: int) -> str:
    """Text of a checkpoint's README.md.

    Parameters
    ----------
    config : CheckpointConfig
        What it is and where it came from.
    metrics : mapping
        Scores by part ("validation", "test"), each with nse, r, rmse, bias, n.
    epochs : int
        Epochs that were run, over all members.
    """
    model, training, split, data = config.model, config.training, config.split, config.data
    lines = [
        "# BINN checkpoint",
        "",
        "Covariates to 21 parameters of the CLM5 soil carbon model, by a neural network trained "
        "through the model's steady state.",
        "",
        f"* Origin: {config.origin}",
        f"* Saved: {config.created}, binn {config.binn_version}, "
        f"revision {config.git_revision or 'unknown'}, torch {config.torch_version}",
        f"* Below bedrock: `{model.bedrock}` ({_BEDROCK[model.bedrock]})",
        f"* Networks averaged: {model.members}",
        f"* Covariates ({len(model.inputs.covariates)}): {', '.join(model.inputs.covariates)}",
    ]
    if training is not None:
        lines.append(
            f"* Training: preset `{training.preset}`, seed {training.seed}, {epochs} epochs run"
        )
    if data is not None:
        lines.append(
            f"* Data: {data.title or 'untitled'}; {data.sites} sites, {data.observations} "
            f"observations, fingerprint `{data.fingerprint[:16]}`"
        )
    if split is not None:
        rule, sites = split.rule, split.sites
        lines.append(
            f"* Split: fold {rule.fold} of {rule.folds} from seed {rule.seed}, grouped by "
            f"{rule.group}; {sites['train']} sites train, {sites['validation']} validate, "
            f"{sites['test']} test"
        )
        if rule.regions:
            lines.append(f"* Only sites of: {', '.join(rule.regions)}")
        if rule.sites:
            lines.append(f"* Only {len(rule.sites)} sites, chosen by profile id")
    for part, scores in metrics.items():
        if isinstance(scores, Mapping) and "nse" in scores:
            lines += ["", f"## Scores on the {part} sites", "", "| score | value | unit |"]
            lines.append("|---|---|---|")
            lines += [
                f"| {key} | {_number(scores[key])} | {unit} |"
                for key, unit in _UNITS.items()
                if key in scores
            ]
    lines += [
        "",
        "## Use",
        "",
        "`binn.load_checkpoint(folder)` in Python, `binn predict FOLDER DATA OUT.nc` in a "
        "terminal. Scores hold for places like those of the data; parameters that SOC does not "
        "constrain (tau4cwd among them) carry no information.",
        "",
    ]
    return "\n".join(lines)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
