"""`reports/layers.csv`: how well each layer of the backbone tells the classes apart."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.core.tables import read_csv, write_checked_csv

PATH = Path("reports/layers.csv")  # its checksum is in the .json beside it


def write_layers(table: pd.DataFrame) -> None:
    """table: columns layer, width, by_picture, by_artist (accuracies of a probe, empty where it
    could not be made), chosen; in the order of the network."""
    write_checked_csv(PATH, table)


def read_layers() -> pd.DataFrame:
    """What `write_layers` wrote. Errors: `UserError`."""
    return read_csv(PATH, na_values={"by_picture": "", "by_artist": ""})
