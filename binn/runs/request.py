"""What a run is asked to do: a dataset, a preset and the few options that people change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from binn.datasets.shipped import shipped_dataset, whole_name
from binn.errors import InputError
from binn.training.config import Bedrock, OptimiserConfig, SplitConfig, TrainingConfig
from binn.training.live_map import QUANTITIES
from binn.training.presets import PRESETS, preset
from binn.training.run_folder import RunConfig, now

__all__ = ["RunRequest", "one_sentence"]


def _said(model: type[BaseModel], name: str) -> str:
    """Description of an option, with what leaving it empty means."""
    return f"{model.model_fields[name].description} Empty: as the preset."


class RunRequest(BaseModel):
    """A run to start.

    Bounds are those of `TrainingConfig`; a value outside them, or an unknown preset or quantity, is
    refused when the request is made (pydantic's ValidationError; `RunRequest.make` says it in one
    sentence).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    dataset: str = Field(min_length=1, description="Path of a dataset, or a shipped name: demo.")
    preset: str = Field("default", description=f"Where options start: {', '.join(PRESETS)}.")
    options: TrainingConfig | None = Field(
        None, description="All options, instead of those of a preset."
    )
    epochs: int | None = Field(None, description=_said(TrainingConfig, "epochs"))
    seed: int | None = Field(None, description=_said(TrainingConfig, "seed"))
    members: int | None = Field(None, description=_said(TrainingConfig, "members"))
    batch_size: int | None = Field(None, description=_said(TrainingConfig, "batch_size"))
    learning_rate: float | None = Field(None, description=_said(OptimiserConfig, "learning_rate"))
    bedrock: Bedrock | None = Field(None, description=_said(TrainingConfig, "bedrock"))
    folds: int | None = Field(None, description=_said(SplitConfig, "folds"))
    fold: int | None = Field(None, description=_said(SplitConfig, "fold"))
    all_folds: bool = Field(False, description="Train every fold and pool their held-out scores.")
    parallel: int = Field(1, ge=1, le=100, description="Folds trained at once, with all_folds.")
    regions: tuple[str, ...] = Field(
        (), description=SplitConfig.model_fields["regions"].description
    )
    sites: tuple[str, ...] = Field((), description=SplitConfig.model_fields["sites"].description)
    device: str = Field("cpu", description="torch device.")
    threads: int = Field(1, ge=1, le=1024, description="Threads of each training.")
    save_every: float = Field(
        10.0, ge=0.0, le=86_400.0, description=RunConfig.model_fields["save_every"].description
    )
    live_map: str = Field("soc_stock", description="What the map of each validation shows.")

    @field_validator("sites", mode="before")
    @classmethod
    def _ids_as_text(cls, value: object) -> object:
        if isinstance(value, (list, tuple)):
            return tuple(str(one) if isinstance(one, int) else one for one in value)
        return value

    @model_validator(mode="after")
    def _fits(self) -> RunRequest:
        if self.live_map not in QUANTITIES:
            raise ValueError(f"live_map is one of {', '.join(QUANTITIES)}, not {self.live_map!r}")
        if self.options is None and self.preset not in PRESETS:
            raise ValueError(f"preset is one of {', '.join(PRESETS)}, not {self.preset!r}")
        try:
            self.training()
        except ValidationError as error:
            raise ValueError(one_sentence(error)) from None
        return self

    @classmethod
    def make(cls, **values: Any) -> RunRequest:
        """A request of some values.

        Raises
        ------
        InputError
            If a value does not fit, in one sentence.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(f"the options do not fit: {one_sentence(error)}") from None

    def training(self) -> TrainingConfig:
        """All options of the training."""
        start = preset(self.preset) if self.options is None else self.options
        changes = self._given("epochs", "seed", "members", "batch_size", "bedrock")
        if self.learning_rate is not None:
            changes["optimiser"] = {"learning_rate": self.learning_rate}
        changes["split"] = self._given("folds", "fold", "regions", "sites")
        return start.changed(**changes)

    def run_config(self) -> RunConfig:
        """What stands in config.json of the run, before anybody has read the data.

        Raises
        ------
        InputError
            If there is no such dataset.
        """
        data = whole_name(self.dataset)
        if shipped_dataset(data) is None and not Path(data).exists():
            raise InputError(f"there is no dataset {data}: give its path, or demo")
        return RunConfig(
            kind="folds" if self.all_folds else "run",
            training=self.training(),
            data_fingerprint="",
            device=self.device,
            threads=self.threads,
            parallel=self.parallel if self.all_folds else 1,
            save_every=self.save_every,
            data=data,
            live_map=self.live_map,
            created=now(),
        )

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(self, name)) not in (None, ())}


def one_sentence(error: ValidationError) -> str:
    """The first thing that does not fit: where, and why."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    why = first["msg"].removeprefix("Value error, ")
    return f"{where}: {why}" if where else why
