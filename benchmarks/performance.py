"""Measure and write docs/performance.md and its figure: ``make bench``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from binn.experiments.efficiency import measure
from binn.experiments.efficiency_report import cost_figure, markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"

PAGE = """# Performance

Written by `make bench`; nothing below is typed by hand. `binn benchmark` prints the same for the
machine it runs on.

- machine: {processor}, {cores} cores, {threads} thread used; load {load_before} at the start,
  {load_after} at the end
- Python {python}, torch {torch}; git revision {revision}; {date}
- CPU time, the best of the runs, with the range of all of them in brackets. The machine is shared:
  trust the ratios of one table, not a single number.

![Cost against number of sites](cost.svg)

{tables}

## What limits each row

- **compiled**: forcing has to come from memory once (most of the limit below), the twelve monthly
  scalars take 240 exponentials a site, the elimination runs in registers. Small batches
  pay for the calls between Python and the kernel instead.
- **torch, layer by layer**: hundreds of small operations, each over all sites; few sites pay for
  the calls, many for memory traffic. It runs on any torch device.
- **dense, vectorised**: a 140 x 140 factorisation and its gradient, about 0.7 MB a site.
- **dense, for-loops**: the assembly of the matrix, entry by entry, in Python.
- **training step**: the network; the process model adds the ratio above.
"""


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    found = measure(options.seconds, options.quick, report=lambda line: print(line, flush=True))
    cost_figure(found, options.out / "cost.svg")
    text = PAGE.format(**found["about"], tables=markdown(found), date=time.strftime("%Y-%m-%d"))
    (options.out / "performance.md").write_text(text, encoding="utf-8")
    (options.out / "performance.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"wrote {options.out / 'performance.md'}")


if __name__ == "__main__":
    main()
