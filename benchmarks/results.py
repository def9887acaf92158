"""Cross-validation of presets and baselines, written to docs/results.md: ``make results``.

No number in that page is typed: all come from one run of this script on the dataset it is given.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path

import torch
import xarray as xr

import binn
from benchmarks.search import RECORD, START
from binn.experiments.baselines import BASELINES
from binn.experiments.cross_validation import (
    RESAMPLES,
    HeldOut,
    cross_validate,
    cross_validate_binn,
    gap,
)
from binn.experiments.efficiency_report import table
from binn.fingerprint import git_revision
from binn.training.fit import fit
from binn.training.presets import PRESETS as ALL_PRESETS
from binn.training.presets import preset

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("default", "quick", "paper")
AGAINST = ("random forest", "one parameter vector", "depth mean", "BINN paper")


def scores_table(held: dict[str, HeldOut], seconds: dict[str, float]) -> str:
    """One row a method: pooled scores, spread of the folds, with and without extremes."""
    rows = []
    for name, one in held.items():
        s, moderate = one.scores(), one.without_extremes().scores()
        rows.append(
            [
                name,
                f"{s['nse']:.3f}",
                f"{s['nse_mean']:.3f} ± {s['nse_sd']:.3f}",
                f"{moderate['nse']:.3f}",
                f"{s['r']:.3f}",
                f"{s['rmse'] / 1000:.2f}",
                f"{s['bias'] / 1000:+.2f}",
                s["n"],
                f"{seconds[name]:.0f}",
            ]
        )
    head = ["method", "NSE", "folds", "NSE ≤ 200", "r", "RMSE", "bias", "n", "s"]
    return table(head, rows)


def gaps_table(held: dict[str, HeldOut], first: str) -> str:
    """How far one method is ahead of others, on all points and without extremes."""
    rows = []
    for name in AGAINST:
        for label, one, other in (
            ("all", held[first], held[name]),
            ("≤ 200", held[first].without_extremes(), held[name].without_extremes()),
        ):
            g = gap(one, other)
            rows.append(
                [
                    name,
                    label,
                    f"{g.nse:+.3f}",
                    f"{g.low:+.3f} to {g.high:+.3f}",
                    f"{g.fold_mean:+.3f} ± {g.fold_sd:.3f}",
                    f"{g.ahead} of 10",
                ]
            )
    return table(["against", "points", "gap", "95 % over places", "folds", "ahead in"], rows)


def timed_training(ds: xr.Dataset, name: str, threads: int) -> tuple[float, int]:
    """Wall seconds of one training with a preset, and the number of sites it saw."""
    start = time.perf_counter()
    fitted = fit(preset(name), ds, threads=threads, test=False)
    return time.perf_counter() - start, len(fitted.split.train)


def search_table() -> str:
    """What was tried, by validation score."""
    tried = [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]
    tried.sort(key=lambda one: -one["nse_without_extremes"])
    rows = [
        [
            one["name"],
            f"`{json.dumps(one['changes'])}`",
            one["members"],
            f"{one['nse']:.3f}",
            f"{one['nse_without_extremes']:.3f}",
        ]
        for one in tried
    ]
    start = START.model_dump(exclude={"split", "preset"})
    return (
        f"{len(tried)} configurations were tried, on validation sites only: changes to\n\n"
        f"```json\n{json.dumps(start, indent=1)}\n```\n\n"
    ) + table(["name", "changes", "members", "NSE", "NSE ≤ 200"], rows)


def page(ds: xr.Dataset, presets: Iterable[str], threads: int) -> str:
    """Compute everything and put it on the page."""
    began, load = time.strftime("%Y-%m-%d"), os.getloadavg()
    held: dict[str, HeldOut] = {}
    seconds: dict[str, float] = {}
    for name, baseline in BASELINES.items():
        start = time.perf_counter()
        held[name] = cross_validate(ds, preset("default"), baseline)
        seconds[name] = time.perf_counter() - start
        print(name, held[name].scores(), flush=True)
    # every preset on the same folds: sites of one place stay together
    split = preset("default").split.model_dump()
    for name in presets:
        start = time.perf_counter()
        config = preset(name).changed(split=split)
        held[f"BINN {name}"] = cross_validate_binn(ds, config, threads)
        seconds[f"BINN {name}"] = time.perf_counter() - start
        print(name, held[f"BINN {name}"].scores(), flush=True)
    training, sites = timed_training(ds, "default", threads)
    rule = preset("default").split
    return f"""# Results on real profiles

Written by `make results`; nothing here is typed by hand.

- data: {ds.attrs.get("title")}: {ds.sizes["site"]} sites, {ds.sizes["obs"]} observations
- folds: {rule.folds}, seed {rule.seed}, grouped by {rule.group}; validation
  {rule.validation_share:.3f} of the rest; seed of the first member {preset("default").seed}
- machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores, {threads} threads
  used; load at the start {load[0]:.1f}, at the end {os.getloadavg()[0]:.1f}; torch
  {torch.__version__.split("+")[0]}
- program: git revision {git_revision()}; {began}

## Scores of held-out sites

SOC at the observed depths, all folds pooled: every site is predicted once, by a model that never
saw it nor any other site at its coordinates. RMSE and bias in kgC m-3; "folds" is the mean and
standard deviation of the folds' NSE; "NSE ≤ 200" leaves out observations above 200 kgC m-3; "s" is
the wall time of all ten trainings.

{scores_table(held, seconds)}

## How far BINN `default` is ahead

Differences in NSE on the same points. The 95 % range is over {RESAMPLES:,} resamples of places;
"ahead in" counts folds. Gaps below 0.03 are noise in this set.

{gaps_table(held, "BINN default")}

## Cost

One training with `default` ({preset("default").members} members of {preset("default").epochs}
epochs, {sites} training sites): {training:.0f} s.

## What was tried

{search_table()}
"""


def main() -> None:
    """Write docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(ROOT / "data" / "new_york.nc"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results.md")
    parser.add_argument("--presets", nargs="+", choices=list(ALL_PRESETS), default=PRESETS)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    presets = dict.fromkeys(("default", "paper", *options.presets))
    text = page(binn.open_dataset(options.data), presets, options.threads)
    options.out.write_text(text, encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
