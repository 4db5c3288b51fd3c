"""Stage cnn through the real commands: cached, continued, divided, refused."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from processes import run, start
from project import stages_run

from pipeline.artifacts.predictions import read_predictions

PLAIN = {  # nothing that depends on the number of processes
    "cnns.lenet.augment": {}, "cnns.lenet.optimizer": "sgd", "cnns.lenet.learning_rate": 0.02,
    "cnns.lenet.precision": "float32", "cnns.lenet.epochs": 4, "cnns.lenet.schedule":
    {"kind": "cosine"},
}  # fmt: skip


def model(project, name):
    return safetensors.numpy.load_file(project.folder / f"models/cnns/{name}.safetensors")


def test_one_run_changed_runs_alone(project):
    project.set(**{"cnns.lenet.epochs": 1})
    assert stages_run(project.run("dvc", "repro")) == [
        "cnn@lenet",
        "stack@stacked",
        "evaluate",
        "insight",
        "report",
    ]
    history = pd.read_csv(project.folder / "reports/history/lenet.csv")
    assert history["epoch"].tolist() == [1]
    training = json.loads((project.folder / "reports/training/lenet.json").read_text())
    tensors = model(project, "lenet").items()
    count = sum(t.size for name, t in tensors if not name.startswith("0."))  # but mean, deviation
    assert training["parameters"] == count


def test_predict_gives_what_evaluation_saw(project):
    table = pq.read_table(project.folder / "data/images", columns=["image", "image_id", "split"])
    row = table.filter(pc.equal(table["split"], "test")).slice(0, 1).to_pylist()[0]
    (project.folder / "a.jpg").write_bytes(row["image"]["bytes"])
    command = ("python", "-m", "pipeline.predict", "--run", "small_cnn", "--json", "a.jpg")
    shown = run(*command, folder=project.folder, errors=project.folder / "errors")
    test = read_predictions(project.folder / "data/predictions/small_cnn.parquet", split="test")
    scores = dict(zip(test.classes, test.scores[0][0], strict=True))
    assert test.image_ids[0] == row["image_id"]
    assert json.loads(shown)[0]["probabilities"] == pytest.approx(scores, abs=5e-3)


def test_explained_are_test_pictures_with_their_scores(project):
    explained = pq.read_table(project.folder / "reports/explanations/small_cnn.parquet").to_pylist()
    test = read_predictions(project.folder / "data/predictions/small_cnn.parquet", split="test")
    scores = dict(zip(test.image_ids, test.scores[0], strict=True))
    right = [row["predicted"] in row["labels"] for row in explained]
    there = int(test.hits[0].sum())
    assert right == [True] * min(4, there) + [False] * min(4, len(scores) - there)
    for row in explained:
        assert row["score"] == scores[row["image_id"]].max()
        assert row["predicted"] == test.classes[scores[row["image_id"]].argmax()]
        assert np.shape(row["heat"]) == (3, 3)  # of 12 pixels after two poolings


def test_kill_9_and_again_gives_the_same(project):
    project.set(**{"cnns.small_cnn.epochs": 12, "cnns.small_cnn.ema": 0.9})
    command = project.command("cnn@small_cnn")
    project.run(*command)
    whole, history = model(project, "small_cnn"), read_history(project)
    checkpoint = project.folder / "models/checkpoints/small_cnn.0.safetensors"
    assert not checkpoint.exists()  # what is done needs none
    for wait in (0, 3, 7):  # epochs after the first checkpoint
        kill_after(command, project.folder, checkpoint, epochs=wait)
    assert checkpoint.exists()
    output = project.run(*command)
    assert "cnn small_cnn: validation accuracy" in output
    for name, tensor in model(project, "small_cnn").items():
        np.testing.assert_array_equal(tensor, whole[name])
    pd.testing.assert_frame_equal(read_history(project), history)


def read_history(project):
    return pd.read_csv(project.folder / "reports/history/small_cnn.csv")


def kill_after(command: list[str], folder: Path, checkpoint: Path, *, epochs: int) -> None:
    process = start(*command, folder=folder, streams=(Path(os.devnull), Path(os.devnull)))
    seen: set[float] = set()
    deadline = time.monotonic() + 120
    while len(seen) <= epochs and process.is_alive() and time.monotonic() < deadline:
        if checkpoint.exists():
            seen.add(checkpoint.stat().st_mtime)
        time.sleep(0.002)
    process.send(signal.SIGKILL)
    process.wait()


def test_two_processes_give_the_curve_of_one(project):
    project.set(**PLAIN)
    command = project.command("cnn@lenet")
    project.run(*command)
    alone = pd.read_csv(project.folder / "reports/history/lenet.csv")
    scores = read_predictions(project.folder / "data/predictions/lenet.parquet", split="test")
    torchrun = ["torchrun", "--standalone", "--nproc-per-node", "2"]
    project.run(*torchrun, *command[1:])
    both = pd.read_csv(project.folder / "reports/history/lenet.csv")
    np.testing.assert_allclose(both["loss"], alone["loss"], atol=1e-3)
    again = read_predictions(project.folder / "data/predictions/lenet.parquet", split="test")
    assert again.image_ids == scores.image_ids
    np.testing.assert_allclose(again.scores, scores.scores, atol=1e-2)


def test_a_frozen_trunk_with_a_new_head_and_its_last_layers(project):
    project.set(
        **{
            "cnns.lenet.architecture": {
                "backbone": "tf_efficientnet_lite0", "weights": "packaged",
                "finetune": {"layers": 2, "epochs": 1, "learning_rate": 0.001},
            },
            "cnns.lenet.epochs": 1,
        }
    )  # fmt: skip
    said = project.run(*project.command("cnn@lenet"))
    assert "tf_efficientnet_lite0 (trained on: ImageNet-1k (packaged EfficientNet-Lite0))" in said
    history = pd.read_csv(project.folder / "reports/history/lenet.csv")
    assert history["epoch"].tolist() == [1, 2]
    packaged = safetensors.numpy.load_file(project.folder / "models/backbone.safetensors")
    changed = {
        name
        for name, tensor in model(project, "lenet").items()
        if name.startswith("1.trunk.") and (tensor != packaged[name.removeprefix("1.trunk.")]).any()
    }
    assert changed == {"1.trunk.conv_head.weight", "1.trunk.bn2.weight", "1.trunk.bn2.bias"}


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"architecture": "resnet2O"}, ["cnns.lenet: ", "'resnet2O' is unknown", "resnet20"]),
        ({"architecture": "vgg16"}, ["12 x 12 pixels", "32"]),
        (
            {"architecture": {"backbone": "resnet5", "weights": "random"}},
            ["cnns.lenet: architecture.backbone 'resnet5'", "resnet50"],
        ),
        (
            {"architecture": {"backbone": "resnet18", "weights": "none.pth"}},
            ["cnns.lenet: architecture.weights is 'none.pth'", "packaged"],
        ),
        ({"device": "cuda:3"}, ["cuda:3", "use auto or cpu"]),
        ({"learning_rate": 1e30, "optimizer": "sgd"}, ["training diverged in epoch", "lower"]),
        ({"optimizer": "lion"}, ["cnns.lenet.optimizer", "'lion'", "sgd"]),
        ({"schedule": {"kind": "steps"}}, ["cnns.lenet.schedule", "at"]),
        ({"augment": {"blur": 1}}, ["cnns.lenet.augment.blur", "crop"]),
        ({"epoch": 3}, ["cnns.lenet.epoch", "epochs"]),
    ],
)
def test_a_mistake_is_one_line_and_loses_nothing(project, values, parts):
    kept = ("data", "models/cnns", "models/runs", "reports")
    before = project.digests(*kept)
    project.set(**{f"cnns.lenet.{key}": value for key, value in values.items()})
    output = project.run(*project.command("cnn@lenet"), status=2)
    lines = [line for line in output.splitlines() if not line.startswith("lenet, epoch")]
    assert lines[0].startswith("error: ")
    assert len(lines) == 1
    for part in parts:
        assert part in output
    assert project.digests(*kept) == before
