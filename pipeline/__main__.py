"""`python -m pipeline STAGE [NAME]`: a stage of dvc.yaml, and what of params.yaml it is given."""

from __future__ import annotations

import argparse

from pipeline.command import run
from pipeline.core.errors import UserError
from pipeline.params import Params, load_params, named

ALONE = (
    "ingest",
    "weights",
    "features",
    "layers",
    "novelty",
    "pca",
    "pixels",
    "evaluate",
    "curve",
    "insight",
    "report",
)
OF_ENTRIES = ("classifier", "cnn", "stack", "sweep", "comparison")  # one entry of a section each


def perform(stage: str, name: str, params: Params, *, share: str | None) -> str | None:
    """Run a stage, of OF_ENTRIES that of `name`; returns what it says. Errors: `UserError`.

    It is imported when it is known which, as the libraries of all would take seconds.
    """
    match stage:
        case "ingest":
            from pipeline.ingest.stage import ingest

            return ingest(params.ingest)
        case "weights":
            from pipeline.backbones.stage import weights

            chosen = params.features
            return weights(chosen.backbone, chosen.weights, seed=chosen.seed)
        case "features":
            from pipeline.features.stage import features

            return features(params.features, share=share)
        case "layers":
            from pipeline.layers.stage import layers

            return layers(choose=params.features.layers == "auto")
        case "novelty":
            from pipeline.novelty.stage import novelty

            return novelty()
        case "pca":
            from pipeline.pca.stage import pca

            return pca(params.pca)
        case "pixels":
            from pipeline.pixels.stage import pixels

            return pixels(params.pixels)
        case "classifier":
            from pipeline.classifiers.stage import classifier

            return classifier(name, named(params.classifiers, name, section="classifiers"))
        case "cnn":
            from pipeline.cnns.stage import cnn

            return cnn(name, named(params.cnns, name, section="cnns"))
        case "stack":
            from pipeline.stacks.stage import stack

            return stack(name, named(params.stacks, name, section="stacks"))
        case "sweep":
            from pipeline.sweeps.stage import sweep

            swept = named(params.sweeps, name, section="sweeps")
            return sweep(name, swept, params.classifiers[swept.base])
        case "comparison":
            from pipeline.comparisons.stage import comparison

            compared = named(params.comparisons, name, section="comparisons")
            return comparison(
                name,
                params.classifiers[name],
                compared,
                shares=params.ingest.split,
                resampling=params.evaluate,
            )
        case "evaluate":
            from pipeline.evaluate.stage import evaluate

            return evaluate(params.evaluate, params.thresholds, stacks=params.stacks)
        case "curve":
            from pipeline.curve.stage import curve

            return curve(params.curve)
        case "insight":
            from pipeline.insight.stage import insight

            stacks = {name: entry.runs for name, entry in params.stacks.items()}
            return insight(params.insight, params.thresholds, cnns=params.cnns, stacks=stacks)
        case "report":
            from pipeline.report.stage import report

            whole = params.model_dump(mode="json", exclude_none=True, exclude={"launcher"})
            return report(whole, params.thresholds)
        case _:
            raise ValueError(f"no stage {stage}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    parser.add_argument("stage", choices=[*ALONE, *OF_ENTRIES])
    parser.add_argument("name", nargs="?", help=f"the entry: of {', '.join(OF_ENTRIES)}")
    parser.add_argument("--shard", metavar="I/N", help="of features: the I-th (from 0) of N shares")
    arguments = parser.parse_args()
    stage, name = arguments.stage, arguments.name or ""
    if (stage in OF_ENTRIES) != bool(name):
        wants = "the name of its entry: give it" if stage in OF_ENTRIES else "no name: leave it out"
        raise UserError(f"stage {stage} takes {wants}")
    if arguments.shard and stage != "features":
        raise UserError(f"--shard is of the stage features, not of {stage}: leave it out")
    params = load_params()
    if said := perform(stage, name, params, share=arguments.shard):
        print(said)
    if stage == "report":  # which is the last
        from pipeline.clean import says_left_over

        for line in says_left_over(params):
            print(line)


if __name__ == "__main__":
    run(main)
