"""The page in a real browser, on a phone and on a desk."""

import shutil

import pytest

from skysure.report import Figure, page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SEEN = """() => [...document.querySelectorAll(".plot svg")].map(svg => {
  const box = svg.getBoundingClientRect();
  const marks = [...svg.querySelectorAll("path, use, image, text")];
  return {width: box.width, height: box.height, marks: marks.filter(m => m.getBoundingClientRect().width > 0).length};
})"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll(".plot svg text")].filter(t => t.textContent.trim())
  .map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().d).filter(size => size > 0))"""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def report(run_card, metrics, figures, history, tmp_path):
    """The whole page, with what is hardest to fit: long words and a figure wider than a phone."""
    long = "x" * 300
    metrics["scores"].append({"name": "long", "label": long, "value": 1.0, "wanted": [0, 2], "before": 3.0})
    run_card["settings"][long] = long
    run_card["cite"].append(long)
    wide = Figure("wide", long, long, lambda canvas: canvas.subplots().plot([0, 1]), width=9)
    figures = [*figures, wide]
    path = tmp_path / "report.html"
    path.write_text(page(run_card, metrics, history, figures), encoding="utf-8")
    return path, len(figures) + 1


def test_it_opens_without_complaint_fits_and_can_be_read(browser, report):
    path, count = report
    for width, scheme in ((390, "light"), (1440, "light"), (390, "dark")):
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        complaints, requests = [], []
        tab.on("console", lambda message, log=complaints: log.append(message.text))
        tab.on("pageerror", lambda error, log=complaints: log.append(str(error)))
        tab.on("request", lambda request, log=requests: log.append(request.url))
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        figures = tab.evaluate(SEEN)
        assert len(figures) == count
        assert all(figure["width"] >= 300 and figure["height"] > 100 and figure["marks"] > 5 for figure in figures)
        assert tab.evaluate(SMALLEST) >= 9  # CSS pixels
        for selector in ("body", ".tile .label", "figcaption", ".met", ".missed", "nav a"):
            assert contrast(tab, selector) >= 4.5, (scheme, selector)
        assert complaints == []
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        tab.close()


def contrast(tab, selector: str) -> float:
    """Contrast of text with the paper behind it, WCAG 2.2 (relative luminance)."""
    colours = tab.evaluate(
        """selector => {
          const element = document.querySelector(selector);
          let behind = element;
          while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
          return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
        }""",
        selector,
    )
    dark, light = sorted(luminance([int(c) for c in text[4:-1].split(",")]) for text in colours)
    return (light + 0.05) / (dark + 0.05)


def luminance(rgb: list[int]) -> float:
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
