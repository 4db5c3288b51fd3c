"""Stage insight: predictions, scores, data/images -> reports/insight."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from pipeline.artifacts import images
from pipeline.artifacts import insight as found
from pipeline.artifacts.predictions import read_predictions, scores_path
from pipeline.core.console import counted
from pipeline.core.files import replacing
from pipeline.core.parquet import Shards
from pipeline.insight.differences import Answers, changed, paired_differences
from pipeline.insight.params import Insight


def insight(params: Insight, thresholds: Mapping[str, float], *, stacks: Collection[str]) -> str:
    """Compare the runs of `thresholds`; returns how many. Errors: `UserError`."""
    artists = artists_apart(Shards(images.PATH))
    with replacing(found.FOLDER) as folder:
        folder.mkdir()
        compare(folder, params, thresholds, artists, stacks=stacks)
        found.write_checksums_of(folder)
    return f"insight: {counted(len(thresholds), 'run')} compared"


def artists_apart(pictures: Shards) -> dict[str, str] | None:
    """image_id -> artist, where no artist is on two sides of the split; else None."""
    if not pictures.metadata["artists_apart"]:
        return None
    table = pictures.read(["image_id", "artist"])
    return dict(zip(table["image_id"].to_pylist(), table["artist"].to_pylist(), strict=True))


def compare(
    folder: Path,
    params: Insight,
    thresholds: Mapping[str, float],
    artists: Mapping[str, str] | None,
    *,
    stacks: Collection[str],
) -> None:
    """Write how any two of the runs differ on the test pictures."""
    runs: dict[str, Answers] = {}
    for name, threshold in thresholds.items():
        test = read_predictions(scores_path(name, stacks=stacks), split="test")
        runs[name] = Answers.of(
            test.scores, test.targets, threshold=threshold, multilabel=test.multilabel
        )
    table = paired_differences(
        runs,
        test.targets,
        [artists[i] for i in test.image_ids] if artists else None,
        resamples=params.bootstrap,
        rng=np.random.default_rng(params.seed),
    )
    found.write_differences(folder, table, changed(runs, test.image_ids))
