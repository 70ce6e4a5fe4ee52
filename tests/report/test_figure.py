"""What a figure becomes: valid, the same every time, whatever the user's own settings."""

import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from skysure.errors import InputError
from skysure.report import Figure, render, renderings, standard_figures


def line(axes_points: int = 10) -> Figure:
    def draw(canvas):
        canvas.subplots().plot(np.linspace(0, 1, axes_points), np.linspace(0, 1, axes_points), "o", label="$x_1$")

    return Figure("line", "A line", "Rises.", draw)


@pytest.mark.parametrize(("format", "start"), [("pdf", b"%PDF-1"), ("png", b"\x89PNG\r\n"), ("svg", b"<?xml")])
def test_bytes_are_of_the_format_and_always_the_same(format, start):
    first = render(line(), format)
    assert first.startswith(start)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None}):
        assert render(line(), format) == first


def test_rendering_leaves_the_users_settings_alone():
    before = dict(matplotlib.rcParams)
    render(line())
    assert dict(matplotlib.rcParams) == before


def test_svg_is_well_formed_and_text_stays_text():
    root = ElementTree.fromstring(render(line()))
    assert root.get("viewBox") == "0 0 302.4 230.4"
    assert any("0.4" in "".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))


def test_dense_figures_become_pixels():
    assert b"<image" not in render(line(2_000))
    dense = render(line(100_000))
    assert b"<image" in dense
    assert len(dense) < 100_000


def test_standard_figures_have_pdfs(metrics):
    arrays = {key: metrics["curves"][key] for key in ("confusion", "coverage")}
    figures = list(standard_figures({"curves": arrays}))
    assert [figure.name for figure in figures] == ["confusion", "coverage"]
    for figure in figures:
        files = renderings(figure, ("svg", "pdf"))
        assert files == {"svg": render(figure, "svg"), "pdf": render(figure, "pdf")}
        assert files["pdf"].startswith(b"%PDF")


@pytest.mark.parametrize("name", ["", "Loss", "a b", "../up", "-x"])
def test_a_name_is_a_safe_file_name(name):
    with pytest.raises(InputError, match="lower-case"):
        Figure(name, "", "", lambda canvas: None)


def test_an_unknown_section_is_refused():
    with pytest.raises(InputError, match="one of results"):
        Figure("x", "", "", lambda canvas: None, section="appendix")
