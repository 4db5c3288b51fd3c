"""From doubts on the page to corrected labels: decided in Chromium, applied by dvc."""

from __future__ import annotations

import csv
import json
import os
import shutil

import pytest
from playwright.sync_api import sync_playwright
from project import stages_run

from pipeline.artifacts import audits, corrections
from pipeline.core.parquet import Shards

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def chromium():
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI must have Chromium"
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


def download(page, path):
    """Click the button, and put what comes at `path`."""
    with page.expect_download() as found:
        page.get_by_role("button", name="Download corrections.csv").click()
    assert found.value.suggested_filename == path.name
    found.value.save_as(path)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def open_page(chromium, project):
    page, thrown = chromium.new_page(), []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("console", lambda message: thrown.append(message.text))
    page.goto((project.folder / "reports/index.html").as_uri())
    return page, thrown


def test_the_round_trip(chromium, project):
    page, thrown = open_page(chromium, project)
    selects = page.locator("select.decision")
    doubts = [selects.nth(i).evaluate("one => ({...one.dataset})") for i in range(selects.count())]
    place_of = {doubt["image"]: place for place, doubt in reversed([*enumerate(doubts)])}
    chosen = sorted(place_of.values())[:3]
    relabelled, removed, kept = (doubts[place] for place in chosen)
    assert selects.nth(chosen[0]).get_attribute("aria-label").endswith(relabelled["path"])
    selects.nth(chosen[0]).select_option(index=2)  # what is suggested
    change = selects.nth(chosen[0]).evaluate("one => ({...one.selectedOptions[0].dataset})")
    given = json.loads(relabelled["labels"])
    labels = [name for name in [*given, change["gets"]] if name not in ("", change["loses"])]
    selects.nth(chosen[1]).select_option("remove")
    selects.nth(chosen[2]).select_option("keep")
    path = project.folder / corrections.PATH
    rows = download(page, path)
    assert [(row["image_id"], row["path"], row["action"], row["label"]) for row in rows] == [
        (relabelled["image"], relabelled["path"], "relabel", "|".join(labels)),
        (removed["image"], removed["path"], "remove", ""),
        (kept["image"], kept["path"], "keep", ""),
    ]
    assert rows[0]["given"] == "|".join(given) != "|".join(labels)
    assert thrown == []

    before = read_images(project)
    output = project.run("dvc", "repro", forked=False)
    assert stages_run(output)[0] == "ingest"
    assert "ingest: 3 corrections applied (1 relabel, 1 remove, 1 keep)" in output
    assert "features: 143 x" in output
    assert ", 0 computed" in output
    after = read_images(project)
    assert set(before) - set(after) == {removed["image"]}
    changed = {i for i in after if after[i] != before[i]}
    assert changed == {relabelled["image"]}
    assert after[relabelled["image"]] == (labels, before[relabelled["image"]][1])
    audit = json.loads((project.folder / audits.SUMMARY).read_text("utf-8"))
    part = before[removed["image"]][1]
    assert audit["corrections"]["applied"]["remove"][part] == 1

    page, _ = open_page(chromium, project)
    said = page.inner_text("main")
    assert "Corrections: 3 of data/corrections.csv" in said
    there = page.locator("select.decision").evaluate_all("all => all.map(o => o.dataset.image)")
    assert not {relabelled["image"], removed["image"], kept["image"]} & set(there)
    assert [*download(page, path)] == sorted(rows, key=lambda row: row["path"])  # nothing is lost
    page.locator("select.decision").first.select_option("keep")
    assert len(download(page, path)) == 4

    with path.open("a", encoding="utf-8") as file:
        file.write("nowhere,nowhere.jpg,,keep,\n")
    output = project.run("dvc", "repro", status=255)
    assert "row 5 of data/corrections.csv names 'nowhere' and 'nowhere.jpg'" in output


def read_images(project):
    """image_id -> labels and part of the split."""
    shards = Shards(project.folder / "data/images")
    rows = shards.read(["image_id", "labels", "split"]).to_pylist()
    return {row["image_id"]: (row["labels"], row["split"]) for row in rows}
