"""Every change reaches the browser: Panel leaves those behind that come while it is writing.

Where the socket is busy, Panel queues what it has to send and starts a task that writes it
(`panel.io.document._dispatch_msgs`). A task that has written takes away the sign that there is
something to write, also if more has been queued in the meantime; the task that was started for that
then finds no sign and ends. What it should have sent stays until the page changes again, which it
may never do.
"""

from __future__ import annotations

from functools import wraps

from bokeh.document import Document
from panel.io import document as panel_document

__all__ = ["leave_none_behind"]


def leave_none_behind() -> None:
    """Have Panel look again after it has written; once more: nothing happens."""
    write = panel_document._dispatch_msgs
    if hasattr(write, "__wrapped__"):
        return

    @wraps(write)
    async def write_all(doc: Document) -> None:
        await write(doc)
        while doc in panel_document._WRITE_MSGS and doc not in panel_document._WRITE_BLOCK:
            panel_document._WRITE_BLOCK[doc] = True
            await write(doc)

    panel_document._dispatch_msgs = write_all
