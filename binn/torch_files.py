"""Read the tensors of somebody else's torch file without running anything that is in it.

A torch file is a pickle, and a pickle may call any function. `torch.load(weights_only=True)` calls
only what rebuilds tensors. Files of a training often hold NumPy arrays and numbers beside the
weights; nothing here needs those, so the few names their pickles call are allowed to mean an inert
`Unread`: NumPy's own unpickling, which trusts what it reads, is never reached either.
"""

from __future__ import annotations

import os
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import torch

from binn.errors import InputError

__all__ = ["Unread", "read_torch_file"]

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
# what torch, pickle and zipfile raise for damaged files
_DAMAGED = (
    *(RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(EOFError, OSError, struct.error, zipfile.BadZipFile, zlib.error),
)


class Unread:
    """Stands for a NumPy object of the file, whose content is not looked at."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


_ALLOWED: list[Callable[..., object] | tuple[Callable[..., object], str]] = [
    (Unread, name)
    for name in (
        "numpy.core.multiarray._reconstruct",  # NumPy 1
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",  # NumPy 2
        "numpy._core.multiarray.scalar",
        "numpy.ndarray",
        "numpy.dtype",
        "_codecs.encode",  # how pickle writes the bytes of an array
    )
]


def read_torch_file(path: str | os.PathLike[str]) -> object:
    """What a file of ``torch.save`` holds: tensors, numbers and text, on the CPU.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    object
        NumPy arrays and numbers in it are `Unread`.

    Raises
    ------
    InputError
        If there is no such file, it is not torch's, it is damaged or cut short, or loading it
        would run anything but the making of tensors.
    """
    path = Path(path)
    _look_at(path)
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        called = re.search(r"GLOBAL (\S+)", str(error))
        if called is None:
            raise InputError(
                f"{path} is damaged, or not a torch file: its pickle cannot be read"
            ) from None
        raise InputError(
            f"{path} is refused: loading it would call {called[1]}, which is not needed for "
            "weights and could run anything; save only the state_dict with torch.save"
        ) from None
    except _DAMAGED as error:
        # torch's own words are sentences, a KeyError's are not
        words = " ".join(str(error).split())[:120] if isinstance(error, RuntimeError) else ""
        reason = f": {words}" if words else ""
        raise InputError(f"{path} is damaged or cut short{reason}; get it again") from None
    return content


def _look_at(path: Path) -> None:
    """Refuse what is not a whole torch file by its first bytes and its table of contents."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP))
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if start == _ZIP:
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path} is cut short: the end of the torch file is missing")
        try:
            with zipfile.ZipFile(path) as archive:
                torch_file = any(name.endswith("/data.pkl") for name in archive.namelist())
                # torch does not hold what it reads against the checksums
                wrong = archive.testzip() if torch_file else None
        except _DAMAGED:
            raise InputError(f"{path} is damaged or cut short; get it again") from None
        if wrong is not None:
            raise InputError(
                f"{path} is damaged: the checksum of {wrong} in it is wrong; get it again"
            )
    else:
        torch_file = start.startswith(_PICKLE)
    if not torch_file:
        raise InputError(f"{path} is not a torch file: give what torch.save wrote (.pt)")
