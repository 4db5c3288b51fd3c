"""Seconds of trainings. The page's script fills them in from reports/times when it is opened.

They are no part of the page itself, which is the same whenever the results are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import altair as alt

from pipeline.artifacts.times import times_key

SECONDS = "seconds"  # the data, by this name, that the script completes


def taken(path: Path, made: str, what: str | int) -> dict[str, Any]:
    """What the script looks for: `what` of the file `path`, if it is of what has the digest `made`.

    what: mean (over the trainings), per_epoch, or the number of one training.
    """
    return {"of": times_key(path), "made": made, "what": what}


def seconds_data(rows: Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """The data of a panel, side by side with others, with `taken` in each row.

    The script adds the column `seconds` and takes out the rows without, and the panel if none is
    left.
    """
    return alt.InlineData(values=[dict(row) for row in rows], name=SECONDS)
