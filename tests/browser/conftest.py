"""A server of the page, and a Chromium to visit it as a person does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from page_data import write_synthetic
from playwright.sync_api import Browser, Page, sync_playwright

from binn.runs import Runs

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
PLACE = """() => {
  const map = Bokeh.documents[0].get_model_by_name("map")
  const box = Bokeh.index.find_one_by_id(map?.id)?.canvas_view.el.getBoundingClientRect()
  return [box?.x, box?.y, map?.inner_width, map?.inner_height, map?.x_range.start, map?.y_range.end]
}"""
PATIENCE = 90_000  # ms; slow machines are not wrong ones


@dataclass
class Visit:
    """An open page, and what went wrong on it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def data(self, name: str) -> dict[str, list[object]]:
        """Columns of a named source, as the browser holds them, once its figure is built."""
        there = "name => Bokeh.documents[0].get_model_by_name(name) != null"
        self.page.wait_for_function(there, arg=name, timeout=PATIENCE)
        return self.page.evaluate(
            """name => {
              const source = Bokeh.documents[0].get_model_by_name(name)
              const known = v => typeof v == "number" && !isFinite(v) ? null : v
              const plain = column => Array.from(column, known)
              return Object.fromEntries(Object.entries(source.data).map(([k, v]) => [k, plain(v)]))
            }""",
            name,
        )

    def selected(self) -> list[int]:
        """Rows that the map shows as selected."""
        rows = self.page.evaluate(
            "() => [...Bokeh.documents[0].get_model_by_name('sites').selected.indices]"
        )
        return sorted(rows)

    def until(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Wait for something that the page will do."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"waited {seconds:g} s in vain: {what}; errors: {self.errors}")
            self.page.wait_for_timeout(100)

    def settled(self) -> None:
        """Wait for the map and the first solution of all sites."""
        self.page.wait_for_selector("canvas", timeout=PATIENCE)
        drawn = "() => Bokeh.documents[0].get_model_by_name('profile')?.data.base?.[0] > 0"
        self.page.wait_for_function(drawn, timeout=PATIENCE)
        whole = "() => Bokeh.documents[0].get_model_by_name('sensitivity') != null"
        self.page.wait_for_function(whole, timeout=PATIENCE)  # what comes last
        framed = "() => Bokeh.documents[0].get_model_by_name('map')?.inner_width > 100"
        self.page.wait_for_function(framed, timeout=PATIENCE)
        self._still()

    def _still(self) -> None:
        """Wait until the map stays where it is: a busy machine lays the page out bit by bit."""
        place, since = None, time.monotonic()
        while time.monotonic() - since < 0.8:
            self.page.wait_for_timeout(200)
            now = self.page.evaluate(PLACE)
            if now != place:
                place, since = now, time.monotonic()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield instance
        instance.close()


class Servers:
    """Starts servers of the page: `panel serve app.py --args ...`.

    Parameters
    ----------
    root : Path
        The repository.
    logs : callable
        Makes a folder for what a server prints.
    """

    def __init__(self, root: Path, logs: Callable[[], Path]) -> None:
        self._root, self._logs = root, logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __call__(self, *arguments: object, **variables: object) -> str:
        """Start one, with variables of environment; its address."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = self._logs() / "log.txt"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BINN_")}
        environment |= {name: str(value) for name, value in variables.items()}
        command = [sys.executable, "-m", "panel", "serve", "app.py", "--address", "127.0.0.1"]
        command += ["--port", str(port), "--args", *map(str, arguments)]
        with log.open("wb") as out:
            server = subprocess.Popen(
                command, cwd=self._root, env=environment, stdout=out, stderr=out
            )
        url = f"http://127.0.0.1:{port}/app"
        self.running[url] = server
        for _ in range(600):
            if server.poll() is not None:
                pytest.fail(f"the server ended:\n{log.read_text()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return url
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"the server does not answer:\n{log.read_text()}")

    def kill(self, url: str) -> None:
        """kill -9."""
        self.running[url].kill()
        self.running[url].wait(30)


@pytest.fixture(scope="session")
def serve(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts servers, and ends them at last."""
    servers = Servers(root, lambda: tmp_path_factory.mktemp("server"))
    yield servers
    for server in servers.running.values():
        server.terminate()
        server.wait(30)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page in a fresh browser; fails if it logs an error or asks another machine."""
    visits: list[Visit] = []

    def start(url: str, width: int = 1280, height: int = 720) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE)
        one = Visit(context.new_page())
        visits.append(one)
        local = (url.rsplit("/", 1)[0] + "/", "data:", "blob:")
        one.page.on("console", lambda m: one.errors.append(m.text) if m.type == "error" else None)
        one.page.on("pageerror", lambda error: one.errors.append(str(error)))
        one.page.on(
            "request", lambda r: None if r.url.startswith(local) else one.outside.append(r.url)
        )
        one.page.goto(url)
        return one

    yield start
    for one in visits:
        one.page.context.close()
    for one in visits:
        assert one.errors == []
        assert one.outside == []


@pytest.fixture(scope="session")
def synthetic_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SYNTHETIC sites, made by the test."""
    return write_synthetic(tmp_path_factory.mktemp("browser") / "synthetic.nc")


@pytest.fixture(scope="session")
def checkpoint(synthetic_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network trained for two epochs on the synthetic sites: its parameters differ by site."""
    run = tmp_path_factory.mktemp("browser") / "tiny"
    command = [sys.executable, "-m", "binn", "train", synthetic_path, "--out", run]
    command += ["--preset", "quick", "--epochs", "2", "--members", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return run / "checkpoint"


@pytest.fixture(scope="session")
def site(serve: Callable[..., str], synthetic_path: Path, checkpoint: Path) -> str:
    """Address of the page with the synthetic sites and their checkpoint."""
    return serve("--data", synthetic_path, "--checkpoint", checkpoint)


@pytest.fixture(scope="session")
def demo(serve: Callable[..., str]) -> str:
    """Address of the page with the demonstration data."""
    return serve("--data", "demo", "--checkpoint", "demo")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """A folder of its own; what still trains at the end is stopped."""
    found = Runs(tmp_path / "runs")
    yield found
    for run in found.list():
        if not run.ended:
            found.cancel(run.id, wait=True)


@pytest.fixture
def allowed(serve: Callable[..., str], synthetic_path: Path, runs: Runs) -> str:
    """A server on which visitors may train."""
    return serve("--data", synthetic_path, "--allow-training", BINN_RUNS=runs.folder)
