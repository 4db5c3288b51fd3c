"""The report: what was found, as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import base64
import json
import math
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from pipeline.charts import Figure
from pipeline.console import counted
from pipeline.images import decode_rgb, encode_png, thumbnail_jpeg
from pipeline.intervals import resampled_interval
from pipeline.predictions import Predictions
from pipeline.sweeps import best_setting

TEMPLATE = "page.html.jinja"
THUMBNAIL_SIDE = 168  # pixels; a thumbnail is about 8 kB, so 2 x 96 of them stay below 2 MB
HEAT = (232, 89, 12)  # orange, for what spoke for a class; up to 70 % of it over the grey picture
FILTERS_WIDTH = 480  # pixels, about
CLASSES_SHOWN = 40  # in a figure; the CSV files have all
ROC_SHOWN = 10  # classes; more lines cannot be told apart
POINTS_SHOWN = 500  # of a curve
PACKAGES = (
    "numpy",
    "scikit-learn",
    "torch",
    "torchvision",
    "timm",
    "pandas",
    "pyarrow",
    "pillow",
    "altair",
    "dvc",
)


@dataclass(frozen=True)
class Shown:
    """A picture on the page: a thumbnail as a data URI, one beside it, and the lines below."""

    uri: str
    path: str
    lines: tuple[str, ...]
    beside: str | None = None


def render(**context: Any) -> str:
    """The page, from the names that the template uses; text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    return environment.get_template(TEMPLATE).render(
        **context, vega_bundle=vega_bundle(), versions=versions()
    )


def vega_bundle() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script of the version that Altair writes for."""
    minor = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    script = vl_convert.javascript_bundle(vl_version=minor)  # type: ignore[call-arg]
    return Markup(script.replace("</script", "<\\/script"))


def chart_json(chart: Figure) -> Markup:
    """A chart's specification for a <script type="application/json">: no "<" can end it."""
    with alt.data_transformers.enable("default", max_rows=None):  # the figures bound their own
        return Markup(chart.to_json(indent=None).replace("<", "\\u003c"))


def versions() -> dict[str, str]:
    """Python and the packages that decide the figures."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def stored(audit: dict[str, Any]) -> str:
    """What reports/audit.json says of sizes, formats and colour modes, to end a sentence."""
    width, height = (_sides(audit[side]) for side in ("width", "height"))
    counts = []
    for of in ("formats", "modes"):
        totals = {name: sum(splits.values()) for name, splits in audit[of].items()}
        often = sorted(totals, key=lambda name: (-totals[name], name))
        counts.append(", ".join(f"{totals[name]} {name}" for name in often))
    return f"{width} pixels wide and {height} high, stored as {'; '.join(counts)}"


def _sides(found: dict[str, int]) -> str:
    if found["least"] == found["most"]:
        return str(found["most"])
    return f"{found['least']} to {found['most']} (median {found['median']})"


def thumbnail_uri(data: bytes) -> str:
    """An encoded picture -> the data URI of its thumbnail."""
    return _jpeg_uri(decode_rgb(data))


def heat_uri(data: bytes, heat: NDArray[np.uint8]) -> str:
    """An encoded picture in grey with a map (h, w) laid over it -> the thumbnail's data URI."""
    image = decode_rgb(data)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    opacity = Image.fromarray(np.rint(0.7 * heat).astype(np.uint8))
    opacity = opacity.resize(image.size, Image.Resampling.BILINEAR)
    grey = image.convert("L").convert("RGB")
    grey.paste(HEAT, None, opacity)
    return _jpeg_uri(grey)


def _jpeg_uri(image: Image.Image) -> str:
    jpeg = thumbnail_jpeg(image, side=THUMBNAIL_SIDE)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def filters_uri(weights: NDArray[np.float32]) -> str:
    """Kernels (n, C, h, w) -> the data URI of a PNG with one tile each, grey or RGB.

    Each kernel's values are spread over the whole range; of other than 3 channels the first shows.
    """
    shown = weights if weights.shape[1] == 3 else weights[:, :1].repeat(3, axis=1)
    low, high = (f(shown, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    tiles = (255 * (shown - low) / np.maximum(high - low, 1e-12)).astype(np.uint8)
    count, _, height, width = tiles.shape
    across = math.ceil(math.sqrt(2 * count))  # twice as wide as high
    down = math.ceil(count / across)
    sheet = np.full((down * (height + 1) + 1, across * (width + 1) + 1, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        y, x = 1 + index // across * (height + 1), 1 + index % across * (width + 1)
        sheet[y : y + height, x : x + width] = tile.transpose(1, 2, 0)
    png = encode_png(sheet, scale=max(1, FILTERS_WIDTH // sheet.shape[1]))
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def choose_samples(labels: Sequence[Sequence[str]], count: int, *, rng: Generator) -> list[int]:
    """Positions of `count` pictures, in random order but each class in turn, as far as they go."""
    queues: dict[str, list[int]] = {}
    for position in rng.permutation(len(labels)):
        queues.setdefault(labels[position][0], []).append(int(position))
    chosen: list[int] = []
    while len(chosen) < count and any(queues.values()):
        for name in sorted(queues):
            if queues[name] and len(chosen) < count:
                chosen.append(queues[name].pop())
    return chosen


@dataclass(frozen=True)
class Mistake:
    """A test picture whose top class, `guess`, is none of its own, at `score`."""

    image_id: str
    actual: tuple[str, ...]
    guess: str
    score: float


def confident_mistakes(predictions: Predictions, count: int) -> list[Mistake]:
    """The `count` misses with the highest top score, by the mean scores over the repeats."""
    scores: NDArray[np.float32] = predictions.scores.mean(0)
    top = scores.argmax(1)
    rows = np.arange(len(top))
    wrong = np.flatnonzero(predictions.targets[rows, top] == 0)
    order = wrong[np.argsort(-scores[wrong, top[wrong]], kind="stable")][:count]
    names = predictions.classes
    return [
        Mistake(
            image_id=predictions.image_ids[i],
            actual=tuple(names[c] for c in np.flatnonzero(predictions.targets[i])),
            guess=names[top[i]],
            score=float(scores[i, top[i]]),
        )
        for i in order
    ]


def distribution(labels: Iterable[Sequence[str]], splits: Iterable[str]) -> pd.DataFrame:
    """Columns class, split, count, order (of the splits); a picture counts for each class."""
    counts = Counter(
        (name, split) for row, split in zip(labels, splits, strict=True) for name in row
    )
    order = ["train", "validation", "test"]
    rows = [
        {"class": name, "split": split, "count": count, "order": order.index(split)}
        for (name, split), count in sorted(counts.items())
    ]
    return pd.DataFrame(rows)


def comparison(draws: pd.DataFrame) -> dict[str, Any]:
    """What a comparison found by split, and the difference of the accuracies.

    splits: split -> `accuracy`, the mean over the draws, its `sd`, and the counts train, test,
    artists, known_artists as text, from least to most where draws differ; difference, low, high:
    accuracy by picture less that by artist, with its 95 % interval.
    """
    accuracy = draws.pivot(index="draw", columns="split", values="accuracy")
    difference = accuracy["picture"] - accuracy["artist"]
    ratio = draws["test"].sum() / draws["train"].sum()
    low, high = resampled_interval(difference.to_numpy(), ratio=ratio)
    by_split = draws.groupby("split", sort=False)
    found = by_split[["train", "test", "artists", "known_artists"]].agg(_least_to_most)
    found = found.assign(accuracy=accuracy.mean(), sd=accuracy.std())
    return {
        "splits": found.to_dict("index"),
        "draws": len(accuracy),
        "difference": difference.mean(),
        "low": low,
        "high": high,
    }


def _least_to_most(counts: pd.Series[int]) -> str:
    least, most = counts.min(), counts.max()
    return str(least) if least == most else f"{least} to {most}"


def sweep_findings(sweep: pd.DataFrame, varied: Sequence[str]) -> dict[str, Any]:
    """The best setting and those that diverged, in words. varied: the parameters of the sweep."""

    def named(setting: str) -> str:  # of a single parameter it is the value alone
        return f"{varied[0]} {setting}" if len(varied) == 1 else setting

    best = best_setting(sweep)
    diverged = sweep.loc[sweep["diverged"], "setting"].drop_duplicates()
    return {"best": best and named(best[0]), "diverged": [named(setting) for setting in diverged]}


def commonest_class_accuracy(labels: Sequence[Sequence[str]], splits: Sequence[str]) -> float:
    """Test accuracy (hit@1) of always answering the commonest class of the training pictures."""
    rows = list(zip(labels, splits, strict=True))
    training = Counter(name for row, split in rows if split == "train" for name in row)
    commonest = min(training, key=lambda name: (-training[name], name))
    return float(np.mean([commonest in row for row, split in rows if split == "test"]))


def largest_classes(pictures: pd.DataFrame) -> list[str]:
    """The CLASSES_SHOWN classes with most pictures. pictures: columns class, count."""
    totals = pictures.groupby("class")["count"].sum()
    return list(totals.sort_values(ascending=False, kind="stable").head(CLASSES_SHOWN).index)


def thin(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Every n-th value of `column` (1, 2, …) and the last, so that about POINTS_SHOWN remain."""
    step = math.ceil(len(table) / POINTS_SHOWN)
    return table.loc[((table[column] - 1) % step == 0) | (table[column] == len(table))]


def lump(pairs: pd.DataFrame, shown: list[str]) -> pd.DataFrame:
    """The confusions of the classes `shown`; what was taken for another is "other classes"."""
    rows = pairs[pairs["actual"].isin(shown)]
    predicted = rows["predicted"].where(rows["predicted"].isin(shown), "other classes")
    groups = rows.assign(predicted=predicted).groupby(["run", "actual", "predicted"])
    return groups["count"].sum().reset_index()


def parameters_text(params: dict[str, Any]) -> str:
    """The parameters as indented `key: value` lines."""
    lines: list[str] = []

    def add(value: dict[str, Any], indent: str) -> None:
        for key, item in value.items():
            if isinstance(item, dict):
                lines.append(f"{indent}{key}:")
                add(item, indent + "  ")
            else:
                lines.append(f"{indent}{key}: {json.dumps(item, ensure_ascii=False)}")

    add(params, "")
    return "\n".join(lines)
