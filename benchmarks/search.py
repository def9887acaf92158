"""Hyperparameter search on validation sites only: ``python -m benchmarks.search DATA CHANGES``.

CHANGES is a file of JSON lines, each a name and what it changes in `START`, e.g.
``{"name": "wide", "changes": {"network": {"width": 128}}}``. Every configuration is trained on
each of the ten folds (one member, unless --members says more), and its simulated SOC at the
validation sites of all folds is scored. Test sites are never predicted. One line a configuration is
appended to the record, which `benchmarks.results` reads: what was tried is part of the result.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import binn
from binn.diagnostics.metrics import nse
from binn.evaluation import EXTREME_SOC, simulate_observations
from binn.training.config import TrainingConfig
from binn.training.fit import fit
from binn.training.presets import preset

START = preset("default").changed(batch_size=64, members=1, network={"width": 64, "dropout": 0.25})
"""Where the search began: what a prototype suggested."""
RECORD = Path(__file__).with_name("search_new_york.jsonl")


def validation_score(ds: xr.Dataset, config: TrainingConfig) -> dict[str, Any]:
    """NSE over the validation observations of all folds, with and without extreme values."""
    observed, simulated, each = [], [], []
    for fold in range(config.split.folds):
        fitted = fit(config.changed(split={"fold": fold}), ds, test=False)
        rows, values = simulate_observations(fitted.model, ds, fitted.split.validation)
        observed.append(ds["obs_soc"].to_numpy()[rows])
        simulated.append(values)
        each.append(round(nse(observed[-1], values), 4))
    o, s = np.concatenate(observed), np.concatenate(simulated)
    moderate = o <= EXTREME_SOC
    return {
        "nse": round(nse(o, s), 4),
        "nse_without_extremes": round(nse(o[moderate], s[moderate]), 4),
        "nse_folds": each,
    }


def main() -> None:
    """Score every configuration of a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("changes", type=Path)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--record", type=Path, default=RECORD)
    options = parser.parse_args()
    ds = binn.open_dataset(options.data)
    start = START.changed(members=options.members)
    for line in options.changes.read_text(encoding="utf-8").splitlines():
        tried = json.loads(line)
        result = {
            **tried,
            "members": options.members,
            **validation_score(ds, start.changed(**tried["changes"])),
        }
        print(tried["name"], result["nse"], result["nse_without_extremes"], flush=True)
        with options.record.open("a", encoding="utf-8") as record:
            record.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
