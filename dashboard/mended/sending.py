"""A page is built in one turn of the event loop and sent in another: others come in between.

Building a page and writing its frame down take about 0.2 and 0.1 s; Panel does them in one go.
"""

from __future__ import annotations

import asyncio

from bokeh.server.session import ServerSession
from panel.io.server import DocHandler

__all__ = ["breathe_before_sending"]

_BREATH = 0.002  # seconds: what is due by then comes first


def breathe_before_sending() -> None:
    """Have Panel let others in between; once more: nothing happens."""
    build = DocHandler.get_session
    if build.__module__ == __name__:
        return

    async def build_and_breathe(self: DocHandler) -> ServerSession:
        session = await build(self)
        await asyncio.sleep(_BREATH)
        return session

    DocHandler.get_session = build_and_breathe
