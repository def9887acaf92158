"""Write files and folders so that what was there stays until what replaces it is whole.

Everything is written beside its target, flushed to the disk and then put in place in one step:
whoever reads, and whenever the power goes, finds the old or the new, never half of one.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from binn.errors import InputError

__all__ = [
    "append_line",
    "flush_folder",
    "recover_file",
    "recover_folder",
    "replace_folder",
    "saving",
    "write_file",
    "write_folder",
]

_LINUX_AT_FDCWD, _LINUX_EXCHANGE, _MACOS_SWAP = -100, 2, 2


@contextlib.contextmanager
def saving(what: str, path: Path) -> Iterator[None]:
    """Turn a failed write (full disk, no permission, ...) into one sentence for people.

    Parameters
    ----------
    what : str
        What was being saved, to begin the sentence: "the checkpoint".
    path : Path
        Where.

    Raises
    ------
    InputError
        For any OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise InputError(_sentence(what, path, error)) from error


def _sentence(what: str, path: Path, error: OSError) -> str:
    """Why `what` could not be saved at `path`, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        why, advice = "the disk is full", "free some space or choose another folder"
    else:
        why, advice = error.strerror or str(error), "choose another folder"
    return f"{what} could not be saved at {path}: {why}; what was there before is intact; {advice}"


def write_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step.

    Raises
    ------
    OSError
        If it cannot be written; the file that was there is intact.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line to a text file that is read by line (a half line at its end is no harm)."""
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def write_folder(path: Path, files: Mapping[str, bytes], keep: Path | None = None) -> None:
    """Put a folder holding exactly `files` at `path` in one step.

    Parameters
    ----------
    path : Path
        The folder; replaced whole if it exists.
    files : mapping of str to bytes
        File names and contents.
    keep : Path, optional
        Name, beside `path`, that the folder that was there gets; what had that name is removed.

    Raises
    ------
    OSError
        If it cannot be written; the folder that was there is intact.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        temporary.chmod(0o755)
        for name, data in files.items():
            with (temporary / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        flush_folder(temporary)
        if keep is not None and path.exists():
            shutil.rmtree(keep, ignore_errors=True)
            path.rename(keep)
        replace_folder(temporary, path)
    finally:
        # after an exchange the temporary name holds what was there before
        shutil.rmtree(temporary, ignore_errors=True)
    flush_folder(path.parent)


def replace_folder(new: Path, path: Path) -> None:
    """Give `new` the name `path`; what had that name gets the name of `new`, or is removed.

    Raises
    ------
    OSError
        If that cannot be done; both folders are as they were.
    """
    try:
        new.rename(path)  # nothing there, or an empty folder
        return
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
    if _exchange(new, path):
        return
    # no exchange on this system or file system: two renames, the old folder set aside between
    aside = new.with_name(new.name + ".previous")
    path.rename(aside)
    try:
        new.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names in one step; False where the system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(a), os.fsencode(b)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(first, second, _MACOS_SWAP)
    elif sys.platform == "linux" and hasattr(library, "renameat2"):
        failed = library.renameat2(_LINUX_AT_FDCWD, first, _LINUX_AT_FDCWD, second, _LINUX_EXCHANGE)
    else:
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(b))


def flush_folder(path: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def recover_file(path: Path) -> None:
    """Remove what a writer of `path` that was killed left: nobody may be writing it now."""
    for left in path.parent.glob(f".{path.name}.*"):
        if left.is_file():
            left.unlink(missing_ok=True)


def recover_folder(path: Path) -> None:
    """Tidy up after a writer of `path` that was killed: nobody may be writing it now.

    Puts back the folder that was set aside if nothing took its place, and removes half-written
    ones.
    """
    for left in sorted(path.parent.glob(f".{path.name}.*")):
        if left.name.endswith(".previous") and not path.exists():
            left.rename(path)
        elif left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
