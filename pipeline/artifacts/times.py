"""`reports/times`: seconds that trainings took, for the page to show where they are.

They differ from one training to the next, so they are no output of DVC and no file of DVC's holds
them. Each is a line of JavaScript, as a page that is opened from disk may read nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.files import write_text

FOLDER = Path("reports/times")


def run_times_path(run: str) -> Path:
    """Of a classifier, a network on pixels or a stack."""
    return FOLDER / "runs" / f"{run}.js"


def sweep_times_path(sweep: str) -> Path:
    """Of a sweep."""
    return FOLDER / "sweeps" / f"{sweep}.js"


def times_key(path: Path) -> str:
    """The name of a file's values in `times`, such as runs/snn."""
    return f"{path.parent.name}/{path.stem}"


def write_times(
    path: Path, *, made: str, seconds: Sequence[float | None], per_epoch: float | None = None
) -> None:
    """Seconds of each training, and of one epoch where there are any.

    made: the digest of what they made; the page shows no times of anything else.
    """
    values = {"made": made, "seconds": list(seconds), "per_epoch": per_epoch}
    write_text(path, f"times[{json.dumps(times_key(path))}] = {json.dumps(values)};\n")
