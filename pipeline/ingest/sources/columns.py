"""What the columns of a table say about a picture, whatever holds the table."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import numpy as np

from pipeline.core.errors import UserError
from pipeline.ingest.sources.params import DescribedSource
from pipeline.ingest.sources.picture import Fault, Picture
from pipeline.ingest.sources.tree import one_form, text

MOST_REJECTED = 0.1  # of the rows
# A list as Python, NumPy or JSON writes it, but not "[untitled]" or "(1957)".
LIST = re.compile(
    r"""\[([\d\s,.-]*|\s*['"].*['"]\s*,?\s*)\]|[({]\s*['"].*['"]\s*,?\s*[)}]""", re.DOTALL
)


def check_columns(wanted: Collection[str | None], there: Collection[str], *, where: str) -> None:
    """Errors: `UserError` for a wanted column that is not there; None is not wanted."""
    if missing := [name for name in wanted if name is not None and name not in there]:
        raise UserError(f"{where} has no column {missing[0]!r}; it has: {', '.join(there)}")


class Describer:
    """Rows -> pictures without their data.

    What is wrong with a row is a `UserError`, or with `params.on_error: reject` a picture that
    takes no part.
    """

    def __init__(self, params: DescribedSource) -> None:
        self._params = params
        self._kinds: dict[tuple[str, str], str] = {}  # column and label -> kind of value
        self._rows, self._reasons = 0, list[str]()

    def picture(
        self, row: Mapping[str, object], *, path: str, where: str, split: str | None = None
    ) -> Picture:
        """Labels from all of `params.labels`, and the artist. where: the row, in a message."""
        params = self._params
        try:
            labels = [label for name in params.labels for label in self._labels(name, row[name])]
            if not labels:
                raise ValueError(
                    f"has no label in {' or '.join(params.labels)}: give it one, or leave it out"
                )
            named = () if params.artist is None else to_labels(row[params.artist], None)
            artist = [name for name in named if name not in params.unknown]
        except ValueError as error:
            return self.reject(path, f"{where} {error}")
        self._rows += 1
        return Picture(b"", path, tuple(dict.fromkeys(labels)), ", ".join(artist) or None, split)

    def reject(self, path: str, reason: str) -> Picture:
        """What stands for a row that cannot be used."""
        if self._params.on_error == "stop":
            raise UserError(f"{reason}; source.on_error: reject leaves such rows out")
        self._rows += 1
        self._reasons.append(reason)
        return Picture(b"", path, (), fault=Fault("bad row", reason))

    def check(self) -> None:
        """Errors: `UserError` where too many rows were rejected."""
        if len(self._reasons) > MOST_REJECTED * self._rows:
            raise UserError(
                f"{len(self._reasons)} of {self._rows} rows cannot be used, more than a tenth, "
                f"which source.on_error: reject allows; the first: {self._reasons[0]}"
            )

    def _labels(self, column: str, cell: object) -> Iterator[str]:
        for value in _values(cell, self._params.separator):
            if label := _label(value):
                kind = "text" if isinstance(value, str) else "number"
                if self._kinds.setdefault((column, label), kind) != kind:
                    raise ValueError(
                        f"has {label!r} in {column} as a {kind}, another row as a "
                        f"{self._kinds[column, label]}: make them one"
                    )
                yield label


def to_labels(cell: object, separator: str | None) -> tuple[str, ...]:
    """The labels in a cell: a text, parted at `separator`, a list of them, a number, or nothing.

    A text stays as it is, but for spaces around it. A whole number is written without a point.
    Errors: `ValueError` for a number with a fraction, a list written as a text, anything else.
    """
    labels = (_label(value) for value in _values(cell, separator))
    return tuple(dict.fromkeys(label for label in labels if label))


def to_text(cell: object) -> str:
    """A name or path in a cell as it stands; a whole number without a point, nothing as ""."""
    if isinstance(cell, str):
        return cell
    with suppress(ValueError):
        return _label(cell)
    return str(cell)


def _values(cell: object, separator: str | None) -> Sequence[object]:
    if isinstance(cell, str):
        return cell.split(separator) if separator is not None else [cell]
    if isinstance(cell, list | tuple | np.ndarray):
        return list(cell)
    return [cell]


def _label(value: object) -> str:
    """Of one value; empty for none."""
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, str):
        label = one_form(value).strip()
        if LIST.fullmatch(label):
            raise ValueError(
                f"has {label!r}, a list written as a text: part the labels by a sign of your own "
                "and name it in source.separator, or keep lists in Parquet or JSON lines"
            )
        return label
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    raise ValueError(f"has {value!r}: a label is a text, a whole number, or a list of these")


def with_image(picture: Picture, cell: object) -> Picture:
    """`picture` with the bytes in a cell, and at the end of its path the name beside them.

    A cell holds bytes, or {bytes, path} as Hugging Face writes pictures. An empty one gives no
    bytes: it is rejected like an empty file.
    """
    if not isinstance(cell, Mapping):
        return replace(picture, data=cell if isinstance(cell, bytes) else b"")
    name = text((cell.get("path") or "").rpartition("/")[2])
    path = f"{picture.path}/{name}" if name else picture.path
    return replace(picture, data=cell.get("bytes") or b"", path=path)
