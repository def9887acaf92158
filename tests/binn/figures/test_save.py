"""Files of figures: size, fonts, sidecar, and nothing lost when they cannot be written."""

from __future__ import annotations

import io
import json
import re
import threading
import zlib

import numpy as np
import pytest
import yaml
from PIL import Image

import binn
from binn.errors import InputError
from binn.figures import ParameterValues, parameters_figure, rendered, save, save_all
from binn.figures.citation import METHOD, citation_text
from binn.figures.save import DPI
from binn.parameters import LOWER, UPPER

NOTICE = "Demo data: simulated soils and SOC, not for scientific conclusions"


@pytest.fixture(scope="module")
def figure():
    return parameters_figure([ParameterValues("BINN", 0.5 * (LOWER + UPPER))], notice=NOTICE)


def test_a_png_is_as_large_as_the_column(figure):
    image = Image.open(io.BytesIO(rendered(figure, "png")))
    assert image.width == pytest.approx(183 / 25.4 * DPI, abs=1)
    assert image.height == pytest.approx(118 / 25.4 * DPI, abs=1)
    assert image.info["dpi"] == pytest.approx((DPI, DPI), abs=0.5)
    assert (np.asarray(image.convert("L")) < 128).mean() > 0.005


def test_a_pdf_embeds_its_fonts_as_truetype(figure):
    content = rendered(figure, "pdf")
    assert content.startswith(b"%PDF")
    streams = [content]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.S):
        try:
            streams.append(zlib.decompress(stream))
        except zlib.error:
            continue
    whole = b"\n".join(streams)
    assert b"/FontFile2" in whole  # a TrueType font in the file
    assert b"/Subtype /Type42" in whole or b"/CIDFontType2" in whole or b"/TrueType" in whole
    assert b"/Type3" not in whole
    width, height = (float(one) for one in re.search(
        rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", content
    ).groups())  # fmt: skip
    assert width == pytest.approx(183 / 25.4 * 72, abs=0.1)
    assert height == pytest.approx(118 / 25.4 * 72, abs=0.1)


def test_an_svg_needs_no_font(figure):
    text = rendered(figure, "svg").decode()
    assert "<svg" in text
    assert "<text" not in text
    assert 'width="518.74' in text  # 183 mm in points


def test_the_same_figure_gives_the_same_file(figure):
    for one in ("png", "svg", "pdf"):
        assert rendered(figure, one) == rendered(figure, one)


def test_beside_a_figure_lies_what_it_was_made_from(figure, tmp_path):
    about = {
        "figure": "parameters",
        "state": {"sites": np.arange(3), "limits": (0.0, float("nan"))},
        "dataset": {"name": "demo"},
        "checkpoint": "demo",
        "bedrock": "conserving",
        "notice": NOTICE,
    }
    sidecar = save_all(figure, tmp_path / "parameters", ["png", "pdf"], about)
    assert sidecar == tmp_path / "parameters.json"
    assert {one.name for one in tmp_path.iterdir()} == {
        "parameters.png",
        "parameters.pdf",
        "parameters.json",
    }
    found = json.loads(sidecar.read_text("utf-8"))
    assert found["files"] == ["parameters.png", "parameters.pdf"]
    assert found["state"] == {"sites": [0, 1, 2], "limits": [0.0, None]}
    assert found["dataset"] == {"name": "demo"}
    assert (found["checkpoint"], found["bedrock"]) == ("demo", "conserving")
    assert found["notice"] == NOTICE
    assert found["software"]["version"] == binn.__version__
    assert re.fullmatch(r"[0-9a-f]{40}(\+changes)?", found["software"]["git_revision"])
    assert found["citation"][0] == METHOD


def test_the_citation_is_the_one_of_the_repository(root):
    paper = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))["references"][0]
    text = citation_text()
    assert " ".join(paper["title"].split()) in text
    assert paper["doi"] in text
    assert str(paper["year"]) in text
    for author in paper["authors"]:
        assert author["family-names"] in text


def test_a_failed_writing_leaves_what_was_there(figure, tmp_path):
    path = tmp_path / "map.png"
    path.write_bytes(b"an older figure")
    with pytest.raises(InputError, match="not written as 'jpg'"):
        save(figure, tmp_path / "map.jpg", {})
    with pytest.raises(InputError, match="does not exist"):
        save(figure, tmp_path / "nowhere" / "map.png", {})
    assert path.read_bytes() == b"an older figure"
    assert [one.name for one in tmp_path.iterdir()] == ["map.png"]
    save(figure, path, {"figure": "map"})
    with Image.open(path) as image:
        assert image.width > 2000
    assert json.loads((tmp_path / "map.json").read_text())["figure"] == "map"


def test_threads_may_draw_at_once():
    values = 0.5 * (LOWER + UPPER)
    sizes: list[int] = []

    def work() -> None:
        sizes.append(len(rendered(parameters_figure([ParameterValues("BINN", values)]), "png")))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(sizes) == 3
    assert len(set(sizes)) == 1


def test_drawing_leaves_the_settings_of_others_alone(figure):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    rendered(figure, "png")
    assert dict(mpl.rcParams) == before


def test_pyplot_is_never_loaded():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np\n"
        "from binn.figures import *\n"
        "f = map_figure(Places(np.array([-90., -80.]), np.array([35., 45.])),"
        " MapField(np.array([1., 2.]), 'x', '1'))\n"
        "rendered(f, 'png')\n"
        "print('matplotlib.pyplot' in sys.modules, 'panel' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
