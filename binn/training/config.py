"""Everything a training can be told, as frozen pydantic models: one field, one bounded choice.

Where the paper (Xu et al. 2025) and its authors' code differ, the option is named here and its
description says which value the paper prints and which one the code runs. A form, a command line
and a checkpoint are all made from these models, so each number is written once.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = [
    "Bedrock",
    "LossConfig",
    "NetworkConfig",
    "OptimiserConfig",
    "SplitConfig",
    "TrainingConfig",
]

Bedrock = Literal["conserving", "published"]


class _Options(BaseModel):
    """Frozen, complete and closed: an unknown key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class NetworkConfig(_Options):
    """Covariates to 21 normalised parameters."""

    covariates: tuple[str, ...] | None = Field(
        None,
        description="Covariates given to the network, by name; empty means all of the dataset.",
    )
    scaling: Literal["standard", "minmax"] = Field(
        "standard",
        description="Numeric inputs: zero mean and unit spread over the training sites, or "
        "(x - min) / (max - min). The paper: minmax.",
    )
    limits: Literal["training", "dataset"] = Field(
        "training",
        description="Minima and maxima of minmax scaling: of the training sites, or the ones the "
        "dataset carries (covariate_min, covariate_max) where it does. The paper: dataset.",
    )
    clip: bool = Field(
        True,
        description="Hold numeric inputs inside the range seen when the scaling was made, so that "
        "the network is never asked beyond it. The paper: true.",
    )
    raw_codes: bool = Field(
        False,
        description="Also feed raw category codes as numbers. A slip of the authors' code that "
        "their weights were trained with; the paper does not mention it.",
    )
    embedding_size: int = Field(
        4,
        ge=0,
        le=256,
        description="Length of the vector that stands for a category; 0 leaves categories out. "
        "The paper prints 64, its run scripts use 5.",
    )
    embedding_unit_norm: bool = Field(
        False, description="Scale every category vector to length 1. The authors' code: true."
    )
    rare_category: int = Field(
        1,
        ge=1,
        le=1000,
        description="A category seen at fewer training sites than this shares the vector of "
        "unknown categories. The paper: 1.",
    )
    coordinates: bool = Field(
        True, description="Longitude and latitude as two more numeric inputs. The paper: false."
    )
    position_encoding: bool = Field(
        False,
        description="Sines and cosines of longitude and latitude (PE-GNN grid cells) through one "
        "linear layer, put before the other inputs. The paper: true.",
    )
    position_size: int = Field(
        128, ge=1, le=1024, description="Length of the encoded position. The paper: 128."
    )
    position_dropout: float = Field(
        0.5, ge=0.0, lt=1.0, description="Dropout after the position layer. The authors' code: 0.5."
    )
    forcing_summaries: bool = Field(
        True,
        description="Annual summaries of the CLM5 forcing (soil temperature, water, carbon input, "
        "nitrogen, bedrock) as numeric inputs. The paper: false.",
    )
    width: int = Field(64, ge=1, le=4096, description="Units of a hidden layer. The paper: 128.")
    depth: int = Field(2, ge=1, le=12, description="Number of hidden layers. The paper: 3.")
    batch_norm: Literal["before", "after", "none"] = Field(
        "before",
        description="Batch normalisation before or after the activation. The paper prints after, "
        "its code does before.",
    )
    slope: float = Field(
        0.3,
        ge=-1.0,
        le=1.0,
        description="Slope of the leaky ReLU below zero. The paper prints -0.3, its code has +0.3.",
    )
    dropout: float = Field(
        0.2, ge=0.0, lt=1.0, description="Dropout after every hidden layer. The paper: 0."
    )
    output: Literal["plain", "tempered"] = Field(
        "plain",
        description="u = sigmoid(z), or sigmoid(z / gamma) with gamma = 10 + 99 sigmoid(g) and g "
        "trained from 0. The paper: tempered.",
    )
    output_start: Literal["zero", "global"] = Field(
        "global",
        description="Output bias at the start: 0 (u = 0.5), or one parameter vector fitted to all "
        "training sites first. The paper: zero.",
    )
    output_gain: float = Field(
        1.0,
        ge=0.0,
        le=10.0,
        description="Spread of the output weights at the start (Xavier gain). The paper: 1.",
    )


class LossConfig(_Options):
    """Misfit of simulated to observed SOC, and the pull of parameters towards mid range."""

    misfit: Literal["smooth_l1", "squared"] = Field(
        "smooth_l1",
        description="Squared below `beta` and linear above, or squared throughout. "
        "The paper: smooth_l1.",
    )
    unit: Literal["gC m-3", "sd"] = Field(
        "sd",
        description="What misfit is counted in: gC m-3, or the standard deviation of the observed "
        "SOC of the training sites. The paper: gC m-3.",
    )
    beta: float = Field(
        1.0, gt=0.0, le=1e6, description="Where smooth_l1 turns linear, in `unit`. The paper: 1."
    )
    reduction: Literal["points", "profiles"] = Field(
        "points",
        description="Mean over observation points, or mean over profiles of the sum over their "
        "points. The paper prints sums over a profile, its code averages over points.",
    )
    misfit_weight: float = Field(
        1.0, ge=0.0, le=1e6, description="Weight of the misfit. The paper: 1."
    )
    edge_weight: float = Field(
        1e-3,
        ge=0.0,
        le=1e6,
        description="Weight of mean[cosh(s (u - 0.5)) - 1], which keeps parameters off the ends of "
        "their ranges. The authors' code: 100.",
    )
    edge_steepness: float = Field(
        10.0, gt=0.0, le=200.0, description="s in the edge term. The authors' code: 10."
    )


class OptimiserConfig(_Options):
    """AdamW and its learning rate."""

    learning_rate: float = Field(
        3e-3, gt=0.0, le=1.0, description="AdamW learning rate at the start. The paper: 0.01."
    )
    weight_decay: float = Field(
        1e-2, ge=0.0, le=10.0, description="AdamW decoupled weight decay. The authors' code: 0."
    )
    schedule: Literal["constant", "cosine"] = Field(
        "cosine",
        description="Learning rate over the epochs: constant, or down to 0 along a half cosine. "
        "The paper: constant.",
    )
    clip_norm: float | None = Field(
        None,
        gt=0.0,
        le=1e6,
        description="Largest norm of the gradient; empty means no limit. The paper: no limit.",
    )

    def rate_at(self, progress: float) -> float:
        """Learning rate at a share (0 to 1) of a member's epochs."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))


class SplitConfig(_Options):
    """Which sites train, validate and test."""

    folds: int = Field(10, ge=2, le=100, description="Number of parts. The paper: 10.")
    fold: int = Field(0, ge=0, le=99, description="The part held out as test sites, from 0.")
    seed: int = Field(
        12345, ge=0, le=2**32 - 1, description="Seed of the shuffle. The paper: 12345."
    )
    group: Literal["coordinates", "none"] = Field(
        "coordinates",
        description="Keep sites of the same coordinates together, so that no test site has a twin "
        "in training; or let every site go alone. The paper: none.",
    )
    validation_share: float = Field(
        1 / 9,
        gt=0.0,
        lt=1.0,
        description="Share of the sites outside the test part that validates. The paper: 1/9.",
    )
    regions: tuple[str, ...] = Field(
        (),
        max_length=1000,
        description="Only sites of these states or biomes, by name; empty means everywhere.",
    )
    sites: tuple[str, ...] = Field(
        (),
        max_length=1_000_000,
        description="Only the sites of these profile ids; empty means all. With regions: the sites "
        "that are in both.",
    )

    @field_validator("sites", mode="before")
    @classmethod
    def _ids_as_text(cls, value: object) -> object:
        """Profile ids are numbers in most sets, but not in all."""
        if isinstance(value, (list, tuple)):
            return tuple(str(one) if isinstance(one, int) else one for one in value)
        return value

    @model_validator(mode="after")
    def _fold_exists(self) -> SplitConfig:
        if self.fold >= self.folds:
            raise ValueError(f"fold is {self.fold}, but folds are counted 0 to {self.folds - 1}")
        return self


class TrainingConfig(_Options):
    """A whole training."""

    preset: str = Field(
        "default", max_length=64, description="Name of the preset these options started from."
    )
    bedrock: Bedrock = Field(
        "conserving",
        description="Process model below bedrock: carbon conserving (ours), or as published.",
    )
    epochs: int = Field(50, ge=1, le=100_000, description="Passes over the training sites.")
    patience: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Stop after this many epochs without a better validation score; empty means "
        "never. The authors' scripts: 10.",
    )
    monitor: Literal["nse", "batch_nse", "loss"] = Field(
        "nse",
        description="Validation score that picks the best epoch: NSE pooled over all points, NSE "
        "averaged over batches (the authors' code), or the loss (as the paper prints).",
    )
    batch_size: int = Field(64, ge=2, le=1_000_000, description="Sites a step. The paper: 32.")
    members: int = Field(
        1,
        ge=1,
        le=100,
        description="Networks trained from consecutive seeds and averaged. The paper: 1.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of weights, dropout and batches.")
    dtype: Literal["float64", "float32"] = Field(
        "float64",
        description="Precision of the network; the process model is always float64. "
        "The paper: float64.",
    )
    network: NetworkConfig = Field(default_factory=NetworkConfig, description="The network.")
    loss: LossConfig = Field(default_factory=LossConfig, description="The loss.")
    optimiser: OptimiserConfig = Field(
        default_factory=OptimiserConfig, description="The optimiser."
    )
    split: SplitConfig = Field(default_factory=SplitConfig, description="The split.")

    def changed(self, **changes: object) -> TrainingConfig:
        """Copy with some top-level fields replaced, validated again.

        Parameters
        ----------
        **changes
            Field names and new values; a nested model may be given as a dict of some of its
            fields, the others stay.
        """
        data = self.model_dump()
        for name, value in changes.items():
            if isinstance(value, dict) and isinstance(data.get(name), dict):
                data[name] = {**data[name], **value}
            else:
                data[name] = value
        return TrainingConfig.model_validate(data)
