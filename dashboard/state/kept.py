"""Solutions of the embedded demonstration, kept on disk from one start of the page to the next.

What the first view shows is always the same there, and to compute it a new process has to import
torch, which takes longer than all else together. So it is kept, in ``.cache/solutions`` of a
checkout or where ``BINN_CACHE`` says, under a key of everything it follows from: the data, the
checkpoint, the source code and the versions of what it computes with. A file that is missing,
damaged or of another key is as good as none: it is computed again.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import platform
import zipfile
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import numpy as np

import binn
from binn.atomic import write_file
from binn.datasets.shipped import demo_folder
from dashboard.state import estimate as estimates
from dashboard.state.estimate import Estimate

__all__ = ["Kept"]

_LOG = logging.getLogger(__name__)

_VARIABLE = "BINN_CACHE"
_COMPUTE = ("numba", "numpy", "torch")
_ARRAYS = ("parameters", "pools", "soc", "soc_observed_depths")


class Kept:
    """The demonstration's sites under its checkpoint's scheme, by source of the parameters.

    Parameters
    ----------
    folder : Path
        Made when something is first kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def here(cls) -> Kept | None:
        """Of this program; None where it is installed without a place for what it keeps."""
        checkout = Path(__file__).resolve().parents[2]
        usual = checkout / ".cache" if (checkout / "app.py").is_file() else None
        chosen = os.environ.get(_VARIABLE) or usual
        return None if chosen is None else cls(Path(chosen).absolute() / "solutions")

    def load(self, source: str, bedrock: str) -> Estimate | None:
        """What was kept of a source; None if there is nothing that can be used.

        Parameters
        ----------
        source : str
            Of `dashboard.state.opened.SOURCES`.
        bedrock : str
            The scheme, which the key knows as that of the checkpoint.
        """
        try:
            with self._file(source).open("rb") as file, np.load(file) as arrays:
                found = {name: arrays[name] for name in arrays.files}  # whole, by their checksums
            components: dict[str, dict[str, np.ndarray]] = {}
            for name in found:
                if name.startswith("components/"):
                    _, definition, key = name.split("/")
                    components.setdefault(definition, {})[key] = found[name]
            traceability = {
                name.split("/")[1]: found[name] for name in found if name.startswith("traceability")
            }
            return Estimate(
                **{name: found[name] for name in _ARRAYS},
                components=components,
                traceability=traceability,
                bedrock=bedrock,
            )
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def keep(self, source: str, found: Estimate) -> Thread:
        """Write in a thread of its own, which is returned; a failure only goes to the log."""
        arrays = {name: getattr(found, name) for name in _ARRAYS}
        for definition, each in found.components.items():
            arrays |= {f"components/{definition}/{key}": value for key, value in each.items()}
        arrays |= {f"traceability/{key}": value for key, value in found.traceability.items()}

        def write() -> None:
            content = io.BytesIO()
            np.savez(content, **arrays)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                write_file(self._file(source), content.getbuffer())
                for old in self._folder.iterdir():
                    if not old.name.startswith(self._key):
                        old.unlink(missing_ok=True)
            except OSError as error:
                _LOG.info("the solution is not kept for the next start: %s", error)

        thread = Thread(target=write, name="binn-keeping")
        thread.start()
        return thread

    def _file(self, source: str) -> Path:
        return self._folder / f"{self._key}-{source}.npz"

    @cached_property
    def _key(self) -> str:
        digest = hashlib.sha256()
        for path in _inputs():
            digest.update(f"{path.name}\n".encode())
            digest.update(path.read_bytes())
        digest.update("".join(f"{name} {version(name)}\n" for name in _COMPUTE).encode())
        digest.update(f"{platform.machine()} {platform.node()}".encode())
        return digest.hexdigest()[:16]


def _inputs() -> Iterator[Path]:
    """Every file that a solution follows from."""
    demo = demo_folder()
    yield from sorted(demo.glob("*.nc"))
    yield from sorted(path for path in (demo / "checkpoint").rglob("*") if path.is_file())
    yield from sorted(Path(binn.__file__).parent.rglob("*.py"))
    yield Path(estimates.__file__)
