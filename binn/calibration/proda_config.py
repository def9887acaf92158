"""What PRODA's second step can be told: which sites it learns from, and the network.

`published` is the authors' script (spec section 11); `default` is ours: the network BINN uses,
fitted to the site results by squared error.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from binn.errors import InputError
from binn.training.config import NetworkConfig

__all__ = ["PRODA_PRESETS", "ProdaConfig", "SiteFilter", "proda_preset"]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class SiteFilter(_Options):
    """Which site results are good enough to learn from."""

    r2: float = Field(
        0.75, ge=-1e6, lt=1.0, description="R2 of the profile must be above. PRODA: 0.75."
    )
    rhat: float = Field(
        1.05,
        gt=1.0,
        description="Mean Gelman-Rubin statistic of the chains must be below. PRODA: 1.05.",
    )
    depth: float = Field(
        0.5, ge=0.0, description="The deepest observation must be below, m. PRODA: 0.5."
    )
    decreasing: bool = Field(
        False,
        description="Ask for profiles whose SOC falls with depth: correlation not positive, most "
        "carbon not at the bottom, first above last. PRODA: true.",
    )
    strict: bool = Field(
        False,
        description="Refuse to go on when too few sites pass; else learn from all calibrated sites "
        "then, and say so. PRODA: true.",
    )


class ProdaConfig(_Options):
    """Site results to parameters everywhere."""

    preset: str = Field("default", max_length=64, description="Where these options started from.")
    filter: SiteFilter = Field(default_factory=SiteFilter, description="Which sites to learn from.")
    network: NetworkConfig | None = Field(
        default_factory=NetworkConfig,
        description="The network BINN uses; empty means PRODA's: `hidden` layers of ReLU and a "
        "linear output, on all covariates, longitude and latitude, each scaled by its least and "
        "largest value on the grid, category codes as numbers.",
    )
    hidden: tuple[int, ...] = Field(
        (256, 512, 512, 256),
        min_length=1,
        max_length=12,
        description="Units of the hidden layers of PRODA's network. PRODA: 256, 512, 512, 256.",
    )
    loss: Literal["squared", "product"] = Field(
        "squared",
        description="Mean squared error of the normalised parameters, or 500 times that times 25 "
        "times the mean absolute relative error. PRODA: product.",
    )
    optimiser: Literal["adamw", "adadelta"] = Field(
        "adamw",
        description="AdamW with a cosine schedule, or Adadelta (rho 0.95, epsilon 1e-7) at a "
        "constant rate. PRODA: adadelta.",
    )
    learning_rate: float = Field(
        3e-3, gt=0.0, le=10.0, description="Learning rate. PRODA: 0.001, Keras's for Adadelta."
    )
    weight_decay: float = Field(1e-2, ge=0.0, le=10.0, description="Of AdamW. PRODA: none.")
    batch_size: int = Field(64, ge=2, le=100_000, description="Sites a step. PRODA: 32.")
    epochs: int = Field(60, ge=1, le=100_000, description="Passes over the sites. PRODA: 6000.")
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after so many epochs without a lower validation loss. PRODA: 1200.",
    )
    validation_share: float = Field(
        0.1, gt=0.0, lt=1.0, description="Share of the sites that picks the epoch. PRODA: 0.1."
    )
    validation: Literal["places", "last"] = Field(
        "places",
        description="Which: drawn anew for each run, sites of one place together, or the last of "
        "the file. PRODA: last, as Keras does.",
    )
    runs: int = Field(
        10, ge=1, le=100, description="Networks trained from different seeds. PRODA: 10."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the first run; the rest follow.")

    def changed(self, **changes: Any) -> ProdaConfig:
        """Copy with some fields replaced, validated again."""
        return ProdaConfig.model_validate({**self.model_dump(), **changes})


PRODA_PRESETS: dict[str, ProdaConfig] = {
    "default": ProdaConfig(),
    "published": ProdaConfig(
        preset="published",
        filter=SiteFilter(decreasing=True, strict=True),
        network=None,
        loss="product",
        optimiser="adadelta",
        learning_rate=1e-3,
        weight_decay=0.0,
        batch_size=32,
        epochs=6000,
        patience=1200,
        validation="last",
    ),
}
"""By name."""


def proda_preset(name: str) -> ProdaConfig:
    """A preset by its name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    try:
        return PRODA_PRESETS[name]
    except KeyError:
        raise InputError(
            f"there is no network {name!r} for PRODA; use one of {', '.join(PRODA_PRESETS)}"
        ) from None
