"""The predictions of a revision, as DVC has them: in the cache, or at the remote."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.artifacts.predictions import FOLDER, STACKED, Predictions, read_predictions
from pipeline.core.errors import UserError


class Revision:
    """What a revision of Git has, or the workspace where `name` is None.

    files: name of each run -> where its predictions were. Errors: `UserError` for a revision that
    there is not, outside of a repository, or without predictions.
    """

    def __init__(self, name: str | None) -> None:
        self.name = name or "workspace"
        with _dvc():
            from dvc.api import DVCFileSystem

            self._files: Any = DVCFileSystem(".", rev=name)
            self.files = dict(self._predictions())
        if not self.files:
            raise UserError(f"{self.name} has no predictions: give a revision after `dvc repro`")

    def _predictions(self) -> Iterator[tuple[str, str]]:
        for folder in (FOLDER, STACKED):
            with suppress(FileNotFoundError):
                for path in map(Path, sorted(self._files.find(str(folder)))):
                    if path.suffix == ".parquet":
                        yield path.stem, path.as_posix()

    def test(self, run: str) -> Predictions:
        """The run's predictions of the test pictures.

        Errors: `UserError` when they are nowhere, or damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{run}.parquet"
            try:
                with _dvc():
                    self._files.get_file(self.files[run], str(path))
            except OSError:
                raise UserError(
                    f"{self.files[run]} of {self.name} is neither in DVC's cache nor at a remote: "
                    "`dvc fetch --all-commits` where one has it, or check the revision out and run "
                    "`dvc repro`"
                ) from None
            return read_predictions(path, split="test")


@contextmanager
def _dvc() -> Iterator[None]:
    """What DVC cannot, in one line."""
    from dvc.exceptions import DvcException

    try:
        yield
    except DvcException as error:
        raise UserError(f"{error}: give revisions of this repository (git log)") from None


def common(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """The runs that both have. Errors: `UserError` when there are none."""
    if runs := [run for run in first if run in second]:
        return runs
    raise UserError(
        f"no run is in both: there are {', '.join(first)} and {', '.join(second)}; give two "
        "revisions that share one"
    )
