"""Garbage goes in quiet moments, and only then."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest
from bokeh.document import Document
from panel.io import document as panel_document

from dashboard.garbage import Sweeper


class Held:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


def left() -> weakref.ref[Held]:
    """Garbage among the oldest objects: Python's own collector looks there last."""
    one = Held()
    found = weakref.ref(one)
    gc.collect()
    return found


def soon(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sweeper]]:
    """Makes a sweeper; afterwards Python collects by itself again."""
    thresholds, made = gc.get_threshold(), []
    monkeypatch.setattr(panel_document, "_garbage_collect", panel_document._garbage_collect)

    def make(**options: float) -> Sweeper:
        made.append(Sweeper(every=0.05, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_a_page_that_was_left_goes_in_the_next_quiet_moment(sweep: Callable[..., Sweeper]) -> None:
    sweeper, document = sweep(), Document()
    sweeper.enter(document)
    garbage = left()
    assert garbage() is not None
    for callback in document.session_destroyed_callbacks:
        callback(None)  # type: ignore[arg-type]
    assert soon(lambda: garbage() is None)
    assert sweeper.visitors == 0


def test_what_is_left_without_visitors_is_not_looked_at_again(
    sweep: Callable[..., Sweeper],
) -> None:
    sweeper = sweep()
    panel_document._garbage_collect()  # what Panel calls some seconds after a visitor
    assert soon(lambda: gc.get_freeze_count() > 10_000)
    gc.unfreeze()
    sweeper.enter(Document())
    garbage = left()
    sweeper.ask()
    assert soon(lambda: garbage() is None)
    assert gc.get_freeze_count() == 0


@pytest.fixture
def busy() -> Iterator[threading.Event]:
    """A process that computes, until the event is set."""
    done = threading.Event()
    worker = threading.Thread(target=lambda: [None for _ in iter(done.is_set, True)])
    worker.start()
    time.sleep(0.2)
    yield done
    done.set()
    worker.join()


def test_nobody_waits_for_it(sweep: Callable[..., Sweeper], busy: threading.Event) -> None:
    sweeper, garbage = sweep(longest=600.0), left()
    sweeper.ask()
    kept = [Held() for _ in range(200_000)]  # Python by itself would look at all of them
    time.sleep(0.5)
    assert garbage() is not None
    busy.set()
    assert soon(lambda: garbage() is None)
    assert len(kept) == 200_000


def test_where_it_is_never_quiet_it_is_done_at_last(
    sweep: Callable[..., Sweeper], busy: threading.Event
) -> None:
    sweeper, garbage = sweep(longest=0.5), left()
    sweeper.ask()
    assert soon(lambda: garbage() is None)
    assert not busy.is_set()
