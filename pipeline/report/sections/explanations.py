"""What each network looked at in test pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.artifacts.explanations import read_explanations
from pipeline.compute.pictures import decode_rgb
from pipeline.report.experiment import Experiment
from pipeline.report.gallery import Shown, rows_of, show
from pipeline.report.section import Section
from pipeline.report.thumbnails import THUMBNAIL_SIDE, jpeg_uri

HEAT = (232, 89, 12)  # orange, for what spoke for a class; up to 70 % of it over the grey picture


def section(experiment: Experiment) -> Section | None:
    """None where nothing was explained."""
    explained = {
        run: found
        for run in experiment.whole["cnns"]
        if (found := read_explanations(run).to_pylist())
    }
    if not explained:
        return None
    ids = [of["image_id"] for found in explained.values() for of in found]
    rows = rows_of(experiment.images, ids)
    return Section(
        {
            "explained": {
                run: [looked_at(rows[of["image_id"]], of) for of in found]
                for run, found in explained.items()
            }
        }
    )


def looked_at(row: dict[str, Any], explained: dict[str, Any]) -> Shown:
    """A row of data/images with its row of the explanations, as in their SCHEMA."""
    guess, labels = explained["predicted"], explained["labels"]
    verdict = "right" if guess in labels else "wrong"
    heat = heat_uri(row["image"]["bytes"], np.array(explained["heat"], np.uint8))
    score = f"{verdict}: {guess}, {explained['score']:.1%}"
    return show(row, score, f"is {', '.join(labels)}", beside=heat)


def heat_uri(data: bytes, heat: NDArray[np.uint8]) -> str:
    """An encoded picture in grey with a map (h, w) laid over it -> the thumbnail's data URI."""
    image = decode_rgb(data)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    opacity = Image.fromarray(np.rint(0.7 * heat).astype(np.uint8))
    opacity = opacity.resize(image.size, Image.Resampling.BILINEAR)
    grey = image.convert("L").convert("RGB")
    grey.paste(HEAT, None, opacity)
    return jpeg_uri(grey)
