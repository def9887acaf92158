"""Between building a page and sending it, others have their turn."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from panel.io.server import DocHandler

from dashboard.mended.sending import breathe_before_sending


def test_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def build(_: Any) -> str:
        asyncio.get_running_loop().call_soon(done.append, "another")
        done.append("built")
        return "session"

    monkeypatch.setattr(DocHandler, "get_session", build)
    breathe_before_sending()
    first = DocHandler.get_session
    breathe_before_sending()
    assert DocHandler.get_session is first

    async def visit() -> None:
        done.append(str(await DocHandler.get_session(object())))  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop: that of a browser
        thread.submit(lambda: asyncio.run(visit())).result()
    assert done == ["built", "another", "session"]
