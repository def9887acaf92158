"""Recovery on the embedded demonstration: ``python -m benchmarks.recovery``.

Prints, as JSON, the correlation of retrieved with true parameters on held-out sites: of the shipped
checkpoints with all 21 parameters free, and of networks trained here with only the four sensitive
ones free; sites held out at random, and in whole squares of 4 degrees.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

import numpy as np

import binn
from binn.datasets.shipped import demo_folder
from binn.experiments.recovery import (
    SENSITIVE,
    block_split,
    correlations,
    recover,
    true_normalised,
)
from binn.parameters import KEYS
from binn.training.config import TrainingConfig
from binn.training.split import split_sites


def main() -> None:
    """Run the tests and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, help="passes over the sites (as shipped)")
    options = parser.parse_args()
    ds = binn.open_dataset("demo")
    config = TrainingConfig.model_validate_json((demo_folder() / "training.json").read_text())
    if options.epochs:
        config = config.changed(epochs=options.epochs)
    true = true_normalised(ds)

    retrieved = np.full(true.shape, np.nan)
    for model in binn.load_ensemble("demo"):
        assert model.checkpoint is not None
        assert model.checkpoint.split is not None
        test = split_sites(ds, model.checkpoint.split.rule).test
        retrieved[test] = model.normalised(ds, rows=test)
    found: dict[str, Any] = {"all 21 free, shipped folds, random": correlations(retrieved, true)}
    for name, split in (
        ("random", split_sites(ds, config.split)),
        ("4 degree squares", block_split(ds)),
    ):
        for what, free in (("four free", SENSITIVE), ("all 21 free", KEYS)):
            print(f"{what}, {name}", file=sys.stderr)
            result = recover(ds, config, split, free, lambda line: print(line, file=sys.stderr))
            found[f"{what}, {name}"] = asdict(result)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
