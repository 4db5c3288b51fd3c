"""The first convolution of each network, as pictures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.models import cnn_path
from pipeline.core.tensors import loading_model
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section
from pipeline.report.thumbnails import png_uri

FILTERS_WIDTH = 480  # pixels, about


def section(experiment: Experiment) -> Section | None:
    """None without a network that convolves."""
    filters = {}
    for run in experiment.whole["cnns"]:
        with loading_model(cnn_path(run)) as (tensors, stored):
            if first := stored["first_convolution"]:
                filters[run] = filters_uri(tensors[first])
    return Section({"filters": filters}) if filters else None


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
    return png_uri(sheet, scale=max(1, FILTERS_WIDTH // sheet.shape[1]))
