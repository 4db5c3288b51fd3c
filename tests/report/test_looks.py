"""How runs look in the figures."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from pipeline.report import charts
from pipeline.report.sections import classes, comparisons, penalties, runs, training

NAMES = [f"run {i}" for i in range(24)]
# Machado, Oliveira and Fernandes (2009), of linear RGB, at full severity.
SEEN = {
    "all cones": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # of linear RGB


def figures():
    """Chart -> its specification, of 24 runs."""
    scores = pd.DataFrame(
        {"run": NAMES, "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6}
    )
    of_class = pd.DataFrame({"run": NAMES, "class": "a", "precision": 1, "recall": 1, "f1": 1})
    history = pd.DataFrame(
        {"run": NAMES, "epoch": 1, "loss": 1, "accuracy": 1, "validation_accuracy": 1}
    )
    norms = pd.DataFrame({"run": NAMES[7:], "member": 1, "norm": 1})
    draws = pd.DataFrame({"run": NAMES[:3], "split": "artist", "draw": 1, "accuracy": 1})
    path = pd.DataFrame({"run": NAMES, "value": 1, "log_loss": 1, "accuracy": 1, "chosen": True})
    drawn = {
        "accuracy": runs.accuracy(scores, 0.3, NAMES),
        "seconds": runs.seconds([{"run": name} for name in NAMES], NAMES),
        "per class": classes.per_class(of_class.assign(support=1), NAMES),
        "curves": training.curves(history, NAMES, None),
        "residuals": training.residuals(norms, NAMES, None),
        "penalties": penalties.chart(path, "C", NAMES),
        "comparisons": comparisons.chart(draws, NAMES),
    }
    return {name: chart.to_dict() for name, chart in drawn.items()}


def marks(spec, inherited=()):
    """(kind of mark, its encodings) of each mark of a specification that draws runs."""
    encoding = dict(inherited) | spec.get("encoding", {})
    inner = [*spec.get("layer", ()), *spec.get("hconcat", ()), *filter(None, [spec.get("spec")])]
    for part in inner:
        yield from marks(part, encoding)
    if "mark" in spec and encoding.get("color", {}).get("field") == "run":
        yield spec["mark"]["type"], encoding


def looks(encoding):
    """Run -> its value, of one channel."""
    scale = encoding["scale"]
    return dict(zip(scale["domain"], map(str, scale["range"]), strict=True))


def test_a_run_looks_the_same_everywhere_and_like_no_other():
    found: dict[str, list[dict[str, str]]] = {"color": [], "shape": [], "strokeDash": []}
    for name, spec in figures().items():
        drawn = list(marks(spec))
        assert drawn, name
        for kind, encoding in drawn:
            of_kind = {"point": "shape", "line": "strokeDash"}.get(kind)
            for channel in filter(None, ["color", of_kind]):
                assert encoding[channel]["field"] == "run", (name, kind)
                found[channel].append(looks(encoding[channel]))
    colour, shape, dash = (of[0] for of in found.values())
    for same in found.values():
        assert all(each == same[0] for each in same)
    assert list(colour) == NAMES
    for other in (shape, dash):
        assert len({(colour[name], other[name]) for name in NAMES}) == len(NAMES)
        assert len({(shape[name], dash[name]) for name in NAMES}) == len({*other.values()})


def test_the_looks_begin_again_after_the_last():
    names = list(map(str, range(50)))
    of = [looks(f(names, None).to_dict()) for f in (charts.run_colour, charts.run_shape)]
    each = [tuple(look[name] for look in of) for name in names]
    assert len(set(each)) == 42
    assert each[42:] == each[:8]


def test_a_legend_has_the_columns_that_fit_the_page():
    for length, columns in ((1, 16), (12, 7), (300, 1)):
        legend = charts.run_legend(pd.DataFrame({"run": ["x" * length, "y"]})).to_dict()
        assert (legend["columns"], legend["values"]) == (columns, ["x" * length, "y"])


def lab(colour, seen):
    """A colour as CIELAB has it."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(seen @ linear, 0, 1) / XYZ.sum(1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("cones", SEEN)
def test_colours_are_told_apart_by_everyone(cones):
    for one, other in combinations(charts.RUN_COLOURS, 2):
        of = [lab(colour, np.array(SEEN[cones])) for colour in (one, other)]
        assert np.linalg.norm(of[0] - of[1]) > 15, (one, other)
