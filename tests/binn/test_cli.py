"""The command line as a user runs it: exit codes, one line of error, nothing lost."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import binn
from binn.datasets import open_dataset


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "binn", *map(str, arguments)]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command, capture_output=True, text=True, timeout=120, check=False, **options
    )


def only_error(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a user error."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("binn: error: ")]
    assert lines == done.stderr.splitlines()[-1:]
    return lines[0]


@pytest.mark.parametrize("arguments", [[], ["import"], ["info"], ["import", "authors-demo"]])
def test_help_everywhere(arguments: list[str]) -> None:
    done = run(*arguments, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: binn")
    assert done.stderr == ""


def test_version() -> None:
    assert run("--version").stdout.strip() == f"binn {binn.__version__}"


def test_help_does_not_pay_for_heavy_imports() -> None:
    script = (
        "import sys, binn.cli\n"
        "binn.cli.build_parser().format_help()\n"
        "print([m for m in ('torch', 'xarray', 'pandas', 'numpy', 'shapely') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["import"], ["import", "nonsense", "a", "b"], ["import", "authors-demo"]],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage: binn" in done.stderr
    assert "Traceback" not in done.stderr


def test_user_errors_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("no data")
    for arguments, words in (
        (["info", tmp_path / "none.nc"], "there is no dataset"),
        (["info", tmp_path / "text.nc"], "not a NetCDF4 file"),
        (["info", tmp_path], "there is no checkpoint at"),
        (["import", "authors-demo", tmp_path / "none", tmp_path / "x.nc"], "there is no folder"),
        (["import", "authors-demo", tmp_path, tmp_path / "x.nc"], "holds no folders"),
        (["import", "authors-demo", tmp_path, tmp_path / "text.nc"], "exists and is not a dataset"),
        (["import", "authors-demo", tmp_path, tmp_path / "no" / "x.nc"], "does not exist"),
    ):
        assert words in only_error(run(*arguments))
    assert [path.name for path in tmp_path.iterdir()] == ["text.nc"]


def test_import_says_what_it_left_out(new_york_source: Path, tmp_path: Path) -> None:
    out = tmp_path / "ny.nc"
    done = run("import", "authors-demo", new_york_source, out)
    assert done.returncode == 0
    assert done.stdout.strip() == str(out)
    for words in (
        "missing covariates: 38 profiles",
        "missing forcing: 3 profiles",
        "no observation: 1 profile",
        "zero SOC: 17 observations",
        "missing forcing: 1 prediction point",
        "634 of 7466 observations",
    ):
        assert words in done.stderr
    rows = [line for line in done.stderr.splitlines() if line.strip().startswith("row ")]
    assert len(rows) == 38 + 3 + 1 + 17 + 1
    again = tmp_path / "again.nc"
    assert run("import", "authors-demo", new_york_source, again).returncode == 0
    assert again.read_bytes() == out.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.nc", "ny.nc"]


def test_info(new_york: Path) -> None:
    done = run("info", new_york)
    assert done.returncode == 0
    assert done.stderr == ""
    digest = hashlib.sha256(new_york.read_bytes()).hexdigest()
    for words in (digest, "schematic", "gC m-3", "site, missing covariates: 38", "licence"):
        assert words in done.stdout
    content = json.loads(run("info", new_york, "--json").stdout)
    ds = open_dataset(new_york)
    assert content["sha256"] == digest
    assert content["dimensions"] == dict(ds.sizes)
    assert content["variables"]["temperature"]["max"] == float(ds["temperature"].max())
    assert content["variables"]["biome"]["provenance"] == "schematic"
    assert len(content["left_out"]["rows"]) == ds.sizes["left_out"]
    assert len(content["inputs"]) == 31


def _copy(source: Path, target: Path, changed: str) -> Path:
    """The source as links, one file of it as a copy to be damaged."""
    for path in source.rglob("*"):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.name == changed:
            shutil.copyfile(path, place)
        elif path.is_file():
            place.symlink_to(path)
    return next(target.rglob(changed))


@pytest.mark.parametrize(
    ("name", "tail", "words"),
    [
        ("model_force_xin.npy", b"", "model_force_xin.npy is cut short"),
        ("env_info.txt", b"\n1,2\n", "env_info.txt has"),
    ],
)
def test_a_damaged_file_of_the_real_set(
    new_york_source: Path, new_york: Path, tmp_path: Path, name: str, tail: bytes, words: str
) -> None:
    out = tmp_path / "ny.nc"
    shutil.copyfile(new_york, out)
    damaged = _copy(new_york_source, tmp_path / "set", name)
    content = damaged.read_bytes()
    half = len(content) // 2
    damaged.write_bytes(content[: max(content.find(b",", half), half)] + tail)
    assert words in only_error(run("import", "authors-demo", tmp_path / "set", out))
    assert out.read_bytes() == new_york.read_bytes()


def test_a_full_disk(new_york_source: Path, new_york: Path, tmp_path: Path) -> None:
    out = tmp_path / "ny.nc"
    shutil.copyfile(new_york, out)
    limit = 100_000

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = run(
        "import", "authors-demo", new_york_source, out, preexec_fn=small_disk, env=environment
    )
    assert "the disk is full" in only_error(done)
    assert out.read_bytes() == new_york.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_interrupt(new_york_source: Path, new_york: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out" / "ny.nc"
    shutil.copytree(new_york_source, source, copy_function=os.symlink)
    out.parent.mkdir()
    shutil.copyfile(new_york, out)
    endless = source / "Training_Data" / "profile_id.txt"
    endless.unlink()
    os.mkfifo(endless)  # nobody writes into it: who reads it waits, however busy the machine is
    command = [sys.executable, "-m", "binn", "import", "authors-demo", source, out]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs tests in the background has its children ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        while not process.stderr.readline().endswith("profile_id.txt\n"):
            assert process.poll() is None
        while process.poll() is None:  # one that comes just before a system call is not noticed
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "binn: interrupted"
    assert "Traceback" not in rest
    assert out.read_bytes() == new_york.read_bytes()
    assert list(out.parent.iterdir()) == [out]


def test_a_closed_pipe_is_no_error_message(new_york: Path) -> None:
    command = f"{sys.executable} -m binn info {new_york} | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == str(new_york)
    assert done.stderr == ""


@pytest.mark.slow
def test_info_of_a_checkpoint(new_york: Path, tmp_path: Path) -> None:
    """A run folder and the checkpoint in it are the same thing to `info`."""
    folder = tmp_path / "run"
    trained = run("train", new_york, "--out", folder, "--preset", "quick", "--epochs", "1")
    assert trained.returncode == 0, trained.stderr
    content = json.loads(run("info", folder, "--json").stdout)
    assert content["kind"] == "checkpoint"
    assert content == json.loads(run("info", folder / "checkpoint", "--json").stdout)
    lines = run("info", folder).stdout.splitlines()
    assert f"weights_sha256: {content['weights_sha256']}" in lines
