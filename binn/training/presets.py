"""The four presets, as data.

`paper` is what the authors' run scripts do, `paper-printed` what their paper prints, `default` is
ours and `quick` a demonstration in under a minute.
"""

from __future__ import annotations

from binn.errors import InputError
from binn.training.config import (
    LossConfig,
    NetworkConfig,
    OptimiserConfig,
    SplitConfig,
    TrainingConfig,
)

__all__ = ["PRESETS", "preset"]

_PAPER = TrainingConfig(
    preset="paper",
    bedrock="published",
    epochs=50,
    patience=10,
    monitor="batch_nse",
    batch_size=32,
    members=1,
    network=NetworkConfig(
        scaling="minmax",
        limits="dataset",
        raw_codes=True,
        embedding_size=5,
        embedding_unit_norm=True,
        coordinates=False,
        position_encoding=True,
        forcing_summaries=False,
        width=128,
        depth=3,
        batch_norm="before",
        slope=0.3,
        dropout=0.0,
        output="tempered",
        output_start="zero",
    ),
    loss=LossConfig(misfit="smooth_l1", unit="gC m-3", beta=1.0, edge_weight=100.0),
    optimiser=OptimiserConfig(learning_rate=1e-2, weight_decay=0.0, schedule="constant"),
    split=SplitConfig(group="none"),
)

_DEFAULT = TrainingConfig(
    preset="default",
    epochs=50,
    batch_size=32,
    members=5,
    network=NetworkConfig(width=128, dropout=0.1),
    loss=LossConfig(misfit="squared", unit="sd", edge_weight=1e-3),
)

PRESETS: dict[str, TrainingConfig] = {
    "paper": _PAPER,
    "paper-printed": _PAPER.changed(
        preset="paper-printed",
        epochs=300,
        patience=None,
        monitor="loss",
        network={"embedding_size": 64, "batch_norm": "after", "slope": -0.3},
    ),
    "default": _DEFAULT,
    "quick": _DEFAULT.changed(preset="quick", epochs=25, members=1),
}
"""Presets by name."""


def preset(name: str) -> TrainingConfig:
    """The preset called `name`.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise InputError(
            f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}"
        ) from None
