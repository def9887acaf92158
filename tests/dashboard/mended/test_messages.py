"""What changes while Panel is writing is written as well."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.document.events import TitleChangedEvent
from bokeh.protocol import Protocol
from panel.io import document as panel_document

from dashboard.mended.messages import leave_none_behind


class Socket:
    """One whose writes end when the test says so."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.ends: list[asyncio.Future[None]] = []

    def write(self, _: Any, msg: Any) -> list[asyncio.Future[None]]:
        self.titles += [event["title"] for event in msg.content["events"]]
        self.ends.append(asyncio.get_running_loop().create_future())
        return [self.ends[-1]]


class Connection:
    """A visitor's."""

    protocol = Protocol()

    def __init__(self, socket: Socket) -> None:
        self._socket = socket


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Socket]:
    found = Socket()
    monkeypatch.setitem(panel_document.extra_socket_handlers, Socket, found.write)
    return found


def test_what_comes_as_a_write_ends_is_written(socket: Socket) -> None:
    leave_none_behind()
    doc, connection = Document(), Connection(socket)

    def send(title: str) -> None:
        event = TitleChangedEvent(doc, title)
        panel_document.schedule_write_events(doc, [connection], [event])  # type: ignore[list-item]

    async def visit() -> None:
        send("one")
        await asyncio.sleep(0)
        assert socket.titles == ["one"]
        socket.ends[0].set_result(None)  # its task goes on in the next turn ...
        send("two")  # ... and before that, something changes
        for _ in range(10):
            await asyncio.sleep(0)
        assert socket.titles == ["one", "two"]
        socket.ends[1].set_result(None)
        for _ in range(10):
            await asyncio.sleep(0)
        send("three")
        await asyncio.sleep(0)
        socket.ends[2].set_result(None)
        for _ in range(10):
            await asyncio.sleep(0)

    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop: that of a browser
        thread.submit(lambda: asyncio.run(visit())).result()
    assert socket.titles == ["one", "two", "three"]
    assert doc not in panel_document._WRITE_MSGS
    assert doc not in panel_document._WRITE_BLOCK


def test_it_is_done_once() -> None:
    leave_none_behind()
    first = panel_document._dispatch_msgs
    leave_none_behind()
    assert panel_document._dispatch_msgs is first
