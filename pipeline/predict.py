"""A trained run on new pictures: `python -m pipeline.predict [--run NAME] PICTURE_OR_FOLDER…`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from pipeline.artifacts.conformal import Conformal, conformal_path, models_digest
from pipeline.artifacts.models import (
    FOLDER,
    backbone_path,
    cnn_path,
    pca_path,
    run_path,
    stack_path,
)
from pipeline.artifacts.novelty import novelty_path
from pipeline.artifacts.pixels import to_floats
from pipeline.artifacts.scores import METRICS, best_run, read_metrics
from pipeline.artifacts.vectors import columns_of
from pipeline.backbones.backbone import Backbone
from pipeline.classifiers.runs import TrainedRun, load_run
from pipeline.cnns.trained import TrainedNetwork
from pipeline.command import run
from pipeline.compute.parallel import ordered_map
from pipeline.compute.pictures import PictureError
from pipeline.core.console import counted, on_one_line, takes_all_letters
from pipeline.core.digests import digest
from pipeline.core.errors import UserError
from pipeline.core.files import replacing
from pipeline.features.extraction import Execution, Extractor
from pipeline.ingest.sources.tree import FolderTree, UnreadableError, text
from pipeline.layers.together import Together
from pipeline.measure.conformal import own_draws, prediction_sets
from pipeline.novelty.neighbours import Neighbours
from pipeline.pca.files import Projection, load_pca
from pipeline.pixels.decoding import decode_pixels
from pipeline.stacks.stacking import Stack

BATCH = 32  # pictures that are read at a time
PER_GROUP = 1024  # pictures in a row group of --output
ALL = slice(None)  # columns
SHOWN = 3  # classes per picture in the table
NONE = "none of these?"  # behind the classes of a picture that is far from all of training


@dataclass(frozen=True)
class Prediction:
    """One picture: the probability of each class, and the set that holds the right one where sets
    are made; or why it could not be read."""

    path: str  # bytes that are no UTF-8 are escaped
    probabilities: dict[str, float]
    held: frozenset[str] = frozenset()
    foreign: bool | None = None  # far from all training pictures: none of the classes; or not asked
    error: str | None = None

    def ranked(self) -> list[tuple[str, float]]:
        """The classes with their probabilities, most probable first."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])

    @property
    def one_of(self) -> list[str]:
        """The classes of the set, most probable first."""
        return [name for name, _ in self.ranked() if name in self.held]


@dataclass(frozen=True)
class Sets:
    """Sets of classes that hold the right one with the probability `coverage`, by the threshold
    that was set on validation, of pictures or of artists (`by`) like those there."""

    threshold: float
    coverage: float
    by: str

    def __str__(self) -> str:
        """Beside a set."""
        return f"{100 * self.coverage:.4g} %"

    @property
    def promise(self) -> str:
        """What is said of all of them."""
        what = "pictures of new artists" if self.by == "artist" else "pictures"
        return f"one of: holds the right class of {self} or more of {what} like those in validation"

    @classmethod
    def of(cls, run: str, paths: list[Path], models: Path) -> Sets | str:
        """Those of a run whose models lie at `paths`, or why there are none. Errors: `UserError`
        where the file is damaged."""
        path = conformal_path(models)
        if not path.exists():
            return f"no sets of classes: {path} is missing: run `dvc repro` to make it"
        known = Conformal.read(path)
        if known.multilabel:
            return "no sets of classes: a picture may have several, and a set is to hold the one"
        if known.models.get(run) != models_digest(paths):
            return f"no sets of classes: {run} was trained after {path} was made: run `dvc repro`"
        sets = cls(known.thresholds[run], known.coverage, known.by)
        if np.isinf(sets.threshold):
            return f"no sets of classes: {sets} needs more {sets.by}s in validation"
        return sets


class FromBackbone:
    """Encoded pictures -> `features` or `components`, by the backbone and PCA of `models`.

    Errors: `UserError` when a model is missing, damaged, or does not fit the other.
    """

    def __init__(self, models: Path, kind: str) -> None:
        backbone = Backbone.load(backbone_path(models))
        pca, extraction = load_pca(pca_path(models))
        if extraction["digest"] != backbone.recipe.digest:
            raise UserError(f"{models}/pca belongs to another backbone: run `dvc repro`")
        self.pca: Projection | None = pca if kind == "components" else None
        digest = extraction.pop("components_digest")
        self.extraction = extraction
        self.provenance = (
            {"components_digest": digest} if kind == "components" else {"features": extraction}
        )
        self._extractor = Extractor(
            backbone.at(extraction["input_size"]),
            layers=[name for name, _ in extraction["widths"]],
            pool=extraction["pool"],
            resize=extraction["resize"],
            scaled_decoding=extraction["scaled_decoding"],
            precision=extraction["precision"],
            execution=Execution(batch_size=1),  # no batch is filled up
        )
        widths = self._extractor.widths
        self._together = Together(widths, extraction.get("scales", dict.fromkeys(widths, 1)))

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        """Errors: `PictureError`."""
        return self._extractor.prepare(data)

    def features(self, prepared: NDArray[np.uint8]) -> NDArray[np.float16]:
        return self._together(self._extractor.forward(torch.from_numpy(prepared)))

    def project(self, features: NDArray[np.float16]) -> NDArray[Any]:
        return features.astype(np.float32) if self.pca is None else self.pca(features)

    def vectors(self, prepared: NDArray[np.uint8]) -> NDArray[Any]:
        return self.project(self.features(prepared))


class FromPixels:
    """Encoded pictures -> `pixels`, of the size and colour that a run was trained on."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.provenance = {"pixels": options}
        self._options = options

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        """Errors: `PictureError`."""
        return decode_pixels(data, **self._options)

    def vectors(self, prepared: NDArray[np.uint8]) -> NDArray[Any]:
        return to_floats(prepared)


class AsPixels(FromPixels):
    """Encoded pictures -> pixels as they are, which the networks on pixels take."""

    def vectors(self, prepared: NDArray[np.uint8]) -> NDArray[Any]:
        return prepared


class Strangers:
    """Which pictures are none of the classes, by the features of `source`, known as `kind`.

    Errors: `UserError` when the model is damaged, or of other features.
    """

    def __init__(self, models: Path, kind: str, source: FromBackbone) -> None:
        self.kind, self.source = kind, source
        self._neighbours, stored = Neighbours.load(novelty_path(models))
        if stored["features"] != source.extraction:
            raise UserError(f"{novelty_path(models)} is of other features: run `dvc repro`")

    def look(self, prepared: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The source's vectors, and which pictures are foreign, (N,)."""
        features = self.source.features(prepared)
        return self.source.project(features), self._neighbours.foreign(features)


@dataclass(frozen=True)
class Prepared:
    """A picture that could be read: image_id as in `data/images`; inputs: kind -> what it takes."""

    image_id: str
    inputs: dict[str, NDArray[np.uint8]]


class Predictor:
    """The whole way of a picture to a run's scores, as `dvc repro` left it in `models`.

    The run is one of the classifiers or networks (its first repeat) or a stack of several.
    Errors: `UserError` when a model is missing, damaged, or does not fit the others.
    """

    def __init__(self, models: Path, name: str) -> None:
        there = {
            path.stem: path
            for kind in (run_path, cnn_path, stack_path)
            for path in kind("*", models).parent.glob("*.safetensors")
        }
        if name not in there:
            raise UserError(
                f"there is no trained run {name!r} in {models} (there: "
                f"{', '.join(sorted(there)) or 'none'})"
            )
        self.paths = [path := there[name]]  # of all models whose scores the run's follow from
        self.stack = Stack.load(path) if path == stack_path(name, models) else None
        members = self.stack.runs if self.stack else (name,)
        self.sources: dict[str, FromBackbone | FromPixels] = {}
        self.members: list[tuple[str, Any, TrainedRun | TrainedNetwork]] = []
        self.strangers: Strangers | None = None
        if path == cnn_path(name, models):
            network, stored = TrainedNetwork.load(path)
            self.classes: list[str] = network.classes
            self.sources["cnn"] = AsPixels(stored["pixels"])
            self.members.append(("cnn", ALL, network))
            return
        for member in members:
            path = run_path(member, models)
            run, trained = load_run(path)
            if self.stack:
                self.paths.append(path)
            self.classes = trained["classes"]
            kind = trained["input"]
            if kind not in self.sources:
                self.sources[kind] = (
                    FromPixels(trained["pixels"])
                    if kind == "pixels"
                    else FromBackbone(models, kind)
                )
            if any(trained[k] != value for k, value in self.sources[kind].provenance.items()):
                raise UserError(f"{path} was trained on other {kind}: run `dvc repro`")
            layers = trained["run"]["layers"]
            seen = ALL if layers == "all" else columns_of(layers, dict(trained[kind]["widths"]))
            self.members.append((kind, seen, run))
        if novelty_path(models).exists():  # not where the models are older
            for kind, source in self.sources.items():
                if isinstance(source, FromBackbone):
                    self.strangers = Strangers(models, kind, source)

    def predict(self, files: Iterable[Path], sets: Sets | None) -> Iterator[Prediction]:
        """A prediction for each file, in order; memory holds one batch."""
        remaining = iter(files)
        while batch := list(islice(remaining, BATCH)):
            read = list(ordered_map(self._read, batch))
            prepared = [given for given in read if not isinstance(given, str)]
            found = self._predictions(prepared, sets) if prepared else iter(())
            for path, result in zip(batch, read, strict=True):
                name = text(str(path))
                if isinstance(result, str):
                    yield Prediction(name, {}, error=result)
                else:
                    yield Prediction(name, *next(found))

    def _read(self, path: Path) -> Prepared | str:
        try:
            data = FolderTree(path.parent).read(path.name)
            inputs = {kind: source.prepare(data) for kind, source in self.sources.items()}
            return Prepared(digest(data), inputs)
        except (UnreadableError, PictureError) as error:
            return str(error)

    def _predictions(
        self, prepared: list[Prepared], sets: Sets | None
    ) -> Iterator[tuple[dict[str, float], frozenset[str], bool | None]]:
        """Of each picture the probabilities, where there are `sets` its set, and whether it is none
        of the classes."""
        scores, foreign = self._scores([given.inputs for given in prepared])
        held = np.full(scores.shape, False)
        if sets:
            draws = own_draws([given.image_id for given in prepared])
            held = prediction_sets(scores, draws, sets.threshold)
        for values, within, stranger in zip(scores, held, foreign, strict=True):
            named = zip(self.classes, values, strict=True)
            yield (
                {label: round(float(p), 4) for label, p in named},
                frozenset(np.array(self.classes, object)[within]),
                stranger,
            )

    def _scores(
        self, prepared: list[dict[str, NDArray[np.uint8]]]
    ) -> tuple[NDArray[np.float32], list[bool] | list[None]]:
        vectors: dict[str, NDArray[Any]] = {}
        foreign: list[bool] | list[None] = [None] * len(prepared)
        for kind, source in self.sources.items():
            stacked = np.stack([arrays[kind] for arrays in prepared])
            if self.strangers is not None and kind == self.strangers.kind:
                vectors[kind], found = self.strangers.look(stacked)
                foreign = found.tolist()
            else:
                vectors[kind] = source.vectors(stacked)
        scores = [run.scores(vectors[kind][:, seen]) for kind, seen, run in self.members]
        return self.stack.scores(scores) if self.stack else scores[0], foreign


def local(given: str) -> Path:
    """A path that was given. Errors: `UserError` for an address."""
    if "://" in given and not Path(given).exists():
        raise UserError(f"{given} is an address: fetch what is there and give the files")
    return Path(given)


def best(metrics: Path) -> str:
    """The run that was best on validation. Errors: `UserError`."""
    try:
        return best_run(read_metrics(metrics))
    except UserError as error:
        raise UserError(f"{error}, or give --run") from None
    except (AttributeError, TypeError, ValueError):  # JSON of another form
        raise UserError(
            f"{metrics} gives no validation accuracies: run `dvc repro`, or give --run"
        ) from None


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named and those below the folders named, but for what is hidden or left behind."""
    for path in paths:
        if path.is_dir():
            yield from (path / name for name in FolderTree(path).files("."))
        elif path.exists():
            yield path
        else:
            raise UserError(f"{path} does not exist: give pictures or folders of pictures")


def print_table(predictions: Iterable[Prediction], sets: Sets | None) -> None:
    """A line per picture as it comes: its path, the most probable classes, its set, and whether it
    is none of them."""
    for prediction in predictions:
        cells = [f"{name} {p:.3f}" for name, p in prediction.ranked()[:SHOWN]]
        if sets:
            every = len(prediction.held) == len(prediction.probabilities)
            among = f"one of: {', '.join(prediction.one_of)} ({sets})"
            cells.append("any class" if every else among)
        if prediction.foreign:
            cells.append(NONE)
        print(*map(on_one_line, (prediction.path, *cells)), sep="\t", flush=True)


def print_json(predictions: Iterable[Prediction], sets: Sets | None) -> None:
    """A list with an object per picture, all classes, most probable first."""
    rows = [
        {
            "path": p.path,
            "probabilities": dict(p.ranked()),
            **({"one_of": p.one_of, "coverage": sets.coverage} if sets else {}),
            **({} if p.foreign is None else {"none_of_these": p.foreign}),
        }
        for p in predictions
    ]
    print(json.dumps(rows, indent=2, ensure_ascii=not takes_all_letters()))


def write_parquet(predictions: Iterable[Prediction], path: Path, sets: Sets | None) -> None:
    """Rows path, class, probability, one per picture and class; with sets also whether the class is
    in the picture's (`in_set`), and their `coverage`."""
    columns = {"path": pa.string(), "class": pa.string(), "probability": pa.float32()}
    if sets:
        columns |= {"in_set": pa.bool_(), "coverage": pa.float64()}
    schema = pa.schema(columns)
    count = 0
    remaining = iter(predictions)
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        while batch := list(islice(remaining, PER_GROUP)):
            rows = [
                {
                    "path": p.path,
                    "class": name,
                    "probability": value,
                    **({"in_set": name in p.held, "coverage": sets.coverage} if sets else {}),
                }
                for p in batch
                for name, value in p.probabilities.items()
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(batch)
    print(on_one_line(f"{counted(count, 'picture')}: {path}"))


def check_output(path: Path) -> None:
    """Errors: `UserError` where no Parquet file can be written."""
    if path.suffix != ".parquet" or path.is_dir():
        raise UserError(f"--output is {path}: give a file that ends in .parquet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--output is {path}, but {reason}: give another path") from None


def predicted(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    """Pass on what could be read and report the rest on stderr. Errors: `UserError` if nothing."""
    count = 0
    for prediction in predictions:
        if prediction.error is None:
            count += 1
            yield prediction
        else:
            line = f"skipped {prediction.path}: {prediction.error}"
            print(on_one_line(line), file=sys.stderr)
    if not count:
        raise UserError("no picture could be read: give JPEG, PNG or other picture files")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__)
    parser.add_argument("pictures", nargs="+", type=local, metavar="PICTURE_OR_FOLDER")
    parser.add_argument("--run", help="name in params.yaml (its first repeat); default: the best")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all classes, as JSON")
    form.add_argument("--output", type=local, help="all classes, into this .parquet file")
    parser.add_argument("--models", type=local, default=FOLDER, help=f"default: {FOLDER}")
    parser.add_argument("--metrics", type=local, default=METRICS)
    arguments = parser.parse_args()
    output = arguments.output
    if output:
        check_output(output)
    files = list(find_files(arguments.pictures))
    name = arguments.run
    if not name:
        name = best(arguments.metrics)
        print(f"by {name}, the best on validation", file=sys.stderr)
    predictor = Predictor(arguments.models, name)
    found = Sets.of(name, predictor.paths, arguments.models)
    sets = None if isinstance(found, str) else found
    print(on_one_line(sets.promise if sets else str(found)), file=sys.stderr)
    predictions = predicted(predictor.predict(files, sets))
    if output:
        write_parquet(predictions, output, sets)
    elif arguments.json:
        print_json(predictions, sets)
    else:
        print_table(predictions, sets)


if __name__ == "__main__":
    run(main)
