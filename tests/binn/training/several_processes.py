"""What each process of `test_ddp` does: several trainings, one after another, in one group.

Run by torchrun with the dataset, the scenarios and a folder for the answers.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from safetensors.torch import save_file

import binn
from binn.errors import InputError
from binn.training.config import TrainingConfig
from binn.training.ddp import joined
from binn.training.fit import fit
from binn.training.ranks import Ranks
from binn.training.trainer import Trainer


def stop_after(epochs: int, rank: int) -> None:
    """Let this process get a SIGTERM at the end of an epoch, while it is in the middle of it."""
    validate = Trainer.validate

    def and_stop(self: Trainer) -> dict[str, float]:
        if self.ranks.rank == rank and self.epoch == epochs:
            os.kill(os.getpid(), signal.SIGTERM)
        return validate(self)

    Trainer.validate = and_stop  # type: ignore[method-assign]


def not_finite(rank: int) -> None:
    """Let the share of one process come out as not a number."""
    own = Trainer._loss

    def broken(self: Trainer, batch: Any, u: torch.Tensor, *numbers: int) -> torch.Tensor:
        return own(self, batch, u * torch.nan if self.ranks.rank == rank else u, *numbers)

    Trainer._loss = broken  # type: ignore[method-assign]


def answer(scenario: dict[str, Any], ds: xr.Dataset, ranks: Ranks, folder: Path) -> dict[str, Any]:
    """Train as a scenario says; what came of it, as this process sees it."""
    original = {name: getattr(Trainer, name) for name in ("validate", "_loss")}
    if "stop" in scenario:
        stop_after(*scenario["stop"])
    if "diverges" in scenario:
        not_finite(scenario["diverges"])
    if scenario.get("other_data") == ranks.rank:
        ds = ds.assign(obs_soc=ds["obs_soc"] + 1.0)
    out = folder / scenario["out"] if "out" in scenario else None
    if out is not None and scenario.get("no_room"):
        ranks.lead(lambda: out.write_text("a file where the run folder should be"))
    try:
        fitted = fit(
            TrainingConfig.model_validate(scenario["config"]),
            ds,
            out,
            resume=scenario.get("resume", False),
            ranks=ranks,
        )
    except InputError as error:
        return {"error": str(error)}
    finally:
        for name, method in original.items():
            setattr(Trainer, name, method)
    weights = {name: tensor.contiguous() for name, tensor in fitted.model.state_dict().items()}
    save_file(weights, folder / f"{scenario['name']}.{ranks.rank}.safetensors")
    return {
        "complete": fitted.complete,
        "history": fitted.history,
        "metrics": fitted.metrics,
        "said": [ranks.rank, ranks.size],
    }


def threads() -> list[str]:
    """Names of the threads of this process (Linux); none elsewhere."""
    return [name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")]


def main(data: str, scenarios: str, folder: str) -> None:
    """Answer every scenario and write the answers of this process down."""
    torch.set_num_threads(1)
    ds = binn.open_dataset(data)
    with joined("cpu") as ranks:
        answers: dict[str, Any] = {
            one["name"]: answer(one, ds, ranks, Path(folder))
            for one in json.loads(Path(scenarios).read_text())
        }
    answers["threads left"] = [name for name in threads() if "gloo" in name]
    Path(folder, f"answers.{ranks.rank}.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
