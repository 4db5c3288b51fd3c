"""The report in a real browser, made from a folder whose names are out to break it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from pipeline.artifacts.times import write_times
from pipeline.artifacts.trainings import read_training
from pipeline.ingest.sources.generated.painter import generated_pictures
from pipeline.ingest.sources.params import GeneratedSource

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCRIPT = "</script><script>document.title='broken'</script>"
DRAWN = "document.querySelectorAll('.chart svg.marks').length >= {}"
MISSING = "\N{EN DASH}"
TAKEN = """Object.fromEntries([...document.querySelectorAll("td[data-what]")].map(
  (cell) => [`${cell.dataset.of} ${cell.dataset.what}`, cell.textContent]))"""
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
        page.wait_for_function(DRAWN.format(6))
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


def test_every_chart_is_drawn(page_and_events):
    page, _ = page_and_events
    drawn = page.locator(".chart").evaluate_all(
        "charts => charts.map(chart => chart.querySelectorAll('svg.marks path[d]').length)"
    )
    assert len(drawn) >= 9
    assert 0 not in drawn


@pytest.mark.parametrize(
    "attempt",
    [
        "script.textContent = 'ran = true'",
        "script.src = 'data:text/javascript,ran = true'",
        "script.src = 'planted.js'",
        "script.textContent = 'ran = true'; script.nonce = 'guessed'",
        "setTimeout('ran = true')",  # which compiles text as eval does
        "document.body.insertAdjacentHTML('beforeend', '<img src=y onerror=\"ran = true\">')",
        "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\" class=styled>')",
        "document.head.insertAdjacentHTML('beforeend', '<base href=\"https://example.org/\">')",
        "document.body.insertAdjacentHTML('beforeend', '<form id=f action=\"planted.js\"></form>');"
        " document.getElementById('f').submit()",
    ],
)
def test_nothing_runs_that_was_not_written_with_the_page(opened, tmp_path, attempt):
    (tmp_path / "planted.js").write_text("ran = true;")
    page, _ = opened()
    violations = []
    page.on("console", lambda message: violations.append(message.text))
    page.evaluate(
        f"() => {{ const script = document.createElement('script'); {attempt};"
        " document.body.append(script); }"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("typeof ran") == "undefined"
    assert page.locator(".styled").evaluate_all(
        "all => all.every(one => getComputedStyle(one).color !== 'rgb(255, 0, 0)')"
    )
    assert any("Content Security Policy" in text for text in violations)


def test_what_stands_beside_the_pointer_and_the_menu(opened):
    page, _ = opened()
    chart = page.locator("[data-spec=distribution]")
    chart.locator("path[aria-roledescription=bar]").first.hover()
    beside = page.locator("#vg-tooltip-element")
    beside.wait_for(state="visible")
    assert {"class", "split", "count"} <= set(beside.locator(".key").all_inner_texts())
    assert beside.evaluate("one => getComputedStyle(one).position") == "fixed"
    menu = chart.locator(".vega-actions")
    assert not menu.is_visible()
    chart.locator("summary").click()
    assert menu.is_visible()
    for kind in ("PNG", "SVG"):
        with page.expect_download() as download:
            chart.get_by_text(f"Save as {kind}").click()
        assert download.value.path().stat().st_size > 1000


def test_names_are_text_not_markup(page_and_events):
    page, _ = page_and_events
    assert page.title().startswith("Atelier: ")
    assert page.locator("img[src=x]").count() == 0
    text = page.inner_text("main")
    assert SCRIPT in text
    assert "Ünïcode & Söhne" in text


def test_hostile_labels_come_whole_into_the_corrections(opened):
    page, thrown = opened()
    select = page.locator("select.decision").first
    labels = json.loads(select.get_attribute("data-labels"))
    select.select_option("keep")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections.csv").click()
    with download.value.path().open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["given"].split("|") == labels
    assert set(labels) <= {SCRIPT, IMAGE, "Ünïcode & Söhne"}
    assert row["path"] == select.get_attribute("data-path")
    assert thrown == []


def test_every_part_is_there(page_and_events):
    page, _ = page_and_events
    titles = page.locator("h2").all_inner_texts()
    assert titles == [
        "Runs", "Data", "Audit", "Features", "Training", "Penalties", "First filters",
        "What the networks looked at", "Sweeps", "Classes", "Confusion", "Most confidently wrong",
        "Label doubts", "How this was made",
    ]  # fmt: skip
    asked = page.locator("h3").all_inner_texts()
    questions = (
        "Can the scores be believed?",
        "Right for the right reason?",
        "What would more pictures bring?",
    )
    assert {*questions} < {*asked}
    for chart in ("differences", "reliability", "shortcuts", "curve"):
        assert page.locator(f"[data-spec={chart}] svg.marks").count() == 1
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


@pytest.fixture
def opened(page_and_events, made_project_copy, tmp_path):
    """`opened()`: the page as it lies in tmp_path, its charts drawn, and what was thrown on it.

    `width` is that of the window.
    """
    shutil.copy(made_project_copy.folder / "reports/index.html", tmp_path)
    pages = []

    def open_page(width=1100):
        browser = page_and_events[0].context.browser
        page, thrown = browser.new_page(viewport={"width": width, "height": 900}), []
        pages.append(page)
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.goto((tmp_path / "index.html").as_uri())
        page.wait_for_function(DRAWN.format(page.locator(".chart").count()))
        return page, thrown

    yield open_page
    for page in pages:
        page.close()


def test_in_a_narrow_window_the_panels_stand_below_each_other(opened, made_project_copy, tmp_path):
    shutil.copytree(made_project_copy.folder / "reports/times", tmp_path / "times")
    page, thrown = opened(width=390)
    for name, panels in (("curves", 3), ("accuracy", 2), ("learning_rate", 4), ("per_class", 3)):
        chart = page.locator(f"[data-spec={name}]")
        boxes = chart.locator("path.background").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect())"
            ".filter(box => box.width > 100).map(box => [box.left, box.top])"
        )
        columns, rows = ({round(place) for place in places} for places in zip(*boxes, strict=True))
        assert len(columns) == 1, name
        assert len(rows) >= panels, name
        if name != "per_class":  # its names are too long
            assert chart.locator("svg.marks").evaluate("one => one.clientWidth") < 390
    runs = page.locator("[data-spec=accuracy] .role-axis-label text", has_text="stacked")
    assert runs.count() == 2  # once at each panel
    assert thrown == []


def panels_of_seconds(page):
    """How many bars of runs are drawn, and whether the runs and the sweep have such a panel."""
    charts = [page.locator(f"[data-spec={name}]") for name in ("accuracy", "learning_rate")]
    bars = charts[0].locator("path[aria-roledescription=bar]").count()
    return bars, *("training, seconds" in chart.text_content() for chart in charts)


def test_times_are_those_beside_the_page(opened, made_project_copy, tmp_path):
    reports = made_project_copy.folder / "reports"
    shutil.copytree(reports / "times", tmp_path / "times")
    page, thrown = opened()
    cells = page.evaluate(TAKEN)
    runs = ("logistic", "snn", "boosted", "adam", "small_cnn", "stacked")
    assert list(cells) == [f"runs/{run} {what}" for run in runs for what in ("mean", "per_epoch")]
    assert all(re.fullmatch(r"\d+\.\d", cells[f"runs/{run} mean"]) for run in runs)
    assert [run for run in runs if cells[f"runs/{run} per_epoch"] == MISSING] == [
        "logistic",
        "stacked",
    ]
    assert panels_of_seconds(page) == (len(runs), True, True)
    made = read_training(reports / "training/snn.json").digest
    write_times(tmp_path / "times/runs/snn.js", made=made, seconds=[1.2, 2.56], per_epoch=0.127)
    page.reload()
    cells = page.evaluate(TAKEN)
    assert (cells["runs/snn mean"], cells["runs/snn per_epoch"]) == ("1.9", "0.13")
    assert thrown == []


def test_times_of_another_training_are_not_shown(opened, made_project_copy, tmp_path):
    shutil.copytree(made_project_copy.folder / "reports/times", tmp_path / "times")
    for name in ("runs/snn", "sweeps/learning_rate"):
        write_times(tmp_path / f"times/{name}.js", made="another", seconds=[1.0] * 6)
    (tmp_path / "times/runs/adam.js").unlink()
    page, thrown = opened()
    cells = page.evaluate(TAKEN)
    without = [run for run in ("snn", "boosted", "adam") if cells[f"runs/{run} mean"] == MISSING]
    assert without == ["snn", "adam"]
    assert cells["runs/snn per_epoch"] == cells["runs/adam per_epoch"] == MISSING
    assert panels_of_seconds(page) == (4, True, False)
    assert thrown == []


def test_without_times_the_page_is_whole(opened):
    page, thrown = opened()
    assert set(page.evaluate(TAKEN).values()) == {MISSING}
    assert panels_of_seconds(page) == (0, False, False)
    assert page.locator("[data-spec=accuracy] svg.marks").count() == 1
    assert page.locator("h2").count() == 14
    assert thrown == []
