"""What the Training tab costs with 50 runs in its list: ``python -m benchmarks.training_tab``.

Trains one small network, copies its run folder 50 times, serves the demonstration and visits it, as
`benchmarks.page` does. Times are wall-clock, on whatever else this machine is doing: the load is
printed, and the spread of every figure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.page import FLAGS, Visit, server, told

RUNS = 50
FAR = 120_000
DRAWN = """id => {
  const marks = Bokeh.documents[0].get_model_by_name("run-nse-marks")?.data.run ?? []
  return marks.length > 0 && marks[0] === id
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is missing: install it (apt install chromium).")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BINN_RUNS"] = folder
        ids = many_runs(Path(folder))
        with sync_playwright() as playwright, server() as (_, url, _started):
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            found: dict[str, list[float]] = {"tab": [], "run": [], "kB": []}
            for _ in range(repeat):
                visit = Visit(browser, url)
                visit.ready()
                visit.page.wait_for_timeout(2000)
                visit.kilobytes()
                begun = time.monotonic()
                visit.page.get_by_role("tab", name="Training", exact=True).click()
                visit.page.locator("tr[data-run]").nth(RUNS - 1).wait_for(timeout=FAR)
                visit.page.wait_for_function(DRAWN, arg=ids[0], timeout=FAR)
                found["tab"].append(time.monotonic() - begun)
                found["kB"].append(visit.kilobytes())
                begun = time.monotonic()
                visit.page.locator(f'tr[data-run="{ids[-1]}"]').click()
                visit.page.wait_for_function(DRAWN, arg=ids[-1], timeout=FAR)
                found["run"].append(time.monotonic() - begun)
                visit.context.close()
            browser.close()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {RUNS} runs")
    print(f"{'tab opened, list and curves drawn, s':44} {told(found['tab'])}")
    print(f"{'to the browser for that, kB':44} {told(found['kB'])}")
    print(f"{'another run clicked, its curves drawn, s':44} {told(found['run'])}")


def many_runs(folder: Path) -> list[str]:
    """Copies of one training on a part of the demonstration; their ids, newest first."""
    first = folder / "0001-quick-0001"
    command = [sys.executable, "-m", "binn", "train", "demo", "--out", first, "--preset", "quick"]
    command += ["--epochs", "25", "--region", "Vermont", "--region", "New Hampshire"]
    subprocess.run([*map(str, command)], check=True, stderr=subprocess.DEVNULL)
    ids = [f"{number:04d}-quick-{number:04d}" for number in range(RUNS, 0, -1)]
    for run in ids[:-1]:
        shutil.copytree(first, folder / run)
    return ids


if __name__ == "__main__":
    main()
