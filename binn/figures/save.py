"""Write a figure, whole or not at all, with the file that says what it was made from."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.atomic import saving, write_file
from binn.errors import InputError
from binn.figures.sidecar import complete
from binn.figures.style import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DPI", "FORMATS", "files_of", "rendered", "save", "save_all"]

FORMATS = ("png", "svg", "pdf")
DPI = 300


def rendered(figure: Figure, format: str, title: str = "") -> bytes:  # noqa: A002
    """A figure as a file's bytes.

    Parameters
    ----------
    figure : Figure
        Of the functions of this package.
    format : {"png", "svg", "pdf"}
        PNG in 300 dots per inch; SVG with text as outlines; PDF with TrueType fonts embedded.
    title : str
        Stored in the file.

    Raises
    ------
    InputError
        For another format.
    """
    if format not in FORMATS:
        raise InputError(f"figures are not written as {format!r}; choose from {', '.join(FORMATS)}")
    metadata: dict[str, Any] = {"Title": title} if title else {}
    if format != "png":
        # no time of writing: the same figure gives the same file
        metadata["Date" if format == "svg" else "CreationDate"] = None
    content = io.BytesIO()
    with drawing():
        figure.savefig(content, format=format, dpi=DPI, metadata=metadata)
    return content.getvalue()


def save(figure: Figure, path: str | Path, sidecar: Mapping[str, Any]) -> Path:
    """Write a figure and, beside it, ``NAME.json``.

    Parameters
    ----------
    figure : Figure
        Of the functions of this package.
    path : str or Path
        Its suffix chooses the format: .png, .svg or .pdf. A file that is there is replaced.
    sidecar : mapping
        What the figure shows: state, dataset, checkpoint, bedrock scheme, notice. Software version,
        git revision and citation are added.

    Returns
    -------
    Path
        The sidecar.

    Raises
    ------
    InputError
        For another format, or a place that cannot be written; what was there stays.
    """
    path = Path(path)
    return save_all(figure, path.with_suffix(""), [path.suffix.removeprefix(".")], sidecar)


def save_all(
    figure: Figure, stem: str | Path, formats: Iterable[str], sidecar: Mapping[str, Any]
) -> Path:
    """Write a figure in several formats with one sidecar; see :func:`save`.

    Parameters
    ----------
    stem : str or Path
        Path without a suffix.
    formats : iterable of {"png", "svg", "pdf"}
    """
    stem = Path(stem)
    if not stem.parent.is_dir():
        raise InputError(f"cannot write {stem}: the folder {stem.parent} does not exist")
    for name, content in files_of(figure, stem.name, formats, sidecar).items():
        path = stem.with_name(name)
        with saving("the figure", path):
            write_file(path, content)
    return stem.with_name(f"{stem.name}.json")


def files_of(
    figure: Figure, name: str, formats: Iterable[str], sidecar: Mapping[str, Any]
) -> dict[str, bytes]:
    """A figure and its sidecar as files in memory: file name to content.

    Parameters
    ----------
    figure : Figure
        Of the functions of this package.
    name : str
        Of the files, without a suffix.
    formats : iterable of {"png", "svg", "pdf"}
    sidecar : mapping
        As :func:`save` takes it.
    """
    title = str(sidecar.get("figure", name))
    files = {f"{name}.{one}": rendered(figure, one, title) for one in formats}
    about = complete(sidecar, list(files))
    text = json.dumps(_plain(about), indent=1, ensure_ascii=False) + "\n"
    return {**files, f"{name}.json": text.encode()}


def _plain(value: Any) -> Any:
    """Arrays, tuples and numbers that are not finite, as JSON can hold them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
