"""``python -m binn`` is the ``binn`` command."""

from __future__ import annotations

import sys

from binn.cli import main

if __name__ == "__main__":
    sys.exit(main())
