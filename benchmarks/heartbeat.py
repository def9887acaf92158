"""How long an event loop is held up: ``panel serve app.py --setup benchmarks/heartbeat.py``.

A beat every 20 ms; one that comes late by more than 50 ms is written to the file that
``BINN_HEARTBEAT`` names: when (s, monotonic), and by how much (s).
"""

import os
import time
from pathlib import Path

from tornado.ioloop import IOLoop, PeriodicCallback

_EVERY, _LATE = 0.020, 0.050
_late = Path(os.environ["BINN_HEARTBEAT"]).open("w", buffering=1, encoding="ascii")  # noqa: SIM115
_last = [0.0]


def _beat() -> None:
    now = time.monotonic()
    gap = now - _last[0] - _EVERY
    if _last[0] and gap > _LATE:
        _late.write(f"{now:.3f} {gap:.3f}\n")
    _last[0] = now


IOLoop.current().add_callback(PeriodicCallback(_beat, 1000 * _EVERY).start)
