"""Stage insight: predictions, scores, data/images, models -> reports/insight, models/conformal."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.artifacts import images, models, pixels
from pipeline.artifacts import insight as found
from pipeline.artifacts.audits import read_known_tests
from pipeline.artifacts.conformal import Conformal, models_digest
from pipeline.artifacts.images import Labelled, labelled
from pipeline.artifacts.predictions import Predictions, read_predictions, scores_path
from pipeline.artifacts.scores import best_run, read_scores
from pipeline.core.console import counted
from pipeline.core.files import replacing
from pipeline.core.parquet import Shards
from pipeline.insight.calibration import (
    calibration_error,
    calibration_error_interval,
    confidences,
    reliability,
)
from pipeline.insight.conformal import Held, mean_over_groups
from pipeline.insight.copies import without_copies
from pipeline.insight.cues import cues
from pipeline.insight.differences import Answers, changed, paired_differences
from pipeline.insight.doubts import doubts_and_noise
from pipeline.insight.params import Insight
from pipeline.insight.shortcuts import shortcuts, within_artists
from pipeline.measure.conformal import own_draws
from pipeline.measure.resampling import group_positions
from pipeline.measure.splitting import SPLITS
from pipeline.measure.temperature import at_temperature, fit_temperature, log_loss


def insight(
    params: Insight,
    thresholds: Mapping[str, float],
    *,
    cnns: Collection[str],
    stacks: Mapping[str, Sequence[str]],
) -> str:
    """Look into the scores of the runs of `thresholds`; returns how many, and how many labels are
    doubted. cnns: those on pixels; stacks: the members of each. Errors: `UserError`."""
    pictures = Shards(images.PATH)
    artists = images.held_out_artists(pictures)
    with replacing(found.FOLDER) as folder:
        folder.mkdir()
        paths = {run: scores_path(run, stacks=stacks) for run in thresholds}
        tests = {run: read_predictions(path, split="test") for run, path in paths.items()}
        compare(folder, params, thresholds, tests, artists)
        leave_out_copies(folder, params, tests, artists)
        levels = calibrate(folder, params, paths, tests, artists)
        trained = {run: models_digest(models_of(run, cnns, stacks)) for run in thresholds}
        within = look_for_shortcuts(folder, params, pictures)
        doubted = doubt(folder, params, pictures)
        found.write_summary(folder, {"doubts": doubted, "within_artists": within})
        found.write_checksums_of(folder)
    Conformal(
        coverage=params.coverage,
        by="artist" if artists else "picture",
        multilabel=not levels,
        models=trained,
        thresholds={run: levels.get(run, math.inf) for run in thresholds},
    ).write()
    labels = counted(doubted["listed"], "label")
    return f"insight: {counted(len(thresholds), 'run')} compared, {labels} doubted"


def models_of(run: str, cnns: Collection[str], stacks: Mapping[str, Sequence[str]]) -> list[Path]:
    """All models whose scores a run's follow from."""
    if run in stacks:
        return [models.stack_path(run), *map(models.run_path, stacks[run])]
    return [models.cnn_path(run) if run in cnns else models.run_path(run)]


def artists_of(part: Predictions, artists: Mapping[str, str] | None) -> list[str] | None:
    """Of each picture, where `artists` are given."""
    return [artists[i] for i in part.image_ids] if artists else None


def compare(
    folder: Path,
    params: Insight,
    thresholds: Mapping[str, float],
    tests: Mapping[str, Predictions],
    artists: Mapping[str, str] | None,
) -> None:
    """Write how any two of the runs differ on the test pictures."""
    runs: dict[str, Answers] = {}
    for name, test in tests.items():
        runs[name] = Answers.of(
            test.scores, test.targets, threshold=thresholds[name], multilabel=test.multilabel
        )
    table = paired_differences(
        runs,
        test.targets,
        artists_of(test, artists),
        resamples=params.bootstrap,
        rng=np.random.default_rng(params.seed),
    )
    found.write_differences(folder, table, changed(runs, test.image_ids))


def leave_out_copies(
    folder: Path,
    params: Insight,
    tests: Mapping[str, Predictions],
    artists: Mapping[str, str] | None,
) -> None:
    """Write each run's accuracy without the test pictures that have a near copy in training."""
    known = read_known_tests()
    first = next(iter(tests.values()))
    found.write_copies(
        folder,
        without_copies(
            {name: test.hits.mean(0) for name, test in tests.items()},
            np.isin(first.image_ids, list(known)),
            group_positions(artists_of(first, artists), len(first.image_ids)),
            resamples=params.bootstrap,
            rng=np.random.default_rng(params.seed),
        ),
    )


def calibrate(
    folder: Path,
    params: Insight,
    paths: Mapping[str, Path],
    tests: Mapping[str, Predictions],
    artists: Mapping[str, str] | None,
) -> dict[str, float]:
    """Write how far each run's scores are probabilities, and what its sets of classes hold.

    Of its first repeat, which is the model that is kept. Returns the threshold of each run's sets,
    of none where a picture may have several classes.
    """
    calibration, bins, sets = [], [], []
    levels: dict[str, float] = {}
    for name, test in tests.items():
        validation = read_predictions(paths[name], split="validation")
        row, table = calibration_of(validation, test, artists_of(test, artists), params)
        calibration.append({"run": name, **row})
        bins.append(table.assign(run=name))
        if not test.multilabel:
            of_run = sets_of(validation, test, artists, params)
            sets.append({"run": name, **of_run})
            levels[name] = of_run["threshold"]
    found.write_calibration(
        folder,
        pd.DataFrame(calibration),
        pd.concat(bins),
        pd.DataFrame(sets, columns=found.CONFORMAL),
    )
    return levels


def calibration_of(
    validation: Predictions, test: Predictions, artists: Sequence[str] | None, params: Insight
) -> tuple[dict[str, float], pd.DataFrame]:
    """The numbers of CALIBRATION and the bins of RELIABILITY, but for the run."""
    multilabel, scores = test.multilabel, test.scores[0]
    said = confidences(scores, test.targets, multilabel=multilabel)
    low, high = calibration_error_interval(
        *said,
        artists,
        n_pictures=len(scores),
        resamples=params.bootstrap,
        rng=np.random.default_rng(params.seed),
    )
    best = fit_temperature(validation.scores[0], validation.targets, multilabel=multilabel)
    tempered = at_temperature(scores, best, multilabel=multilabel)
    losses = [
        log_loss(scores, test.targets, temperature=temperature, multilabel=multilabel)
        for temperature in (1.0, best)
    ]
    return {
        "error": calibration_error(*said),
        "error_low": low,
        "error_high": high,
        "log_loss": losses[0],
        "temperature": best,
        "error_at_temperature": calibration_error(
            *confidences(tempered, test.targets, multilabel=multilabel)
        ),
        "log_loss_at_temperature": losses[1],
    }, reliability(*said)


def sets_of(
    validation: Predictions, test: Predictions, artists: Mapping[str, str] | None, params: Insight
) -> dict[str, float]:
    """The numbers of CONFORMAL, but for the run."""
    rng = np.random.default_rng(params.seed)
    groups, test_groups = (
        group_positions(artists_of(part, artists), len(part.image_ids))
        for part in (validation, test)
    )
    known, new = (
        (part.scores[0], part.targets, own_draws(part.image_ids)) for part in (validation, test)
    )
    held = Held.of(known, new, groups, coverage=params.coverage)
    coverage, low, high = mean_over_groups(
        held.covered, test_groups, resamples=params.bootstrap, rng=rng
    )
    size, _, _ = mean_over_groups(held.sizes, test_groups, resamples=1, rng=rng)
    return {
        "coverage": coverage,
        "coverage_low": low,
        "coverage_high": high,
        "size": size,
        "threshold": held.threshold,
    }


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


def look_for_shortcuts(folder: Path, params: Insight, pictures: Shards) -> dict[str, float] | None:
    """Write what cues that see nothing of the pictures tell of their classes; returns what they
    tell within artists."""
    small, _ = pixels.open_pixels()
    known = Labelled(*labelled(pictures, beside=pixels.PATH, count=len(small)))
    artists = known.table["artist"].to_pylist()
    train, test = known.split == "train", known.split == "test"
    signed = np.array(artists)[test].tolist() if known.artists_apart else None
    numbers = cues(
        pictures.batches(["image", "width", "height"]),
        small,
        names={*known.classes, *artists} - {None},
    )
    groups = group_positions(signed, int(test.sum()))
    of, drawn = (numbers, known.targets, train, test), params.bootstrap
    rng = np.random.default_rng(params.seed)
    found.write_shortcuts(folder, shortcuts(*of, groups, resamples=drawn, rng=rng))
    return within_artists(*of, artists, resamples=drawn, rng=rng)


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
