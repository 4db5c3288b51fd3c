"""`ingest.source`: a model for each kind of source, which names the function that reads it."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.core.schema import Auto, OffOr, Seed, Strict, matching


def _inside(path: str) -> str:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ValueError("must be relative and stay inside ingest.input")
    return path


InsideInput = Annotated[str, AfterValidator(_inside)]


def _expression(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression ({error})") from None
    if groups != 1:
        raise ValueError(f"must have exactly one group, the artist; found {groups}")
    return pattern


def _encoding(name: str) -> str:
    try:
        " ".encode(name)  # an encoding that is not of text, such as rot13, fails here
        return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        raise ValueError("must be an encoding, such as utf-8, windows-1252 or utf-16-le") from None


Encoding = Annotated[str, AfterValidator(_encoding)]
HubName = Annotated[str, matching(r"^\w[\w.-]*(/\w[\w.-]*)?$", "NAME or OWNER/NAME")]
SplitName = Literal["train", "validation", "test"]
Splits = Annotated[dict[str, SplitName], Field(min_length=1)]


def _columns(names: Any) -> Any:
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError("must be the name of a column, or a list of names")
    return tuple(listed)


def _shards(patterns: Any) -> Any:
    return {"all": patterns} if isinstance(patterns, str) else patterns


Columns = Annotated[
    tuple[str, ...], BeforeValidator(_columns, json_schema_input_type=str | tuple[str, ...])
]
Patterns = Annotated[dict[SplitName | Literal["all"], InsideInput], Field(min_length=1)]
ShardPatterns = Annotated[Patterns, BeforeValidator(_shards, json_schema_input_type=str | Patterns)]


class GeneratedSource(Strict):
    """Paintings by invented painters, for an example without a download."""

    reader: ClassVar[str] = "pipeline.ingest.sources.generated.painter:generated_pictures"

    kind: Literal["generated"]
    pictures: Annotated[int, Field(ge=16, le=1_000_000)]
    """How many to paint."""
    size: Annotated[int, Field(ge=32, le=1024)]
    """Side of a picture in pixels."""
    painters: Annotated[int, Field(ge=8)]
    """Invented painters, each with one or two of eight genres."""
    seed: Seed
    """Decides painters and pictures, bit for bit."""

    @model_validator(mode="after")
    def _enough(self) -> GeneratedSource:
        if self.pictures < 2 * self.painters:
            raise ValueError(f"pictures must be at least 2 * painters = {2 * self.painters}")
        return self


class LabelTable(Strict):
    """Labels by the name of the folder."""

    table: InsideInput
    """A CSV or Parquet file."""
    key: str
    """The column that holds the folders' names; `_` counts as a space."""
    column: str
    """The column that holds the labels."""
    separator: Annotated[str, Field(min_length=1)] = ","
    """What parts several labels in a cell."""
    aliases: dict[str, str] = Field(default={})
    """A pattern of folders whose name is written otherwise -> the name in the table."""
    encoding: Encoding = "utf-8"
    """Of the table, if it is a text."""


class FolderSource(Strict):
    """Class folders, on disk or in a zip or tar; above them maybe `train`, `test` and `val`."""

    reader: ClassVar[str] = "pipeline.ingest.sources.folder:folder_pictures"

    kind: Literal["folder"]
    archive: InsideInput | None = None
    """A zip or tar that holds the folders."""
    root: InsideInput = "."
    """Where the class folders are."""
    splits: Splits | Auto | OffOr = "auto"
    """The folder of a part of the split -> the part; found by their names; `none` are there."""
    artist: Annotated[str, AfterValidator(_expression)] | None = None
    """A regular expression: its one group, in the name of the file, is the artist."""
    labels: LabelTable | None = None
    """A table with the labels of each folder, in place of the folder's name."""


class DescribedSource(Strict):
    """Each picture has a row: columns with its labels and, maybe, its artist."""

    labels: Columns
    """The column of the labels, or several: a picture has the labels of all."""
    separator: Annotated[str, Field(min_length=1)] | None = None
    """What parts several labels in a cell."""
    artist: str | None = None
    """The column of the artist."""
    unknown: tuple[str, ...] = Field((), strict=False)
    """What in that column means that nobody knows, such as [Unknown Artist]."""
    on_error: Literal["stop", "reject"] = "stop"
    """What a row that cannot be used is: the stage's end, or left out, up to a tenth of them."""


class TableSource(DescribedSource):
    """CSV, TSV, JSON lines or Parquet: a column of paths or of bytes."""

    reader: ClassVar[str] = "pipeline.ingest.sources.table:table_pictures"

    kind: Literal["table"]
    archive: InsideInput | None = None
    """A zip or tar that holds the pictures; the table may lie in it or beside it."""
    file: InsideInput
    """The table: CSV, TSV, JSON lines or Parquet."""
    root: InsideInput | None = None
    """What paths in the column `image` are relative to; left out, the table's folder."""
    image: str
    """The column of paths, or of bytes."""
    split: str | None = None
    """The column of `train`, `validation`, `test` or nothing."""
    splits: Splits | Auto = "auto"
    """What that column says -> the part of the split; found by their names."""
    encoding: Encoding = "utf-8"
    """Of the table, if it is a text."""

    @model_validator(mode="after")
    def _split_of_a_column(self) -> TableSource:
        if self.split is None and self.splits != "auto":
            raise ValueError("splits says what a column's cells mean: give split, its name, too")
        return self


class TorchvisionSource(Strict):
    """Sets of small pictures with their splits, by torchvision's own readers."""

    reader: ClassVar[str] = "pipeline.ingest.sources.torchvision:torchvision_pictures"

    kind: Literal["torchvision"]
    dataset: Literal["MNIST", "KMNIST", "FashionMNIST", "CIFAR10", "CIFAR100"]
    """Its name in torchvision."""
    root: InsideInput = "."
    """Where a copy lies as torchvision stores it."""
    download: bool = False
    """Fetch what is not there."""


class HuggingFaceSource(DescribedSource):
    """What `datasets` opens: a set of the hub, or a folder of Parquet or pictures."""

    reader: ClassVar[str] = "pipeline.ingest.sources.huggingface:huggingface_pictures"

    kind: Literal["huggingface"]
    name: HubName | None = None
    """Of a set on the hub; left out, `root` is read."""
    config: str | None = None
    """Of a set on the hub."""
    revision: str | None = None
    """Of a set on the hub: a commit, a tag or a branch."""
    root: InsideInput = "."
    """A folder of Parquet or pictures."""
    image: str
    """The column of the picture."""
    splits: Splits | Auto | OffOr = "auto"
    """The set's name of a split -> ours; found by their names; `none` are prescribed."""

    @model_validator(mode="after")
    def _one_place(self) -> HuggingFaceSource:
        if self.name is None and self.revision is not None:
            raise ValueError("revision is of a dataset on the hub: give its name too")
        if self.name is not None and self.root != ".":
            raise ValueError("name is a dataset on the hub, root a local folder: give one")
        return self


class WebDatasetSource(DescribedSource):
    """Tars in which `0001.jpg`, `0001.cls` and `0001.json` are one picture."""

    reader: ClassVar[str] = "pipeline.ingest.sources.webdataset:webdataset_pictures"

    kind: Literal["webdataset"]
    shards: ShardPatterns
    """A pattern of the tars' names, or a split -> its pattern."""


Source = (
    GeneratedSource
    | FolderSource
    | TableSource
    | TorchvisionSource
    | HuggingFaceSource
    | WebDatasetSource
)
