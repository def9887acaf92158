"""The BINN explorer: `panel serve app.py [--args --data FILE --checkpoint FOLDER --device cuda]`.

Without arguments the data, checkpoint and device are those of BINN_DATA, BINN_CHECKPOINT and
BINN_DEVICE; without these either, the embedded demonstration is opened, on the CPU.
`--allow-training` lets visitors train.
"""

import gc
import sys
from pathlib import Path

import panel as pn

gc.disable()  # what is imported and built here stays: to look for garbage in it takes a second
sys.path.insert(0, str(Path(__file__).parent))  # `panel serve` may be called from anywhere

from binn.errors import InputError
from dashboard.settings import settings
from dashboard.shell import page

pn.extension()

try:
    chosen = settings(sys.argv[1:])
except InputError as problem:
    chosen = problem
try:
    page(chosen).servable()
finally:
    gc.enable()
