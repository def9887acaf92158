"""Write requirements.lock and environment.yml from pyproject.toml and the packages installed here.

Run by ``make lock``. The lock pins what the extras app, cluster, slurm and dev need, as installed
in this environment; the reason that stands beside a requirement in pyproject.toml is carried along.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "binn-explorer"
EXTRAS = ("app", "cluster", "slurm", "dev")
CONDA_NAMES = {
    "matplotlib": "matplotlib-base",
    "playwright": "playwright-python",
    "torch": "pytorch",
}

LOCK_HEADER = """\
# Every package of `make env`, exactly. Made by `make lock` from pyproject.toml (extras app,
# cluster, slurm, dev). To renew: `.venv/bin/pip install -U -e ".[app,cluster,slurm,dev]"`,
# then `make lock` and `make test`.
# torch has no local suffix: the package index in use decides between its CPU and its CUDA build.
"""
CONDA_HEADER = """\
# Made by `make lock` from pyproject.toml; a test keeps the two and requirements.lock in agreement.
# Not run by the project's tests, which use pip: names are conda-forge's (torch is `pytorch` there).
#   conda env create -f environment.yml && conda activate binn-explorer
#   pip install --no-deps -e .
"""


def declared() -> Iterator[tuple[Requirement, str]]:
    """Yield each requirement of pyproject.toml with the reason written beside it."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    reasons = dict(re.findall(r'^ +"([^"]+)",? +# (.*)$', text, flags=re.MULTILINE))
    table = tomllib.loads(text)
    lines = [*table["build-system"]["requires"], *table["project"]["dependencies"]]
    for extra in EXTRAS:
        lines += table["project"]["optional-dependencies"][extra]
    for line in lines:
        yield Requirement(line), reasons.get(line, "")


def closure(requirements: list[Requirement]) -> set[str]:
    """Return the canonical names of the requirements and all they need on this platform."""
    seen: set[str] = set()
    waiting = [(r.name, frozenset(r.extras)) for r in requirements]
    done = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        seen.add(canonicalize_name(name))
        for line in requires(name) or []:
            needed = Requirement(line)
            environments = [{"extra": extra} for extra in extras or {""}]
            if needed.marker and not any(needed.marker.evaluate(e) for e in environments):
                continue
            key = (needed.name, frozenset(needed.extras))
            if key not in done:
                done.add(key)
                waiting.append(key)
    return seen


def beside(pin: str, reason: str) -> str:
    """Return a line with its reason, if it has one."""
    return f"{pin}  # {reason}" if reason else pin


def lock() -> str:
    """Return the text of requirements.lock."""
    wanted = list(declared())
    reasons = {canonicalize_name(r.name): reason for r, reason in wanted}
    names = sorted(closure([requirement for requirement, _ in wanted]))
    pins = [beside(f"{n}=={version(n).split('+')[0]}", reasons.get(n, "")) for n in names]
    return LOCK_HEADER + "\n".join(pins) + "\n"


def environment() -> str:
    """Return the text of environment.yml."""
    python = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [f"name: {PROJECT}", "channels:", "  - conda-forge", "dependencies:"]
    lines += [f'  - "python {python["requires-python"]}"', "  - pip"]
    for requirement, reason in declared():
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        specifier = ",".join(sorted(map(str, requirement.specifier), reverse=True))
        lines.append(beside(f'  - "{name} {specifier}"', reason))
    return CONDA_HEADER + "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "requirements.lock").write_text(lock(), "utf-8")
    (ROOT / "environment.yml").write_text(environment(), "utf-8")
