"""`python -m pipeline.predict` on the models of a small project."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from processes import run

from pipeline.artifacts.predictions import read_predictions


@pytest.fixture(scope="module")
def pictures(made, tmp_path_factory):
    """A folder with the test pictures, named by their id, and one file that is no picture."""
    project, _ = made
    folder = tmp_path_factory.mktemp("pictures")
    table = pq.read_table(project.folder / "data/images")
    rows = table.filter(np.array(table["split"].to_pylist()) == "test").to_pylist()
    for row in rows:
        (folder / f"{row['image_id']}.jpg").write_bytes(row["image"]["bytes"])
    (folder / "broken.jpg").write_bytes(rows[0]["image"]["bytes"][:200])
    return folder


@pytest.fixture
def predict(made, tmp_path):
    """Arguments, and the exit status that must come -> standard output and standard error."""
    errors = tmp_path / "errors"

    def predicted(*arguments: str, status: int = 0) -> tuple[str, str]:
        errors.unlink(missing_ok=True)
        command = ["python", "-m", "pipeline.predict", *arguments]
        output = run(*command, folder=made[0].folder, status=status, errors=errors)
        return output, errors.read_text("utf-8")

    return predicted


def test_new_pictures_get_what_evaluation_saw(made, predict, pictures, tmp_path):
    output = tmp_path / "new.parquet"
    out, err = predict("--run", "adam", "--output", str(output), str(pictures))
    table = pq.read_table(output).to_pandas()
    expected = read_predictions(made[0].folder / "data/predictions/adam.parquet", split="test")
    assert f"{len(expected.image_ids)} pictures" in out
    assert "broken.jpg: cannot be decoded" in err
    wide = table.pivot(index="path", columns="class", values="probability")[expected.classes]
    order = [str(pictures / f"{image_id}.jpg") for image_id in expected.image_ids]
    np.testing.assert_allclose(wide.loc[order], expected.scores[0], atol=2e-3)


def test_default_is_the_run_best_on_validation(made, predict, pictures):
    metrics = json.loads((made[0].folder / "reports/metrics.json").read_text())
    best = max(metrics, key=lambda name: metrics[name]["validation_accuracy"])
    one = str(sorted(pictures.glob("*.jpg"))[0])
    assert predict("--json", one)[0] == predict("--json", "--run", best, one)[0]


def test_table_and_json_tell_the_same(predict, pictures):
    one = str(sorted(pictures.glob("[0-9a-f]*.jpg"))[1])
    rows = json.loads(predict("--json", one)[0])
    assert [row["path"] for row in rows] == [one]
    ranked = list(rows[0]["probabilities"].items())
    assert ranked == sorted(ranked, key=lambda item: -item[1])
    path, first, *_ = predict(one)[0].rstrip("\n").split("\t")
    assert (path, first) == (one, f"{ranked[0][0]} {ranked[0][1]:.3f}")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (
            ["--run", "nobody", "broken.jpg"],
            ["'nobody'", "adam, boosted, lenet, logistic, small_cnn, snn, stacked"],
        ),
        (["--output", ".", "broken.jpg"], ["--output is .", ".parquet"]),
        (["--output", "out.csv", "broken.jpg"], ["--output is out.csv", ".parquet"]),
        (["missing.jpg"], ["missing.jpg does not exist"]),
        (["broken.jpg"], ["no picture could be read"]),
        (["--models", "elsewhere", "broken.jpg"], ["elsewhere"]),
    ],
)
def test_a_mistake_is_one_line(predict, pictures, arguments, parts):
    arguments = [str(pictures / a) if a == "broken.jpg" else a for a in arguments]
    _, err = predict(*arguments, status=2)
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    for part in parts:
        assert part in last
