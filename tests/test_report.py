"""The report in a real browser, made from a folder whose names are out to break it."""

from __future__ import annotations

import os
import shutil

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from pipeline.params import GeneratedSource
from pipeline.sources.generated import generated_pictures

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCRIPT = "</script><script>document.title='broken'</script>"
IMAGE = "<img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def page_and_events(made_project_copy):
    """The report of a hostile folder, open in Chromium, and what the browser complained of."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI must have Chromium"
        pytest.skip("needs Chromium: apt-get install chromium")
    project = made_project_copy
    write_hostile_pictures(project.folder / "data/raw")
    labels = {"table": "artists.csv", "key": "name", "column": "genre", "separator": "|"}
    project.set(**{"ingest.source": {"kind": "folder", "labels": labels}, "cnns.lenet": None})
    project.run("dvc", "repro")
    events: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.on("console", lambda message: events.append(f"console {message.text}"))
        page.on("pageerror", lambda error: events.append(f"error {error}"))
        page.on("request", lambda request: events.append(f"request {request.url}"))
        page.goto((project.folder / "reports/index.html").as_uri())
        page.wait_for_function("document.querySelectorAll('.chart svg.marks').length >= 6")
        yield page, [e for e in events if not e.startswith(("request file:", "request data:"))]
        browser.close()


def write_hostile_pictures(root):
    source = GeneratedSource(kind="generated", pictures=96, size=64, painters=8, seed=5)
    genres: dict[str, str] = {}
    for number, picture in enumerate(generated_pictures(source, root)):
        folder = f"{IMAGE.replace('/', '')}_{picture.artist}"
        genres[folder] = SCRIPT if picture.labels[0] < "F" else f"{IMAGE}|Ünïcode & Söhne"
        path = root / folder / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.data)
    (root / sorted(genres)[0] / "notes <b>.txt").write_text("no picture")
    table = pd.DataFrame(genres.items(), columns=["name", "genre"])
    table.to_csv(root / "artists.csv", index=False)


def test_nothing_leaves_the_page_and_nothing_fails(page_and_events):
    _, events = page_and_events
    assert events == []


def test_names_are_text_not_markup(page_and_events):
    page, _ = page_and_events
    assert page.title().startswith("Atelier: ")
    assert page.locator("img[src=x]").count() == 0
    text = page.inner_text("main")
    assert SCRIPT in text
    assert "Ünïcode & Söhne" in text


def test_every_part_is_there(page_and_events):
    page, _ = page_and_events
    titles = page.locator("h2").all_inner_texts()
    assert titles == [
        "Runs", "Data", "Audit", "Features", "Training", "First filters",
        "What the networks looked at", "Sweeps", "Classes", "Confusion", "Most confidently wrong",
        "How this was made",
    ]  # fmt: skip
    assert page.locator("tr.best").count() == 1
    assert page.locator(".gallery").first.locator("img").count() == 8
    loaded = page.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )
    assert loaded
    pairs = page.locator(".pairs figure")
    assert 4 <= pairs.count() <= 2 * 2 * 4  # of two networks
    assert all(pairs.nth(i).locator("img").count() == 2 for i in range(pairs.count()))
    assert page.locator("[data-spec=roc] select").count() == 1
    assert "Files that cannot be decoded: 1. They are not used." in page.inner_text("main")
    assert page.locator("details", has_text="notes <b>.txt").count() == 1


def test_the_confusion_follows_the_chosen_run(page_and_events):
    page, _ = page_and_events
    chart = page.locator("[data-spec=confusion]")
    shown = set()
    for name in ("snn", "boosted", "adam"):
        chart.locator("select").select_option(name)
        page.wait_for_timeout(200)
        shown.add(chart.locator("svg.marks").inner_html())
    assert len(shown) > 1


def test_the_threshold_moves_the_scores(page_and_events):
    page, _ = page_and_events
    chart = page.locator("[data-spec=thresholds]")
    before = chart.locator("svg.marks").inner_html()
    slider = chart.locator("input[type=range]")
    slider.fill("0.1")
    page.wait_for_timeout(200)
    assert chart.locator("svg.marks").inner_html() != before


@pytest.mark.parametrize("width", [1100, 390])
def test_the_page_fits_its_window(page_and_events, width):
    """What is wider, a chart or a table, scrolls by itself."""
    page, _ = page_and_events
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
