"""Which setting of a sweep is best."""

from __future__ import annotations

import pandas as pd


def best_setting(sweep: pd.DataFrame) -> tuple[str, float] | None:
    """The setting with the best validation accuracy, the mean over its seeds, and that accuracy.

    sweep: columns setting, seed, validation_accuracy, which is empty where a training diverged.
    None if all did.
    """
    means = sweep.groupby("setting", sort=False)["validation_accuracy"].mean().dropna()
    return None if means.empty else (str(means.idxmax()), float(means.max()))
