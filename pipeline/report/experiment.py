"""What several sections of the page share: the parameters and what the stages made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.artifacts import images, insight, models, predictions, scores, trainings
from pipeline.core.files import read_json
from pipeline.core.parquet import Shards
from pipeline.measure.splitting import SPLITS
from pipeline.report.distribution import commonest_class_accuracy, distribution, largest_classes


@dataclass(frozen=True)
class Experiment:
    """whole: params.yaml as plain data; thresholds: of each run, in the order of the file, stacks
    last. All else is read when it is first asked for.

    Errors: `UserError` when a file is missing or damaged.
    """

    whole: dict[str, Any]
    thresholds: dict[str, float]

    @property
    def runs(self) -> list[str]:
        """Their names, in the order of the file, stacks last."""
        return list(self.thresholds)

    @cached_property
    def scores(self) -> dict[str, dict[str, float]]:
        """Of each run, those that it has."""
        return scores.read_scores()

    @cached_property
    def best(self) -> str:
        """The run that is best on validation."""
        return scores.best_run(self.scores)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Between any two runs, as `insight.DIFFERENCES` says."""
        return insight.read_differences()

    @cached_property
    def not_told_apart(self) -> list[str]:
        """The runs that the test does not tell apart from the best."""
        return insight.not_told_apart(self.differences, self.best)

    @cached_property
    def test(self) -> predictions.Predictions:
        """The best run's predictions for the test pictures."""
        path = predictions.scores_path(self.best, stacks=self.whole["stacks"])
        return predictions.read_predictions(path, split="test")

    @property
    def multilabel(self) -> bool:
        """Whether a picture may have several classes."""
        return self.test.multilabel

    @cached_property
    def trainings(self) -> dict[str, trainings.Training]:
        """What each run's trainings made."""
        return {run: trainings.read_training(trainings.training_path(run)) for run in self.runs}

    @cached_property
    def backbone(self) -> dict[str, Any]:
        """What the frozen backbone is: name, weights, trained_on, input_size, …."""
        stored: dict[str, Any] = read_json(models.backbone_path().with_suffix(".json"))
        return stored

    @cached_property
    def images(self) -> Shards:
        """All pictures."""
        return Shards(images.PATH)

    @cached_property
    def _table(self) -> pa.Table:
        return self.images.read(["image_id", "labels", "artist", "split"])

    @cached_property
    def ids(self) -> list[str]:
        """The image_id of each picture."""
        ids: list[str] = self._table["image_id"].to_pylist()
        return ids

    @cached_property
    def labels(self) -> list[list[str]]:
        """The classes of each picture."""
        labels: list[list[str]] = self._table["labels"].to_pylist()
        return labels

    @cached_property
    def splits(self) -> list[str]:
        """The split of each picture."""
        splits: list[str] = self._table["split"].to_pylist()
        return splits

    @cached_property
    def n_artists(self) -> int:
        """How many artists are known."""
        return len(set(self._table["artist"].to_pylist()) - {None})

    @property
    def artists_apart(self) -> bool:
        """Whether no artist is on two sides of the split."""
        apart: bool = self.images.metadata["artists_apart"]
        return apart

    @property
    def counts(self) -> dict[str, int]:
        """Pictures of each split."""
        return {split: self.splits.count(split) for split in SPLITS}

    @property
    def classes(self) -> list[str]:
        """Their names, sorted."""
        classes: list[str] = self.images.metadata["classes"]
        return classes

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @cached_property
    def pictures(self) -> pd.DataFrame:
        """Pictures per class and split, as `distribution` counts them."""
        return distribution(self.labels, self.splits)

    @cached_property
    def shown(self) -> list[str]:
        """The classes that figures show, the largest first."""
        return largest_classes(self.pictures)

    @cached_property
    def baseline(self) -> float:
        """Test accuracy of always answering the commonest class."""
        return commonest_class_accuracy(self.labels, self.splits)
