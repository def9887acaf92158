"""The command ``binn figures``: paper figures of a dataset and a checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from binn.cli_arguments import natural, say

__all__ = ["register"]

_NAMES = ("map", "profile", "parameters", "traceability", "comparison", "evaluation", "transient")
_FORMATS = ("png", "svg", "pdf")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "figures",
        help="draw paper figures of a dataset and a checkpoint",
        description="Draw paper figures: sized in millimetres for a journal's columns, fonts "
        "embedded, colours that everybody can tell apart. Beside each figure lies NAME.json: what "
        "it was made from, and what to cite.",
    )
    parser.add_argument("data", metavar="DATA", help="dataset: a path, or demo")
    parser.add_argument(
        "--checkpoint",
        metavar="CKPT",
        action="append",
        default=[],
        help="checkpoint or run folder; several give their median (default: the one that ships "
        "with DATA, else CLM5's default parameters)",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--only",
        metavar="A,B,...",
        type=_listed(_NAMES),
        help=f"figures to draw, of {', '.join(_NAMES)} (default: all that the data allow)",
    )
    parser.add_argument(
        "--format",
        metavar="A,B,...",
        type=_listed(_FORMATS),
        default=["png"],
        help=f"of {', '.join(_FORMATS)} (default: png, 300 dots per inch)",
    )
    parser.add_argument(
        "--columns",
        choices=("single", "double"),
        default="double",
        help="width: 89 or 183 mm (default: double)",
    )
    parser.add_argument(
        "--field", metavar="KEY", default="soc_stock", help="what is mapped (default: soc_stock)"
    )
    parser.add_argument(
        "--depth",
        nargs=2,
        type=float,
        metavar=("TOP", "BOTTOM"),
        default=(0.0, 1.0),
        help="depth range of stocks, m (default: 0 1)",
    )
    parser.add_argument(
        "--on",
        choices=("auto", "site", "cell"),
        default="auto",
        help="draw maps on sites or grid cells (default: a complete grid, else sites)",
    )
    parser.add_argument(
        "--site",
        metavar="ID",
        type=int,
        action="append",
        default=[],
        help="profile to show in profile and parameters; may be repeated (default: all)",
    )
    parser.add_argument("--warming", type=float, default=2.0, metavar="K", help="transient (2 K)")
    parser.add_argument("--npp", type=float, default=1.0, metavar="X", help="transient: factor (1)")
    parser.add_argument(
        "--moisture", type=float, default=1.0, metavar="X", help="transient: factor (1)"
    )
    parser.add_argument("--years", type=natural, default=100, help="transient: how long (100)")
    parser.add_argument(
        "--bedrock",
        choices=("conserving", "published"),
        help="bedrock scheme (default: the checkpoint's)",
    )
    parser.add_argument(
        "--definition",
        choices=("stock", "published"),
        default="stock",
        help="definition of the components (default: stock)",
    )
    parser.set_defaults(run=_figures)


def _listed(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """A reader of names with commas between them."""

    def read(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        wrong = [name for name in names if name not in known]
        if wrong or not names:
            words = ", ".join(wrong) or "an empty list"
            raise argparse.ArgumentTypeError(
                f"{words} is not known; choose from {', '.join(known)}"
            )
        return list(dict.fromkeys(names))

    return read


def _figures(options: argparse.Namespace) -> None:
    from binn.atomic import saving
    from binn.figures.material import Material
    from binn.figures.save import save_all
    from binn.figures.views import Choice, draw

    choice = Choice(
        field=options.field,
        top=options.depth[0],
        bottom=options.depth[1],
        on=options.on,
        sites=tuple(options.site),
        warming=options.warming,
        npp=options.npp,
        moisture=options.moisture,
        years=options.years,
        columns=options.columns,
    )
    material = Material.load(options.data, options.checkpoint, options.bedrock, options.definition)
    with saving("the folder of figures", options.out):
        options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only or _NAMES:
        if options.only is None and name == "comparison" and material.second is None:
            say("comparison is left out: the dataset holds no PRODA parameters")
            continue
        figure, about = draw(name, material, choice)
        save_all(figure, options.out / name, options.format, about)
        for suffix in options.format:
            print(options.out / f"{name}.{suffix}", flush=True)
