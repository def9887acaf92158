"""Material that tests share: reference numbers, real input, a browser.

None of it lives in the repository. Where it is missing a test is skipped and says what is missing;
with ``CI=true`` that is a failure, since there nothing may be skipped quietly.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where CI=true, saying what is missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} (CI=true: missing material is a failure)", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material beside the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        missing("the folder ../shared is not there")
    return folder


@pytest.fixture(scope="session")
def reference(shared: Path) -> dict[str, np.ndarray]:
    """Reference numbers of 168 sites, by array name."""
    path = shared / "reference" / "clm5_reference.npz"
    if not path.is_file():
        missing("../shared/reference/clm5_reference.npz is not there")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="session")
def new_york_source(shared: Path) -> Path:
    """The authors' New York set in their own layout."""
    folder = shared / "real" / "binn_demo_ny"
    if not folder.is_dir():
        missing("../shared/real/binn_demo_ny is not there")
    return folder


@pytest.fixture(scope="session")
def new_york(new_york_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The New York set as a canonical dataset, made by the importer as a user would."""
    path = tmp_path_factory.mktemp("new_york") / "new_york.nc"
    command = [sys.executable, "-m", "binn", "import", "authors-demo", new_york_source, path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if run.returncode:
        pytest.fail(f"import authors-demo failed:\n{run.stdout}{run.stderr}", pytrace=False)
    return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the Chromium to drive: BINN_CHROMIUM, or the first one on the PATH."""
    chosen = os.environ.get("BINN_CHROMIUM")
    if chosen:
        if not Path(chosen).is_file():
            missing(f"BINN_CHROMIUM={chosen} is not a file")
        return chosen
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    missing("no Chromium on the PATH and BINN_CHROMIUM is not set")
