"""Stage report: everything the other stages wrote -> reports/index.html, summary.txt."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import charts, page
from pipeline.accuracy import best_run
from pipeline.console import run
from pipeline.models import read_tensor
from pipeline.params import Params, load_params
from pipeline.predictions import Predictions, read_predictions
from pipeline.tables import Shards, read_csv, read_file, read_json, replacing


@dataclass(frozen=True)
class Results:
    """What the page is made of, read from the files named in `dvc.yaml`."""

    images: Shards
    audit: dict[str, Any]
    backbone: dict[str, Any]
    pca: dict[str, Any]
    variance: pd.DataFrame
    metrics: dict[str, dict[str, float]]
    curves: pd.DataFrame
    per_class: pd.DataFrame
    thresholds: pd.DataFrame
    roc: pd.DataFrame
    folds: pd.DataFrame  # columns run, metric, mean, sd, folds
    confusion: pd.DataFrame  # columns run, actual, predicted, count
    training: dict[str, dict[str, Any]]  # what it took and what it made, by run
    sweeps: dict[str, pd.DataFrame]
    comparisons: dict[str, pd.DataFrame]  # of runs under both splits; none without artists
    filters: dict[str, NDArray[np.float32]]  # (n, C, h, w), of the networks that convolve
    explained: dict[str, list[dict[str, Any]]]  # rows of `explanations.SCHEMA`, of the same
    test: Predictions  # of the best run


def read_results(params: Params, paths: list[Path]) -> Results:
    """Read the files in the order of the stage's arguments."""
    (
        images_dir,
        audit_file,
        predictions_dir,
        stacked_dir,
        backbone_file,
        pca_file,
        variance_file,
        metrics_file,
        curves_file,
        per_class_file,
        thresholds_file,
        roc_file,
        folds_file,
        confusion_dir,
        training_dir,
        sweeps_dir,
        comparisons_dir,
        cnns_dir,
        explanations_dir,
    ) = paths
    metrics = read_json(metrics_file)
    runs = list(params.thresholds)
    best = best_run(metrics)
    pairs = {name: read_csv(confusion_dir / f"{name}.csv", dtype=str) for name in runs}
    return Results(
        images=Shards(images_dir),
        audit=read_json(audit_file),
        backbone=read_json(backbone_file),
        pca=read_json(pca_file),
        variance=read_csv(variance_file),
        metrics=metrics,
        curves=read_csv(curves_file, dtype={"run": str}),
        per_class=read_csv(per_class_file, dtype={"run": str, "class": str}),
        thresholds=read_csv(thresholds_file, dtype={"run": str, "class": str}),
        roc=read_csv(roc_file, dtype={"run": str, "class": str}),
        folds=read_csv(folds_file, dtype={"run": str}),
        confusion=pd.concat(
            table.value_counts().reset_index().assign(run=name) for name, table in pairs.items()
        ),
        training={name: read_json(training_dir / f"{name}.json") for name in runs},
        sweeps={
            name: read_csv(sweeps_dir / f"{name}.csv", dtype={"setting": str}, na_values=[""])
            for name in params.sweeps
        },
        comparisons={
            name: table
            for name in params.comparisons
            if len(table := read_csv(comparisons_dir / f"{name}.csv"))
        },
        filters={
            name: read_tensor(cnns_dir / f"{name}.safetensors", first)
            for name in params.cnns
            if (first := read_json(cnns_dir / f"{name}.json")["first_convolution"])
        },
        explained={
            name: rows
            for name in params.cnns
            if (rows := read_file(explanations_dir / f"{name}.parquet").to_pylist())
        },
        test=read_predictions(
            (stacked_dir if best in params.stacks else predictions_dir) / f"{best}.parquet",
            split="test",
        ),
    )


def figures(
    results: Results,
    labels: list[list[str]],
    splits: list[str],
    baseline: float,
    varied: dict[str, list[str]],
) -> dict[str, Any]:
    """Name in the template -> chart. varied: the parameters of each sweep."""
    runs, best = list(results.metrics), best_run(results.metrics)
    columns = ["accuracy", "accuracy_low", "accuracy_high"]
    table = pd.DataFrame(results.metrics).T[columns].rename_axis("run").reset_index()
    pictures = page.distribution(labels, splits)
    shown = page.largest_classes(pictures)
    scores = results.per_class[results.per_class["class"].isin(shown)]
    confusion = page.lump(results.confusion, shown)
    drawn: dict[str, charts.Figure] = {
        "accuracy": charts.side_by_side(
            charts.accuracy(table, baseline, runs), charts.seconds(seconds(results), runs)
        ),
        "distribution": charts.distribution(pictures[pictures["class"].isin(shown)]),
        "per_class": charts.per_class(scores, runs),
        "thresholds": charts.thresholds(
            results.thresholds[results.thresholds["class"].isin(shown)], runs, best
        ),
        **{
            f"sweep_{name}": charts.sweep(table, ", ".join(varied[name]))
            for name, table in results.sweeps.items()
        },
        "confusion": charts.confusion(confusion, runs, best),
    }
    if len(results.roc):
        most = results.roc["class"].isin(shown[: page.ROC_SHOWN])
        drawn["roc"] = charts.roc(results.roc[most], runs, best)
    if len(results.curves):
        by_run = results.curves.groupby("run", sort=False)
        curves = pd.concat(page.thin(curve, "epoch") for _, curve in by_run)
        drawn["curves"] = charts.curves(curves, runs)
    if results.comparisons:
        draws = [table.assign(run=name) for name, table in results.comparisons.items()]
        drawn["comparisons"] = charts.comparisons(pd.concat(draws))
    if len(norms := residual_norms(results)):
        drawn["residuals"] = charts.residuals(norms, runs)
    if len(results.variance):
        variance = page.thin(results.variance, "component")
        drawn["explained_variance"] = charts.explained_variance(variance)
    return {name: page.chart_json(charts.styled(chart)) for name, chart in drawn.items()}


def seconds(results: Results) -> pd.DataFrame:
    """Columns run, seconds: the mean of a run's trainings."""
    means = [(name, float(np.mean(t["seconds"]))) for name, t in results.training.items()]
    return pd.DataFrame(means, columns=["run", "seconds"])


def repeated(results: Results) -> dict[str, int]:
    """How often each run was trained, of those trained more than once."""
    times = {name: len(training["seconds"]) for name, training in results.training.items()}
    return {name: count for name, count in times.items() if count > 1}


def residual_norms(results: Results) -> pd.DataFrame:
    """Columns run, member, norm: the mean over the classes, of the runs that have members."""
    rows = [
        (name, member, float(np.mean(norms)))
        for name, training in results.training.items()
        for member, norms in enumerate(training["residual_norms"], 1)
    ]
    return pd.DataFrame(rows, columns=["run", "member", "norm"])


def galleries(
    results: Results, params: Params, ids: list[str], labels: list[list[str]]
) -> dict[str, Any]:
    """The sample pictures, the most confident mistakes, and what each network looked at."""
    rng = np.random.default_rng(params.evaluate.seed)
    samples = [ids[i] for i in page.choose_samples(labels, params.report.samples, rng=rng)]
    mistakes = page.confident_mistakes(results.test, params.report.mistakes)
    wanted = {*samples, *(mistake.image_id for mistake in mistakes)}
    wanted.update(e["image_id"] for explained in results.explained.values() for e in explained)
    rows = {row["image_id"]: row for row in results.images.take(wanted)}

    def shown(image_id: str, *lines: str) -> page.Shown:
        row = rows[image_id]
        artist = (row["artist"],) if row["artist"] else ()
        uri = page.thumbnail_uri(row["image"]["bytes"])
        return page.Shown(uri, row["image"]["path"], (*lines, *artist))

    def looked_at(e: dict[str, Any]) -> page.Shown:
        verdict = "right" if e["predicted"] in e["labels"] else "wrong"
        guess = f"{verdict}: {e['predicted']}, {e['score']:.1%}"
        picture = shown(e["image_id"], guess, f"is {', '.join(e['labels'])}")
        heat = np.array(e["heat"], np.uint8)
        data = rows[e["image_id"]]["image"]["bytes"]
        return replace(picture, beside=page.heat_uri(data, heat))

    return {
        "explained": {
            name: [looked_at(e) for e in explained] for name, explained in results.explained.items()
        },
        "samples": [shown(i, ", ".join(rows[i]["labels"])) for i in samples],
        "mistakes": [
            shown(m.image_id, f"{m.guess}, {m.score:.1%}", f"is {', '.join(m.actual)}")
            for m in mistakes
        ],
    }


def compose(params: Params, results: Results) -> str:
    """The page's HTML."""
    table = results.images.read(["image_id", "labels", "artist", "split"])
    ids, labels = table["image_id"].to_pylist(), table["labels"].to_pylist()
    splits = table["split"].to_pylist()
    baseline = page.commonest_class_accuracy(labels, splits)
    source = params.ingest.source.kind
    varied = {name: list(sweep.vary) for name, sweep in params.sweeps.items()}
    return page.render(
        metrics=results.metrics,
        best=best_run(results.metrics),
        baseline=baseline,
        seconds=dict(seconds(results).itertuples(index=False)),
        training=results.training,
        folds=results.folds.pivot(index="run", columns="metric", values=["mean", "sd"]),
        fold_counts=dict(results.folds[["run", "folds"]].itertuples(index=False)),
        sweeps={
            name: {
                "base": params.sweeps[name].base,
                **page.sweep_findings(table, varied[name]),
            }
            for name, table in results.sweeps.items()
        },
        comparisons={name: page.comparison(draws) for name, draws in results.comparisons.items()},
        compared_inputs={params.classifiers[name].input for name in results.comparisons},
        filters={name: page.filters_uri(weights) for name, weights in results.filters.items()},
        boosted=len(residual_norms(results)) > 0,
        repeated=repeated(results),
        thresholds=params.thresholds,
        multilabel=results.test.multilabel,
        counts={name: splits.count(name) for name in ("train", "validation", "test")},
        classes=len(results.test.classes),
        artists=len(set(table["artist"].to_pylist()) - {None}),
        split_by=results.images.metadata["split_by"],
        artists_apart=results.images.metadata["artists_apart"],
        source="painted by the pipeline itself"
        if source == "generated"
        else f"from {params.ingest.input}",
        audit=results.audit,
        stored=page.stored(results.audit),
        classes_shown=page.CLASSES_SHOWN,
        roc_shown=page.ROC_SHOWN,
        backbone=results.backbone,
        untrained=results.backbone["weights"] == "random",
        layer=results.pca["layer"],
        components=results.pca["components"],
        variance_kept=results.variance["cumulative"].max(),
        mistakes_cap=params.report.mistakes,
        charts=figures(results, labels, splits, baseline, varied),
        parameters=page.parameters_text(params.model_dump(mode="json", exclude_none=True)),
        **galleries(results, params, ids, labels),
    )


def summary(results: Results) -> str:
    """The table of runs for the terminal."""
    best = best_run(results.metrics)
    times: dict[str, float] = dict(seconds(results).itertuples(index=False))
    repeats = repeated(results)
    width = max(len("run"), *(len(name) for name in results.metrics)) + 2
    lines = [
        f"{'run':<{width}}  {'accuracy':<13}{'95 % interval':>17}{'macro F1':>10}"
        f"{'validation':>12}{'seconds':>9}"
    ]
    for name, m in results.metrics.items():
        deviation = f" ± {m['accuracy_sd']:.3f}" if name in repeats else ""
        interval = f"{m['accuracy_low']:.3f} to {m['accuracy_high']:.3f}"
        lines.append(
            f"{name:<{width}}{m['accuracy']:>7.3f}{deviation:<8}{interval:>17}{m['macro_f1']:>10.3f}"
            f"{m['validation_accuracy']:>12.3f}{times[name]:>9.1f}"
            + ("  best on validation" if name == best else "")
        )
    return "\n".join(lines)


def main() -> None:
    *paths, page_file, summary_file = map(Path, sys.argv[1:])
    params = load_params()
    results = read_results(params, paths)
    html = compose(params, results)
    with replacing(page_file) as temporary:
        temporary.write_text(html, "utf-8")
    text = f"{summary(results)}\n\nreport: {page_file}"
    with replacing(summary_file) as temporary:
        temporary.write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    run(main)
