"""Stage insight: predictions, scores, data/images -> reports/insight."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.artifacts import images
from pipeline.artifacts import insight as found
from pipeline.artifacts.predictions import Predictions, read_predictions, scores_path
from pipeline.artifacts.scores import best_run, read_scores
from pipeline.core.console import counted
from pipeline.core.files import replacing
from pipeline.core.parquet import Shards
from pipeline.insight.differences import Answers, changed, paired_differences
from pipeline.insight.doubts import doubts_and_noise
from pipeline.insight.params import Insight
from pipeline.measure.splitting import SPLITS


def insight(params: Insight, thresholds: Mapping[str, float], *, stacks: Collection[str]) -> str:
    """Look into the scores of the runs of `thresholds`; returns how many, and how many labels are
    doubted. Errors: `UserError`."""
    pictures = Shards(images.PATH)
    with replacing(found.FOLDER) as folder:
        folder.mkdir()
        compare(folder, params, thresholds, images.held_out_artists(pictures), stacks=stacks)
        doubted = doubt(folder, params, pictures)
        found.write_summary(folder, {"doubts": doubted})
        found.write_checksums_of(folder)
    labels = counted(doubted["listed"], "label")
    return f"insight: {counted(len(thresholds), 'run')} compared, {labels} doubted"


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


def doubt(folder: Path, params: Insight, pictures: Shards) -> dict[str, Any]:
    """Write the labels that may be wrong, by the mean scores over a run's repeats.

    Returns the run, None if there is none with folds, and how many pictures it has scored and how
    many labels are listed.
    """
    scores = read_scores()
    with_folds = {run: of for run, of in scores.items() if "fold_accuracy" in of}
    chosen = params.doubts.run
    run = chosen if chosen in with_folds else best_run(with_folds) if with_folds else None
    doubts, noise = pd.DataFrame(columns=found.DOUBTS), pd.DataFrame(columns=found.NOISE)
    scored = 0
    if run is not None:
        path = scores_path(run, stacks=())
        parts = {split: read_predictions(path, split=split) for split in SPLITS}
        doubts, noise = doubted_by([part for part in parts.values() if part.image_ids])
        split_of = {i: split for split, part in parts.items() for i in part.image_ids}
        doubts["split"] = doubts["image_id"].map(split_of)
        doubts["path"] = doubts["image_id"].map(paths_of(pictures))
        scored = len(split_of)
    found.write_doubts(folder, doubts, noise)
    return {"run": run, "scored": scored, "listed": len(doubts)}


def doubted_by(parts: list[Predictions]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `doubts_and_noise` finds in all parts together, with image_id."""
    means: NDArray[np.float32] = np.concatenate([part.scores.mean(0) for part in parts])
    doubts, noise = doubts_and_noise(
        means,
        np.concatenate([part.targets for part in parts]),
        parts[0].classes,
        multilabel=parts[0].multilabel,
    )
    ids = np.asarray([image_id for part in parts for image_id in part.image_ids], object)
    return doubts.assign(image_id=ids[doubts["picture"]]), noise


def paths_of(pictures: Shards) -> dict[str, str]:
    """image_id -> where the source had the picture."""
    paths: dict[str, str] = {}
    for rows in pictures.batches(["image_id", "image"]):
        names = rows["image"].field("path").to_pylist()
        paths |= zip(rows["image_id"].to_pylist(), names, strict=True)
    return paths
