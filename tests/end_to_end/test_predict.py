"""`python -m pipeline.predict` on the models of a small project."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw
from processes import run

from pipeline.artifacts.predictions import read_predictions, scores_path


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


@pytest.mark.parametrize(
    ("run", "kind"), [("adam", "runs"), ("lenet", "cnns"), ("stacked", "stacks"), ("snn", "runs")]
)
def test_new_pictures_get_what_evaluation_saw(made, predict, pictures, tmp_path, run, kind):
    """At the run's temperature, where it has one."""
    output = tmp_path / "new.parquet"
    out, err = predict("--run", run, "--output", str(output), str(pictures))
    table = pq.read_table(output).to_pandas()
    folder = made[0].folder
    expected = read_predictions(folder / scores_path(run, stacks=["stacked"]), split="test")
    temperature = json.loads((folder / f"models/{kind}/{run}.json").read_text())["temperature"]
    assert (temperature is None) == (run == "snn")
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


@pytest.mark.parametrize("run_name", ["logistic", "adam", "stacked"])
def test_pages_of_text_are_none_of_these_and_most_paintings_are_not(
    predict, pictures, encode, rng, tmp_path, run_name
):
    for number in range(20):
        page = Image.new("RGB", (64, 64), "white")
        for y in range(2, 60, 10):
            line = "".join(map(chr, rng.integers(97, 123, 10)))
            ImageDraw.Draw(page).text((2, y), line, fill="black")
        (tmp_path / f"{number}.png").write_bytes(encode(page))
    rows, own = (
        json.loads(predict("--run", run_name, "--json", str(folder))[0])
        for folder in (tmp_path, pictures)
    )
    flags = [row["none_of_these"] for row in own]
    assert np.mean([row["none_of_these"] for row in rows]) > 0.9
    assert np.mean(flags) < 0.35
    line = predict("--run", run_name, rows[0]["path"])[0].rstrip("\n")
    assert line.endswith("\tnone of these?") == rows[0]["none_of_these"]


def test_networks_on_pixels_do_not_ask_what_is_none_of_these(predict, pictures):
    rows = json.loads(predict("--run", "small_cnn", "--json", str(pictures))[0])
    assert all("none_of_these" not in row for row in rows)


PLAIN = "cannot be read: it is no plain file"


def test_what_is_no_file_is_skipped(predict, pictures, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    shutil.copy(sorted(pictures.glob("[0-9a-f]*.jpg"))[0], folder / "a.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zeros.jpg").symlink_to("/dev/zero")
    (folder / "@eaDir").mkdir()  # a storage system's thumbnails
    shutil.copy(folder / "a.jpg", folder / "@eaDir/a.jpg")
    (folder / "nowhere.jpg").symlink_to("missing")
    with (folder / "large.jpg").open("wb") as file:
        file.truncate(2**29 + 1)
    out, err = predict("--run", "adam", str(folder), "/dev/zero", "/dev/null")
    assert [line.split("\t")[0] for line in out.splitlines()] == [str(folder / "a.jpg")]
    for name, reason in [
        (folder / "pipe.jpg", PLAIN),
        (folder / "zeros.jpg", PLAIN),
        (folder / "nowhere.jpg", "cannot be read: No such file or directory"),
        (folder / "large.jpg", f"{2**29 + 1} bytes, more than {2**29}"),
        ("/dev/zero", PLAIN),
        ("/dev/null", PLAIN),
    ]:
        assert f"skipped {name}: {reason}\n" in err


def test_names_of_files_that_cannot_be_printed(predict, pictures, tmp_path):
    """What is no UTF-8 is escaped everywhere, what would break a line in lines."""
    folder = tmp_path / "new"
    folder.mkdir()
    names = [b"caf\xe9.jpg", b"two\nlines.jpg", b"red\x1b[31m.jpg", "単.jpg".encode()]
    for name in names:
        path = os.fsencode(folder) + b"/" + name
        shutil.copy(sorted(pictures.glob("[0-9a-f]*.jpg"))[0], path)
    shutil.copy(pictures / "broken.jpg", os.fsencode(folder) + b"/a\xff.jpg")
    escaped = {
        str(folder / name)
        for name in (r"caf\xe9.jpg", "two\nlines.jpg", "red\x1b[31m.jpg", "単.jpg")
    }
    output = tmp_path / "new.parquet"
    _, err = predict("--run", "adam", "--output", str(output), str(folder))
    assert set(pq.read_table(output)["path"].to_pylist()) == escaped
    assert f"skipped {folder}/a\\xff.jpg: cannot be decoded" in err
    found = json.loads(predict("--run", "adam", "--json", str(folder))[0])
    assert {row["path"] for row in found} == escaped
    table = predict("--run", "adam", str(folder))[0].splitlines()
    shown = {line.split("\t")[0] for line in table}
    assert shown == {name.replace("\n", "\\n").replace("\x1b", "\\x1b") for name in escaped}


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", "3", "null", '{"adam": 0.5}', '{"adam": {}}', '{"adam": {"accuracy": 1}}',
     '{"adam": {"accuracy": null}}', "", "{"],
)  # fmt: skip
def test_metrics_of_another_form(predict, pictures, tmp_path, content):
    metrics = tmp_path / "metrics.json"
    metrics.write_text(content)
    one = str(sorted(pictures.glob("[0-9a-f]*.jpg"))[0])
    _, err = predict("--metrics", str(metrics), one, status=2)
    assert err.startswith(f"error: {metrics} ")
    assert err.count("\n") == 1
    assert err.endswith("or give --run\n")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["https://example.org//a.jpg"], ["https://example.org//a.jpg is an address", "fetch"]),
        (["s3://mine/pictures"], ["s3://mine/pictures is an address"]),
        (["--output", "s3://a/b.parquet", "broken.jpg"], ["s3://a/b.parquet is an address"]),
        *(
            (["--output", path, "broken.jpg"], [f"--output is {path}, but {reason}: give"])
            for path, reason in [
                ("params.yaml/a.parquet", "File exists"),
                ("/dev/null/a/b.parquet", "Not a directory"),
                ("/proc/a.parquet", "No such file or directory"),
                (f"{'n' * 245}.parquet", "File name too long"),
            ]
        ),
        (["--output", f"{'n' * 300}.parquet", "broken.jpg"], ["too long", "give a shorter path"]),
        (["miss\x1b[2Jing\nerror: .jpg"], [r"miss\x1b[2Jing error: .jpg does not exist"]),
        (["--metrics", "missing.json", "broken.jpg"], ["missing.json is missing", "--run"]),
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
