"""The pipeline as its user drives it, through the real dvc."""

from __future__ import annotations

import json
import re
import shlex
import shutil

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from processes import run
from project import ROOT, stages_run
from ruamel.yaml import YAML

from pipeline.artifacts.predictions import read_predictions
from pipeline.core.tables import read_csv

CLASSIFIERS = ["logistic", "snn", "boosted", "adam"]
CNNS = ["small_cnn", "lenet"]
RUNS = [*CLASSIFIERS, *CNNS, "stacked"]
STAGES = [
    "ingest", "weights", "features", "layers", "novelty", "pca", "pixels",
    *(f"classifier@{n}" for n in CLASSIFIERS), *(f"cnn@{n}" for n in CNNS),
    "stack@stacked", "sweep@learning_rate", "comparison@logistic", "evaluate", "curve",
    "insight", "report",
]  # fmt: skip
FEW = {  # runs enough where a test is about what they are given
    "classifiers.boosted": None, "classifiers.adam": None, "stacks.stacked.runs":
    ["snn", "logistic"], "cnns": {}, "sweeps": {},
}  # fmt: skip


def documented(start):
    """The words of the command that begins so, the same wherever it is written."""
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", "docs/experiments.md")]
    found = [line for text in texts for line in text.splitlines() if line.startswith(start)]
    assert len(set(found)) == 1
    return shlex.split(found[0], comments=True)


def test_repro_makes_everything_and_ends_with_the_table(made):
    project, output = made
    ran = stages_run(output)
    assert sorted(ran) == sorted(STAGES)
    table = output[output.index("95 % interval") :]
    assert [name for name in RUNS if f"\n{name} " in table] == RUNS
    assert "report: reports/index.html" in table
    assert (project.folder / "reports/summary.txt").read_text("utf-8") in output
    metrics = json.loads((project.folder / "reports/metrics.json").read_text())
    assert list(metrics) == RUNS
    scores = pd.read_csv(project.folder / "reports/scores.csv")
    assert scores["run"].tolist() == RUNS
    assert scores["accuracy"].between(scores["accuracy_low"], scores["accuracy_high"]).all()
    assert scores["accuracy"].tolist() == [of["accuracy"] for of in metrics.values()]


def test_second_repro_runs_nothing(project):
    assert stages_run(project.run("dvc", "repro")) == []


def test_forced_repro_is_byte_identical(project):
    made = (
        "data/images", "data/vectors", "data/features", "data/components",
        "data/predictions", "models", "reports/explanations",
    )  # fmt: skip
    before = project.digests(*made)
    assert len(before) > 12
    shutil.rmtree(project.folder / "data/vectors")  # otherwise kept
    project.run("dvc", "repro", "--force", "evaluate")
    assert project.digests(*made) == before


def test_an_experiment_reruns_its_run_alone_and_shows_the_difference(project):
    output = project.run("dvc", "exp", "run", "-S", "classifiers.snn.epochs=30")
    based_on_it = ["stack@stacked", "sweep@learning_rate"]
    assert sorted(stages_run(output)) == sorted(
        ["classifier@snn", *based_on_it, "evaluate", "insight", "report"]
    )
    rows = [line.split() for line in project.run(*documented("dvc metrics diff")).splitlines()[1:]]
    assert rows
    assert {row[1].split(".")[0] for row in rows} <= {"snn", "stacked"}
    metrics = json.loads((project.folder / "reports/metrics.json").read_text())
    assert 1 + sum(len(of) for of in metrics.values()) <= 24  # lines, if all of them change
    assert "epochs" in project.run("dvc", "params", "diff")
    shown = project.run(*documented("dvc exp show"))
    assert "snn.accuracy" in shown
    assert "classifiers.snn.epochs" in shown
    assert max(len(line) for line in shown.splitlines()) <= 120


@pytest.mark.slow(reason="dvc makes a copy of the project to work in")
def test_an_experiment_in_a_copy_takes_the_pictures_along(project, picture):
    for number in range(40):
        path = project.folder / f"data/paintings/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    project.set(**{"ingest.input": "data/paintings", "ingest.source": {"kind": "folder"}})
    project.commit("own pictures")
    said = project.run("dvc", "exp", "run", "--temp", "--copy-paths", "data/paintings", "ingest")
    assert "ingest: 40 pictures of 2 classes" in said


def test_an_added_entry_runs_alone_and_a_removed_one_leaves_the_results(project):
    project.set(
        **{
            "classifiers.wide": {
                "kind": "adam", "hidden": [32], "dropout": 0.1, "learning_rate": 1e-3,
                "batch_size": 16, "epochs": 2, "clip": "none", "patience": 1,
                "input": "features", "normalize": "zscore", "folds": "none", "threshold": 0.5,
                "repeats": 1, "seed": 3,
            }
        }
    )  # fmt: skip
    last = ["stack@stacked", "evaluate", "insight", "report"]
    assert stages_run(project.run("dvc", "repro")) == ["classifier@wide", *last]
    metrics = json.loads((project.folder / "reports/metrics.json").read_text())
    assert list(metrics) == [*CLASSIFIERS, "wide", *CNNS, "stacked"]
    scores = pd.read_csv(project.folder / "reports/scores.csv", index_col="run").loc["wide"]
    assert scores["accuracy_sd"] == 0
    assert np.isnan(scores["fold_accuracy"])

    project.set(**{"classifiers.boosted": None})
    output = project.run("dvc", "repro", status=255)
    assert "stacks.stacked.runs names 'boosted': classifiers has logistic, snn, adam" in output
    project.set(**{"stacks.stacked.runs": ["snn", "adam"]})
    assert stages_run(project.run("dvc", "repro")) == last
    metrics = json.loads((project.folder / "reports/metrics.json").read_text())
    assert list(metrics) == ["logistic", "snn", "adam", "wide", *CNNS, "stacked"]
    assert "boosted" not in (project.folder / "reports/per_class.csv").read_text()


def test_plots_and_metrics_show_as_they_are(project):
    plots = json.loads(project.run("dvc", "plots", "show", "--json"))
    assert "errors" not in plots
    charts = plots["data"]
    loss = charts["loss"][0]["content"]
    assert {row["run"] for row in loss["data"]["values"]} == {"snn", "boosted", "adam", *CNNS}
    assert loss["encoding"]["color"]["field"] == "run"
    assert {f"reports/confusion/{name}.csv" for name in RUNS} <= set(charts)
    assert {"validation_accuracy", "f1_per_class", "explained_variance"} <= set(charts)
    shown = json.loads(project.run("dvc", "metrics", "show", "--json"))
    assert list(shown[""]["data"]["reports/metrics.json"]["data"]) == RUNS


def test_no_pca_and_another_split_run_through(project):
    project.set(**FEW, **{"pca.components": "none", "ingest.split.by": "artist"})
    project.run("dvc", "repro")
    table = pq.read_table(project.folder / "data/images", columns=["artist", "split"]).to_pandas()
    assert table.groupby("artist")["split"].nunique().max() == 1
    components = pq.read_schema(project.folder / "data/components/part-00000.parquet")
    layers = read_csv(project.folder / "reports/layers.csv")
    width = layers["width"][layers["chosen"]].sum()
    assert components.field("components").type.list_size == width < layers["width"].sum()
    page = (project.folder / "reports/index.html").read_text("utf-8")
    assert "without a PCA" in page
    assert "split is by artist" in page


def test_untrained_resnet50_runs_offline_and_the_page_says_so(project):
    project.set(**FEW)
    output = project.run(
        "dvc", "exp", "run", "-S", "features.backbone=resnet50", "-S", "features.weights=random",
        "-S", "features.layers=last", "-S", "features.pool=spatial",
    )  # fmt: skip
    assert "features: 144 x 100352 of 1 layer, spatial" in output
    assert "layers: last; 100352 of 100352 features" in output
    assert stages_run(output)[-1] == "report"
    page = (project.folder / "reports/index.html").read_text("utf-8")
    assert "The features are untrained." in page
    made_with_weights = project.run("git", "show", "HEAD:reports/metrics.json")
    assert json.loads(made_with_weights).keys() == {*RUNS}


def test_few_pictures_run_through_and_the_page_says_what_was_not_possible(project, picture):
    """The default's values where they are others here; 60 pictures, of one class a single one."""
    sizes = {"one": 1, "two": 2, "three": 3, "a": 9, "b": 12, "c": 14, "d": 19}
    for name, count in sizes.items():
        for number in range(count):
            path = project.folder / f"data/raw/{name}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(len(name) * 100 + ord(name[0]) * 1000 + number))
    default = YAML(typ="safe").load(ROOT / "params.yaml")
    project.set(
        **{"ingest.source": {"kind": "folder"}, "pca": default["pca"]},
        **{f"classifiers.{run}.folds": 5 for run in CLASSIFIERS},
        **{f"cnns.{run}.batch_size": 64 for run in CNNS},
    )
    output = project.run("dvc", "repro")
    train = int(re.search(r"(\d+) train, ", output)[1])
    assert f"pca: {train - 1} components" in output
    assert "5 folds" in output
    page = (project.folder / "reports/index.html").read_text("utf-8")
    runs = ", ".join(CLASSIFIERS)
    assert re.search(rf"{runs} never held out \d+ pictures, of classes with fewer than folds", page)


def test_runs_on_pixels_their_stack_and_none_of_the_rest(project):
    """Pictures as vectors, compared by SSIM and by a convolutional network; no sweep."""
    both = {
        "input": "pixels", "normalize": "none", "folds": 2, "threshold": 0.5, "repeats": 1,
        "seed": 0,
    }  # fmt: skip
    network = {
        "hidden": [8], "filters": [4, 4], "pooling": "max",
        "dropout": 0.0, "init": "he", "batch_norm": True, "optimizer": "sgd", "momentum": 0.9,
        "weight_decay": 0.0, "schedule": "exponential", "decay": 0.9, "decay_epochs": 1,
        "learning_rate": 0.01, "batch_size": 16, "epochs": 2, "clip": "none", "patience": "none",
    }  # fmt: skip
    runs = {
        "near": {"kind": "knn", "distance": "ssim", "n_neighbors": 3, **both},
        "middle": {"kind": "nearest_centroid", "distance": "cosine", **both},
    }
    project.set(classifiers=runs, cnns={}, stacks={}, sweeps={}, comparisons={})
    project.run("dvc", "repro")
    assert 'id="training"' not in (project.folder / "reports/index.html").read_text("utf-8")
    project.set(
        classifiers={**runs, "conv": {"kind": "convnet", **network, **both}},
        stacks={"all": {"runs": ["near", "middle", "conv"], "C": 1.0, "threshold": 0.5}},
    )
    output = project.run("dvc", "repro")
    assert "stack all: validation accuracy" in output
    metrics = json.loads((project.folder / "reports/metrics.json").read_text())
    assert list(metrics) == ["near", "middle", "conv", "all"]
    table = pq.read_table(project.folder / "data/images", columns=["image", "image_id", "split"])
    row = table.filter(pc.equal(table["split"], "test")).slice(0, 1).to_pylist()[0]
    (project.folder / "a.jpg").write_bytes(row["image"]["bytes"])
    shutil.rmtree(project.folder / "models/backbone.safetensors", ignore_errors=True)
    for name, file in (("conv", "data/predictions/conv"), ("all", "data/stacked/all")):
        command = ("python", "-m", "pipeline.predict", "--run", name, "--json", "a.jpg")
        shown = run(*command, folder=project.folder, errors=project.folder / "errors")
        test = read_predictions(project.folder / f"{file}.parquet", split="test")
        scores = dict(zip(test.classes, test.scores[0][0], strict=True))
        assert test.image_ids[0] == row["image_id"]
        found = json.loads(shown)[0]["probabilities"]
        assert found == pytest.approx(scores, abs=1e-3)


def test_predict_refuses_a_run_of_other_components(project):
    project.set(**{"pca.components": 10})
    project.run("dvc", "repro", "pca")
    picture = project.folder / "a.jpg"
    table = pq.read_table(project.folder / "data/images", columns=["image"])
    picture.write_bytes(table["image"][0].as_py()["bytes"])
    output = project.run("python", "-m", "pipeline.predict", "--run", "snn", "a.jpg", status=2)
    assert output.startswith("error: models/runs/snn.safetensors was trained on other components")
    assert output.count("\n") == 1


@pytest.mark.parametrize(
    ("values", "stage", "parts"),
    [
        ({"pca.components": 5000}, "pca", ["5000", "at most"]),
        ({"features.backbone": "resnet5"}, "weights", ["resnet5", "resnet50"]),
        ({"features.weights": "nothing.pth"}, "weights", ["nothing.pth", "packaged"]),
        ({"classifiers.snn.epochs": "abc"}, "pca", ["classifiers.snn.epochs", "abc"]),
        ({"classifiers.snn.epoch": 3}, "pca", ["classifiers.snn.epoch", "epochs"]),
        ({"classifiers.snn.folds": 90}, "classifier@snn", ["folds is 90", "training pictures"]),
        (
            {"classifiers.snn.learning_rate": 1e30},
            "classifier@snn",
            ["classifiers.snn: ", "diverged"],
        ),
    ],
)
def test_a_mistake_is_one_line_and_loses_nothing(project, values, stage, parts):
    before = project.digests("data", "models", "reports")
    project.set(**values)
    output = project.run(*project.command(stage), status=2)
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    for part in parts:
        assert part in output
    assert project.digests("data", "models", "reports") == before


def test_a_truncated_shard_is_named(project):
    shard = sorted((project.folder / "data/features").iterdir())[0]
    data = shard.read_bytes()
    shard.unlink()  # a link into the cache
    shard.write_bytes(data[: len(data) // 2])
    output = project.run(*project.command("pca"), status=2)
    assert output.startswith(f"error: data/features/{shard.name} is damaged")
    assert output.count("\n") == 1
