"""What is built bit by bit: in order, a step a turn, and not for a tab that was left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard import turns
from dashboard.state.attention import Attention
from dashboard.turns import in_turns


class Loop:
    """Stands for a document: turns are taken when told to."""

    def __init__(self) -> None:
        self.next: list[Callable[[], None]] = []

    def add_timeout_callback(self, callback: Callable[[], None], _milliseconds: int) -> None:
        self.next.append(callback)

    def turn(self) -> None:
        now, self.next = self.next, []
        for callback in now:
            callback()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    monkeypatch.setattr(turns.pn.state, "onload", lambda callback: callback())
    return Loop()


def test_without_a_page_everything_at_once() -> None:
    done: list[int] = []
    in_turns(None, [lambda n=n: done.append(n) for n in range(3)])
    assert done == [0, 1, 2]


def test_a_step_a_turn(loop: Loop) -> None:
    done: list[int] = []
    in_turns(loop, [lambda n=n: done.append(n) for n in range(3)])  # type: ignore[arg-type]
    for n in range(3):
        assert done == list(range(n))
        loop.turn()
    assert done == [0, 1, 2]
    assert not loop.next


def test_a_tab_that_was_left_waits_until_it_is_opened_again(loop: Loop) -> None:
    done: list[str] = []
    left, other = Attention(), Attention()
    in_turns(loop, [lambda n=n: done.append(f"left {n}") for n in range(3)], left)  # type: ignore[arg-type]
    loop.turn()
    left.looked_at = False
    in_turns(loop, [lambda: done.append("other")], other)  # type: ignore[arg-type]
    for _ in range(5):
        loop.turn()
    assert done == ["left 0", "other"]
    assert not loop.next
    for looks in (True, False, True):  # looked at, left before its turn came, looked at again
        left.looked_at = looks
    for _ in range(5):
        loop.turn()
    assert done == ["left 0", "other", "left 1", "left 2"]


def test_one_page_does_one_thing_after_the_other(loop: Loop) -> None:
    done: list[str] = []
    for name in ("first", "second"):
        in_turns(loop, [lambda n=n, name=name: done.append(f"{name} {n}") for n in range(2)])  # type: ignore[arg-type,misc]
    for n in range(1, 5):
        assert len(loop.next) == 1
        loop.turn()
        assert len(done) == n
    assert done == ["first 0", "first 1", "second 0", "second 1"]


def test_a_step_that_fails_does_not_keep_the_others_from_being_done(loop: Loop) -> None:
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("this one")

    in_turns(loop, [fail, lambda: done.append("the next")])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="this one"):
        loop.turn()
    loop.turn()
    assert done == ["the next"]
