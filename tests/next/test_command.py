"""`python -m pipeline.next` on the models of a small project."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq

COMMAND = ("python", "-m", "pipeline.next")


def test_new_pictures_are_chosen_and_copies_left_out(made_project_copy, picture):
    project = made_project_copy
    folder = project.folder / "unlabelled"
    folder.mkdir()
    row = pq.read_table(project.folder / "data/images").slice(0, 1).to_pylist()[0]
    (folder / "copy.jpg").write_bytes(row["image"]["bytes"])
    for number in range(12):
        (folder / f"{number}.png").write_bytes(picture(number))
    said = project.run(*COMMAND, "--count", "5", "unlabelled")
    copied = f"left out unlabelled/copy.jpg: a copy of {row['image']['path']}, which is labelled"
    assert copied in said.splitlines()
    assert "next: 5 of 12 pictures, by the doubts of " in said
    table = pd.read_csv(project.folder / "reports/next.csv")
    assert table.columns.tolist() == ["rank", "path", "suggested", "score", "reason"]
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["path"].is_unique
    for line in table.itertuples():
        assert line.reason.startswith(f"{line.suggested} {line.score:.2f} or ")
    page = (project.folder / "reports/next.html").read_text("utf-8")
    assert page.count("<figure>") == 5
    all_of_them = project.run(*COMMAND, "--run", "small_cnn", "unlabelled")
    assert "next: 12 of 12 pictures, by the doubts of small_cnn" in all_of_them


def test_what_cannot_be_asked(made_project_copy):
    folder = made_project_copy.folder / "empty"
    folder.mkdir()
    for arguments, words in (
        (("empty",), "error: no picture is left to choose from"),
        (("--count", "0", "empty"), "error: --count is 0: give 1 or more"),
        (("nowhere",), "error: nowhere does not exist"),
    ):
        said = made_project_copy.run(*COMMAND, *arguments, status=2)
        assert said.startswith(words)
        assert said.count("\n") == 1
