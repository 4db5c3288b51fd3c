"""What layers, pooling and size of the packaged backbone are worth, and what they cost.

    python benchmarks/layers.py [--seeds 5]

In a project after `dvc repro`. For each setting the pictures go through the network, then the run
`logistic` of params.yaml is trained under splits by picture and by artist, drawn anew each seed.
Prints a table in Markdown: mean test accuracy each way, pictures/s from encoded bytes to vectors in
memory, and bytes a picture.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from hardware import described
from reference import Pictures

from pipeline.artifacts import images, models
from pipeline.backbones.backbone import Backbone
from pipeline.classifiers.inputs import Dataset
from pipeline.classifiers.runs import train
from pipeline.core.parquet import Shards
from pipeline.features.extraction import Extractor
from pipeline.measure.accuracy import hit_at_1
from pipeline.params import load_params

MIDDLE = [2, 3, 4, 5, 6]
SETTINGS = [
    ("last", "mean", "none"),
    ([4, 5], "mean", "none"),
    (MIDDLE, "mean", "none"),
    (MIDDLE, "mean_std", "none"),
    ([*MIDDLE, "last"], "mean", "none"),
    ("auto", "mean", "none"),
    ("auto", "mean", 160),
    ("auto", "mean", 320),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    params = load_params()
    run = params.classifiers["logistic"]
    shares = {"validation": params.ingest.split.validation, "test": params.ingest.split.test}
    encoded = [
        data.as_py()
        for batch in Shards(images.PATH).batches(["image"])
        for data in batch["image"].field("bytes")
    ]
    print(f"{described('scikit-learn')}\n")
    print("| layers | pool | size | by picture | by artist | pictures/s | bytes |")
    print("|---|---|---|---|---|---|---|")
    for layers, pool, size in SETTINGS:
        backbone = Backbone.load(models.backbone_path()).at(size)
        extractor = Extractor(backbone, layers=layers, pool=pool)
        extractor.expect(len(encoded), encoded)
        start = time.perf_counter()
        vectors = np.concatenate(list(extractor.vectors(encoded)))
        rate = len(encoded) / (time.perf_counter() - start)
        pictures = Pictures(vectors, extractor.widths)
        accuracies = []
        for way in ("picture", "artist"):
            found = []
            for seed in range(options.seeds):
                parts = pictures.split(way, seed, shares)
                features = vectors.astype(np.float32)
                if layers == "auto":
                    features = pictures.chosen(way, seed, parts)[1]
                data = Dataset(features, pictures.targets, multilabel=False, image_shape=None)
                trained = train(run, data[parts["train"]], data[parts["validation"]], seed=seed)
                scores = trained.scores(features[parts["test"]])
                found.append(hit_at_1(scores, pictures.targets[parts["test"]]))
            accuracies.append(np.mean(found))
        shown = layers if isinstance(layers, str) else ", ".join(map(str, layers))
        side = backbone.recipe.input_size
        print(
            f"| {shown} | {pool} | {side} | {accuracies[0]:.3f} | {accuracies[1]:.3f} | "
            f"{rate:.0f} | {vectors.itemsize * vectors.shape[1]:,} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
