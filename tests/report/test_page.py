"""What the report chooses to show."""

from __future__ import annotations

import base64
import json
import re
import shutil
from io import BytesIO

import altair as alt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.artifacts.predictions import Predictions
from pipeline.artifacts.scores import (
    CURVES,
    PER_CLASS,
    SCORES,
    read_table,
    write_all_checksums,
)
from pipeline.artifacts.trainings import Training
from pipeline.core.tables import write_csv
from pipeline.measure.accuracy import Tried
from pipeline.params import load_params
from pipeline.report import charts, page
from pipeline.report.distribution import commonest_class_accuracy, distribution, largest_classes
from pipeline.report.experiment import Experiment
from pipeline.report.sections import classes, confusion, explanations, mistakes, penalties, sweeps
from pipeline.report.sections.audit import stored
from pipeline.report.sections.comparisons import comparison
from pipeline.report.sections.data import choose_samples
from pipeline.report.thumbnails import THUMBNAIL_SIDE

LABELS = [["a"], ["a", "b"], ["b"], ["c"], ["a"], ["c"]]
SPLITS = ["train", "train", "train", "test", "test", "validation"]


def test_commonest_class_is_that_of_the_training_pictures():
    assert commonest_class_accuracy(LABELS, SPLITS) == 0.5  # "a", right for one of two


def test_distribution_counts_a_picture_for_each_of_its_classes():
    found = distribution(LABELS, SPLITS).set_index(["class", "split"])["count"].to_dict()
    assert found == {
        ("a", "train"): 2, ("b", "train"): 2, ("a", "test"): 1, ("c", "test"): 1,
        ("c", "validation"): 1,
    }  # fmt: skip


def test_the_best_of_a_sweep_is_that_on_validation():
    sweep = pd.DataFrame(
        {
            "setting": ["0.1", "0.1", "0.5", "0.5", "1"],
            "diverged": [False] * 4 + [True],
            "validation_accuracy": [0.7, 0.8, 0.6, 0.8, None],
            "test_accuracy": [0.1, 0.1, 0.9, 0.9, None],
        }
    )
    found = sweeps.findings(sweep, ["learning_rate"])
    assert found == {"best": "learning_rate 0.1", "diverged": ["learning_rate 1"]}
    found = sweeps.findings(sweep.tail(1).assign(setting="a 1, b 2"), ["a", "b"])
    assert found == {"best": None, "diverged": ["a 1, b 2"]}


def test_a_sweep_is_drawn_without_the_test():
    rows = [("0.1", 0, 0.2, 0.9, 0.8, 0.7), ("1", 0, *[None] * 4)]
    columns = ["loss", "accuracy", "validation_accuracy", "test_accuracy"]
    sweep = pd.DataFrame(rows, columns=["setting", "seed", *columns])
    times = [{"setting": "0.1", "of": "sweeps/x", "made": "d", "what": 0}]
    panels = sweeps.chart(sweep, times, None, title="learning_rate").to_dict()["hconcat"]
    drawn = [panel["layer"][0]["encoding"]["y"] for panel in panels]
    assert [y["field"] for y in drawn] == ["loss", "accuracy", "validation_accuracy", "seconds"]
    assert [y["scale"]["zero"] for y in drawn] == [False, False, False, True]
    assert panels[-1]["data"] == {"name": "seconds", "values": times}


def test_the_penalty_with_the_least_log_loss_is_marked():
    path = [Tried(0.1, 0.9, 0.5), Tried(1.0, 0.8, 0.4), Tried(10.0, 0.9, 0.6)]
    made = {
        run: Training(1, 1, 0.1, "d", [], 0, tried, None)
        for run, tried in (("a", path), ("b", path[:1]), ("c", []))
    }
    assert penalties.chosen_of(made) == {"a": path[1], "b": path[0]}
    table = penalties.paths(made, ["a", "b"])
    assert list(table["run"]) == ["a"] * 3 + ["b"]
    assert list(table["chosen"]) == [False, True, False, True]
    drawn = penalties.chart(table, "C", ["a", "b", "c"]).to_dict()["hconcat"]
    fields = [panel["layer"][0]["encoding"]["y"]["field"] for panel in drawn]
    assert fields == ["log_loss", "accuracy"]
    assert [panel["layer"][1]["transform"] for panel in drawn] == 2 * [
        [{"filter": "datum['chosen']"}]
    ]


def test_classes_as_common_stand_in_the_same_order_everywhere():
    names = [f"class {i:02}" for i in range(20)]
    rows = [("x", name, t, 0.5, 0.5, 0.5, 7) for t in (0.05, 0.1) for name in names[::-1]]
    columns = ["run", "class", "threshold", "precision", "recall", "f1", "support"]
    scores = pd.DataFrame([*rows, ("x", "z", 0.1, 0, 0, 0, 8)], columns=columns)
    drawn = (classes.per_class(scores, ["x"]), classes.thresholds(scores, ["x"], "x"))
    for chart in drawn:
        assert chart.to_dict()["spec"]["encoding"]["y"]["sort"] == ["z", *names]


def test_a_comparison_by_hand():
    draws = pd.DataFrame(
        {
            "split": ["picture"] * 2 + ["artist"] * 2, "draw": [0, 1] * 2,
            "train": [6, 6, 7, 5], "test": [3, 3, 2, 4], "accuracy": [0.9, 0.8, 0.4, 0.5],
            "artists": [2] * 4, "known_artists": [2, 1, 0, 0],
        }
    )  # fmt: skip
    found = comparison(draws)
    assert found["draws"] == 2
    assert found["splits"]["picture"]["accuracy"] == pytest.approx(0.85)
    assert found["splits"]["artist"]["sd"] == pytest.approx(0.1 / 2**0.5)
    counts = ["train", "test", "artists", "known_artists"]
    assert [found["splits"]["picture"][of] for of in counts] == ["6", "3", "2", "1 to 2"]
    assert [found["splits"]["artist"][of] for of in counts] == ["5 to 7", "2 to 4", "2", "0"]
    half = 12.7062 * (0.02 * (1 / 2 + 12 / 24)) ** 0.5  # differences 0.5 and 0.3, t of one degree
    expected = (0.4, 0.4 - half, 0.4 + half)
    assert (found["difference"], found["low"], found["high"]) == pytest.approx(expected, abs=1e-4)


def test_how_the_pictures_are_stored():
    counts = {"train": 5, "validation": 0, "test": 2}
    audit = {
        "width": {"least": 48, "median": 90, "most": 96},
        "height": {"least": 72, "median": 72, "most": 72},
        "formats": {"GIF": {"train": 1}, "JPEG": counts},
        "modes": {"RGB": counts, "P": {"train": 1}},
    }
    assert stored(audit) == (
        "48 to 96 (median 90) pixels wide and 72 high, stored as 7 JPEG, 1 GIF; 7 RGB, 1 P"
    )


def test_samples_take_each_class_in_turn():
    labels = [["a"]] * 50 + [["b"]] * 3 + [["c"]]
    chosen = choose_samples(labels, 9, rng=np.random.default_rng(0))
    assert len(set(chosen)) == 9
    assert [labels[i][0] for i in chosen] == ["a", "b", "c", "a", "b", "a", "b", "a", "a"]
    assert len(choose_samples(labels, 96, rng=np.random.default_rng(0))) == 54


def test_mistakes_are_the_surest_misses_by_the_mean_of_the_repeats():
    scores = np.array(
        [
            [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]],
            [[0.7, 0.3], [0.0, 1.0], [0.2, 0.8], [0.3, 0.7]],
        ],
        np.float32,
    )
    targets = np.array([[0, 1], [1, 0], [0, 1], [0, 1]], np.int8)
    predictions = Predictions(["w", "x", "y", "z"], targets, scores, ["a", "b"], False)
    found = mistakes.confident_mistakes(predictions, 5)
    assert [(m.image_id, m.actual, m.guess) for m in found] == [
        ("x", ("a",), "b"),
        ("w", ("b",), "a"),
    ]
    assert [m.score for m in found] == pytest.approx([0.9, 0.8])
    assert mistakes.confident_mistakes(predictions, 1) == found[:1]


def test_figures_are_bounded_at_any_size():
    """Altair refuses more than 5,000 rows, and the page is to stay small."""
    names = [f"class {i:03}" for i in range(150)]
    pairs = pd.DataFrame(
        [("x", a, b, 1) for a in names for b in names],
        columns=["run", "actual", "predicted", "count"],
    )
    pictures = pd.DataFrame({"class": names, "count": range(150)})
    shown = largest_classes(pictures)
    assert shown == names[:-41:-1]
    lumped = confusion.lump(pairs, shown)
    assert set(lumped["actual"]) == set(shown)
    assert lumped.groupby("actual")["count"].sum().tolist() == [150] * 40  # nothing is lost
    epochs = pd.DataFrame({"run": "x", "epoch": range(1, 20_001), "loss": 1.0})
    thinned = charts.thin(epochs, "epoch")["epoch"].tolist()
    assert (len(thinned), thinned[0], thinned[-1]) == (501, 1, 20_000)
    for count in (1, 10, 500):
        assert len(charts.thin(epochs.head(count), "epoch")) == count
    many = pd.concat([lumped.assign(run=name) for name in "abcdef"])
    spec = json.loads(charts.chart_json(confusion.chart(many, list("abcdef"), "a")))
    assert len(next(iter(spec["datasets"].values()))) == 6 * 40 * 41


def test_heat_is_orange_on_a_grey_picture(encode):
    blue = encode(Image.new("RGB", (600, 300), (0, 0, 255)))
    heat = np.zeros((2, 4), np.uint8)
    heat[:, 3] = 255  # at the right
    uri = explanations.heat_uri(blue, heat)
    shown = Image.open(BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert shown.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2)
    grey, hot = (np.array(shown.getpixel((x, 42))) for x in (5, 163))
    assert np.ptp(grey) < 8
    np.testing.assert_allclose(hot, 0.7 * np.array(explanations.HEAT) + 0.3 * grey, atol=8)


@pytest.mark.slow(reason="bundles the scripts of the page")
def test_no_text_ends_the_script_it_stands_in():
    chart = alt.Chart(pd.DataFrame({"x": ["</script><b>"]})).mark_bar().encode(x="x:N")
    text = charts.chart_json(chart)
    assert "<" not in text
    assert next(iter(json.loads(text)["datasets"].values()))[0]["x"] == "</script><b>"
    assert "</script" not in page.vega_bundle()


@pytest.mark.parametrize("names", [["1", "2"], ["01", "02"], ["true", "false"], ["NA", "nan"]])
def test_class_names_that_look_like_numbers_stay_names(project, names, monkeypatch):
    """A table of the report with its classes renamed, as the page reads it."""
    monkeypatch.chdir(project.folder)
    table = pd.read_csv(PER_CLASS)
    table["class"] = [names[i % 2] for i in range(len(table))]
    write_csv(PER_CLASS, table)
    write_all_checksums(["snn"])
    assert set(read_table(PER_CLASS)["class"]) == set(names)
    assert set(read_table(CURVES)["run"]) == {"snn", "boosted", "adam", "small_cnn", "lenet"}
    params = load_params()
    experiment = Experiment(params.model_dump(mode="json", exclude_none=True), params.thresholds)
    vars(experiment)["shown"] = names
    chart = classes.section(experiment).charts["per_class"].to_dict()
    shown = {row["class"] for row in next(iter(chart["datasets"].values()))}
    assert shown == set(names)


def test_every_section_has_its_two_files():
    folder = page.TEMPLATES / "sections"
    assert sorted(page.SECTIONS) == sorted(p.stem for p in folder.glob("[a-z]*.py"))
    assert {f"{name}.html.jinja" for name in page.SECTIONS} == {
        p.name for p in folder.glob("*.jinja")
    }


def test_times_are_no_part_of_the_page(project):
    html = project.folder / "reports/index.html"
    with_times = html.read_bytes()
    shutil.rmtree(project.folder / "reports/times")
    project.run(*project.command("report"))
    assert html.read_bytes() == with_times


def test_one_training_has_no_deviation(made):
    reports = made[0].folder / "reports"
    table = (reports / "summary.txt").read_text("utf-8").splitlines()
    assert [row.split()[0] for row in table if "±" in row] == ["snn", "boosted", "adam"]
    html = (reports / "index.html").read_text("utf-8")
    assert "trained more than once (snn 2, boosted 2, adam 2)" in html
    assert html.partition("Cross-validation")[0].count("±") == 3 + 1  # and in the note


def test_an_interval_of_no_width_is_explained(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    html = project.folder / "reports/index.html"
    assert "an interval of no width" not in html.read_text("utf-8")
    table = pd.read_csv(SCORES)
    table.loc[table["run"] == "snn", ["accuracy", "accuracy_low", "accuracy_high"]] = 1.0
    write_csv(SCORES, table)
    write_all_checksums(table["run"])
    project.run(*project.command("report"))
    assert "an interval of no width" in html.read_text("utf-8")


def test_the_page_says_which_losses_it_does_not_show(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    html = project.folder / "reports/index.html"
    assert "Training loss: shown" not in html.read_text("utf-8")
    table = pd.read_csv(CURVES)
    calm = table.loc[table["run"] != "adam", "loss"]
    table.loc[table["run"] == "adam", "loss"] *= 1e6
    write_csv(CURVES, table)
    write_all_checksums(pd.read_csv(SCORES)["run"])
    project.run(*project.command("report"))
    text = html.read_text("utf-8")
    assert f"Training loss: shown from {calm.min():.3g} to {calm.max():.3g}, as larger" in text
    assert re.search(r"Beyond are\s+adam, as far as 5\.\d\de\+06\.</p>", text)
