"""What was measured beforehand: folds, training history, and experiment results beside the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dashboard.state.experiments import (
    ByParameter,
    Folds,
    History,
    Methods,
    Settings,
    read_folds,
    read_history,
    read_json,
    read_methods,
    read_parameters,
    read_settings,
)
from dashboard.state.opened import Opened

__all__ = ["Evidence", "gather"]


@dataclass(frozen=True)
class Evidence:
    """Everything that was found.

    Attributes
    ----------
    folds : list of Folds
    histories : list of History
    methods : list of Methods
    by_parameter : list of ByParameter
    settings : list of Settings
    others : list of str
        Files that are there but not shown, with the reason.
    """

    folds: list[Folds] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    methods: list[Methods] = field(default_factory=list)
    by_parameter: list[ByParameter] = field(default_factory=list)
    settings: list[Settings] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def gather(opened: Opened, runs: Path | None = None) -> Evidence:
    """Read what lies beside the dataset and the checkpoints, and folds in a runs folder.

    Parameters
    ----------
    opened : Opened
    runs : Path, optional
        Folder of runs; its cross-validations count where they were trained on these very data.
    """
    found = Evidence()
    folder = _folder_of(opened)
    for file in sorted(folder.glob("*.json")) if folder is not None else []:
        _sort_in(file, found)
    if folder is not None:
        _add_folds(folder / "folds", "Shipped folds" if opened.data == "demo" else "folds", found)
    for checkpoint in opened.checkpoints:
        for name, place in _members(checkpoint):
            history = read_history(place / "history.jsonl", name)
            if history is not None:
                found.histories.append(history)
        if checkpoint != "demo":
            _add_folds(Path(checkpoint), Path(checkpoint).name, found)
    for run in sorted(runs.glob("*/metrics.json")) if runs is not None else []:
        if not _known(found, run.parent) and _trained_on(run.parent, opened):
            _add_folds(run.parent, run.parent.name, found)
    return found


def _known(found: Evidence, folder: Path) -> bool:
    return any(folds.name == folder.name for folds in found.folds)


def _folder_of(opened: Opened) -> Path | None:
    """The folder a dataset has for itself: the demo's, or one with a single dataset in it."""
    if opened.data == "demo":
        from binn.datasets.shipped import demo_folder

        return demo_folder()
    folder = Path(opened.data).resolve().parent
    datasets = [*folder.glob("*.nc"), *folder.glob("*.zarr")]
    return folder if len(datasets) == 1 else None  # of several, which one were they made with?


def _members(checkpoint: str) -> list[tuple[str, Path]]:
    """Folders of one checkpoint or of all folds, with names."""
    from binn.checkpoint import find_checkpoint, find_ensemble
    from binn.errors import InputError

    try:
        if checkpoint == "demo":  # whose folds have a place of their own
            return [("demo", find_checkpoint(checkpoint))]
        folders = find_ensemble(checkpoint)
    except InputError:
        return []
    return [(one.parent.name if one.name == "checkpoint" else one.name, one) for one in folders]


def _trained_on(folder: Path, opened: Opened) -> bool:
    """Whether the run says that it was trained on these data."""
    content = read_json(folder / "config.json")
    fingerprint = content.get("data_fingerprint") if isinstance(content, dict) else None
    records = [model.checkpoint for model in opened.models]
    known = {one.data.fingerprint for one in records if one is not None and one.data is not None}
    return fingerprint is not None and fingerprint in known


def _add_folds(folder: Path, name: str, found: Evidence) -> None:
    folds = read_folds(folder / "metrics.json", name)
    if folds is not None:
        found.folds.append(folds)


def _sort_in(file: Path, found: Evidence) -> None:
    """Put a file where it belongs; one that belongs nowhere is named."""
    content = read_json(file)
    if content is None:
        found.others.append(f"{file.name} (cannot be read as JSON)")
        return
    parameters = read_parameters(file.name, content)
    settings = read_settings(file.name, content)
    methods = read_methods(file.name, content)
    if methods is not None:
        found.methods.append(methods)
    elif parameters is not None:
        found.by_parameter.append(parameters)
    elif settings is not None:
        found.settings.append(settings)
    else:
        found.others.append(f"{file.name} (of a kind that is not shown here)")
