"""Which folders of a run over all folds are its folds."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["fold_folders"]

_NAME = re.compile(r"fold_(0|[1-9][0-9]*)")


def fold_folders(run: Path) -> dict[int, Path]:
    """Folders of the folds, by number; a copy that somebody made of one (``fold_0_old``) is none.

    Parameters
    ----------
    run : Path
        Folder of the run; it need not exist.
    """
    named = ((_NAME.fullmatch(path.name), path) for path in run.glob("fold_*"))
    folds = {int(name[1]): path for name, path in named if name is not None and path.is_dir()}
    return dict(sorted(folds.items()))
