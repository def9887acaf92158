"""Write docs/calibration.md from docs/calibration.json: nothing on the page is typed by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from binn.diagnostics import COMPONENT_NAMES
from binn.parameters import PARAMETERS

DOCS = Path(__file__).resolve().parents[1] / "docs"

_HEAD = """# Calibration of sites: cost, and BINN beside PRODA

Written by `python -m benchmarks.calibration` (cost) and `python -m benchmarks.proda_demo compare`
(BINN and PRODA), from `calibration.json`; nothing below is typed by hand.
"""

_COST = """
## What MCMC costs

A step of one chain of one site is one run of the process model, its misfit, a proposal and a
decision. All sites' chains advance together, 32 columns at a time, inside one compiled loop.

- machine: {processor}, {cores} cores, one thread used; load {load[0]:.2f} at the start,
  {load[1]:.2f} at the end; git revision {revision}; {date}
- measured: {share:.0%} of {sites:,} sites x {steps:,} steps, {chains} chains a site
- CPU seconds; the machine is shared, so wall time says more about its other users: trust the ratios

| chains | sites | steps measured | CPU s | steps a CPU second | µs a step | times slower |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

With its {chains} chains a site makes an iteration in {site_us:.1f} µs: {site_rate:,.0f}
iterations x sites a CPU second. At these rates {sites:,} sites x {steps:,} steps x {chains} chains
take {whole:.0f} CPU minutes here, and {dense} done one after another around a
dense solve.

- **published**: the authors' annealed scheme, with the covariance estimated anew at every step.
- **adaptive**: adaptive Metropolis; its proposals are never drawn again.
- **misfit alone**: the process model and the misfit, without a chain around it.
- **dense**: `binn.calibration.plain_chain`, the same scheme in plain NumPy, around
  `solve(backend="dense")`, or `"dense-loop"`, which fills the 140 x 140 matrix entry by entry as
  the paper's first code did. It was checked in the same run that both give the same misfit.
"""

_DEMO = """
## BINN and PRODA on the demo

Demo data: simulated soils and SOC, not for scientific conclusions. What they can tell: which method
comes nearer to a truth that is known.

- PRODA's site step: {about[site_step]}
- profiles: {about[profiles]}
- of {sampled:,} profiles the mean Gelman-Rubin statistic is below 1.05 in
  {gr:.0%}, the mean R-hat of ArviZ in {rhat:.0%}, R2 above 0.75 in
  {r2:.0%}; the network learnt from {about[profiles_learnt_from]}
- PRODA's network: {about[network]}
- BINN: the shipped checkpoint `demo`, trained on {binn_sites:,} profiles: what follows compares the
  two as they ship, more profiles and all
- maps: {cells:,} cells; truth: the parameters the demo was simulated with

{components}

"Nearer" asks for both the higher correlation with the truth and the lower RMSE. Carbon input is
forcing, and the same for all.

### Where they disagree

The biome where the medians of the two maps lie farthest apart, in standard deviations of the true
map (definition `stock`):

{disagreement}

### Parameters

Of the normalised parameters on the {cells:,} cells ("none" where a map is constant):

| parameter | r BINN, PRODA | r BINN, truth | r PRODA, truth | RMSE BINN | RMSE PRODA |
| --- | --- | --- | --- | --- | --- |
{parameters}

### Profiles

SOC at the observations of {sites:,} sites that neither of the two learnt from ({n:,} observations):

| parameters | NSE | r | RMSE, gC m-3 | bias, gC m-3 |
| --- | --- | --- | --- | --- |
{profiles}
"""


def write_page(out: Path = DOCS) -> None:
    """Write the page from what was measured."""
    held = json.loads((out / "calibration.json").read_text(encoding="utf-8"))
    text = _HEAD
    if "cost" in held:
        text += _cost(held["cost"])
    if "demo" in held:
        text += _demo(held["demo"])
    (out / "calibration.md").write_text(text, encoding="utf-8")
    print(f"wrote {out / 'calibration.md'}")


def _cost(cost: dict[str, Any]) -> str:
    rows, each = [], {}
    for name, row in cost["rows"].items():
        each[name] = row["cpu"] / row["steps"]
    for name, row in cost["rows"].items():
        slower = each[name] / each["published"]
        rows.append(
            f"| {name} | {row['sites']} | {row['steps']:,} | {row['cpu']:.1f} | "
            f"{1 / each[name]:,.0f} | {1e6 * each[name]:,.3g} | {slower:,.3g} |"
        )
    steps = cost["sites"] * cost["steps"] * cost["chains"]
    dense = [name for name in each if name.startswith("dense")]
    days = " or ".join(f"{each[name] * steps / 86400:,.0f} days" for name in dense)
    about = {key: value for key, value in cost.items() if key != "rows"}
    return _COST.format(
        site_us=1e6 * each["published"] * cost["chains"],
        site_rate=1 / (each["published"] * cost["chains"]),
        **about,
        rows="\n".join(rows),
        whole=each["published"] * steps / 60,
        dense=days,
    )


def _r(value: float) -> str:
    """A correlation; "none" where one side is constant."""
    return "none" if math.isnan(value) else f"{value:.2f}"


def _demo(demo: dict[str, Any]) -> str:
    tables, apart = [], []
    for definition, found in demo["components"].items():
        tables += [
            f"Definition `{definition}`:\n",
            "| component | r BINN, PRODA | r BINN, truth | r PRODA, truth | RMSE BINN | "
            "RMSE PRODA | nearer the truth |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for key, one in found.items():
            name, unit = COMPONENT_NAMES[key]
            tables.append(
                f"| {name} ({unit}) | {one['r_binn_proda']:.2f} | {one['r_binn_truth']:.2f} | "
                f"{one['r_proda_truth']:.2f} | {one['rmse_binn']:.3g} | {one['rmse_proda']:.3g} | "
                f"{one['nearer']} |"
            )
        tables.append("")
    apart += [
        "| component | biome | apart, sd | BINN | PRODA | truth |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key, one in demo["components"]["stock"].items():
        medians = one["farthest_medians"]
        apart.append(
            f"| {COMPONENT_NAMES[key][0]} | {one['farthest_biome']} | {one['farthest_sd']:.2f} | "
            + " | ".join(f"{medians[name]:.3g}" for name in ("binn", "proda", "truth"))
            + " |"
        )
    names = {one.key: one.long_name for one in PARAMETERS}
    parameters = [
        f"| {names[key]} | "
        + " | ".join(_r(one[name]) for name in ("r_binn_proda", "r_binn_truth", "r_proda_truth"))
        + f" | {one['rmse_binn']:.3f} | {one['rmse_proda']:.3f} |"
        for key, one in demo["parameters"].items()
    ]
    seen = demo["profiles"]
    profiles = [
        f"| {title} | {one['nse']:.3f} | {one['r']:.3f} | {one['rmse']:,.0f} | {one['bias']:,.0f} |"
        for title, one in (
            ("BINN", seen["binn"]),
            ("PRODA", seen["proda"]),
            ("true", seen["truth"]),
        )
    ]
    return _DEMO.format(
        about=demo["about"],
        sampled=demo["sampled"],
        binn_sites=demo["binn_sites"],
        cells=demo["cells"],
        gr=demo["mean_gelman_rubin_below_1.05"],
        rhat=demo["mean_rhat_below_1.05"],
        r2=demo["r2_above_0.75"],
        components="\n".join(tables).rstrip(),
        disagreement="\n".join(apart),
        parameters="\n".join(parameters),
        sites=seen["sites"],
        n=seen["binn"]["n"],
        profiles="\n".join(profiles),
    )
