"""What the page costs: first paint, brush, slider, bytes and memory: ``python -m benchmarks.page``.

Starts a server of its own on the embedded demonstration and visits it with Chromium, as the browser
tests do. Times are wall-clock, on whatever else this machine is doing: the load is printed, and the
spread of every figure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
TABS = ("Traceability", "BINN vs PRODA", "What if", "Evaluation", "Training", "Methods")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PAINTED = """([name, column, before]) => new Promise(done => {
  const source = Bokeh.documents[0].get_model_by_name(name)
  const now = () => {
    const c = source.data[column]
    return [c.length, c[0], c[c.length >> 1]].join()
  }
  const start = performance.now()
  const look = () => {
    if (now() !== before) requestAnimationFrame(() => requestAnimationFrame(() => done(now())))
    else if (performance.now() - start > 60000) done(null)
    else requestAnimationFrame(look)
  }
  look()
})"""
NOW = """([name, column]) => {
  const c = Bokeh.documents[0].get_model_by_name(name)?.data[column]
  return c ? [c.length, c[0], c[c.length >> 1]].join() : ""
}"""
FRAME = """name => {
  const map = Bokeh.documents[0].get_model_by_name(name)
  const view = Bokeh.index.find_one_by_id(map.id)
  const at = view.canvas_view.el.getBoundingClientRect(), inner = view.frame.bbox
  return [at.x + inner.left, at.y + inner.top, inner.width, inner.height]
}"""


def main() -> None:
    """Measure, print a table, and write it as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--starts", type=int, default=3, help="cold starts of the server")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--training", action="store_true", help="brush beside a training, too")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is missing: install it (apt install chromium).")
    found: dict[str, Any] = _Told({"load_before": os.getloadavg()[0], "cores": os.cpu_count()})
    for module in ("binn.warm", "dashboard.warm"):  # as `make env` does
        subprocess.run([sys.executable, "-m", module], cwd=ROOT, check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        found |= cold(browser, options.starts)
        with server() as (process, url, _, late):
            first = Visit(browser, url)
            first.ready()
            found["first page, kB"] = [first.kilobytes()]
            first.page.wait_for_timeout(6000)
            found |= later(browser, url, options.repeat)
            measured(found, browser, process.pid, url, late, first, options)
        browser.close()
    found["load_after"] = os.getloadavg()[0]
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def measured(
    found: dict[str, Any],
    browser: Browser,
    pid: int,
    url: str,
    late: Path,
    first: Visit,
    options: argparse.Namespace,
) -> None:
    """What a page costs once it is there."""
    found |= turns(browser, url, late, options.repeat)
    found |= brushes(first, options.repeat)
    for other in (exporting, solving):
        found |= other(browser, url, first, options.repeat)
    if options.training:
        found |= beside_training(first, options.repeat)
    found |= sliders(Visit(browser, f"{url}?tab=what-if&scope=all"), options.repeat)
    found |= memory(browser, url, pid, options.sessions)


class _Told(dict[str, Any]):
    """Says each figure when it is known."""

    def __setitem__(self, name: str, values: Any) -> None:
        super().__setitem__(name, values)
        print(f"{name:44} {told(values)}", flush=True)

    def __ior__(self, others: Any) -> _Told:  # type: ignore[override,misc]
        for name, values in others.items():
            self[name] = values
        return self


class Visit:
    """A page in a browser of its own, and how many bytes came over its websocket."""

    def __init__(self, browser: Browser, url: str = "about:blank") -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 720})
        self.page: Page = self.context.new_page()
        self.bytes = 0
        self.page.on("websocket", lambda ws: ws.on("framereceived", self._count))
        self.page.goto(url, timeout=120_000)

    def _count(self, frame: bytes | str) -> None:
        self.bytes += len(frame)

    def kilobytes(self) -> float:
        """Received since last asked."""
        taken, self.bytes = self.bytes / 1000, 0
        return taken

    def mapped(self) -> None:
        """Wait until the map is painted with its values."""
        self.page.wait_for_selector("canvas", timeout=120_000)
        known = "() => Bokeh.documents[0].get_model_by_name('sites')?.data.value[0] > 0"
        self.page.wait_for_function(known, timeout=120_000)

    def ready(self) -> None:
        """Wait until the profile is painted, too."""
        self.mapped()
        solved = "() => Bokeh.documents[0].get_model_by_name('profile')?.data.base?.[0] > 0"
        self.page.wait_for_function(solved, timeout=120_000)

    def timed(self, act: Callable[[], object], name: str, column: str) -> float:
        """Seconds from an act until a source has changed and been painted."""
        before = self.page.evaluate(NOW, [name, column])
        start = time.monotonic()
        act()
        if self.page.evaluate(PAINTED, [name, column, before]) is None:
            sys.exit(f"{name}.{column} did not change within a minute")
        return time.monotonic() - start


def cold(browser: Browser, repeat: int) -> dict[str, list[float]]:
    """From starting the server to its first page, in a browser that is open already."""
    answers, maps, profiles = [], [], []
    for _ in range(repeat):
        visit = Visit(browser)
        with server() as (_, url, started, _):
            answers.append(time.monotonic() - started)
            visit.page.goto(url, timeout=120_000, wait_until="commit")
            visit.mapped()
            maps.append(time.monotonic() - started)
            visit.ready()
            profiles.append(time.monotonic() - started)
            visit.context.close()
    names = ("it answers", "first map", "first profile")
    times = (answers, maps, profiles)
    return {f"server started to {name}, s": one for name, one in zip(names, times, strict=True)}


def later(browser: Browser, url: str, repeat: int) -> dict[str, list[float]]:
    """Later pages: from asking to the map, and to the profile."""
    maps, profiles = [], []
    for _ in range(repeat):
        visit = Visit(browser)
        start = time.monotonic()
        visit.page.goto(url, timeout=120_000, wait_until="commit")
        visit.mapped()
        maps.append(time.monotonic() - start)
        visit.ready()
        profiles.append(time.monotonic() - start)
        visit.page.wait_for_timeout(1500)
        visit.context.close()
    return {"later page to map, s": maps, "later page to profile, s": profiles}


def brushes(
    visit: Visit, repeat: int, first: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """Boxes over different halves of the map, until the profile is painted.

    `first` is done right before the mouse is released.
    """
    left, top, width, height = visit.page.evaluate(FRAME, "map")
    seconds, sizes = [], []
    visit.page.wait_for_timeout(1500)
    visit.kilobytes()
    for k in range(repeat):
        share = 0.35 + 0.06 * k
        mouse = visit.page.mouse
        mouse.move(left + 0.1 * width, top + 0.15 * height)
        mouse.down()
        mouse.move(left + share * width, top + 0.85 * height, steps=6)
        first()
        seconds.append(visit.timed(mouse.up, "profile", "base"))
        visit.page.wait_for_timeout(800)
        sizes.append(visit.kilobytes())
    return {"brush to painted, s": seconds, "brush, kB": sizes}


def exporting(browser: Browser, url: str, visit: Visit, repeat: int) -> dict[str, list[float]]:
    """Brushes while another visitor has all of CONUS exported as tables."""
    other = Visit(browser, url)
    other.ready()
    other.page.get_by_role("button", name="Export").click()
    other.page.get_by_role("button", name="Prepare file").click()
    other.page.get_by_text("Writing").wait_for()
    found = brushes(visit, repeat)
    busy = other.page.get_by_text("Writing").count() > 0
    other.context.close()
    name = "brush while another exports CONUS, s" + ("" if busy else " (export ended before)")
    return {name: found["brush to painted, s"]}


def solving(browser: Browser, url: str, visit: Visit, repeat: int) -> dict[str, list[float]]:
    """Brushes right after another visitor has moved a slider that solves all of CONUS."""
    other = Visit(browser, f"{url}?tab=what-if&scope=all")
    handle = other.page.get_by_role("slider", name="Warming").first
    handle.wait_for(timeout=120_000)
    other.page.wait_for_timeout(3000)
    handle.focus()
    found = brushes(visit, repeat, first=lambda: handle.press("ArrowRight"))
    other.context.close()
    return {"brush while another solves CONUS, s": found["brush to painted, s"]}


def turns(browser: Browser, url: str, late: Path, repeat: int) -> dict[str, list[float]]:
    """Longest turn of the event loop while a page is sent and while each tab is first opened."""
    found: dict[str, list[float]] = {}
    for _ in range(repeat):
        began = time.monotonic()
        visit = Visit(browser, url)
        visit.ready()
        visit.page.wait_for_timeout(3000)
        found.setdefault("longest turn, a page, s", []).append(longest(late, began))
        for tab in TABS:
            began = time.monotonic()
            visit.page.get_by_role("tab", name=tab, exact=True).click()
            visit.page.wait_for_timeout(4000)
            found.setdefault(f"longest turn, {tab}, s", []).append(longest(late, began))
        visit.context.close()
    return found


def longest(late: Path, since: float) -> float:
    """Longest turn since a time, s; 0 if none took more than 50 ms."""
    rows = [line.split() for line in late.read_text(encoding="ascii").splitlines()]
    return max((float(gap) for when, gap in rows if float(when) >= since), default=0.0)


def beside_training(visit: Visit, repeat: int) -> dict[str, list[float]]:
    """Brushes while a training, niced as the page starts it, uses the same processors."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BINN_RUNS": folder}
        command = [sys.executable, "-m", "binn", "runs"]
        start = [*command, "start", "demo", "--preset", "quick", "--epochs", "500", "--json"]
        done = subprocess.run(start, env=environment, capture_output=True, text=True, check=True)
        run = json.loads(done.stdout)["id"]
        try:
            show = [*command, "show", run, "--json"]
            deadline = time.monotonic() + 300
            while (
                json.loads(
                    subprocess.run(
                        show, env=environment, capture_output=True, text=True, check=True
                    ).stdout
                )["epoch"]
                < 1
            ):
                if time.monotonic() > deadline:
                    sys.exit("the training did not finish an epoch within five minutes")
                time.sleep(1)
            found = brushes(visit, repeat)
        finally:
            subprocess.run([*command, "cancel", run], env=environment, check=False)
            time.sleep(5)
    return {"brush beside a training, s": found["brush to painted, s"]}


def sliders(visit: Visit, repeat: int) -> dict[str, list[float]]:
    """Warming by one step, all of CONUS solved again, until the map is painted."""
    page = visit.page
    page.wait_for_selector("canvas", timeout=120_000)
    handle = page.get_by_role("slider", name="Warming").first
    handle.wait_for()
    page.wait_for_timeout(3000)
    handle.focus()
    visit.kilobytes()
    seconds, sizes = [], []
    for _ in range(repeat):
        press = lambda: handle.press("ArrowRight")  # noqa: E731
        seconds.append(visit.timed(press, "what-if-sites", "value"))
        page.wait_for_timeout(1200)
        sizes.append(visit.kilobytes())
    return {"slider to painted, all of CONUS, s": seconds, "slider, kB": sizes}


def memory(browser: Browser, url: str, pid: int, sessions: int) -> dict[str, list[float]]:
    """What sessions take while they are open, in three rounds, and what is kept of all of them."""
    grown, start = [], resident(pid)
    for _ in range(3):
        before = resident(pid)
        visits = []
        for _ in range(sessions):
            visit = Visit(browser, url)
            visit.ready()
            visits.append(visit)
        grown.append((resident(pid) - before) / sessions)
        for visit in visits:
            visit.context.close()
        time.sleep(12)  # they are given up, and garbage is collected
    kept = (resident(pid) - start) / (3 * sessions)
    return {"memory, an open session, MB": grown, "memory kept of a closed one, MB": [kept]}


def resident(pid: int) -> float:
    """Resident memory of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("the server has ended")


def told(values: Any) -> str:
    """A figure with its spread."""
    if not isinstance(values, list):
        return f"{values:.4g}"
    spread = f"  ({min(values):.3g} to {max(values):.3g}, {len(values)} runs)"
    return f"{statistics.median(values):8.3g}" + (spread if len(values) > 1 else "")


@contextmanager
def server() -> Iterator[tuple[subprocess.Popen[bytes], str, float, Path]]:
    """A server of the demonstration.

    Its process, its address, when it was started (s), and the file of `benchmarks.heartbeat`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "panel", "serve", "app.py", "--address", "127.0.0.1"]
    handle, name = tempfile.mkstemp(suffix=".txt")
    os.close(handle)
    late = Path(name)
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, "--port", str(port), "--unused-session-lifetime", "1000",
         "--check-unused-sessions", "1000", "--setup", "benchmarks/heartbeat.py"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "BINN_HEARTBEAT": name},
    )  # fmt: skip
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield process, f"http://127.0.0.1:{port}/app", started, late
    finally:
        process.terminate()
        process.wait(30)
        late.unlink()


if __name__ == "__main__":
    main()
