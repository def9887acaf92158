"""Arguments after --args win over the environment; nonsense is an answer, not the server's end."""

from __future__ import annotations

import os

import pytest

from binn.errors import InputError
from dashboard.settings import Settings, settings


def test_nothing_given_is_the_demonstration() -> None:
    assert settings([], {}) == Settings("demo", ("demo",))
    assert settings(["--data", "demo"], {}) == Settings("demo", ("demo",))
    assert settings(["--checkpoint", "mine"], {}) == Settings("demo", ("mine",))


def test_environment_and_arguments() -> None:
    both = os.pathsep.join(["a", "b"])
    environment = {"BINN_DATA": "old.nc", "BINN_CHECKPOINT": both}
    assert settings([], environment) == Settings("old.nc", ("a", "b"))
    chosen = settings(["--data", "new.nc", "--checkpoint", "c", "--allow-training"], environment)
    assert chosen == Settings("new.nc", ("c",), allow_training=True)
    assert settings([], {"BINN_DEVICE": "cuda"}).device == "cuda"
    assert settings(["--device", "cpu"], {"BINN_DEVICE": "cuda"}).device == "cpu"


@pytest.mark.parametrize("arguments", [["--dat", "x"], ["--data"], ["stray"]])
def test_nonsense_is_one_sentence(arguments: list[str]) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        settings(arguments, {})
